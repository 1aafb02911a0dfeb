"""Where a track stands between parts, and what its next reload asks for.

Rules:

- `Track.next_sequence` and `Track.skip_seconds` say where the next media begins, as without parts; `part` says which
  part that is. So a segment can be ended as a whole where its parts have gone: only the rest of it is credited.
- A part is credited when it is here and listed; one that was hinted at waits for the playlist that lists it.
"""

from collections.abc import Callable, Sequence

from hls_swarm.hls.playlist import HintType, InitSection, MediaPlaylist, Part, PreloadHint, Segment
from hls_swarm.hls.uri import is_data
from hls_swarm.viewer.actions import FetchSegment
from hls_swarm.viewer.adapting.estimates import Ewma
from hls_swarm.viewer.lowlatency.directives import PLAIN, Asked, next_wanted, skip_value, tuned_in
from hls_swarm.viewer.lowlatency.rules import LowLatencyRules, PartsRule, StartRule

# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_NEAR_EDGE, _OPEN_SEGMENT, _LISTED = PartsRule.NEAR_EDGE, PartsRule.OPEN_SEGMENT, PartsRule.LISTED
_AT_INDEPENDENT = StartRule.AT_INDEPENDENT
_PART, _MAP = HintType.PART, HintType.MAP
_MEAN_RELOADS = 5
"""After so many reloads the weight of one in the mean time that they take has halved (Shaka)."""
_TIMER_SECONDS = 0.02


class Pace:
    """When the playlists of a player are reloaded that reloads all of them together (Shaka).

    The first time a step after it has made sense of them; then after what is left of a step once the mean duration of
    reloads has been taken from it. What this machine's timers are late by does not add up.

    Args:
        ready_seconds: how long it takes to make sense of the first ones.
    """

    __slots__ = ("_due_at", "_mean", "_ready_seconds")

    def __init__(self, ready_seconds: float) -> None:
        self._ready_seconds = ready_seconds
        self._mean: Ewma | None = None
        self._due_at = 0.0

    def next_at(self, started_at: float, now: float, step: float) -> float:
        """When they are reloaded next, if the reload that began at `started_at` has ended."""
        if self._mean is None:
            self._mean = Ewma(_MEAN_RELOADS)
            self._due_at = now + self._ready_seconds + step
            return self._due_at
        late = started_at - self._due_at
        self._mean.sample(1, now - started_at)
        ended_at = now - late if 0.0 < late < _TIMER_SECONDS else now
        self._due_at = max(ended_at + max(0.0, step - self._mean.value), now)
        return self._due_at


