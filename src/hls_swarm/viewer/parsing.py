"""What a player's parser would say of an answer that should be media, by its size and its first bytes.

Rules:

- No body is kept, so media is judged by what it can not be without. Where that is not certain the answer is taken for
  media: a black picture, a silent track and a rare container must never be called a failure.
- Empty is a body of fewer bytes than any container has, 204 (No Content) included.
- No media is a page, a JSON text, a playlist, or, of a body whose start is known as far as hls.js looks for it, what
  begins like none of the containers that players probe for: MPEG-2 TS (a sync byte each 188), ISO BMFF (a box type),
  packed AAC, MP3, AC-3 or ID3, WebVTT (8216bis 3.1.1 to 3.1.5). Encrypted segments begin like nothing: of them only
  long signatures of text count.
- Too short is a segment of the variant that has less than `LEAST_BYTES_PER_SECOND` and less than `LEAST_SHARE` of what
  its variant declares, or, where nothing is declared, of the largest segment before it. Both: a picture that does not
  change can come to 1% of its variant's bandwidth, but not to less than its frames' headers; and a whole stream may be
  that small.
- Cut is a segment of a TS track that is no whole number of packets, or an encrypted one that is no whole number of
  cipher blocks: the disk of a packager was full, or a cache has a part. Players play what is there of the former.
- What segments have been like holds for one variant, told by its bitrate: a ladder may have TS, fragmented MP4 and
  packed audio side by side. What follows an init section is taken for fragmented MP4.
- A key of AES-128 has 16 bytes (8216bis 4.4.4.4), one of AES-256 has 32.
- Bodies with a content coding are not judged by their bytes, and sizes only by a declared length: the chunked coding's
  own bytes are counted as body.
"""

from typing import NamedTuple

from hls_swarm.hls.playlist import KeyMethod
from hls_swarm.records import Exchange, Failure, FailureKind, ObjectKind
from hls_swarm.viewer.actions import FetchSegment

LEAST_BYTES_PER_SECOND = 500
"""Less than the headers of a black picture's frames or of silent audio come to: 10 TS packets are 1,880 bytes, and the
lowest rate of audio codecs in use is 750 bytes a second (Opus at 6 kbit/s)."""
LEAST_SHARE = 0.05
LEAST_SECONDS = 0.5
"""Segments that are shorter, the last one of a stream for instance, may have next to nothing in them."""
PROBED_BYTES = 376
"""So much of the start must be known before something may be called no media: two TS packets."""

