"""What viewers live through, and how their downloads fare."""

from hls_swarm.judge.findings.measures import (
    median_of,
    most_of,
    now_of,
    quotient_of,
    ratio_of,
    rise_of,
    share_of,
)
from hls_swarm.judge.findings.rule import Rule, at_least, at_most, fallen, risen
from hls_swarm.snapshot.finding import Culprit, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit

_LATELY = 10.0
_LEAST_SHARE = 0.01

_STALLED_SHARE = ratio_of("viewers_stalled", "viewers_active")

SYMPTOMS = (
    Rule(
        name="stalled",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="{0} of the viewers stall",
        next_step="read what is found of the same time: what comes late or not at all there empties their buffers",
        conditions=(at_least(_STALLED_SHARE, 0.01, 0.005),),
        critical=at_least(_STALLED_SHARE, 0.1),
    ),
    Rule(
        name="viewers-failed",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="viewers gave up: {0} in 10 s",
        next_step="see the errors: their players had tried for as long as players of that kind do",
        conditions=(at_least(rise_of("viewers_failed", _LATELY), 1),),
        critical=at_least(share_of("viewers_failed", "viewers_started", None), 0.05),
    ),
    Rule(
        name="slow-start",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="half of the viewers that start wait {0} and more for their first picture",
        next_step="compare the objects' times to the first byte, and how many segments a player wants first",
        conditions=(at_least(median_of("startup_seconds_p50", Unit.SECONDS, _LATELY), 4.0, 3.0),),
    ),
    Rule(
        name="no-start",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.CRITICAL,
        what="{0} of the viewers do not get to play",
        next_step="see the errors, and look at one stream with hls-swarm --check",
        conditions=(at_least(ratio_of("viewers_starting", "viewers_active"), 0.5, 0.3),),
        for_seconds=10.0,
    ),
    Rule(
        name="quality-lost",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="viewers get less quality than before: {0}",
        next_step="see what was found just before: players went to lower variants, and some kinds never come back",
        conditions=(fallen(median_of("bitrate_bytes_per_second", Unit.BYTES_PER_SECOND, _LATELY), 0.85, 0.9),),
        for_seconds=3.0,
    ),
    Rule(
        name="behind-live",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="viewers fall behind live: {0} behind the end of their playlist",
        next_step="stalls put viewers behind for good; without any the playlist's end runs ahead of its segments",
        conditions=(
            risen(median_of("edge_latency_seconds_p50", Unit.SECONDS, _LATELY), 2.0, 1.5),
            at_least(median_of("edge_latency_seconds_p50", Unit.SECONDS, _LATELY), 6.0),
        ),
        for_seconds=5.0,
    ),
    Rule(
        name="expired-segments",
        standing=Standing.SYMPTOM,
        culprit=None,
        severity=Severity.WARNING,
        what="{0} of the segments leave the playlist before viewers get to them",
        next_step="a longer window (more segments in the playlist), or faster segments",
        conditions=(
            at_least(share_of("expired_segments", "segment_requests", _LATELY), _LEAST_SHARE),
            at_least(rise_of("expired_segments", _LATELY), 2),
        ),
    ),
)


def _held_up(what: str, kind: str) -> Rule:
    """Nothing came, and then what had waited: too short a time for anything that looks at several seconds.

    Of 20 answers two must be late, so that one lost packet is none, and many times as late as before, so that a server
    that holds back its answers on purpose is none.
    """
    late = now_of(f"{kind}_ttfb_seconds_p95", Unit.SECONDS)
    return Rule(
        name=f"held-up-{what}",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what=f"{what} were held up: nothing came for a while, then {{1}} in a second, up to {{0}} late",
        next_step="a server that stood still, or a path that let nothing through: see its retransmits at that time",
        conditions=(
            at_least(late, 2.0),
            at_least(now_of(f"{kind}_ttfb_seconds_count", Unit.COUNT), 20),
            risen(late, 10),
            at_most(now_of("loop_lag_seconds_p99", Unit.SECONDS), 0.5),
        ),
    )


