"""Which level a viewer that adapts loads, and changing it. What is decided is its player's (`adapting.algorithm`).

Rules:

- Whenever nothing of the main track is on its way, the algorithm is asked, before anything is asked for; where its
  answer may change by the buffer alone, there is a time for that.
- A change loads the level's playlist first, unless one that has ended is held; then the segment at the end of what is
  buffered. Nothing that is buffered is thrown away. Renditions go with it.
- A segment that is given up: on demand the same position is asked for at the other level at once. A live one goes on
  until the other level's playlist is here, and counts if it ends before (hls.js).
- Init sections and keys that were loaded once are not loaded again.
- Every change is recorded with its reason.
"""

from dataclasses import dataclass

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.records import Exchange, SwitchReason
from hls_swarm.viewer.actions import Cancel, Look, Looked, PlaylistLoaded, SegmentLoaded
from hls_swarm.viewer.adapting.algorithm import Adaptation, Algorithm, GivingUp, Transfer, View
from hls_swarm.viewer.adapting.hlsjs import Progress
from hls_swarm.viewer.adapting.ladder import Ladder, ladder
from hls_swarm.viewer.adapting.players import algorithm
from hls_swarm.viewer.choosing.alternatives import Alternatives
from hls_swarm.viewer.choosing.choice import Option
from hls_swarm.viewer.loading.requests import INIT, KEY, PART, SEGMENT, playlist_fetch
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.playing.playback import EPSILON, PAUSED, PLAYING

_MARK_DELAY_SECONDS = 0.05
"""Players look at their buffer on a tick of 100 ms: half of it on average after a mark is passed."""


@dataclass(slots=True)
class Pending:
    """A change that was decided while a segment is on its way.

    Attributes:
        waits_for_end: the segment ends first; else it goes on until the level's playlist, which was asked for, is here.
        end_at: when its request is ended if it still goes on; None: not for its own sake.
    """

    option: Option
    level: int
    waits_for_end: bool
    end_at: float | None = None


class Levels:
    """What a viewer that adapts holds beside its loading.

    Attributes:
        current: the level that is loaded, or will be once its playlist is here.
        chosen: whether the algorithm was asked yet: Media3 loads a playlist before that.
        pending: what happens when the segment on its way ends, or a playlist comes.
        look_at: when the segment on its way is to be looked at.
        held: playlists that have ended, by address: they are loaded once.
        returns_at: when what failed can be had again, of a player that chooses anew then.
    """

    __slots__ = ("algorithm", "chosen", "current", "held", "ladder", "look_at", "pending", "returns_at")

    def __init__(self, rungs: Ladder, rules: Algorithm) -> None:
        self.ladder, self.algorithm = rungs, rules
        self.current = rules.first()
        self.chosen = False
        self.pending: Pending | None = None
        self.look_at: float | None = None
        self.held: dict[str, MediaPlaylist] = {}
        self.returns_at: float | None = None


def begin(loading: Loading, every: list[Option], adaptation: Adaptation) -> Option:
    """Let the viewer adapt; gives what it begins with."""
    rungs = ladder(every, by_height=adaptation is Adaptation.HLSJS)
    levels = loading.levels = Levels(rungs, algorithm(adaptation, rungs, loading.link_bps))
    return rungs.options[levels.current]


def advance(loading: Loading, levels: Levels, now: float) -> float | None:
    """Choose anew, or look at what is on its way; gives when that is due again, if it is known."""
    main, pending = loading.tracks[0], levels.pending
    if levels.returns_at is not None:
        if levels.returns_at > now:
            due_at = _advance(loading, levels, main, pending, now)
            return levels.returns_at if due_at is None else min(due_at, levels.returns_at)
        _return(loading, levels, now)
        pending = levels.pending
    return _advance(loading, levels, main, pending, now)


