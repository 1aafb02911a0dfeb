from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.stats.faults import MAX_FAULTS, OTHER, FaultCount, masked_faults, merge_faults

texts = st.dictionaries(st.sampled_from([f"fault {n}" for n in range(30)]), st.integers(1, 5))


def counted(counts: dict[str, int]) -> dict[str, FaultCount]:
    return {text: FaultCount(count, "viewer 1", "Traceback") for text, count in counts.items()}


@given(st.lists(texts, max_size=4))
def test_none_is_lost_and_no_more_than_so_many_are_kept_apart(all_counts: list[dict[str, int]]) -> None:
    merged: dict[str, FaultCount] = {}
    for counts in all_counts:
        given_faults = counted(counts)
        merge_faults(merged, given_faults)
        assert given_faults == counted(counts), "what is merged in is not changed"
    assert sum(fault.count for fault in merged.values()) == sum(sum(counts.values()) for counts in all_counts)
    assert len(merged) <= MAX_FAULTS + 1
    assert OTHER in merged or len(merged) <= MAX_FAULTS


def test_the_first_traceback_stays() -> None:
    merged = {"KeyError": FaultCount(1, "viewer 1", "first")}
    merge_faults(merged, {"KeyError": FaultCount(2, "viewer 2", "second")})
    assert merged == {"KeyError": FaultCount(3, "viewer 1", "first")}


def test_secrets_are_taken_out() -> None:
    made = masked_faults(
        {"ValueError: s3cret": FaultCount(1, "viewer 1", "s3cret")}, lambda t: t.replace("s3cret", "*")
    )
    assert made == {"ValueError: *": FaultCount(1, "viewer 1", "*")}
