"""What servers of low-latency streams do wrong, as their viewers see it."""

from hls_swarm.judge.findings.measures import rise_of, share_of
from hls_swarm.judge.findings.rule import Rule, at_least
from hls_swarm.snapshot.finding import Culprit, Severity, Standing

_LATELY = 10.0
_LEAST = 3
_SHARE = 0.01

EDGE = (
    Rule(
        name="parts-late",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.WARNING,
        what="{0} of the parts of the stream come late: more than two part targets after the one before",
        next_step="look at the encoder and the packager: a part must be published once its media is there",
        conditions=(
            at_least(share_of("edge_late", "blocking_reloads", _LATELY), _SHARE),
            at_least(rise_of("edge_late", _LATELY), _LEAST),
        ),
    ),
    Rule(
        name="reloads-not-held",
        standing=Standing.CAUSE,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="{0} of the blocking reloads are answered without what they wait for",
        next_step=(
            "a server or cache that offers CAN-BLOCK-RELOAD must hold them: does the cache key have _HLS_msn and "
            "_HLS_part, and does its time limit exceed three target durations?"
        ),
        conditions=(
            at_least(share_of("edge_not_held", "blocking_reloads", _LATELY), _SHARE),
            at_least(rise_of("edge_not_held", _LATELY), _LEAST),
        ),
    ),
    Rule(
        name="reloads-refused",
        standing=Standing.CAUSE,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="{0} of the blocking reloads are refused (400): they ask for what is too far ahead",
        next_step="do all servers behind the balancer stand at the same segment? does a cache hold older playlists?",
        conditions=(
            at_least(share_of("edge_refused", "blocking_reloads", _LATELY), _SHARE),
            at_least(rise_of("edge_refused", _LATELY), _LEAST),
        ),
    ),
    Rule(
        name="reloads-unavailable",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.WARNING,
        what="{0} of the playlist requests are answered 503: nothing new came for three target durations",
        next_step=(
            "does the encoder still make the stream, and do its parts reach this server? 503 at once, not after three "
            "target durations, is a limit of the server"
        ),
        conditions=(
            at_least(share_of("edge_unavailable", "media_playlist_requests", _LATELY), _SHARE),
            at_least(rise_of("edge_unavailable", _LATELY), _LEAST - 1),
        ),
        explains=("refused",),
    ),
    Rule(
        name="hints-lost",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.WARNING,
        what="{0} of the hinted parts do not come",
        next_step="the packager must publish the part that EXT-X-PRELOAD-HINT names, or hint at nothing",
        conditions=(
            at_least(share_of("edge_hint_lost", "hinted_requests", _LATELY), _SHARE),
            at_least(rise_of("edge_hint_lost", _LATELY), _LEAST),
        ),
    ),
)
