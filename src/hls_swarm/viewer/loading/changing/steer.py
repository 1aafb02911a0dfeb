"""Following a steering server: when it is asked, and what is done about what it says or does not say.

Rules:

- It is first asked just before the first media playlist, and not waited for by most; then each TTL.
- A server that fails costs nothing but what it would have said: the viewer plays on where it is. 410 ends the asking,
  and so does a manifest that can not be read; any other failure, once its tries are over, waits for the next TTL.
- A pathway that failed is left alone for a while: once all its variants have failed, or a rendition's playlist.
- Going to another pathway loads the playlist of the variant in the same place; what is buffered stays, and a segment on
  its way ends first, unless it is the reason to go. Shaka keeps its playlists and asks for their segments elsewhere.
"""

from base64 import b64decode
from binascii import Error
from urllib.parse import unquote_to_bytes

import msgspec

from hls_swarm.hls.playlist import MultivariantPlaylist
from hls_swarm.hls.uri import is_data, resolve, split_uri
from hls_swarm.records import (
    AsideFetched,
    Exchange,
    Failure,
    FailureKind,
    ObjectKind,
    PathwayChosen,
    PathwayReason,
    SwitchReason,
)
from hls_swarm.viewer.actions import FetchSteering, SteeringCame
from hls_swarm.viewer.adapting.algorithm import Adaptation
from hls_swarm.viewer.adapting.link import Link
from hls_swarm.viewer.choosing.alternatives import Alternatives
from hls_swarm.viewer.choosing.choice import Option
from hls_swarm.viewer.choosing.steering import (
    USUAL_TTL_SECONDS,
    After429,
    Pathways,
    SteeringPolicy,
    UnknownVersionError,
    asked_with,
    move,
    parse_manifest,
    same_place,
)
from hls_swarm.viewer.loading.changing.levels import Pending, go
from hls_swarm.viewer.loading.policy import NO_FAILOVER, TIMEOUT_KINDS, FetchPolicy
from hls_swarm.viewer.loading.state import Loading

FETCH = FetchPolicy(10.0, 20.0, timeout_retries=2, error_retries=1)
"""Limits and tries of hls.js; only what is worth it is asked for again (see `_failed`)."""
_GONE, _TOO_MANY = 410, 429
_LOOK_SECONDS = 0.1  # hls.js looks as often; a segment that ends well is noticed at once


class Steering:
    """What a viewer holds of a steering server.

    Attributes:
        pathways: what there is to go to.
        uri: where the server is; None once it is not to be asked any more.
        priority: what it said last.
        link: the estimate that it is told, of a viewer that does not adapt by one.
        asks_at: when the server is asked next; None while it is being asked, and once it is not to be asked any more.
        waits: whether there is a pathway to go to once the segment on its way is here.
        holds: whether the first media playlists wait for what it says.
    """

    __slots__ = (
        "asks_at",
        "attempts",
        "holds",
        "link",
        "pathways",
        "policy",
        "priority",
        "ttl_seconds",
        "uri",
        "waits",
    )

    def __init__(self, pathways: Pathways, uri: str, policy: SteeringPolicy, link: Link) -> None:
        self.pathways, self.policy, self.link = pathways, policy, link
        self.uri: str | None = uri
        self.priority: tuple[str, ...] = ()
        self.ttl_seconds = USUAL_TTL_SECONDS
        self.attempts = 0
        self.asks_at: float | None = None
        self.waits = False
        self.holds = policy.waits_for_first and not is_data(uri)


def begin_steering(
    loading: Loading, playlist: MultivariantPlaylist, policy: SteeringPolicy, now: float
) -> list[Option]:
    """Take in that the presentation is steered; gives what can be played at first."""
    pathways = Pathways(playlist, subtitles=loading.profile.plays_subtitles)
    tag = playlist.content_steering
    if tag is None:
        raise ValueError("a presentation without EXT-X-CONTENT-STEERING is not steered")
    link = Link(loading.profile.adaptation or Adaptation.HLSJS)
    link.begin(playlist.variants[0].bandwidth if playlist.variants else 0)
    loading.steering = Steering(pathways, tag.server_uri, policy, link)
    loading.report(PathwayChosen(loading.number, now, pathways.current, PathwayReason.START))
    return list(pathways.options())


