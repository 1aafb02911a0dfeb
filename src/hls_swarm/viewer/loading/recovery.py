"""What a viewer does after a failure: try again, go elsewhere, do without, or give up.

What is tried how often, and what comes after the last try, is data of the profile (`policy`); here it is carried out.
"""

from hls_swarm.records import Failure, FailureKind, ObjectKind, PassReason, SegmentsPassed
from hls_swarm.viewer.actions import FetchFailed
from hls_swarm.viewer.choosing.choice import Role
from hls_swarm.viewer.loading.changing.elsewhere import has_other, switch
from hls_swarm.viewer.loading.changing.levels import settle, transfer_of
from hls_swarm.viewer.loading.edge import hint_failed
from hls_swarm.viewer.loading.fatal import Fatal
from hls_swarm.viewer.loading.playlists.blocking import after_failure, release
from hls_swarm.viewer.loading.policy import TIMEOUT_KINDS, FailedFetch, FetchPolicy, MediaRule, Step, next_step
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.profiles import Profile


def fetch_failed(loading: Loading, event: FetchFailed, now: float) -> None:
    """A request ended without what it was for."""
    loading.last_failure = event.failure
    if event.failure.kind is FailureKind.INTERNAL:
        # A bug of this program's own, which no player would have met: to go on would measure something else.
        loading.fail(event.failure, event.url, _asked_for(loading, event))
    elif event.track is None:
        _first_playlist_failed(loading, event, now)
    elif event.playlist:
        loading.tracks[event.track].playlist_in_flight = False
        playlist_failed(loading, event.track, event.failure, event.url, now)
    else:
        if loading.levels is not None and event.exchange is not None and event.failure.kind in TIMEOUT_KINDS:
            loading.levels.algorithm.timed_out(transfer_of(event.exchange))
        _media_failed(loading, loading.tracks[event.track], event.failure, event.url, now)


def _asked_for(loading: Loading, event: FetchFailed) -> ObjectKind:
    if event.track is None:
        return ObjectKind.MULTIVARIANT_PLAYLIST
    media = loading.tracks[event.track].in_flight
    return ObjectKind.MEDIA_PLAYLIST if event.playlist or media is None else media.kind


def playlist_failed(
    loading: Loading, index: int, failure: Failure, url: str, now: float, *, retryable: bool = True
) -> None:
    """A track's playlist could not be had, or is of no use.

    Args:
        retryable: whether another load may bring something else.
    """
    track, policy = loading.tracks[index], loading.profile.media_playlist
    if loading.levels is not None and index == 0:
        settle(loading, loading.levels, now)
    if track.low_latency is not None:
        again_at = after_failure(loading, track, track.low_latency, failure, url, policy, now)
        if again_at is not None:
            track.reload_at = again_at
            return
    track.playlist_attempts += 1
    attempts = track.playlist_attempts
    step, delay = _step_after(
        loading, policy, track, failure, attempts, now, passable=False, retryable=retryable, of_media=False
    )
    if step is Step.RETRY:
        track.reload_at = now + delay
        begins_anew = policy.retry_delay(attempts, failure.kind, failure.status) is None
        if begins_anew and loading.profile.live_retry_seconds is not None:
            track.playlist_attempts, track.scheduled_at = 0, track.reload_at
    else:
        _take(loading, step, track, Fatal(failure, url, ObjectKind.MEDIA_PLAYLIST), now)
    release(loading, now + delay)


def _first_playlist_failed(loading: Loading, event: FetchFailed, now: float) -> None:
    loading.attempts += 1
    policy = loading.profile.multivariant_playlist
    draw = loading.draw(policy)
    delay = policy.retry_delay(loading.attempts, event.failure.kind, event.failure.status, draw=draw)
    if delay is None or event.failure.kind is FailureKind.BAD_PLAYLIST:
        loading.fail(event.failure, event.url, ObjectKind.MULTIVARIANT_PLAYLIST)
    else:
        loading.retry_at = now + delay


