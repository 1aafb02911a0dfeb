"""What the origin serves beside its live stream: one small title for each way in which HLS can be packaged.

    /vod            transport stream, three variants, a minute; `two.m3u8` lists the lowest and the highest
    /dvr            the same, live, with a window of minutes to seek in
    /fmp4           fragmented MP4 with init sections, video and audio apart
    /ranges         byte ranges of one file
    /aes            AES-128 with a key that changes
    /discontinuity  timestamps that jump, behind EXT-X-DISCONTINUITY

Everything is made of the clip when it is first asked for, as a function of its number alone, and kept while there is
room: a window of minutes costs no memory that nobody asks for.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from hls_swarm.testorigin.media.aes import encrypt_cbc
from hls_swarm.testorigin.media.cmaf import CmafStream
from hls_swarm.testorigin.media.mpegts import NULL_PACKET, PACKET_BYTES
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.playlists import cmaf_multivariant_playlist, multivariant_playlist, program_date_time_line
from hls_swarm.testorigin.resources import MP4_TYPE, PLAYLIST_TYPE, SEGMENT_TYPE, Caching, Resource

KEY_TYPE = "application/octet-stream"
VOD_SEGMENTS = 30
SEGMENTS_PER_KEY = 10
SEGMENTS_PER_JUMP = 5
JUMP_PARTS = 10_000
"""Timestamps jump by so many parts: five hours and a half."""
_CACHE_BYTES = 64 << 20
MASTER = "master.m3u8"


class Titles:
    """The titles, by path.

    Args:
        streams: the clip's variants, lowest bitrate first.
        cmaf: its fragmented form.
        timeline: of the title that is live.
        clock: the loop's.
    """

    def __init__(
        self,
        streams: Sequence[VariantStream],
        cmaf: Mapping[str, CmafStream],
        timeline: LiveTimeline,
        clock: Callable[[], float],
    ) -> None:
        self._streams = {stream.variant.name: stream for stream in streams}
        self._cmaf, self._timeline, self._clock = cmaf, timeline, clock
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._made_bytes = 0
        self._held_newest = 0  # listed before a pause
        self._lowest = next(iter(self._streams))
        self._titles: dict[str, Callable[[list[str]], Resource | None]] = {
            "vod": self._vod,
            "dvr": self._dvr,
            "fmp4": self._fmp4,
            "ranges": self._ranges,
            "aes": self._aes,
            "discontinuity": self._discontinuity,
        }

    @property
    def paths(self) -> tuple[str, ...]:
        """The multivariant playlist of each title."""
        return tuple(f"/{name}/{MASTER}" for name in self._titles)

    def pause(self, seconds: float) -> None:
        """Let what is live stand still for so long."""
        self._held_newest = self._timeline.newest(self._clock())
        self._timeline = self._timeline.paused(seconds)

    def find(self, path: str) -> Resource | None:
        """The resource at a path, as it is now."""
        _, title, *rest = path.split("/")
        make = self._titles.get(title)
        return None if make is None or not rest else make(rest)

    # -- titles ---------------------------------------------------------------------------------------------------

    def _vod(self, rest: list[str]) -> Resource | None:
        match rest:
            case ["master.m3u8"]:
                return _playlist(multivariant_playlist(tuple(self._streams.values())))
            case ["two.m3u8"]:
                lowest, *_, highest = self._streams.values()
                return _playlist(multivariant_playlist((lowest, highest)))
            case [variant, "playlist.m3u8"] if variant in self._streams:
                return _playlist(self._list(_entry(f"seg-{nth}.ts", self._seconds) for nth in range(VOD_SEGMENTS)))
            case [variant, name] if variant in self._streams:
                nth = _number(name, "seg-", ".ts")
                if nth is not None and nth < VOD_SEGMENTS:
                    return self._segment(f"vod/{variant}/{nth}", lambda: self._media(variant, nth))
        return None

    def _dvr(self, rest: list[str]) -> Resource | None:
        timeline = self._timeline
        newest = max(timeline.newest(self._clock()), self._held_newest)
        match rest:
            case ["master.m3u8"]:
                return _playlist(multivariant_playlist(tuple(self._streams.values())))
            case [variant, "playlist.m3u8"] if variant in self._streams:
                oldest = timeline.oldest_listed(newest)
                lines = []
                for listed in range(oldest, newest + 1):
                    if listed in {oldest, newest}:
                        lines.append(program_date_time_line(timeline.program_date_time(listed)))
                    lines += _entry(f"seg-{listed}.ts", self._seconds)
                return _playlist(self._list((lines,), media_sequence=oldest, live=True), Caching.REVALIDATE)
            case [variant, name] if variant in self._streams:
                nth = _number(name, "seg-", ".ts")
                if nth is not None and timeline.oldest_kept(newest) <= nth <= newest:
                    return self._segment(f"dvr/{variant}/{nth}", lambda: self._media(variant, nth))
        return None

    def _fmp4(self, rest: list[str]) -> Resource | None:
        match rest:
            case ["master.m3u8"]:
                return _playlist(cmaf_multivariant_playlist(7))
            case [track, "playlist.m3u8"] if track in self._cmaf:
                entries = (_entry(f"seg-{nth}.m4s", self._seconds) for nth in range(VOD_SEGMENTS))
                return _playlist(self._list(entries, tags=('#EXT-X-MAP:URI="init.mp4"',), version=7))
            case [track, "init.mp4"] if track in self._cmaf:
                return Resource(MP4_TYPE, self._cmaf[track].init, Caching.LONG, etag=f'"{track}"')
            case [track, name] if track in self._cmaf:
                nth = _number(name, "seg-", ".m4s")
                if nth is not None and nth < VOD_SEGMENTS:
                    return self._segment(f"{track}/{nth}", lambda: self._cmaf[track].segment(nth), MP4_TYPE)
        return None

    def _ranges(self, rest: list[str]) -> Resource | None:
        match rest:
            case ["master.m3u8"]:
                return _playlist(self._one_variant())
            case [self._lowest, "playlist.m3u8"]:
                entries, at = [], 0
                for nth in range(VOD_SEGMENTS):
                    size = len(self._bare(nth))
                    entries.append([_extinf(self._seconds), f"#EXT-X-BYTERANGE:{size}@{at}", "all.ts"])
                    at += size
                return _playlist(self._list(entries, version=4))
            case [self._lowest, "all.ts"]:
                return self._segment("ranges/all", lambda: b"".join(self._bare(nth) for nth in range(VOD_SEGMENTS)))
        return None

    def _aes(self, rest: list[str]) -> Resource | None:
        match rest:
            case ["master.m3u8"]:
                return _playlist(self._one_variant())
            case [self._lowest, "playlist.m3u8"]:
                entries = []
                for listed in range(VOD_SEGMENTS):
                    key = f'#EXT-X-KEY:METHOD=AES-128,URI="key-{listed // SEGMENTS_PER_KEY}.bin"'
                    new_key = [key] if listed % SEGMENTS_PER_KEY == 0 else []
                    entries.append(new_key + _entry(f"seg-{listed}.ts", self._seconds))
                return _playlist(self._list(entries))
            case [self._lowest, name]:
                nth = _number(name, "key-", ".bin")
                if nth is not None and nth * SEGMENTS_PER_KEY < VOD_SEGMENTS:
                    return Resource(KEY_TYPE, _key(nth), Caching.NEVER)
                nth = _number(name, "seg-", ".ts")
                if nth is not None and nth < VOD_SEGMENTS:
                    key_bytes = _key(nth // SEGMENTS_PER_KEY)
                    # Without an IV attribute, the media sequence number takes its place (RFC 8216 5.2).
                    return self._segment(
                        f"aes/{nth}", lambda: encrypt_cbc(self._bare(nth), key_bytes, nth.to_bytes(16, "big"))
                    )
        return None

    def _discontinuity(self, rest: list[str]) -> Resource | None:
        match rest:
            case ["master.m3u8"]:
                return _playlist(self._one_variant())
            case [self._lowest, "playlist.m3u8"]:
                entries = []
                for listed in range(VOD_SEGMENTS):
                    jump = ["#EXT-X-DISCONTINUITY"] if listed and listed % SEGMENTS_PER_JUMP == 0 else []
                    entries.append(jump + _entry(f"seg-{listed}.ts", self._seconds))
                return _playlist(self._list(entries))
            case [self._lowest, name]:
                nth = _number(name, "seg-", ".ts")
                if nth is not None and nth < VOD_SEGMENTS:
                    return self._segment(f"jump/{nth}", lambda: self._bare(nth + nth // SEGMENTS_PER_JUMP * JUMP_PARTS))
        return None

    # -- parts of them --------------------------------------------------------------------------------------------

    @property
    def _seconds(self) -> int:
        return self._timeline.segment_seconds

    def _list(
        self,
        entries: Iterable[list[str]],
        *,
        tags: Sequence[str] = (),
        version: int = 3,
        media_sequence: int = 0,
        live: bool = False,
    ) -> str:
        lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{self._seconds}"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{media_sequence}")
        lines += ["#EXT-X-INDEPENDENT-SEGMENTS", *([] if live else ["#EXT-X-PLAYLIST-TYPE:VOD"]), *tags]
        for entry in entries:
            lines += entry
        return _text(lines if live else [*lines, "#EXT-X-ENDLIST"])

    def _one_variant(self) -> str:
        return multivariant_playlist((self._streams[self._lowest],))

    def _media(self, variant: str, nth: int) -> bytes:
        """Segment n of a variant, at its full bitrate."""
        stream = self._streams[variant]
        parts = self._seconds // stream.variant.part_seconds
        return b"".join(stream.part(part) for part in range(nth * parts, (nth + 1) * parts))

    def _bare(self, nth: int) -> bytes:
        """Segment n of the lowest variant without its null packets: small, and of a bitrate that varies."""
        data = self._media(self._lowest, nth)
        head = NULL_PACKET[:3]
        packets = (data[at : at + PACKET_BYTES] for at in range(0, len(data), PACKET_BYTES))
        return b"".join(packet for packet in packets if packet[:3] != head)

    def _segment(self, name: str, make: Callable[[], bytes], content_type: str = SEGMENT_TYPE) -> Resource:
        content = self._made.get(name)
        if content is None:
            content = self._made[name] = make()
            self._made_bytes += len(content)
            while self._made_bytes > _CACHE_BYTES and len(self._made) > 1:
                self._made_bytes -= len(self._made.popitem(last=False)[1])
        else:
            self._made.move_to_end(name)
        return Resource(content_type, content, Caching.LONG, etag=f'"{name}"')


def _playlist(text: str, caching: Caching = Caching.LONG) -> Resource:
    return Resource(PLAYLIST_TYPE, text.encode(), caching)


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _extinf(seconds: int) -> str:
    return f"#EXTINF:{seconds:.5f},"


def _entry(name: str, seconds: int) -> list[str]:
    return [_extinf(seconds), name]


def _key(nth: int) -> bytes:
    return bytes((nth * 16 + place) * 37 & 255 for place in range(16))


def _number(name: str, before: str, after: str) -> int | None:
    """The number in a file's name; None if it is another file."""
    digits = name.removeprefix(before).removesuffix(after)
    is_ours = name == f"{before}{digits}{after}" and digits.isascii() and digits.isdigit() and len(digits) < 12
    return int(digits) if is_ours else None