_SEGMENT, _KEY = ObjectKind.SEGMENT, ObjectKind.KEY
_EMPTY_BYTES = 5  # the last chunk of a chunked body; six are an empty WebVTT
_PACKET, _SYNC = 188, 0x47
_SURE_PACKETS = 4
"""Segments in a row that are a whole number of TS packets before the track is taken for TS: by chance, one track in a
thousand million is."""
_BLOCK_CIPHERS = frozenset({KeyMethod.AES_128, KeyMethod.AES_256})
_OPAQUE = _BLOCK_CIPHERS | {KeyMethod.AES_256_CTR, KeyMethod.AES_256_GCM}
"""Methods that encrypt whole segments; the others leave containers in the clear."""
_KEY_BYTES = {KeyMethod.AES_128: 16, KeyMethod.AES_256: 32}
_BOXES = frozenset(
    b"ftyp styp moof moov mdat sidx emsg prft free skip wide uuid pdin ssix mfra meta".split()  # ISO/IEC 14496-12
)
_TEXTS = (
    (b"#extm3u", "a playlist"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<?xml", "an XML text"),
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Verdict(NamedTuple):
    """What a parser makes of an answer.

    Args:
        plays: whether a player plays what is there all the same.
    """

    failure: Failure
    plays: bool = False


class Parser:
    """The parser of one viewer: knows what its segments have been like."""

    __slots__ = ("_bitrate", "_largest", "_packets")

    def __init__(self) -> None:
        self._bitrate: int | None = None  # of the variant that the figures below are of
        self._largest = 0  # bytes of the largest segment of the variant so far
        self._packets = 0  # segments of it in a row that were whole numbers of TS packets

    def verdict(self, action: FetchSegment, exchange: Exchange) -> Verdict | None:
        """What is wrong with a complete answer; None if nothing is, as far as can be told."""
        size = exchange.body_bytes
        if exchange.body_start is not None or size <= _EMPTY_BYTES:  # else its start was not seen
            wrong = _wrong_start(action, exchange)
            if wrong is not None:
                return wrong
        kind = action.kind
        if kind is not _SEGMENT:
            return _wrong_key(action, exchange) if kind is _KEY else None
        if action.track:
            return None
        if action.bitrate_bps != self._bitrate:
            self._bitrate, self._largest, self._packets = action.bitrate_bps, 0, 0
        seconds = action.media_seconds
        if seconds is not None and size < LEAST_BYTES_PER_SECOND * seconds and seconds >= LEAST_SECONDS:
            wrong = self._too_short(action, size, seconds)
            if wrong is not None:
                return wrong
        if size > self._largest:
            self._largest = size
        if action.has_init:
            self._packets = 0
            return _cut_block(exchange) if action.key_method in _BLOCK_CIPHERS else None
        if size % _PACKET == 0:
            self._packets += 1
        elif self._packets:
            return self._cut(action, exchange)
        elif action.key_method in _BLOCK_CIPHERS:
            return _cut_block(exchange)
        return None

    def _too_short(self, action: FetchSegment, size: int, seconds: float) -> Verdict | None:
        declared = action.bitrate_bps
        usual = declared / 8 * seconds if declared is not None else self._largest
        if size >= LEAST_SHARE * usual:
            return None
        other = f"others have up to {self._largest} bytes" if declared is None else f"{declared} bit/s are declared"
        words = f"a segment of {seconds:g} s with {size} bytes, where {other}"
        return Verdict(Failure(FailureKind.SHORT_MEDIA, words))

    def _cut(self, action: FetchSegment, exchange: Exchange) -> Verdict | None:
        """The size is no whole number of packets, and the one before it was."""
        sure, self._packets = self._packets >= _SURE_PACKETS, 0
        if action.key_method in _BLOCK_CIPHERS:
            return _cut_block(exchange)
        length = exchange.content_length
        if not sure or length is None or length % _PACKET == 0 or not _is_plain(action, exchange):
            return None
        self._packets = _SURE_PACKETS  # it is TS all the same
        words = f"a segment of {length} bytes ends within a TS packet: it was cut"
        return Verdict(Failure(FailureKind.CUT_MEDIA, words), plays=True)


def _is_plain(action: FetchSegment, exchange: Exchange) -> bool:
    return action.key_method not in _OPAQUE and exchange.content_encoding is None


def _cut_block(exchange: Exchange) -> Verdict | None:
    length = exchange.content_length
    if length is None or length % 16 == 0 or exchange.content_encoding is not None:
        return None
    words = f"an encrypted segment of {length} bytes is no whole number of cipher blocks: it was cut"
    return Verdict(Failure(FailureKind.CUT_MEDIA, words))


def _wrong_key(action: FetchSegment, exchange: Exchange) -> Verdict | None:
    wanted, length = _KEY_BYTES.get(action.key_method), exchange.content_length
    if wanted is None or length is None or length == wanted or exchange.content_encoding is not None:
        return None
    words = f"a key of {length} bytes, where {action.key_method} has {wanted}"
    return Verdict(Failure(FailureKind.BAD_KEY, words))


def _wrong_start(action: FetchSegment, exchange: Exchange) -> Verdict | None:
    size, start = exchange.body_bytes, exchange.body_start
    if size <= _EMPTY_BYTES or start == b"":  # what came before a redirect counts as body, too
        if action.kind is _KEY:
            return Verdict(Failure(FailureKind.BAD_KEY, "a key without a byte"))
        status = " (status 204, No Content)" if exchange.status == 204 else ""
        return Verdict(Failure(FailureKind.EMPTY_MEDIA, f"an empty body, where media was expected{status}"))
    if start is None or action.kind is _KEY or exchange.content_encoding is not None or _is_media(start):
        return None
    text = start.removeprefix(_BYTE_ORDER_MARK).lstrip().lower()
    for signature, name in _TEXTS:
        if text.startswith(signature):
            if b"<tt" in text:
                return None  # TTML is XML, and may be subtitles
            return Verdict(Failure(FailureKind.NOT_MEDIA, f"{name}, where media was expected"))
    if action.key_method in _OPAQUE or (len(start) < PROBED_BYTES and len(start) < size) or _has_packets(start):
        return None
    name = "a JSON text" if text[:1] in {b"{", b"["} else "what begins like no container of media"
    return Verdict(Failure(FailureKind.NOT_MEDIA, f"{name}, where media was expected"))


def _is_media(start: bytes) -> bool:
    """Whether this is how a container begins that players know."""
    first = start[0]
    if first == _SYNC:
        return len(start) <= _PACKET or start[_PACKET] == _SYNC
    if start[4:8] in _BOXES:
        return True
    if first == 0xFF:
        return len(start) > 1 and start[1] & 0xE0 == 0xE0  # ADTS, MPEG audio
    return start.startswith((b"ID3", b"\x0b\x77", b"WEBVTT", _BYTE_ORDER_MARK + b"WEBVTT"))


def _has_packets(start: bytes) -> bool:
    """Whether TS packets begin somewhere: hls.js goes past what is before them."""
    return any(start[at] == _SYNC == start[at + _PACKET] for at in range(len(start) - _PACKET))
