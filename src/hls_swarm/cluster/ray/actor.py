"""A `Station` as an actor of the engine: where messages arrive on a load machine.

Rules:

- An answer may get lost when a connection breaks: the same question, known by its number, has the same answer.
- The thread that takes messages looks for signals a hundred times a second while it waits for one, which costs more
  than all else that it does. So between two questions it is asked to rest, which is a message as others are.
- The station and its workers' pipes have a thread of their own, which goes on meanwhile.
"""

import asyncio
import os
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import uvloop

from hls_swarm.cluster.station import Station

LOOK_SECONDS = 0.1
"""How often one who rests looks whether a message waits."""
_KEPT_ANSWERS = 32


class Answers:
    """Those of a station, each kept for a while."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._kept: OrderedDict[int, asyncio.Task[bytes]] = OrderedDict()

    async def to(self, number: int, body: bytes) -> bytes:
        """The answer to a message."""
        known = self._kept.get(number)
        if known is None:
            known = self._kept[number] = asyncio.get_running_loop().create_task(self._station.answer(body))
            while len(self._kept) > _KEPT_ANSWERS:
                self._kept.popitem(last=False)
        return await asyncio.shield(known)


class AgentActor:
    """What the engine runs on a load machine. With a coroutine among its methods it would be of another kind."""

    def __init__(self, engine: str) -> None:
        folder = os.environ.get("HLS_SWARM_AGENT_FOLDER") or tempfile.gettempdir()
        self._answers = Answers(Station(Path(folder), engine))
        self._loop = uvloop.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="station", daemon=True).start()

    def answer(self, number: int, body: bytes) -> bytes:
        """The answer to a message."""
        return asyncio.run_coroutine_threadsafe(self._answers.to(number, body), self._loop).result()

    def rest(self, seconds: float) -> None:
        """Take no message for so long, or until this is called off."""
        import ray

        context, limit = ray.get_runtime_context(), time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0 and not context.is_canceled():
            time.sleep(min(left, LOOK_SECONDS))


def placed(node: str, engine: str) -> Any:
    """An actor on this machine of the engine's cluster, and nowhere else."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    made = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(AgentActor)
    return made.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(engine)
