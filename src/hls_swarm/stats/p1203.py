"""Input for ITU-T P.1203 in mode 0, from what viewers lived through: one object a session, ready for a model.

Rules:

- Mode 0 knows bitrate, codec, resolution, frame rate and duration of what was played, and when it stalled; nothing is
  decoded. Times are media time in seconds; the startup time is a stall at 0 (P.1203, I.23).
- Only what the multivariant playlist declares is said; audio is not declared apart there, so I.11 is left out.
- Sessions are kept for a bounded number of viewers, the first ones: memory is not the test's to use up.
"""

from typing import Any

import msgspec

from hls_swarm.records import (
    ObjectKind,
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    Record,
    SeekEnded,
    SeekStarted,
    SegmentFetched,
    StallEnded,
    StallStarted,
    VariantChosen,
    ViewerStarted,
)

MAX_VIEWERS = 500
"""Sessions of viewers with a number below this are kept."""
_CODECS = {"avc": "h264", "hvc": "h265", "hev": "h265", "vp0": "vp9", "av0": "av1"}


class PlayedSegment(msgspec.Struct):
    """Media of one quality, one after another."""

    seconds: float
    bitrate_bps: int
    codec: str | None
    width: int | None
    height: int | None
    frame_rate: float | None


class SessionLog(msgspec.Struct):
    """What one session was like.

    Attributes:
        stalls: media time and length of each, startup first.
        played_seconds: media time; `playing_since` the instant from which more is played.
    """

    viewer: int
    profile: str
    segments: list[PlayedSegment] = []
    stalls: list[tuple[float, float]] = []
    played_seconds: float = 0.0
    playing_since: float | None = None

    def halt(self, at: float) -> None:
        """Playback stands still from `at` on."""
        if self.playing_since is not None:
            self.played_seconds += at - self.playing_since
            self.playing_since = None


class SessionRecorder:
    """Keeps the sessions of the first viewers.

    Attributes:
        sessions: of all that began, in order.
    """

    def __init__(self) -> None:
        self.sessions: list[SessionLog] = []
        self._current: dict[int, SessionLog] = {}
        self._variants: dict[int, VariantChosen] = {}

    def add(self, record: Record) -> None:
        """Take in a record; those that say nothing of quality are passed over."""
        if record.viewer >= MAX_VIEWERS:
            return
        if isinstance(record, ViewerStarted):
            session = self._current[record.viewer] = SessionLog(record.viewer, record.profile)
            self.sessions.append(session)
            return
        if isinstance(record, VariantChosen):
            self._variants[record.viewer] = record
            return
        log = self._current.get(record.viewer)
        if log is None:
            return
        match record:
            case SegmentFetched(kind=ObjectKind.SEGMENT, failure=None):
                self._segment(log, record)
            case PlaybackStarted(at=at, startup_seconds=seconds):
                log.stalls.append((0.0, seconds))
                log.playing_since = at
            case StallStarted(at=at) | SeekStarted(at=at) | PauseStarted(at=at):
                log.halt(at)
            case StallEnded(at=at, stall_seconds=seconds) | SeekEnded(at=at, restart_seconds=seconds):
                log.stalls.append((log.played_seconds, seconds))
                log.playing_since = at
            case PauseEnded(at=at):
                log.playing_since = at
            case _:
                pass

    def _segment(self, log: SessionLog, record: SegmentFetched) -> None:
        chosen = self._variants.get(record.viewer)
        if record.bitrate_bps is None or record.media_seconds is None or chosen is None:
            return
        segment = PlayedSegment(
            record.media_seconds,
            record.bitrate_bps,
            next((_CODECS[codec[:3]] for codec in chosen.codecs if codec[:3] in _CODECS), None),
            chosen.width,
            chosen.height,
            chosen.frame_rate,
        )
        log.segments.append(segment)


def p1203_input(log: SessionLog) -> dict[str, Any]:
    """The model's input for one session; what is not declared is left out."""
    segments, start = [], 0.0
    for played in log.segments:
        segment: dict[str, Any] = {"start": start, "duration": played.seconds, "bitrate": played.bitrate_bps / 1000}
        if played.codec is not None:
            segment["codec"] = played.codec
        if played.width is not None and played.height is not None:
            segment["resolution"] = f"{played.width}x{played.height}"
        if played.frame_rate is not None:
            segment["fps"] = played.frame_rate
        segments.append(segment)
        start += played.seconds
    return {
        "I13": {"streamId": log.viewer, "segments": segments},
        "I23": {"streamId": log.viewer, "stalling": [list(stall) for stall in log.stalls]},
        "IGen": {"device": "pc", "displaySize": "1920x1080", "viewingDistance": "150cm"},
    }


def p1203_file(sessions: list[SessionLog]) -> dict[str, Any]:
    """The file with the input of every session that played."""
    ordered = sorted(sessions, key=lambda log: log.viewer)
    return {
        "schema": "hls-swarm/p1203/1",
        "mode": 0,
        "sessions": [
            {"viewer": log.viewer, "profile": log.profile, "input": p1203_input(log)} for log in ordered if log.stalls
        ],
    }
