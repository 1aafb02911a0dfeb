"""What a search may be asked for."""

from typing import Any

import pytest

from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.checks import SettingValueError


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"from_": 0}, "--from: must be at least 1", id="nobody to begin with"),
        pytest.param({"from_": 50, "most": 20}, "--from: begins with 50 viewers, more than --most 20", id="from"),
        pytest.param({"most": 0}, "--most: must be at least 1", id="most"),
        pytest.param({"within": "a lot"}, "--within: 'a lot' is no share", id="within"),
        pytest.param({"within": "0%"}, "--within: must be from 0.1% to 50%", id="within nothing"),
        pytest.param({"trial": 1.0}, "--trial: must be at least 5s", id="trial"),
        pytest.param({"soak": -1.0}, "--soak: must not be negative", id="soak"),
        pytest.param({"time_limit": 0.0}, "--time-limit: must be longer than 0", id="no time"),
        pytest.param({"at_least": 50, "most": 20}, "--at-least: can not be reached: --most is 20", id="at least"),
        pytest.param({"slo": ("errors:rate < 1%",) * 2}, "--slo", id="twice the same"),
    ],
)
def test_what_can_not_be_meant_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingValueError, match=words):
        CapacitySettings(**values)


@pytest.mark.parametrize(
    ("values", "first"), [({}, 10), ({"most": 4}, 4), ({"from_": 30}, 30), ({"from_": 30, "most": 40}, 30)]
)
def test_the_load_to_begin_with(values: dict[str, Any], first: int) -> None:
    assert CapacitySettings(**values).first == first
