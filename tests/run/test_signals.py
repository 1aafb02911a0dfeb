"""What SIGINT, SIGTERM and SIGHUP do to a command: each case in a process of its own, for most of them end it."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.program

SCRIPT = """
import asyncio, os, signal, sys
from hls_swarm.run.signals import Signals

clock = iter([float(instant) for instant in sys.argv[2].split(",")])
numbers = [signal.Signals[name] for name in sys.argv[1].split(",")]

async def run(signals):
    asked = asyncio.Event()
    signals.end_with(asyncio.get_running_loop(), asked.set, lambda: print("at once", flush=True))
    for number in numbers:
        signal.raise_signal(number)
    await asyncio.wait_for(asked.wait(), 10)
    print("gently", signals.first, flush=True)

with Signals(lambda: next(clock)) as signals:
    if "early" in sys.argv:
        signal.raise_signal(numbers[0])
    if "settled" in sys.argv:
        signals.settle(99)
        signal.raise_signal(numbers[0])
    else:
        asyncio.run(run(signals))
print("after", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""


def ended(*arguments: str) -> tuple[int, list[str], str]:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.split("\n")[:-1], done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_ends_it_gently_and_the_handlers_are_given_back(name: str) -> None:
    number = signal.Signals[name]
    assert ended(name, "5") == (0, [f"gently {number.value}", "after True"], "")


@pytest.mark.parametrize(
    ("names", "instants"),
    [
        pytest.param("SIGTERM,SIGTERM", "5,5.1", id="timeout signals its child, then the group"),
        pytest.param("SIGHUP,SIGHUP", "5,9", id="a terminal that closes, and the shell in it"),
        pytest.param("SIGTERM,SIGHUP", "5,9", id="a supervisor that sends both"),
    ],
)
def test_what_is_one_request_is_taken_for_one(names: str, instants: str) -> None:
    code, said, trouble = ended(names, instants)
    assert (code, said[1:], trouble) == (0, ["after True"], "")


@pytest.mark.parametrize("names", ["SIGINT,SIGINT", "SIGTERM,SIGINT", "SIGHUP,SIGTERM"])
def test_a_second_one_ends_it_at_once(names: str) -> None:
    assert ended(names, "5,5.3") == (1, ["at once"], "")


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "ended by SIGTERM"), ("SIGHUP", 129, "ended by SIGHUP")],
)
def test_before_there_is_a_loop_it_ends_in_one_line(name: str, code: int, words: str) -> None:
    assert ended(name, "5", "early") == (code, [], f"hls-swarm: {words}\n")


def test_what_is_settled_stands() -> None:
    assert ended("SIGINT", "5", "settled") == (99, [], "")


def test_a_hang_up_that_was_ignored_stays_ignored() -> None:
    script = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nwith Signals"
    command = [sys.executable, "-c", SCRIPT.replace("with Signals", script), "SIGHUP,SIGINT", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "gently 2\nafter True\n", "")
