"""Questions to agents before a run: what goes wrong with one is an error with the machine's name."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from hls_swarm.cluster.agent_messages import FromAgent, Refused, ToAgent, from_agent, pack
from hls_swarm.cluster.line import Line, LineLostError
from hls_swarm.errors import RunError
from hls_swarm.foreign import one_line

_Answer = TypeVar("_Answer")
_Kind = TypeVar("_Kind", bound=FromAgent)


async def asked(line: Line, message: ToAgent, kind: type[_Kind], seconds: float, to_do: str) -> tuple[str, _Kind]:
    """The name of the machine and its answer.

    Args:
        kind: what the answer must be.
        to_do: what was asked of it, in words that follow "did not".

    Raises:
        RunError: it could not, or something else than an agent of this version answers there.
    """
    name = line.name
    try:
        async with asyncio.timeout(seconds):
            heard = from_agent(await line.ask(pack(message)))
    except TimeoutError:
        raise RunError(f"{name}: did not {to_do} within {seconds:.0f} s") from None
    except LineLostError as error:
        raise RunError(f"{name}: {one_line(str(error))}") from None
    except ValueError as error:
        raise RunError(f"{name}: {error}; has it the same version of hls-swarm?") from None
    if isinstance(heard, Refused):
        raise RunError(f"{name}: {heard.reason}")
    if not isinstance(heard, kind):
        raise RunError(f"{name}: did not {to_do}, but said something else")
    return name, heard


async def asked_of_all(questions: Iterable[Coroutine[Any, Any, tuple[str, _Answer]]]) -> dict[str, _Answer]:
    """All answers by name.

    Raises:
        RunError: one for all who could not give theirs, with the words of each.
    """
    answers = await asyncio.gather(*questions, return_exceptions=True)
    problems = [answer for answer in answers if isinstance(answer, BaseException)]
    for problem in problems:
        if not isinstance(problem, RunError):
            raise problem
    if problems:
        raise RunError("; ".join(str(problem) for problem in problems))
    return dict(answer for answer in answers if not isinstance(answer, BaseException))