def ask_steering(loading: Loading, steering: Steering, due_at: float, now: float) -> None:
    """Ask the server; one that is in its own address answers at once."""
    loading.retry_at = steering.asks_at = None
    uri = steering.uri
    if uri is None:
        return
    if is_data(uri):
        _take_in(loading, steering, _data(uri), uri, now)
        return
    levels, url = loading.levels, uri
    if steering.policy.tells_from_start or steering.priority:
        bps = steering.link.bps if levels is None else levels.algorithm.estimate_bps
        url = asked_with(uri, steering.pathways.current, bps)
    limit = loading.total_seconds or FETCH.total_seconds
    loading.actions.append(FetchSteering(url, due_at, FETCH.first_byte_seconds, limit, steering.attempts > 0))


def steering_due(loading: Loading, steering: Steering, due_at: float, now: float) -> None:
    """It is time to ask the server, or to look whether the viewer can go where it was sent."""
    if steering.asks_at is None or steering.asks_at <= now:
        ask_steering(loading, steering, due_at, now)
    else:
        loading.retry_at = steering.asks_at
    if steering.waits:
        _steer(loading, steering, now)


def steering_came(loading: Loading, event: SteeringCame, now: float) -> None:
    """The server answered, or failed."""
    steering = loading.steering
    if steering is None:
        return
    if event.body is not None:
        _take_in(loading, steering, event.body, event.url, now)
    else:
        _failed(loading, steering, event, now)
    if steering.holds and not steering.attempts:
        steering.holds = False
        for index, track in enumerate(loading.tracks):
            if track.playlist is None and not track.playlist_in_flight:
                loading.ask_media_playlist(index, now)


def left_pathway(loading: Loading, now: float) -> bool:
    """Go to another pathway because this one has failed; False if there is none to go to."""
    steering = loading.steering
    if steering is None:
        return False
    steering.pathways.penalise(now, steering.policy.penalty_seconds)
    return _follow(loading, steering, PathwayReason.FAILED, now)


def has_other_pathway(loading: Loading, now: float) -> bool:
    """Whether there would be a pathway to go to if this one failed."""
    steering = loading.steering
    if steering is None:
        return False
    pathways = steering.pathways
    others = [each for each in steering.priority or pathways.ids if each != pathways.current]
    return pathways.preferred(others, now) is not None if others else False


def _take_in(loading: Loading, steering: Steering, body: bytes, url: str, now: float) -> None:
    policy, steering.attempts = steering.policy, 0
    try:
        manifest = parse_manifest(body)
    except ValueError as error:
        if is_data(url):  # else it is reported with its request
            exchange = Exchange(url, url, now, now, now, timed=False)
            failure = Failure(FailureKind.BAD_STEERING, str(error))
            loading.report(AsideFetched(loading.number, ObjectKind.STEERING, exchange, failure))
            steering.uri = None
        elif policy.asks_again_after_any and not isinstance(error, UnknownVersionError):
            loading.retry_at = steering.asks_at = now + steering.ttl_seconds
        else:
            steering.uri = None
        return
    steering.ttl_seconds, steering.priority = manifest.ttl_seconds, manifest.priority
    reload_uri = manifest.reload_uri
    if reload_uri is not None:
        takes = policy.takes_relative_reload or split_uri(reload_uri)[0] is not None
        steering.uri = resolve(url, reload_uri) if takes else None
    if steering.uri is not None:
        loading.retry_at = steering.asks_at = now + steering.ttl_seconds
    if policy.knows_clones:
        steering.pathways.add(manifest.clones)
    steering.waits = False
    if manifest.priority:
        _steer(loading, steering, now)