def _advance(loading: Loading, levels: Levels, main: Track, pending: Pending | None, now: float) -> float | None:
    if main.in_flight is None:
        levels.look_at = None
        if pending is not None and pending.waits_for_end:
            levels.pending = None
            go(loading, pending.option, now)
        return _choose(loading, levels, main, now) if levels.pending is None else None
    if pending is not None and pending.end_at is not None and pending.end_at <= now:
        _drop(loading, levels, pending.level, now)
        return None
    if levels.look_at is not None and levels.look_at <= now:
        levels.look_at = None
        loading.actions.append(Look(0))
    if pending is not None and pending.end_at is not None:
        return pending.end_at if levels.look_at is None else min(levels.look_at, pending.end_at)
    return levels.look_at


def _choose(loading: Loading, levels: Levels, main: Track, now: float) -> float | None:
    """Ask which level comes next, and go there; gives when the buffer alone may change the answer."""
    if main.playlist is None or main.is_complete or (main.retry_at is not None and main.retry_at > now):
        return None
    rules = levels.algorithm
    view = _view(loading, main, now)
    if rules.waits_for_room():
        target = loading.profile.buffer_target_seconds(main.source.bitrate_bps)
        if main.next_segment() is None or view.buffer_seconds > target + EPSILON:
            return None
    _change(loading, levels, rules.choose(view), SwitchReason.RATE, now)
    mark = rules.mark(view)
    playback = loading.playback
    if mark is None or playback.state is not PLAYING:
        return None
    at = playback.playhead.reaches(main.credited - mark)
    return None if at is None else max(at, now) + _MARK_DELAY_SECONDS


def _change(loading: Loading, levels: Levels, level: int, reason: SwitchReason, now: float) -> None:
    """Go to a level at once, if it is another one; one that can not be had now is passed over."""
    option = _option_of(loading, levels, level, now)
    first, levels.chosen = not levels.chosen, True
    if option is None or option.main.url == loading.tracks[0].source.url:
        return
    found = levels.ladder.level_of(option)
    levels.current = level if found is None else found
    _report(loading, option, SwitchReason.START if first else reason, now)
    go(loading, option, now)


def _report(loading: Loading, option: Option, reason: SwitchReason, now: float) -> None:
    loading.report(option.chosen_by(loading.number, now, reason=reason))


def _option_of(loading: Loading, levels: Levels, level: int, now: float) -> Option | None:
    """What is played at a level; what has failed is left out, and the next lower one, then higher, taken for it."""
    rungs, alternatives = levels.ladder, loading.alternatives
    if alternatives is None or alternatives.all_well:
        here = loading.tracks[0].source.url
        option = rungs.options[level]
        return None if option.main.url == here else option
    count = len(rungs.options)
    for number in (*range(level, -1, -1), *range(level + 1, count)):
        encoding = rungs.options[number].encoding
        for option in rungs.pathways:
            if option.encoding == encoding and not alternatives.is_excluded(option, now):
                return option
    return None


def go(loading: Loading, option: Option, now: float, *, abandoned: bool = False) -> None:
    """Follow another stream with its renditions, from where this one stands.

    Args:
        abandoned: what is on its way is given up for it.
    """
    if loading.alternatives is not None:
        loading.alternatives.current = option
    held = {} if loading.levels is None else loading.levels.held
    for index, track in enumerate(loading.tracks):
        source = option.source(track.role)
        if source is None or source.url == track.source.url:
            continue
        loading.cancel(track, abandoned=abandoned and index == 0)
        track.switch(source)
        playlist = held.get(source.url)
        if playlist is None:
            loading.ask_media_playlist(index, now)
        else:
            track.playlist, track.loaded_at, track.age_seconds = playlist, now, 0.0
            track.arrive(playlist, now)


# What happens to the main track


def media_began(loading: Loading, levels: Levels, track: Track, now: float) -> None:
    """A request for media went out."""
    fetch = track.in_flight
    if fetch is None or fetch.media_seconds is None:
        return
    levels.algorithm.began(fetch.media_seconds)
    if fetch.kind is not SEGMENT:
        return  # parts are short: of a run of them hls.js watches the first only
    after = levels.algorithm.look_after(_view(loading, track, now), levels.current)
    levels.look_at = None if after is None else now + after