def _media_failed(loading: Loading, track: Track, failure: Failure, url: str, now: float) -> None:
    failed = track.in_flight
    track.in_flight = None
    if failed is None:
        return
    place = track.low_latency
    if place is not None and failed.hinted:
        hint_failed(loading, track, place, failed, url, now)
        return
    track.attempts += 1
    profile = loading.profile
    passable = (
        failed.kind is ObjectKind.SEGMENT
        and (profile.skips_in_vod or (track.playlist is not None and track.playlist.is_live))
        and track.skipped < profile.skipped_segments_limit
    )
    policy = profile.policy(failed.kind)
    rule = profile.unplayable(failure.kind) if failed.kind is ObjectKind.SEGMENT else MediaRule.LIKE_ANY_FAILURE
    if profile.gives_up_after_seconds and failed.kind is not ObjectKind.PART and rule is MediaRule.LIKE_ANY_FAILURE:
        draw = loading.draw(policy)
        delay = policy.retry_delay(track.attempts, failure.kind, failure.status, draw=draw)
        track.given_up = Fatal(failure, url, failed.kind) if delay is None else None
        if delay is None:
            delay = policy.spread_out(profile.gives_up_after_seconds, draw)
        track.retry_at = now + delay
        return
    step, delay = _step_after(loading, policy, track, failure, track.attempts, now, passable=passable, unplayable=rule)
    if step is Step.RETRY:
        track.retry_at = now + delay
    elif place is not None and failed.kind is ObjectKind.PART and step is not Step.SWITCH:
        # Its segment as a whole is another address, once it is complete.
        place.whole, place.loading, track.attempts = track.next_sequence, None, 0
    else:
        _take(loading, step, track, Fatal(failure, url, failed.kind), now)


def give_up(loading: Loading, track: Track, given_up: Fatal, now: float) -> None:
    """Act upon what could not be had a while ago: go elsewhere, or begin anew."""
    track.given_up = None
    policy = loading.profile.policy(given_up.object)
    step, delay = _step_after(loading, policy, track, given_up.failure, track.attempts, now, passable=False)
    if step is Step.RETRY:
        track.attempts, track.retry_at = 0, now + delay
    else:
        _take(loading, step, track, given_up, now)


def _step_after(
    loading: Loading,
    policy: FetchPolicy,
    track: Track,
    failure: Failure,
    attempts: int,
    now: float,
    *,
    passable: bool,
    retryable: bool = True,
    unplayable: MediaRule = MediaRule.LIKE_ANY_FAILURE,
    of_media: bool = True,
) -> tuple[Step, float]:
    profile = loading.profile
    live = track.playlist is not None and track.playlist.is_live
    by_parts = track.playlist is not None and track.playlist.is_low_latency
    failed = FailedFetch(
        attempts=attempts,
        alternative=_may_leave(profile, failure) and has_other(loading, track, now, of_media=of_media),
        passable=passable,
        optional=track.role is Role.SUBTITLES,
        live_retry_seconds=profile.live_retry_seconds if live else None,
        retryable=retryable,
        unplayable=unplayable,
        draw=loading.draw(policy),
    )
    step, delay = next_step(policy, profile.failover, failure, failed)
    waits = None if profile.low_latency is None else profile.low_latency.retry_seconds
    if waits is not None and by_parts and step is Step.RETRY:
        delay = waits[(attempts - 1) % 2 if of_media else 0]
    return step, delay


def _may_leave(profile: Profile, failure: Failure) -> bool:
    failover = profile.failover
    return failover is None or failover.after_timeouts or failure.kind not in TIMEOUT_KINDS


def _take(loading: Loading, step: Step, track: Track, otherwise: Fatal, now: float) -> None:
    """Carry out a step that is not another try; `otherwise` is what it comes to if that is the end."""
    match step:
        case Step.SWITCH:
            of_media = otherwise.object is not ObjectKind.MEDIA_PLAYLIST
            switch(loading, now, of_media=of_media, of_main=track.role is Role.MAIN)
        case Step.PASS_OVER:
            track.pass_over()
            track.skipped += 1
            loading.report(SegmentsPassed(loading.number, now, 1, PassReason.UNAVAILABLE))
        case Step.DROP:
            loading.cancel(track)
            track.playlist, track.reload_at, track.next_sequence, track.gates = None, None, None, False
            loading.follow(loading.tracks)
        case _:
            loading.fail(otherwise.failure, otherwise.url, otherwise.object, track)
