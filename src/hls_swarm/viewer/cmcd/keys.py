"""Which CMCD keys each player sends with which request, and how it rounds. Pure.

Sources: hls.js 1.7.4 (`cmcd-controller`, @svta/cml-cmcd 2.4.0), Shaka Player 5.2 (`CmcdManager`), Media3 1.11
(`CmcdData`). The first two were observed in Chromium too; hls.js's mistakes are kept: `bl` of a playlist is that of the
newest append, an audio segment's `br` and `nor` are those of the level with the audio track's number.
"""

import math
from enum import Enum
from typing import NamedTuple

from hls_swarm.viewer.cmcd.encoding import Data, Token, Value, encoded, relative_path, rounded

RTP_FACTOR = 5
_HUNDRED = 100
_MILLISECOND = 0.001
_SHAKA_WITHOUT_BUFFER_SECONDS = 0.5


class Player(Enum):
    """Whose CMCD it is."""

    HLSJS = "hlsjs"
    SHAKA = "shaka"
    MEDIA3 = "media3"


PLAYERS = {"hlsjs": Player.HLSJS, "steady": Player.HLSJS, "shaka": Player.SHAKA, "media3": Player.MEDIA3}
"""By profile; who is not here sends none."""


class ObjectType(Enum):
    """What is asked for (`ot`)."""

    MANIFEST = Token("m")
    VIDEO = Token("v")
    AUDIO = Token("a")
    MUXED = Token("av")
    INIT = Token("i")
    TEXT = Token("tt")
    KEY = Token("k")
    UNKNOWN = Token("")  # of the main stream; no CODECS tell what it carries


_MEDIA = frozenset({ObjectType.VIDEO, ObjectType.AUDIO, ObjectType.MUXED, ObjectType.UNKNOWN})


class Standing(NamedTuple):
    """What a request is for and how its viewer fares.

    Attributes:
        version: of CMCD.
        url, next_url: of the request, and of the next segment that the playlist lists; None at its end.
        next_range: of the next segment: first byte and length.
        bitrate_bps, top_bps, lowest_bps: BANDWIDTH of the variant, and of the highest and lowest one.
        appended_seconds: buffer after the newest segment was appended; None before the first.
        throughput_bps: what the player estimates of its link.
        stream: `v`, `l` or `ll`; None before a media playlist is known.
        has_played, buffering: whether it ever played; whether it waits for media.
        starved: whether it stalled since its last request for video.
        playing_bps: BANDWIDTH of the variant on screen; None before it plays.
        state: as `sta` says it.
        nth: requests with CMCD before this one.
        audio_apart: whether audio has segments of its own.
        rate: speed of play; 1 is as it was recorded, of which nothing is told.
        looks_into: whether it is looked into before play, for what playlists do not say (Shaka).
        startup_milliseconds: what it took to start, where this is the first request since; None with all others.
        latency_milliseconds: how far behind live it plays; None if it does not, or that is not known.
    """

    version: int
    object: ObjectType
    session: str
    url: str
    throughput_bps: float
    content: str = ""
    media_seconds: float | None = None
    bitrate_bps: int | None = None
    top_bps: int | None = None
    lowest_bps: int | None = None
    buffer_seconds: float = 0.0
    appended_seconds: float | None = None
    next_url: str | None = None
    next_range: tuple[int, int] | None = None
    stream: Token | None = None
    has_played: bool = False
    buffering: bool = True
    starved: bool = False
    playing_bps: int | None = None
    state: Token = Token("d")
    nth: int = 0
    audio_apart: bool = False
    rate: float = 1.0
    looks_into: bool = False
    startup_milliseconds: int | None = None
    latency_milliseconds: int | None = None


def said(player: Player, at: Standing) -> Data:
    """The keys of one request; empty: it goes out without any."""
    match player:
        case Player.HLSJS:
            return _hlsjs(at)
        case Player.SHAKA:
            return _shaka(at)
        case Player.MEDIA3:
            return _media3(at)


def takes_note(player: Player, kind: ObjectType) -> bool:
    """Whether a request tells that the viewer starved, so that the next one does not."""
    if player is Player.HLSJS:
        return kind in {ObjectType.VIDEO, ObjectType.MUXED, ObjectType.INIT}
    return kind in _MEDIA


def _session(at: Standing) -> dict[str, Value]:
    return {
        "sf": Token("h"),
        "sid": at.session,
        "cid": at.content,
        "st": at.stream,
        "ot": at.object.value,
        **({"v": at.version} if at.version > 1 else {}),
    }


def rate_told(at: Standing) -> float | None:
    """`pr` of hls.js: told only where it is not 1."""
    return None if at.rate == 1 else at.rate


def _list(at: Standing, value: float) -> Value:
    """A value of one object, a list of one in version 2."""
    return (value,) if at.version > 1 else value


def _hlsjs(at: Standing) -> Data:
    if at.object is ObjectType.KEY:
        return {}
    out = _session(at)
    out |= {"mtp": _list(at, rounded(at.throughput_bps / 1000, _HUNDRED)), "pr": rate_told(at)}
    if at.version > 1:
        out |= {"sn": at.nth, "sta": at.state}
    if at.bitrate_bps is not None:
        out["br"] = _list(at, rounded(at.bitrate_bps / 1000))
    if at.appended_seconds is not None:
        out["bl"] = _list(at, rounded(at.appended_seconds * 1000, _HUNDRED))
    if at.object is ObjectType.MANIFEST:
        out["su"] = not at.has_played
        return out
    out["d"] = rounded((at.media_seconds or 0.0) * 1000)
    starved = at.starved and takes_note(Player.HLSJS, at.object)
    out |= {"bs": starved, "su": at.buffering or starved}
    if at.object in _MEDIA:
        _hlsjs_media(at, out)
    return out


