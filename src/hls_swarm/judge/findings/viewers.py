"""What viewers live through, and what their requests say of the reason."""

from hls_swarm.judge.findings.rule import Rule, at_least, now_of, per_viewer, ratio_of, share_of
from hls_swarm.snapshot.finding import Culprit, Severity, Standing
from hls_swarm.snapshot.origin_metrics import Unit

_STALLED = Rule(
    name="stalled",
    standing=Standing.SYMPTOM,
    culprit=None,
    severity=Severity.WARNING,
    what="viewers stall: {1} of them ({0})",
    next_step="read the findings of the same time: what is late or missing there empties the buffers",
    conditions=(
        at_least(now_of("viewers_stalled", Unit.COUNT), 1),
        at_least(ratio_of("viewers_stalled", "viewers_active"), 0.01, 0.005),
    ),
    critical=at_least(ratio_of("viewers_stalled", "viewers_active"), 0.1),
)

_STALE = Rule(
    name="stale-playlists",
    standing=Standing.CAUSE,
    culprit=Culprit.LIVE_SOURCE,
    severity=Severity.WARNING,
    what="live playlists do not change: {0} of the last loads brought nothing new",
    next_step="look at the encoder and the packager: are they running, and can they write (disk space, rights)?",
    conditions=(
        at_least(share_of("unchanged_playlists", "media_playlist_requests", 5.0), 0.95, 0.8),
        at_least(per_viewer("stale_playlists", 10.0), 0.05, 0.0),
    ),
)

VIEWER_RULES = (_STALLED, _STALE)
