"""How the run fares, by the rules of the module, as a table."""

from dataclasses import replace

import pytest
from tests.views.tui import states

from hls_swarm.snapshot.condition import Assessor, Condition, assess
from hls_swarm.snapshot.finding import Culprit, Finding, Interval, Severity, Standing
from hls_swarm.snapshot.snapshot import Phase, Snapshot

CRITICAL = Severity.CRITICAL


def was_bound(*interval: float) -> Finding:
    return states.finding("generator-lag", "late", culprit=Culprit.GENERATOR, intervals=(Interval(*interval),))


def with_viewers(active: int, playing: int, **more: int) -> Snapshot:
    return states.snapshot(60.0, viewers=states.watching(active, playing, **more))


def with_failed_requests(failed: int) -> Snapshot:
    made = states.snapshot(60.0)
    objects = {kind: replace(figures, failed=0) for kind, figures in made.objects.items()}
    kind = next(iter(objects))
    objects[kind] = replace(objects[kind], failed=failed)
    return replace(made, objects=objects)


REQUESTS = sum(figures.requests for figures in states.snapshot(60.0).objects.values())

ROWS = [
    ("healthy", with_viewers(1000, 1000), Condition.HEALTHY, "all 1,000 viewers play without a stall"),
    (
        "still starting",
        with_viewers(10, 4),
        Condition.HEALTHY,
        "4 of 10 viewers play without a stall, 6 start",
    ),
    ("one viewer", with_viewers(1, 1), Condition.HEALTHY, "the only viewer plays without a stall"),
    ("nobody yet", states.nothing_yet(), Condition.STARTING, "nobody plays yet"),
    (
        "nobody ever",
        states.snapshot(25.0, viewers=states.watching(10, 0)),
        Condition.FAILING,
        "nobody has played in 25 s",
    ),
    ("nobody asked", states.snapshot(25.0, viewers=states.watching(0, 0)), Condition.STARTING, "nobody plays yet"),
    ("a tenth stalled", with_viewers(1000, 900, stalled=100), Condition.DEGRADED, "100 of 1,000 viewers stalled"),
    ("more stalled", with_viewers(1000, 899, stalled=101), Condition.FAILING, "101 of 1,000 viewers stalled"),
    ("a twentieth failed", with_viewers(95, 95, failed=5), Condition.DEGRADED, "5 of 100 viewers failed"),
    ("more failed", with_viewers(94, 94, failed=6), Condition.FAILING, "6 of 100 viewers failed"),
    ("a request failed", with_failed_requests(1), Condition.DEGRADED, f"1 of {REQUESTS:,} requests failed"),
    (
        "a twentieth of requests",
        with_failed_requests(REQUESTS // 20),
        Condition.DEGRADED,
        f"{REQUESTS // 20:,} of {REQUESTS:,} requests failed",
    ),
    (
        "more requests",
        with_failed_requests(REQUESTS // 20 + 1),
        Condition.FAILING,
        f"{REQUESTS // 20 + 1:,} of {REQUESTS:,} requests failed",
    ),
    ("a stall that ended", states.snapshot(60.0, experience=states.experience(1, 0.5)), Condition.DEGRADED, "1 stall"),
    (
        "segments lost",
        states.snapshot(60.0, experience=replace(states.experience(), expired_segments=3)),
        Condition.DEGRADED,
        "3 segments gone before fetched",
    ),
    (
        "generator first",
        states.generator_bound(),
        Condition.GENERATOR_BOUND,
        "this machine was late: event-loop lag P99 312 ms; 120 of 1,000 viewers stalled",
    ),
    ("finished", states.finished(), Condition.HEALTHY, "1,000 of 1,000 viewers played"),
    (
        "the incident beside a generator that is bound is told",
        replace(states.generator_bound(), viewers=states.watching(1000, 0, stalled=1000)),
        Condition.GENERATOR_BOUND,
        "this machine was late: event-loop lag P99 312 ms; 1,000 of 1,000 viewers stalled",
    ),
    (
        "a generator that was bound hides nothing",
        states.snapshot(60.0, viewers=states.watching(1000, 0, stalled=1000), findings=(was_bound(12.0, 26.0),)),
        Condition.FAILING,
        "1,000 of 1,000 viewers stalled; generator was bound 0:12-0:26",
    ),
    (
        "origin near a limit",
        states.snapshot(60.0, findings=(states.finding("origin-cpu", "CPU of o 93%", severity=Severity.NOTE),)),
        Condition.HEALTHY,
        "all 1,000 viewers play without a stall; CPU of o 93%",
    ),
    (
        "what nobody feels yet",
        states.snapshot(60.0, findings=(states.finding("nginx-drops", "nginx drops 4.0/s"),)),
        Condition.DEGRADED,
        "nginx drops 4.0/s",
    ),
    (
        "black pictures without a stall",
        states.snapshot(60.0, findings=(states.finding("empty-media", "segments are empty", severity=CRITICAL),)),
        Condition.FAILING,
        "segments are empty",
    ),
    (
        "what is over",
        states.snapshot(60.0, findings=(states.finding("refused", "refused", intervals=(Interval(5.0, 9.0),)),)),
        Condition.HEALTHY,
        "all 1,000 viewers play without a stall",
    ),
]


@pytest.mark.parametrize(("made", "condition", "text"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_condition(made: Snapshot, condition: Condition, text: str) -> None:
    assessment = assess(made)
    assert (assessment.condition, assessment.text) == (condition, text)


def test_what_makes_it_worse_is_named_in_the_order_of_its_weight_and_two_reasons_after_it() -> None:
    found = [
        states.finding("stalled", "viewers stall", standing=Standing.SYMPTOM, culprit=None, severity=CRITICAL),
        *(states.finding(f"rule-{number}", f"reason {number}") for number in range(3)),
    ]
    made = states.snapshot(60.0, viewers=states.watching(900, 700, stalled=150, failed=20), findings=tuple(found))
    assert assess(made).reasons == (
        "150 of 900 viewers stalled",
        "20 of 920 viewers failed",
        "reason 0",
        "reason 1",
    )


def test_a_symptom_is_named_where_no_complaint_tells_it_and_no_reason_is_found() -> None:
    lost = states.finding("quality-lost", "less quality", standing=Standing.SYMPTOM, culprit=None)
    assert assess(states.snapshot(60.0, findings=(lost,))).text == "less quality"
    assert assess(states.snapshot(60.0, findings=(lost, states.finding("refused", "refused")))).text == "refused"


def test_only_what_happened_lately_counts() -> None:
    before = states.snapshot(60.0, experience=states.experience(40, 9.0))
    after = states.snapshot(70.0, experience=states.experience(42, 9.5))
    assert assess(after, before).text == "2 stalls in the last 10 s"
    calm = states.snapshot(80.0, experience=states.experience(42, 9.5))
    assert assess(calm, after).condition is Condition.HEALTHY


def test_an_assessor_looks_ten_seconds_back_and_forgets_the_rest() -> None:
    assessor = Assessor()
    conditions = []
    for second in range(30):
        stalls = 3 if second >= 5 else 0
        made = states.snapshot(float(second), Phase.STEADY, experience=states.experience(stalls, 0.1))
        conditions.append(assessor.assess(made).condition)
    degraded = [second for second, condition in enumerate(conditions) if condition is Condition.DEGRADED]
    assert degraded == list(range(5, 15))
    assert set(conditions) == {Condition.HEALTHY, Condition.DEGRADED}