def _steer(loading: Loading, steering: Steering, now: float) -> None:
    """Go where the server wants, now or when the segment on its way has ended."""
    main = loading.tracks[0] if loading.tracks else None
    at_once = loading.levels is not None or steering.policy.keeps_playlists
    if main is None or main.in_flight is None or at_once:
        steering.waits = False
        _follow(loading, steering, PathwayReason.STEERED, now)
        return
    steering.waits = steering.pathways.preferred(steering.priority, now) is not None
    if steering.waits:
        look_at = now + _LOOK_SECONDS
        asks_at = steering.asks_at
        loading.retry_at = look_at if asks_at is None else min(look_at, asks_at)


def _failed(loading: Loading, steering: Steering, event: SteeringCame, now: float) -> None:
    failure = event.failure
    if failure is None:
        raise AssertionError("what brought no body has failed")
    steering.attempts += 1
    attempts, status = steering.attempts, failure.status
    after_any = steering.policy.asks_again_after_any and failure.kind is not FailureKind.INTERNAL
    if after_any:
        if attempts <= FETCH.error_retries:
            again = loading.profile.multivariant_playlist  # its limits and waits are the steering server's, too
            loading.retry_at = steering.asks_at = now + again.spread_out(again.backoff_seconds, loading.draw(again))
            return
    elif failure.kind in TIMEOUT_KINDS and attempts <= FETCH.timeout_retries:
        loading.retry_at = steering.asks_at = now
        return
    elif status is not None and status >= 500 and attempts <= FETCH.error_retries:
        loading.retry_at = steering.asks_at = now + FETCH.backoff_seconds
        return
    steering.attempts = 0
    refused, after = status == _TOO_MANY, steering.policy.after_429
    gone = status == _GONE and not after_any
    if gone or failure.kind is FailureKind.INTERNAL or (refused and after is After429.STOPS):
        steering.uri = None
        return
    wait = steering.ttl_seconds
    if refused and after is After429.WAITS_AS_TOLD and event.retry_after_seconds is not None:
        wait = event.retry_after_seconds
    loading.retry_at = steering.asks_at = now + wait


def _follow(loading: Loading, steering: Steering, reason: PathwayReason, now: float) -> bool:
    """Go where the priority points, if that is elsewhere."""
    pathways = steering.pathways
    wanted = pathways.preferred(steering.priority, now)
    alternatives = loading.alternatives
    if wanted is None or alternatives is None:
        return False
    before, after = pathways.options(), pathways.options(wanted)
    pathways.current = wanted
    option = same_place(alternatives.current, before, after)
    loading.alternatives = Alternatives(after, option, loading.profile.failover or NO_FAILOVER)
    levels = loading.levels
    if levels is not None:
        rungs = levels.ladder
        places = tuple(same_place(rung, before, after) for rung in rungs.options)
        levels.ladder = msgspec.structs.replace(rungs, options=places, pathways=after)
        levels.pending = levels.look_at = None
        levels.chosen = True
    loading.report(PathwayChosen(loading.number, now, wanted, reason))
    main = loading.tracks[0]
    if steering.policy.keeps_playlists and reason is PathwayReason.STEERED and main.playlist is not None:
        _move(loading, option)
    elif levels is not None and reason is PathwayReason.STEERED and main.in_flight is not None:
        levels.pending = Pending(option, levels.current, waits_for_end=True)
    else:
        go(loading, option, now)
    why = None
    if levels is not None:
        why = SwitchReason.FAILED if reason is PathwayReason.FAILED else SwitchReason.STEERED
    loading.report(option.chosen_by(loading.number, now, failover=reason is PathwayReason.FAILED, reason=why))
    return True


def _move(loading: Loading, option: Option) -> None:
    """Go on with the playlists that are here, and ask for what they list where this option is."""
    if loading.alternatives is not None:
        loading.alternatives.current = option
    for track in loading.tracks:
        source = option.source(track.role)
        if source is not None and source.url != track.source.url:
            track.moved = move(track.source.url, source.url, track.moved)
            track.source = source


def _data(uri: str) -> bytes:
    """What a data URI holds (RFC 2397); nothing, if it can not be read."""
    head, _, data = uri.partition(",")
    raw = unquote_to_bytes(data)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return b64decode(raw + b"=" * (-len(raw) % 4))
    except Error:
        return b""