def _hlsjs_media(at: Standing, out: dict[str, Value]) -> None:
    bitrate = at.lowest_bps if at.object is ObjectType.AUDIO else at.bitrate_bps
    kilobits = (bitrate or 0) / 1000
    out["br"] = _list(at, rounded(kilobits))
    out["rtp"] = rounded(kilobits * RTP_FACTOR, _HUNDRED)
    if at.object in {ObjectType.MUXED, ObjectType.UNKNOWN} and at.top_bps is not None:
        out["tb"] = _list(at, rounded(at.top_bps / 1000))
        if at.version > 1 and at.lowest_bps is not None:
            out["lb"] = _list(at, at.lowest_bps / 1000)
    out["bl"] = _list(at, rounded(at.buffer_seconds * 1000, _HUNDRED))
    out["dl"] = rounded(at.buffer_seconds * 1000 / at.rate, _HUNDRED)
    if at.version > 1:
        if at.playing_bps is not None:
            out["pb"] = _list(at, at.playing_bps / 1000)
        if at.top_bps is not None:
            out["tpb"] = _list(at, at.top_bps / 1000)
    of_level = at.object is not ObjectType.AUDIO or at.lowest_bps == at.bitrate_bps
    if of_level and at.next_url is not None and at.next_url != at.url:
        path = relative_path(at.next_url, at.url)
        out["nor"] = (path,) if at.version > 1 else encoded(path)


def _shaka(at: Standing) -> Data:
    """What was seen of Shaka 5.2.12: no `mtp`, no `bs`, nothing of what it looks into before play but that it does.

    A playlist's `st` is that of the first, which nobody knew to be live; the bitrate is told with everything once the
    first variant is played, as a list of its own in version 2.
    """
    out = _session(at)
    plain = at.object is ObjectType.MANIFEST or at.object is ObjectType.KEY
    if plain or at.stream is None or at.looks_into:
        out["st"] = Token("v")
    elif at.stream == Token("ll"):
        out["st"] = Token("l")
    if at.version > 1:
        out |= {"sn": at.nth, "msd": at.startup_milliseconds}
    if not plain:
        out |= {"su": at.buffering, "d": 0}
    if at.looks_into:
        if at.object is not ObjectType.INIT and not plain:
            out["ot"] = None
        return out
    if at.bitrate_bps and at.stream is not None:
        out["br"] = _list(at, rounded(at.bitrate_bps / 1000))
    if at.object in _MEDIA:
        _shaka_media(at, out)
    return out


def _shaka_media(at: Standing, out: dict[str, Value]) -> None:
    seconds = at.media_seconds or 0.0
    milliseconds = rounded(at.buffer_seconds * 1000, _HUNDRED)
    out |= {"d": rounded(seconds * 1000), "dl": milliseconds}
    out["bl"] = milliseconds if at.buffer_seconds >= _MILLISECOND else None
    if at.version > 1 and at.stream != Token("v"):
        out["ltc"] = at.latency_milliseconds
    if not at.audio_apart:
        if at.object is ObjectType.UNKNOWN:
            out["ot"] = ObjectType.MUXED.value  # what it takes a stream without CODECS for
        out["tb"] = rounded((at.top_bps or 0) / 1000)
        if at.bitrate_bps:
            buffer = at.buffer_seconds if at.buffer_seconds >= _MILLISECOND else _SHAKA_WITHOUT_BUFFER_SECONDS
            out["br"] = rounded(at.bitrate_bps / 1000)
            out["rtp"] = rounded(RTP_FACTOR * at.bitrate_bps / 1000 * seconds / buffer, _HUNDRED)
    _next(at, out)


def _media3(at: Standing) -> Data:
    if at.object is ObjectType.KEY:
        return {}
    out = _session(at)
    if at.object is ObjectType.MANIFEST:
        return out
    out["mtp"] = _list(at, rounded(at.throughput_bps / 1000, _HUNDRED))
    out["su"] = at.buffering
    if at.rate != 1:
        out["pr"] = Token(f"{at.rate:.2f}")
    if at.object in _MEDIA:
        milliseconds = at.buffer_seconds * 1000
        out |= {"bl": _list(at, rounded(milliseconds, _HUNDRED)), "bs": at.starved}
        out["dl"] = rounded(milliseconds / at.rate, _HUNDRED)
        out["d"] = rounded((at.media_seconds or 0.0) * 1000)
        if at.bitrate_bps is not None:
            out["br"] = _list(at, math.ceil(at.bitrate_bps / 1000))
        if at.top_bps is not None:
            out["tb"] = _list(at, math.ceil(at.top_bps / 1000))
        _next(at, out)
    return out


def _next(at: Standing, out: dict[str, Value]) -> None:
    """The next object, and its range where segments are ranges."""
    if at.next_url is None:
        return
    if at.next_range is not None:
        first, length = at.next_range
        if at.version == 1:
            out["nrr"] = f"{first}-{first + length - 1}"
        if at.next_url == at.url:
            return
    path = relative_path(at.next_url, at.url)
    out["nor"] = (path,) if at.version > 1 else encoded(path)