_RELATIVE = median_of("segment_relative_download_p50", Unit.RATIO, _LATELY)
_RELATIVE_TAIL = median_of("segment_relative_download_p95", Unit.RATIO, _LATELY)
_FIRST_BYTE = quotient_of("segment_ttfb_seconds_p95", "segment_download_seconds_p50", _LATELY)
_SPREAD = quotient_of("segment_download_seconds_p95", "segment_download_seconds_p50", _LATELY)
_TOO_LATE = ("missing-segments", "expired-segments")
"""Viewers whose segments come slowly ask for others when these are gone."""

DOWNLOADS = (
    Rule(
        name="throttled",
        standing=Standing.CAUSE,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="bodies are throttled: segments take {0} of their duration, one like the other, after a prompt first byte",
        next_step="a limit for each connection (limit_rate, a CDN's pacing, --access-rate): raise it above the bitrate",
        conditions=(
            at_least(_RELATIVE, 0.75, 0.6),
            at_most(_FIRST_BYTE, 0.1, 0.2),
            at_most(_SPREAD, 1.15, 1.3),
        ),
        for_seconds=3.0,
        explains=_TOO_LATE,
    ),
    Rule(
        name="slow-bodies",
        standing=Standing.LIMIT,
        culprit=Culprit.PATH,
        severity=Severity.WARNING,
        what="bodies come slowly: the slowest segments take {0} of their duration, after a prompt first byte",
        next_step="a full link, loss on the way, a shaper or --access-rate: see the origin's link, retransmits, disks",
        conditions=(at_least(_RELATIVE_TAIL, 0.8, 0.6), at_most(_FIRST_BYTE, 0.3, 0.5)),
        for_seconds=3.0,
        explains=_TOO_LATE,
    ),
    Rule(
        name="slow-first-byte",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="segments wait for their first byte: {0} for the slowest",
        next_step="up with the round trip: the path is full. Without it: the server, its disk or what stands behind it",
        conditions=(
            at_least(median_of("segment_ttfb_seconds_p95", Unit.SECONDS, _LATELY), 0.5, 0.3),
            at_least(_FIRST_BYTE, 0.3),
        ),
        for_seconds=3.0,
        explains=_TOO_LATE,
    ),
    Rule(
        name="collected-bodies",
        standing=Standing.LIMIT,
        culprit=Culprit.PATH,
        severity=Severity.WARNING,
        what="segments come late and then at once: {0} to the first byte of the slowest, {1} of their download; "
        "playlists are prompt",
        next_step="a proxy that collects bodies before it passes them on (proxy_buffering, proxy_cache_lock), or a "
        "server that reads or makes them first",
        conditions=(
            at_least(median_of("segment_ttfb_seconds_p95", Unit.SECONDS, _LATELY), 0.3, 0.2),
            at_least(quotient_of("segment_ttfb_seconds_p95", "segment_download_seconds_p95", _LATELY), 0.75, 0.6),
            at_most(quotient_of("media_playlist_ttfb_seconds_p95", "segment_ttfb_seconds_p95", _LATELY), 0.2, 0.4),
        ),
        for_seconds=3.0,
        explains=("slow-first-byte", *_TOO_LATE),
    ),
    _held_up("playlists", "media_playlist"),
    _held_up("segments", "segment"),
    Rule(
        name="slow-connects",
        standing=Standing.LIMIT,
        culprit=Culprit.PATH,
        severity=Severity.NOTE,
        what="connections take {0} to open",
        next_step="1 s and 3 s are lost handshakes: a full accept queue (backlog, somaxconn) or loss on the way",
        conditions=(at_least(most_of("connect_seconds_p95", Unit.SECONDS, 5.0), 0.9),),
        for_seconds=3.0,
    ),
)
