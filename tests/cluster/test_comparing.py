"""Whether machines fit together, and what each gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.cluster.agent_messages import Facts
from hls_swarm.cluster.comparing import Comparison, compared, shared

GOOD = Facts(name="x", version="1.0", python="3.11.7", cores=2, descriptors=1 << 20, system="Linux 6.1")


def facts(**changes: object) -> Facts:
    return Facts(**{name: changes.get(name, getattr(GOOD, name)) for name in GOOD.__struct_fields__})  # type: ignore[arg-type]


def held(changes: dict[str, object], offset: float = 0.0) -> Comparison:
    return compared({"a": GOOD, "b": facts(**changes)}, "1.0", "3.11.9", {"a": 0.0, "b": offset})


def test_machines_that_fit_have_no_complaint() -> None:
    assert held({}) == Comparison((), ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"version": "1.1"}, "b: runs hls-swarm 1.1, and 1.0 runs here", id="version"),
        pytest.param({"python": "3.12.1"}, "b: has Python 3.12.1, and this is 3.11.9", id="python"),
        pytest.param({"busy": "http://x/"}, "b: carries the run on http://x/ already", id="busy"),
    ],
)
def test_what_can_not_be_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    (refused,) = held(changes).refused
    assert refused.startswith(words)


@pytest.mark.parametrize(
    ("offset", "changes", "words"),
    [
        pytest.param(0.2, {}, "b: its wall clock is 0.20 s behind", id="behind"),
        pytest.param(-3.0, {}, "b: its wall clock is 3.00 s ahead", id="ahead"),
        pytest.param(0.0, {"descriptors": 1024}, "b: a process may open only 1024 files", id="descriptors"),
        pytest.param(
            0.0,
            {"public": ("9.9.9.9",)},
            "b: while a run lasts, what connects the machines listens on 9.9.9.9 too",
            id="public",
        ),
        pytest.param(0.0, {"system": "Linux 5.4"}, "kernels differ: a Linux 6.1, b Linux 5.4", id="kernels"),
    ],
)
def test_what_may_go_wrong_is_said_by_name(offset: float, changes: dict[str, object], words: str) -> None:
    found = held(changes, offset)
    assert found.refused == ()
    assert [warning.startswith(words) for warning in found.warnings] == [True]


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.integers(0, 4), st.integers(1, 5))
def test_every_viewer_has_one_worker(cores: list[int], workers: int, weight: int) -> None:
    names = {f"m{nth}": count for nth, count in enumerate(cores)}
    shares = shared(names, {"m0": weight}, workers)
    numbers = [number for name in names for share in shares[name] for number in share.numbers(300)]
    assert sorted(numbers) == list(range(300))
    assert {name: len(shares[name]) for name in names} == {name: workers or count for name, count in names.items()}