def media_came(loading: Loading, levels: Levels, event: SegmentLoaded, now: float) -> None:
    """A media request ended well; to be told before the segment is credited."""
    track = loading.tracks[event.track]
    fetch, exchange = track.in_flight, event.exchange
    if fetch is None or fetch.kind is KEY:
        if fetch is not None:
            track.keep(fetch.url)
        return
    if fetch.kind is INIT:
        track.keep((fetch.url, fetch.byte_range))
    if exchange is None or fetch.hinted:
        return  # most of the time of a hinted part it waited for that to be made
    if event.track != 0:
        levels.algorithm.loaded_beside(transfer_of(exchange))
        _heard_beside(loading, levels, now)
    else:
        is_media = fetch.kind is SEGMENT or fetch.kind is PART
        levels.algorithm.loaded(levels.current, transfer_of(exchange), is_media=is_media)
        if is_media and loading.alternatives is not None:
            loading.alternatives.forgive(track.source.url)


def _heard_beside(loading: Loading, levels: Levels, now: float) -> None:
    """Media of another track is here: a player that chooses whenever bytes come ends what is on its way for it."""
    main = loading.tracks[0]
    if main.in_flight is None or levels.pending is not None or not levels.algorithm.changes_with_the_last_bytes():
        return
    level = levels.algorithm.choose(_view(loading, main, now))
    if level != levels.current:
        _give_up(loading, levels, GivingUp(level, True), now)


def outdone(loading: Loading, levels: Levels, event: SegmentLoaded, now: float) -> bool:
    """Whether a segment that is here is not taken, since its last bytes were the reason for another level (Shaka)."""
    if event.track != 0 or not levels.algorithm.changes_with_the_last_bytes():
        return False
    before = levels.current
    return levels.algorithm.choose(_view(loading, loading.tracks[0], now)) != before


def playlist_came(loading: Loading, levels: Levels, track: Track, event: PlaylistLoaded, now: float) -> None:
    """A media playlist is here; to be told before anything is made of it."""
    playlist = event.playlist
    if not isinstance(playlist, MediaPlaylist):
        return
    is_main = track is loading.tracks[0]
    if is_main:
        settle(loading, levels, now)
        mean = playlist.duration / len(playlist.segments) if playlist.segments else 0.0
        levels.algorithm.playlist_loaded(levels.current, mean, event.body_seconds)
    if not playlist.is_live:
        levels.held[track.source.url] = playlist


def settle(loading: Loading, levels: Levels, now: float) -> None:
    """The playlist of a level that was to be waited for is here, or will not come: what is on its way has no more time.

    What stands in the way of it is cancelled, its renditions are asked for.
    """
    pending = levels.pending
    if pending is None or pending.waits_for_end:
        return
    levels.pending = levels.look_at = None
    main = loading.tracks[0]
    loading.cancel_media(main, abandoned=True)
    main.switch(pending.option.main)
    go(loading, pending.option, now)


def failed_over(loading: Loading, levels: Levels, left: Option, option: Option, now: float, *, of_media: bool) -> None:
    """A stream failed and another is played."""
    before, after = levels.ladder.level_of(left), levels.ladder.level_of(option)
    levels.pending = levels.look_at = None
    levels.chosen = True
    if after is not None:
        levels.current = after
        if before is not None and before != after:
            levels.algorithm.failed(before, after, of_media=of_media)
            failover = loading.profile.failover
            after_seconds = levels.algorithm.returns_after(0.0 if failover is None else failover.variant_seconds)
            if after_seconds is not None and levels.returns_at is None:
                levels.returns_at = now + after_seconds


def instead(levels: Levels, alternatives: Alternatives, option: Option, now: float) -> Option:
    """What is played where the current stream fails: what its player chooses, or else `option`, the next in order."""
    usable = _usable(levels, alternatives, now)
    left = levels.ladder.level_of(alternatives.current)
    level = levels.algorithm.instead([each for each in usable if each != left], now)
    return option if level is None else usable[level]


