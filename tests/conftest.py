"""What holds for all tests: programs that they start keep no run folder and listen on no fixed port unless told to.

How long an example of a property takes says how busy the machine is, so no time limit is put on one; the time limit on
a whole test is pytest's.
"""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HLS_SWARM_METRICS", "off")
os.environ.setdefault("HLS_SWARM_NO_OUTPUT", "true")

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected stays: thousands of tests need not be looked at again by each search for garbage."""
    gc.collect()
    gc.freeze()
