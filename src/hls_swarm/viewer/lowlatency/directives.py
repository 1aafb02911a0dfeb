"""Delivery directives: what the next reload asks the server to wait for, and to leave out (8216bis 6.2.5, 6.3.4).

Rules:

- The part after the last one listed: the first of the next segment if that one closed its own, by whatever was hinted
  at; without parts, the next segment alone. Sequence number 0 is a number.
- A delta is asked for only where the held copy is young enough to be completed by it (6.3.7).
- A cache may have held the answer (Age): what should have been published since is asked for, up to a target duration
  and a half, and no media before it is there (appendix C, hls.js).
"""

from functools import lru_cache

import msgspec

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.viewer.lowlatency.rules import LimitRule, LowLatencyRules, ReportsRule

# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_HLSJS, _SERVER = LimitRule.HLSJS, LimitRule.SERVER
SERVER_HOLDS_TARGETS = 3
"""A server answers 503 after so many target durations (6.2.5.2)."""
_MARGIN_SECONDS = 2.0
_TUNE_IN_TARGETS = 1.5
_TUNE_IN_GIVES_UP_TARGETS = 3
_ADVANCE_PARTS = 3


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The directives of one reload.

    Attributes:
        sequence, part: `_HLS_msn` and `_HLS_part`; None: the request does not wait.
        skip: value of `_HLS_skip`; None: the full playlist.
    """

    sequence: int | None = None
    part: int | None = None
    skip: str | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether the server is to hold it."""
        return self.sequence is not None

    def is_met_by(self, playlist: MediaPlaylist) -> bool:
        """Whether a playlist has what was waited for, or what comes after."""
        if self.sequence is None or self.sequence < playlist.next_sequence:
            return True
        if self.part is None:
            return False
        return self.sequence == playlist.next_sequence and self.part < len(playlist.open_parts)


PLAIN = Asked()


def next_wanted(playlist: MediaPlaylist) -> tuple[int, int | None]:
    """Segment and part that a playlist will list next."""
    if playlist.open_parts:
        return playlist.next_sequence, len(playlist.open_parts)
    has_parts = playlist.part_target is not None and any(segment.parts for segment in playlist.segments[-1:])
    return playlist.next_sequence, 0 if has_parts else None


def skip_value(playlist: MediaPlaylist, rules: LowLatencyRules, held_seconds: float) -> str | None:
    """Which delta update to ask for, if the held copy is so old."""
    until = playlist.can_skip_until
    if until is None or (rules.skip_share is not None and held_seconds >= rules.skip_share * until):
        return None
    return "v2" if rules.skips_dateranges and playlist.server_control.can_skip_dateranges else "YES"


def tune_in_goal(playlist: MediaPlaylist, age_seconds: float) -> float:
    """Media that should be listed by now and is not, in seconds (hls.js); not above 0: the playlist is fresh."""
    return min(age_seconds - (playlist.part_target or 0.0), _TUNE_IN_TARGETS * playlist.target_duration)


def tuned_in(
    playlist: MediaPlaylist, wanted: tuple[int, int | None], age_seconds: float, goal_before: float | None
) -> tuple[tuple[int | None, int | None], float]:
    """What to ask for in place of the next part, and the goal that it comes from; see `tune_in_goal`.

    Args:
        goal_before: of the reload before; an Age that grew although it was asked for more is not to be trusted.
    """
    goal = tune_in_goal(playlist, age_seconds)
    sequence, part = wanted
    if goal <= 0:
        return wanted, goal
    target = playlist.target_duration
    if age_seconds > _TUNE_IN_GIVES_UP_TARGETS * target:
        return (None, None), goal
    if goal_before and age_seconds - (playlist.part_target or 0.0) > goal_before:
        return wanted, 0.0
    if part is not None and playlist.part_target:
        part += _rounded((goal % target) / playlist.part_target)
    return (sequence + int(goal // target), part), goal


def is_tuning_in(playlist: MediaPlaylist, goal: float | None) -> bool:
    """Whether media waits for a playlist that is not so old: more than PART-HOLD-BACK, or three parts, are missing."""
    if goal is None or goal <= 0 or playlist.part_target is None or not playlist.can_block_reload:
        return False
    return goal > max(playlist.part_hold_back or 0.0, _ADVANCE_PARTS * playlist.part_target)


def reported(rule: ReportsRule, url: str, leaving: MediaPlaylist, age_seconds: float) -> Asked:
    """What the playlist at this URL is asked for first, by the reports of the one that is left.

    Args:
        age_seconds: of the playlist that is left.
    """
    document = url.partition("?")[0]
    found = (report for report in leaving.rendition_reports if report.uri.partition("?")[0] == document)
    report = next(found, None)
    if report is None or rule is ReportsRule.IGNORED:
        return PLAIN
    sequence, part = report.last_sequence, report.last_part
    if rule is ReportsRule.AS_TOLD:
        return Asked(leaving.last_sequence if sequence is None else sequence, part)
    last = leaving.open_parts or (leaving.segments[-1].parts if leaving.segments else ())
    sequence = sequence or (last[-1].sequence if last else leaving.last_sequence)
    part = part or (last[-1].index if last else None)
    if part is not None and leaving.part_target and age_seconds > 2 * leaving.part_target:
        part += 1
    return Asked(sequence, part)


def time_limits(
    rule: LimitRule, asked: Asked, playlist: MediaPlaylist | None, first_byte: float | None, total: float | None
) -> tuple[float | None, float | None]:
    """Limits of a request with directives: to the first byte, and of all of it.

    Args:
        first_byte, total: the player's own; None is none.
    """
    if playlist is None or not asked.is_blocking:
        return first_byte, total
    target = playlist.target_duration
    if rule is _HLSJS and asked.part is not None and playlist.part_target:
        limit = min(10.0, max(3 * playlist.part_target, 0.8 * target))
        return limit, limit
    if rule is _SERVER:
        least = SERVER_HOLDS_TARGETS * target + _MARGIN_SECONDS
        return None if first_byte is None else max(first_byte, least), None if total is None else max(total, least)
    return first_byte, total


@lru_cache(maxsize=256)
def with_directives(url: str, asked: Asked, *, sort: bool = False) -> str:
    """The URL of a reload.

    Args:
        sort: put all parameters in the UTF-8 order of their names (6.3.2); players append theirs.
    """
    added = []
    if asked.sequence is not None:
        added.append(f"_HLS_msn={asked.sequence}")
    if asked.part is not None:
        added.append(f"_HLS_part={asked.part}")
    if asked.skip is not None:
        added.append(f"_HLS_skip={asked.skip}")
    if not added:
        return url
    document, hash_, fragment = url.partition("#")
    path, _, query = document.partition("?")
    fields = [field for field in query.split("&") if field] + added
    if sort:
        fields.sort(key=lambda field: field.partition("=")[0].encode())
    return f"{path}?{'&'.join(fields)}{hash_}{fragment}"


@lru_cache(maxsize=1024)
def without_directives(url: str) -> str:
    """The URL of a playlist, whatever a reload of it asks for."""
    if "_HLS_" not in url:
        return url
    path, _, query = url.partition("?")
    kept = [field for field in query.split("&") if not field.startswith(("_HLS_msn=", "_HLS_part=", "_HLS_skip="))]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _rounded(value: float) -> int:
    """Halves go up, as JavaScript rounds."""
    return int(value + 0.5)