def _usable(levels: Levels, alternatives: Alternatives, now: float) -> dict[int, Option]:
    """The levels that have not failed lately, each with what is played at it."""
    out: dict[int, Option] = {}
    for number, rung in enumerate(levels.ladder.options):
        for option in levels.ladder.pathways:
            if option.encoding == rung.encoding and not alternatives.is_excluded(option, now):
                out.setdefault(number, option)
    return out


def _return(loading: Loading, levels: Levels, now: float) -> None:
    """What had failed can be had again, and the player chooses anew."""
    levels.returns_at, alternatives = None, loading.alternatives
    if alternatives is None:
        return
    levels.returns_at = alternatives.next_return(now)
    level = levels.algorithm.returned(list(_usable(levels, alternatives, now)), now)
    if level == levels.current:
        return
    if loading.tracks[0].in_flight is not None:
        _give_up(loading, levels, GivingUp(level, True), now)
    else:
        _change(loading, levels, level, SwitchReason.RATE, now)


def looked(loading: Loading, levels: Levels, event: Looked, now: float) -> None:
    """How far the segment on its way has come: wait on, or give it up."""
    main = loading.tracks[event.track]
    if main.in_flight is None or event.track != 0 or main.in_flight.kind is not SEGMENT:
        return
    if loading.playback.state is PAUSED:
        levels.look_at = now + 0.1
        return
    first = event.first_byte_at
    progress = Progress(
        levels.current,
        now - event.started_at,
        None if first is None else first - event.started_at,
        event.loaded_bytes,
        event.size_bytes,
    )
    found = levels.algorithm.looked(_view(loading, main, now), progress)
    if found is None:
        return
    if isinstance(found, GivingUp):
        _give_up(loading, levels, found, now)
    else:
        levels.look_at = max(event.started_at + found, now + 0.01)


def _give_up(loading: Loading, levels: Levels, found: GivingUp, now: float) -> None:
    main = loading.tracks[0]
    option = _option_of(loading, levels, found.level, now)
    if option is None:
        return
    if found.ends_at_once:
        _drop(loading, levels, found.level, now)
        return
    levels.current = found.level
    _report(loading, option, SwitchReason.ABANDONED, now)
    if option.main.url in levels.held:
        go(loading, option, now, abandoned=True)
        return
    end_at = None if found.end_after_seconds is None else now + found.end_after_seconds
    levels.pending = Pending(option, found.level, waits_for_end=False, end_at=end_at)
    if main.playlist_in_flight:
        loading.actions.append(Cancel(0, playlist=True))
    main.playlist_in_flight, main.reload_at, main.playlist_attempts = True, None, 0
    policy = loading.profile.media_playlist
    loading.actions.append(playlist_fetch(option.main.url, 0, now, policy, loading.total_seconds, retry=False))


def _drop(loading: Loading, levels: Levels, level: int, now: float) -> None:
    """End the request for a segment and go lower still."""
    main = loading.tracks[0]
    was_pending, levels.pending, levels.look_at = levels.pending, None, None
    level = levels.algorithm.dropped(_view(loading, main, now), level)
    option = _option_of(loading, levels, level, now)
    if option is None:
        return
    if was_pending is not None and main.playlist_in_flight:
        main.playlist_in_flight = False
        loading.actions.append(Cancel(0, playlist=True))
    if was_pending is None or levels.current != level:
        _report(loading, option, SwitchReason.ABANDONED, now)
    levels.current = level
    go(loading, option, now, abandoned=True)


def transfer_of(exchange: Exchange) -> Transfer:
    """What a player measures of an exchange."""
    first = exchange.first_byte_at
    began = exchange.started_at
    return Transfer(exchange.ended_at - began, None if first is None else first - began, exchange.body_bytes)


def _view(loading: Loading, main: Track, now: float) -> View:
    buffer = max(0.0, main.credited - loading.playback.playhead.played(now))
    playlist = main.playlist
    if playlist is None or not playlist.is_live:
        return View(now, False, buffer)
    if loading.profile.adaptation is not Adaptation.MEDIA3:
        return View(now, True, buffer)
    segment = main.next_segment()
    return View(now, True, buffer, buffer + main.listed_ahead(), 0.0 if segment is None else segment.duration)
