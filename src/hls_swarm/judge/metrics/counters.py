"""What is counted."""

from collections.abc import Callable

from hls_swarm.judge.metrics.kinds import Better, CounterMetric
from hls_swarm.judge.metrics.readings import KIND_WORDS, answers, blamed, count_of_kind, of_tally, sum_of
from hls_swarm.records import Blame, EdgeFault
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.viewers.lowlatency import FAULT_WORDS
from hls_swarm.stats.tally import Tally


def _edge_faults(kind: EdgeFault) -> Callable[[Tally], float]:
    def count(tally: Tally) -> float:
        found = tally.edge_faults.get(kind)
        return 0 if found is None else found.count

    return count


def _counters() -> tuple[CounterMetric, ...]:
    out = [
        CounterMetric(
            "requests",
            Unit.COUNT,
            "requests sent to the origin, of every kind of object",
            sum_of(lambda objects: objects.requests),
        ),
        CounterMetric(
            "errors",
            Unit.COUNT,
            "exchanges that failed; its rate is their share of those that ended",
            sum_of(lambda objects: objects.failed),
            Better.LOWER,
            sum_of(lambda objects: objects.failed + objects.completed),
        ),
        CounterMetric(
            "errors_origin", Unit.COUNT, "failures that are the origin's", blamed(Blame.ORIGIN), Better.LOWER
        ),
        CounterMetric(
            "errors_generator", Unit.COUNT, "failures that are the generator's", blamed(Blame.GENERATOR), Better.LOWER
        ),
        CounterMetric("body_bytes", Unit.BYTES, "body bytes as received", sum_of(lambda objects: objects.body_bytes)),
        CounterMetric(
            "answers_ok", Unit.COUNT, "answers with a status of 200 to 299", answers(lambda s: s // 100 == 2)
        ),
        CounterMetric(
            "answers_refused",
            Unit.COUNT,
            "answers 429 and 503: more than the origin is willing to serve",
            answers(lambda status: status in {429, 503}),
            Better.LOWER,
        ),
        CounterMetric(
            "answers_broken",
            Unit.COUNT,
            "answers 500: the server itself fails",
            answers(lambda status: status == 500),
            Better.LOWER,
        ),
        CounterMetric(
            "answers_gateway",
            Unit.COUNT,
            "answers 502 and 504: what is behind the server fails or is late",
            answers(lambda status: status in {502, 504}),
            Better.LOWER,
        ),
    ]
    for kind, words in KIND_WORDS.items():
        out += [
            CounterMetric(
                f"{kind}_requests",
                Unit.COUNT,
                f"{words}: requests sent",
                count_of_kind(kind, lambda objects: objects.requests),
            ),
            CounterMetric(
                f"{kind}_body_bytes",
                Unit.BYTES,
                f"{words}: body bytes as received",
                count_of_kind(kind, lambda objects: objects.body_bytes),
            ),
            CounterMetric(
                f"{kind}_errors",
                Unit.COUNT,
                f"{words}: exchanges that failed; its rate is their share of those that ended",
                count_of_kind(kind, lambda objects: objects.failed),
                Better.LOWER,
                count_of_kind(kind, lambda objects: objects.failed + objects.completed),
            ),
        ]
    rows: tuple[tuple[str, str, Better, Callable[[Tally], float]], ...] = (
        ("viewers_started", "viewers that asked for the stream", Better.NEITHER, lambda t: t.started),
        (
            "viewers_paced",
            "of these, the ones that read more slowly than bytes come, by a link of their own or at the speed of play",
            Better.NEITHER,
            lambda t: t.paced,
        ),
        ("viewers_played", "viewers that ever played", Better.NEITHER, lambda t: t.played),
        ("viewers_ended", "viewers that played to the end of the stream", Better.NEITHER, lambda t: t.ended),
        ("viewers_failed", "viewers that a fatal error ended", Better.LOWER, lambda t: t.failed),
        (
            "viewers_failed_generator",
            "of these, the ones that this machine failed: no descriptor, no port, a player's own end",
            Better.LOWER,
            lambda t: t.failed_here,
        ),
        ("viewers_left", "viewers whose session was over", Better.NEITHER, lambda t: t.left),
        ("viewers_lost", "viewers whose worker died", Better.LOWER, lambda t: t.lost),
        (
            "start_failures",
            "viewers that a fatal error ended before they played",
            Better.LOWER,
            lambda t: t.start_failures,
        ),
        (
            "viewers_unplayed",
            "viewers that had as long as their player may take to start, or failed, and never played",
            Better.LOWER,
            lambda t: t.start_failures + t.overdue,
        ),
        ("exits_before_start", "viewers that left before they played", Better.LOWER, lambda t: t.exits_before_start),
        ("failovers", "changes to a redundant variant stream", Better.LOWER, lambda t: t.failovers),
        (
            "variant_switches_up",
            "changes to a variant of a higher bitrate, by viewers that adapt",
            Better.NEITHER,
            lambda t: t.switches_up,
        ),
        ("variant_switches_down", "changes to a lower one", Better.LOWER, lambda t: t.switches_down),
        (
            "variant_reversals",
            "changes against the direction of the one before, within 30 s of it: oscillation",
            Better.LOWER,
            lambda t: t.reversals,
        ),
        (
            "abandoned_segments",
            "segments given up for those of a lower variant",
            Better.LOWER,
            lambda t: t.abandoned_segments,
        ),
        ("seeks", "seeks that viewers made", Better.NEITHER, lambda t: t.seeks),
        ("pauses", "pauses that viewers made", Better.NEITHER, lambda t: t.pauses),
        ("gap_segments", "segments that the playlist says are missing", Better.LOWER, lambda t: t.gap_segments),
        (
            "unavailable_segments",
            "segments passed over because every try failed",
            Better.LOWER,
            lambda t: t.unavailable_segments,
        ),
        (
            "mutated_segments",
            "segments that a playlist told otherwise before",
            Better.LOWER,
            lambda t: t.mutated_segments,
        ),
        ("sequence_resets", "playlists that began their numbering anew", Better.LOWER, lambda t: t.sequence_resets),
        (
            "violations",
            "playlist loads that broke a rule of the draft, each rule on its own",
            Better.LOWER,
            lambda t: t.violating_loads,
        ),
        ("parts", "parts of segments that viewers got", Better.NEITHER, lambda t: t.parts),
        (
            "blocking_reloads",
            "playlist requests that the server was to hold until there was something new",
            Better.NEITHER,
            lambda t: t.blocking_reloads,
        ),
        (
            "hinted_requests",
            "requests for parts before they were there (EXT-X-PRELOAD-HINT)",
            Better.NEITHER,
            lambda t: t.hinted_requests,
        ),
        ("hints_met", "hinted parts that came and were listed", Better.NEITHER, lambda t: t.hints_met),
        *((f"edge_{kind.value}", words, Better.LOWER, _edge_faults(kind)) for kind, words in FAULT_WORDS.items()),
        ("older_playlists", "reloads that brought an older copy", Better.LOWER, lambda t: t.older_playlists),
        ("date_jumps", "reloads that dated segments otherwise", Better.LOWER, lambda t: t.date_jumps),
        ("stale_playlists", "playlists that did not change for too long", Better.LOWER, lambda t: t.stale_playlists),
        (
            "leaping_playlists",
            "of these, the ones that then went on by three segments or more at once",
            Better.LOWER,
            lambda t: t.leaping_playlists,
        ),
        (
            "unsettled_requests",
            "requests without an answer, of which it is not known whether the origin took them",
            Better.LOWER,
            lambda t: t.unsettled_requests,
        ),
        (
            "repeated_requests",
            "requests without an answer that were asked again at once, on another connection",
            Better.LOWER,
            lambda t: t.repeated_requests,
        ),
        (
            "unrecorded_requests",
            "requests not written to Parquet for want of room",
            Better.LOWER,
            lambda t: t.unrecorded_requests,
        ),
        (
            "player_log_lines_dropped",
            "lines of players' logs that were not read",
            Better.LOWER,
            lambda t: t.player_log_lines_dropped,
        ),
        ("datagrams_received", "datagrams that came over HTTP/3", Better.NEITHER, lambda t: t.datagrams_received),
        (
            "datagrams_dropped",
            "datagrams that this machine's socket buffers had no room for",
            Better.LOWER,
            lambda t: t.datagrams_dropped,
        ),
        ("player_restarts", "player processes started again", Better.LOWER, lambda t: t.player_restarts),
        ("stalls", "stalls that began", Better.LOWER, lambda t: t.stalls),
        (
            "expired_segments",
            "segments that left a playlist before they were fetched",
            Better.LOWER,
            lambda t: t.expired_segments,
        ),
        (
            "unchanged_playlists",
            "media playlists with the same bytes as the load before",
            Better.NEITHER,
            lambda t: t.unchanged_playlists,
        ),
        ("connections_opened", "connections opened", Better.NEITHER, lambda t: t.connections),
        (
            "pathway_switches",
            "changes of pathway because a steering server said so",
            Better.NEITHER,
            lambda t: t.steering.steered,
        ),
        (
            "pathway_failures",
            "changes of pathway because the one before failed",
            Better.LOWER,
            lambda t: t.steering.failed,
        ),
        ("cmcd_requests", "requests that went out with CMCD", Better.NEITHER, lambda t: t.cmcd.requests),
        (
            "cmcd_starved_requests",
            "requests that told of a stall before them (CMCD bs)",
            Better.LOWER,
            lambda t: t.cmcd.starved,
        ),
        ("cmcd_events", "events told to a CMCD collector", Better.NEITHER, lambda t: t.cmcd.events),
        ("late_starts", "viewers that started over 100 ms after they were due", Better.LOWER, lambda t: t.late_starts),
    )
    out += [CounterMetric(name, Unit.COUNT, text, of_tally(read), better) for name, text, better, read in rows]
    text = "bytes of segments that were given up: they were sent in vain, and are in body_bytes"
    out.append(CounterMetric("abandoned_bytes", Unit.BYTES, text, of_tally(lambda t: t.abandoned_bytes), Better.LOWER))
    return tuple(out)


COUNTERS = _counters()
