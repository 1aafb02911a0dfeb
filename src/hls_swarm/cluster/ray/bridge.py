"""The bridge to the engine: a process of its own, in which the engine's library may print, log and start threads.

Rules:

- It speaks frames over its standard input and output; whatever else the library prints goes to standard error.
- It ends when its standard input closes, and every agent that it placed ends with it: no death of a controller leaves
  load behind.
- A message whose answer was lost is sent again under its number, until it is answered or the agent is gone for certain.
- An agent from which nothing will be wanted for a while is sent to rest, and called back if something is after all.
"""

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from typing import Any

import uvloop

from hls_swarm.cluster.ray.frames import Answered, Carry, ListMachines, Machine, Place, ToBridge, frame, to_bridge
from hls_swarm.cluster.ray.nodes import agent_of_labels
from hls_swarm.cluster.ray.rests import Rests
from hls_swarm.engine.worker_messages import FrameReader
from hls_swarm.errors import told

AGAIN_SECONDS = 0.3
CONNECTED = b"connected\n"
"""What it says first, once it is part of the cluster."""


class Bridge(asyncio.Protocol):
    """The protocol of its standard input."""

    def __init__(self, ray: Any, own_address: str, output: asyncio.WriteTransport) -> None:
        self._ray, self._own_address, self._output = ray, own_address, output
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames = FrameReader()
        self._actors: dict[str, Any] = {}
        self._rests, self._resting = Rests(), dict[str, Any]()
        self._tasks: set[asyncio.Task[None]] = set()

    def data_received(self, data: bytes) -> None:
        """The controller said something."""
        for body in self._frames.feed(data):
            task = asyncio.get_running_loop().create_task(self._answer(to_bridge(body)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        """The controller is gone: so is the bridge."""
        if not self.done.done():
            self.done.set_result(None)

    async def _answer(self, message: ToBridge) -> None:
        try:
            answer = await self._answer_to(message)
        except Exception as error:  # noqa: BLE001 - whoever asked waits for an answer
            answer = Answered(message.number, lost=told(error))
        self._output.write(frame(answer))

    async def _answer_to(self, message: ToBridge) -> Answered:
        match message:
            case ListMachines(number=number):
                return Answered(number, machines=await asyncio.to_thread(self._machines))
            case Place(number=number, machine=machine):
                from hls_swarm.cluster.ray.actor import placed

                self._actors[machine] = await asyncio.to_thread(placed, machine, f"ray {self._ray.__version__}")
                return Answered(number)
            case Carry():
                return await self._carry_and_rest(message)

    async def _carry_and_rest(self, message: Carry) -> Answered:
        machine, asked_at = message.machine, time.monotonic()
        if self._rests.asked(machine, asked_at):
            self._ray.cancel(self._resting[machine], recursive=False)
        answer = None
        try:
            answer = await self._carry(message.number, machine, message.body)
        finally:
            quiet = message.quiet_seconds if answer is not None and not answer.lost else 0.0
            seconds = self._rests.answered(machine, asked_at + quiet, time.monotonic())
            if seconds:
                self._resting[machine] = self._actors[machine].rest.remote(seconds)
        return answer

    async def _carry(self, number: int, machine: str, body: bytes) -> Answered:
        exceptions = self._ray.exceptions
        while True:
            try:
                return Answered(number, await self._actors[machine].answer.remote(number, body))
            except exceptions.ActorUnavailableError:  # which is not its death
                await asyncio.sleep(AGAIN_SECONDS)
            except exceptions.ActorDiedError as error:
                words, ended = death(str(error))
                return Answered(number, lost=words, ended=ended)
            except exceptions.RayError as error:
                return Answered(number, lost=told(error))

    def _machines(self) -> tuple[Machine, ...]:
        return tuple(
            Machine(
                key=node["NodeID"],
                address=node["NodeManagerAddress"],
                host=node["NodeManagerHostname"],
                agent=agent_of_labels(node.get("Labels") or {}),
                is_ours=node["NodeManagerAddress"] == self._own_address,
            )
            for node in self._ray.nodes()
            if node["Alive"]
        )


def death(text: str) -> tuple[str, bool]:
    """Why an agent is gone, from the engine's long account of it, and whether it has ended for certain.

    Of a machine that does not answer the engine knows no more than we; of a process whose machine answers it does. Its
    account gives advice on both, so only the sentence that says what died tells them apart.
    """
    if "worker process has died" in text.lower():
        return "its process has ended", True
    return "its machine is gone: nothing answers there, or its agent was ended", False


async def _serve(ray: Any, address: str, sink: int) -> None:
    loop = asyncio.get_running_loop()
    output, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(sink, "wb", 0))
    bridge = Bridge(ray, address, output)
    await loop.connect_read_pipe(lambda: bridge, os.fdopen(os.dup(0), "rb", 0))
    output.write(CONNECTED)
    await bridge.done


def main() -> None:
    """Entry point of the process; its arguments are the cluster's address and this machine's own."""
    cluster, own = sys.argv[1:3]
    sink = os.dup(1)
    os.dup2(2, 1)
    import ray

    own_address = {"_node_ip_address": own} if own else {}
    ray.init(cluster, log_to_driver=False, logging_level=logging.ERROR, **own_address)
    if not own:
        own = ray.util.get_node_ip_address()
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(ray, own, sink))
    sys.stderr.flush()
    ray.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
