"""Brings files of requests from the agents that wrote them to the run folder, once the run is over.

Where that fails they stay on the agent's machine, and it is said: the run does not fail with them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from hls_swarm.cluster.agent_messages import Fetch, Forget, FromAgent, Piece, Refused, ToAgent
from hls_swarm.cluster.line import LineLostError
from hls_swarm.foreign import one_line

ANSWER_SECONDS = 10.0
"""Time in which an agent must give a piece of a file."""

Asker = Callable[[ToAgent], Awaitable[FromAgent]]
"""Asks one agent."""

_log = logging.getLogger(__name__)


async def fetch_requests(agents: Mapping[str, Asker | None], folder: Path) -> None:
    """Bring all files into this folder, and remove them there.

    Args:
        agents: by name; None is one that is lost.
    """
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    for name, ask in agents.items():
        if ask is None:
            _log.warning("agent %s: the files of its requests are still there", name)
            continue
        try:
            await _fetch_from(ask, folder)
        except (LineLostError, ValueError, OSError, TimeoutError) as error:
            _log.error("agent %s: the files of its requests stay there: %s", name, one_line(str(error)))


async def _fetch_from(ask: Asker, folder: Path) -> None:
    for name, size in (await _piece(ask, Fetch())).files.items():
        with (folder / Path(name).name).open("wb") as file:
            while file.tell() < size:
                piece = await _piece(ask, Fetch(name, file.tell()))
                if not piece.data:
                    raise ValueError(f"{name} ends after {file.tell()} of {size} bytes")
                file.write(piece.data)
    async with asyncio.timeout(ANSWER_SECONDS):
        await ask(Forget())


async def _piece(ask: Asker, fetch: Fetch) -> Piece:
    async with asyncio.timeout(ANSWER_SECONDS):
        answer = await ask(fetch)
    if not isinstance(answer, Piece):
        raise ValueError(answer.reason if isinstance(answer, Refused) else "said something else than a file")
    return answer
