"""What happened: the frozen records that every other part speaks.

Rules:

- One record per object fetched or change of a viewer's state, never one per chunk of a body.
- Past tense. Instants end in `_at` and are seconds of this machine's monotonic clock (`time.monotonic()` and
  `time.perf_counter()` are the same clock on Linux); durations end in `_seconds`, sizes in `_bytes`.
- What is not known is `None`, never 0.
- A failure is data, and carries blame: the origin did it, or the generator did.

Records are `msgspec.Struct`s: frozen, cheap to make (a tenth of a frozen dataclass), and ready to cross a pipe.
"""

from hls_swarm.records.asking import (
    ASKED_OF_THE_ORIGIN,
    BODY_START_BYTES,
    Blame,
    Exchange,
    Failure,
    FailureKind,
    ObjectKind,
    Unanswered,
)
from hls_swarm.records.choosing import PathwayChosen, PathwayReason, SettingUnmet, SwitchReason, VariantChosen
from hls_swarm.records.edge import EdgeFault, EdgeFaultSeen, EdgeOffer, LowLatencyPlayed, LowLatencyUnused, PartLoaded
from hls_swarm.records.fetched import AsideFetched, PlaylistFetched, SegmentFetched, Violation
from hls_swarm.records.playing import (
    START_SECONDS,
    EndReason,
    LatencyObserved,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    PlayerLogDropped,
    PlayerStarted,
    SeekEnded,
    SeekStarted,
    StallEnded,
    StallStarted,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.records.stream import (
    DatesMoved,
    LicenceUnasked,
    PassReason,
    PlaylistOlder,
    PlaylistStale,
    SegmentsExpired,
    SegmentsMutated,
    SegmentsPassed,
    SequenceReset,
)

Record = (
    PlaylistFetched
    | SegmentFetched
    | AsideFetched
    | ViewerStarted
    | PlaybackStarted
    | StallStarted
    | StallEnded
    | LatencyObserved
    | SegmentsExpired
    | SegmentsPassed
    | SequenceReset
    | PlaylistOlder
    | DatesMoved
    | LicenceUnasked
    | LowLatencyUnused
    | LowLatencyPlayed
    | PartLoaded
    | EdgeFaultSeen
    | SettingUnmet
    | SegmentsMutated
    | PlaylistStale
    | VariantChosen
    | PathwayChosen
    | SeekStarted
    | SeekEnded
    | PauseStarted
    | PauseEnded
    | PlayerStarted
    | PlayerLogDropped
    | ViewerStopped
)

__all__ = (
    "ASKED_OF_THE_ORIGIN",
    "BODY_START_BYTES",
    "START_SECONDS",
    "AsideFetched",
    "Blame",
    "DatesMoved",
    "EdgeFault",
    "EdgeFaultSeen",
    "EdgeOffer",
    "EndReason",
    "Exchange",
    "Failure",
    "FailureKind",
    "LatencyObserved",
    "LicenceUnasked",
    "LowLatencyPlayed",
    "LowLatencyUnused",
    "ObjectKind",
    "PartLoaded",
    "PassReason",
    "PathwayChosen",
    "PathwayReason",
    "PauseEnded",
    "PauseStarted",
    "PlaybackStarted",
    "PlayerLogDropped",
    "PlayerStarted",
    "PlaylistFetched",
    "PlaylistOlder",
    "PlaylistStale",
    "Record",
    "SeekEnded",
    "SeekStarted",
    "SegmentFetched",
    "SegmentsExpired",
    "SegmentsMutated",
    "SegmentsPassed",
    "SequenceReset",
    "SettingUnmet",
    "StallEnded",
    "StallStarted",
    "SwitchReason",
    "Unanswered",
    "VariantChosen",
    "ViewerStarted",
    "ViewerStopped",
    "Violation",
)
