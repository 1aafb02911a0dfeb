"""What a loop's exception handler keeps."""

import asyncio

import pytest

from hls_swarm.engine.faults import MOST_TRACEBACK_CHARACTERS, Faults
from hls_swarm.errors import raised, told
from hls_swarm.hls.parser import parse_playlist


def broken(text: str) -> None:
    raise KeyError(text)


def test_what_a_callback_raises_is_counted_by_its_words_with_its_first_traceback() -> None:
    async def main() -> Faults:
        faults, loop = Faults(), asyncio.get_running_loop()
        loop.set_exception_handler(faults)
        for text in ("a", "a", "b"):
            loop.call_soon(broken, text)
        await asyncio.sleep(0.01)
        return faults

    counts = asyncio.run(main()).counts
    assert [(text.rpartition(": ")[2], fault.count) for text, fault in counts.items()] == [("'a'", 2), ("'b'", 1)]
    assert all(text.startswith("KeyError (") for text in counts)
    fault = next(iter(counts.values()))
    assert fault.whose.startswith("Exception in callback")
    assert "in broken\n    raise KeyError(text)" in fault.traceback


def test_a_long_traceback_keeps_its_end_and_what_is_no_exception_its_words() -> None:
    faults = Faults()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        faults(loop, {"message": "viewer 7", "exception": ValueError("x" * 20_000)})
        faults(loop, {"message": "a transport was left open"})
    long, short = faults.counts.values()
    assert len(long.traceback) == MOST_TRACEBACK_CHARACTERS
    assert list(faults.counts)[1] == "a transport was left open"
    assert short.traceback == ""


def test_an_exception_is_told_with_the_last_place_in_this_program() -> None:
    with pytest.raises((TypeError, AttributeError)) as caught:
        parse_playlist(None, "http://origin/")  # type: ignore[arg-type] # the bug
    text = raised(caught.value)
    assert text.startswith(f"{caught.type.__name__} (hls/")
    assert told(caught.value) == f"{text}: {caught.value}"
    assert raised(ValueError("not raised")) == "ValueError"
