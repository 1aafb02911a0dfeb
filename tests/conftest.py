"""What holds for all tests: programs that they start keep no run folder and listen on no fixed port unless told to.

How long an example of a property takes says how busy the machine is, so no time limit is put on one; the time limit on
a whole test is pytest's.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Generator
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup programs would be started that a hangup does not end
os.environ.setdefault("HLS_SWARM_METRICS", "off")
os.environ.setdefault("HLS_SWARM_NO_OUTPUT", "true")

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer() -> Generator[None, object, object]:
    """Let the time limit of a test end an event loop too.

    The limit is an exception that a signal raises wherever the test is. uvloop gives what is raised within it to the
    loop's exception handler and runs on, so that a test which waits there for something that never comes would wait for
    ever; a loop that is stopped raises an error of its own.
    """
    is_set = yield
    fail = signal.getsignal(signal.SIGALRM)
    if callable(fail):

        def end(number: int, frame: FrameType | None) -> None:
            running = asyncio._get_running_loop()
            if running is not None:
                running.stop()
            fail(number, frame)

        signal.signal(signal.SIGALRM, end)
    return is_set


_LONG = (
    "tests/system/test_capacity.py",
    "tests/engine/ffmpeg/test_system.py",
    "tests/chaos/test_chaos.py",
    "tests/system/test_cluster.py",
    "tests/system/test_hosts.py",
    "tests/system/test_truth.py",
    "tests/system/test_signals_at_any_instant.py",
    "tests/system/test_players.py",
)
"""Files with tests that take a minute and more, most of it waiting: begun last, each would be waited for alone."""


@pytest.hookimpl(trylast=True)  # after those were left out that are not asked for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and never with two of them in a row: a process is given its next test early."""
    long = sorted((item for item in items if _rank(item) < len(_LONG)), key=_rank)
    others = [item for item in items if _rank(item) == len(_LONG)]
    mixed = [item for pair in zip(long, others, strict=False) for item in pair]
    items[:] = [*mixed, *long[len(others) :], *others[len(long) :]]


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, file in enumerate(_LONG) if item.nodeid.startswith(file)), len(_LONG))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays: thousands of tests need not be looked at again by each search for garbage."""
    gc.collect()
    gc.freeze()