class Place:
    """What a track knows beyond whole segments.

    Attributes:
        asked: directives of the reload under way, or of the last one.
        next: those of the next one.
        part: index of the next part within the next segment; None: not decided, as after a join.
        by_parts: number of the segment that was begun by parts, which is ended by parts.
        whole: number of a segment that is loaded whole, since a part of it could not be had.
        loading: the part that the media request under way is for.
        hint: URI of the hinted part that was asked for, until it is credited or given up.
        hint_at: when it was here; None: it is under way.
        fresh_from: segment and part that were not there yet when the track was joined.
        init_hint: the hinted init section that is under way.
        repeat: a hinted request that failed and is made once more.
        given_up: URI of what was hinted at and could not be had.
        tune_in_goal: see `directives.tune_in_goal`.
    """

    __slots__ = (
        "asked",
        "by_parts",
        "fresh_from",
        "given_up",
        "hint",
        "hint_at",
        "init_hint",
        "loading",
        "next",
        "part",
        "repeat",
        "rules",
        "tune_in_goal",
        "whole",
    )

    def __init__(self, rules: LowLatencyRules) -> None:
        self.rules = rules
        self.tune_in_goal: float | None = None
        self.leave()

    def leave(self) -> None:
        """Another playlist is followed from now on."""
        self.asked = self.next = PLAIN
        self.tune_in_goal = None
        self.move()

    def move(self) -> None:
        """Loading goes on elsewhere."""
        self.part: int | None = None
        self.by_parts: int | None = None
        self.whole: int | None = None
        self.loading: Part | None = None
        self.hint: str | None = None
        self.hint_at: float | None = None
        self.init_hint: InitSection | None = None
        self.repeat: FetchSegment | None = None
        self.given_up: str | None = None
        self.fresh_from: tuple[int, int] | None = None

    # -- reloads ------------------------------------------------------------------------------------------------------

    def plan(
        self, playlist: MediaPlaylist, *, changed: bool, started_at: float, age_seconds: float, now: float
    ) -> float | None:
        """Decide what the next reload asks for; gives when it is due, or None: as without low latency.

        A player that paces its reloads decides when in another way (`Pace`).

        Args:
            changed: whether this load brought something new.
            started_at: when it began.
            age_seconds: its Age, and the time since the first byte.
        """
        rules = self.rules
        skip = skip_value(playlist, rules, 0.0 if changed else now - started_at)
        self.next = Asked(None, None, skip)
        if not playlist.can_block_reload or (not changed and rules.plain_after_unchanged):
            return None
        sequence: int | None
        sequence, part = wanted = next_wanted(playlist)
        if rules.tunes_in:
            (sequence, part), self.tune_in_goal = tuned_in(playlist, wanted, age_seconds, self.tune_in_goal)
        self.next = Asked(sequence, part, skip)
        step = playlist.part_target or playlist.target_duration
        return now if changed or rules.paces else now + step / 2

    # -- media --------------------------------------------------------------------------------------------------------

    def wanted(
        self, playlist: MediaPlaylist, sequence: int, skip_seconds: float, playhead: Callable[[], float]
    ) -> tuple[int, Part | Segment | None]:
        """What to load next: a part, a whole segment, or nothing that is listed; and the segment that it is in.

        Args:
            sequence, skip_seconds: the next segment, and how far in it the next media begins.
            playhead: says where the player is, in seconds from the playlist's start; seldom asked.
        """
        if self.fresh_from is None:
            coming, index = next_wanted(playlist)
            self.fresh_from = coming, index or 0
        segment = playlist.segment_of_sequence(sequence)
        if segment is not None and self.part and segment.parts and self.part >= len(segment.parts):
            sequence, skip_seconds, self.part = sequence + 1, 0.0, 0
            segment = playlist.segment_of_sequence(sequence)
        if segment is None:
            parts: Sequence[Part] = playlist.open_parts if sequence == playlist.next_sequence else ()
        else:
            parts = segment.parts
        if self.whole == sequence or not parts or not self._plays_parts(playlist):
            return sequence, segment
        if not self.part and self.by_parts != sequence and not self._by_parts(playlist, segment, playhead):
            return sequence, segment
        if self.part is None:
            start = 0.0 if segment is None else segment.start
            if segment is None:
                start = playlist.duration
            self.part = _first_part(parts, start + skip_seconds, self.rules.starts)
            if self.part is None:
                return sequence, segment
        self.by_parts = sequence
        return sequence, parts[self.part] if self.part < len(parts) else None

    def _plays_parts(self, playlist: MediaPlaylist) -> bool:
        """Whether a playlist's parts are played at all: those of one that offers all of low latency, but by hls.js."""
        return playlist.part_target is not None and (playlist.is_low_latency or self.rules.parts is _NEAR_EDGE)

    def _by_parts(self, playlist: MediaPlaylist, segment: Segment | None, playhead: Callable[[], float]) -> bool:
        rule = self.rules.parts
        if rule is _LISTED:
            return True
        if rule is _OPEN_SEGMENT:
            return segment is None or self.part is None
        first = first_listed_part(playlist)
        if first is None:
            return False
        part, begins_in = first
        end = playlist.edge if segment is None else segment.end
        if end < part.end + (playlist.edge - playlist.duration):
            return False
        return playhead() > part.start - begins_in

    def credited(self, part: Part, segment_start: float, skip_seconds: float) -> tuple[float, float]:
        """A part is here: what it adds to the buffer, and how far in its segment the next media begins, in seconds.

        Args:
            segment_start: where its segment begins, in the same playlist.
        """
        begins, ends = part.start - segment_start, part.end - segment_start
        self.part, self.loading = part.index + 1, None
        return max(0.0, ends - max(begins, skip_seconds)), max(skip_seconds, ends)

    # -- hints --------------------------------------------------------------------------------------------------------

    def wanted_init(self, playlist: MediaPlaylist) -> InitSection | None:
        """The init section to ask for before a playlist lists it; the first hint of its type counts."""
        if not self.rules.requests_init_hints:
            return None
        hint = next((each for each in playlist.preload_hints if each.type is _MAP), None)
        if hint is None or hint.uri == self.given_up or is_data(hint.uri) or (hint.first_byte and hint.length is None):
            return None
        return InitSection(hint.uri, None if hint.length is None else (hint.first_byte, hint.length))

    def wanted_hint(self, playlist: MediaPlaylist) -> PreloadHint | None:
        """The hinted part to ask for now, once all listed ones are here; the first hint of its type counts."""
        if not self.rules.requests_hints or self.hint is not None or self.part is None or self.whole is not None:
            return None
        if not self._plays_parts(playlist):
            return None
        hint = next((each for each in playlist.preload_hints if each.type is _PART), None)
        # What begins in the middle of a resource and ends with it can not be asked for as a range of known length.
        if hint is None or hint.uri == self.given_up or (hint.first_byte and hint.length is None):
            return None
        return hint

    def comes_true(self, part: Part | Segment | None, playlist: MediaPlaylist) -> bool | None:
        """Whether the hinted part that was asked for is the one that is listed next; None: that is still open."""
        if isinstance(part, Part):
            return part.uri == self.hint
        if part is None and any(each.uri == self.hint for each in playlist.preload_hints):
            return None
        return False

    def give_up_hint(self) -> None:
        """What was hinted at will not come."""
        if not self.rules.keeps_hints:
            self.given_up = self.hint if self.init_hint is None else self.init_hint.uri
        self.hint = self.hint_at = self.init_hint = self.repeat = self.loading = None

    def move_hint(self) -> None:
        """What was under way is cancelled."""
        if self.hint_at is None:
            self.hint = None
        self.loading = self.init_hint = self.repeat = None


def first_listed_part(playlist: MediaPlaylist) -> tuple[Part, float] | None:
    """The first part of a playlist, and the duration of its segment; parts are those of the last segments."""
    found: tuple[Part, float] | None = None
    if playlist.open_parts:
        found = playlist.open_parts[0], playlist.edge - playlist.duration
    for segment in reversed(playlist.segments):
        if not segment.parts:
            break
        found = segment.parts[0], segment.duration
    return found


def _first_part(parts: Sequence[Part], position: float, rule: StartRule) -> int | None:
    """With which part of a segment to begin at a position; None: with the whole segment."""
    marked = any(part.independent for part in parts)
    first = None if rule is _AT_INDEPENDENT else 0
    for part in parts:
        if part.start > position:
            break
        if part.independent or not marked:
            first = part.index
    return first
