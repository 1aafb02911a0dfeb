"""A `Station` as an actor of the engine: where messages arrive on a load machine.

An answer may get lost when a connection breaks: the same question, known by its number, has the same answer.
"""

import asyncio
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from hls_swarm.cluster.station import Station

_KEPT_ANSWERS = 32


class AgentActor:
    """What the engine runs on a load machine."""

    def __init__(self, engine: str) -> None:
        folder = os.environ.get("HLS_SWARM_AGENT_FOLDER") or tempfile.gettempdir()
        self._station = Station(Path(folder), engine)
        self._answers: OrderedDict[int, asyncio.Task[bytes]] = OrderedDict()

    async def answer(self, number: int, body: bytes) -> bytes:
        """The answer to a message."""
        known = self._answers.get(number)
        if known is None:
            known = self._answers[number] = asyncio.get_running_loop().create_task(self._station.answer(body))
            while len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return await asyncio.shield(known)


def placed(node: str, engine: str) -> Any:
    """An actor on this machine of the engine's cluster, and nowhere else."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    made = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(AgentActor)
    return made.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(engine)
