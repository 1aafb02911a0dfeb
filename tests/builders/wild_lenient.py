"""What players make of the wild playlists that the draft has refused, or that they read otherwise than it says.

By the row's name: the fields that are to be seen in a lenient reading. A row that a strict reading refuses and that is
not here is refused by everyone, because nobody plays it.
"""

from collections.abc import Mapping

from tests.builders.wild import BASE


def segments(*of: tuple[str, float] | tuple[str, float, str]) -> Mapping[str, object]:
    """Segments by name, duration and byte range."""
    return {"segments": tuple((BASE + s[0], s[1], s[2] if len(s) > 2 else None) for s in of)}


def one(duration: float = 6.0) -> Mapping[str, object]:
    return segments(("a.ts", duration))


def bandwidths(*of: int) -> Mapping[str, object]:
    return {"bandwidths": of}


TWO = {**segments(("a.ts", 6.0), ("b.ts", 2.0)), "sequences": (3, 4)}
LENIENT: Mapping[str, Mapping[str, object]] = {
    "two ends": {**one(), "ended": True},
    "no target duration": {**one(), "target_duration": 6.0},
    "target duration in words": {**one(), "target_duration": 6.0},
    "target duration twice": {**one(), "target_duration": 8.0},
    "version twice": one(),
    "media sequence number below 0": {**one(), "sequences": (0,)},
    "media sequence number with a fraction": {**one(), "sequences": (3,)},
    "media sequence number beyond 64 bits": {**one(), "sequences": (0,)},
    "media sequence number after a segment": {**one(), "sequences": (9,)},
    "attributes after the duration": {**one(), "titles": ("Channel 1",)},
    "duration of a channel list": {**one(0.0), "titles": ("Channel 1",)},
    "duration in scientific notation": one(),
    "duration that is no number": one(0.0),
    "duration without end": one(0.0),
    "duration with a sign": one(),
    "duration with an underscore": one(1.0),
    "duration left out": {**one(0.0), "titles": ("a title",)},
    "a line end lost": segments(("a.ts#EXTINF:6,", 6.0), ("b.ts", 0.0), ("c.ts", 5.0)),
    "a URI without a duration": {
        **segments(("stray.ts", 0.0), ("a.ts", 6.0), ("more-junk", 0.0)),
        "sequences": (0, 1, 2),
    },
    "CR alone": TWO,
    "a blank line before EXTM3U": TWO,
    "a discontinuity sequence after a discontinuity": {**one(), "discontinuity_sequence": 19},
    "a byte range without an offset first": segments(("a.ts", 6.0, "900@0")),
    "a byte range that follows another resource": segments(("w.ts", 6.0, "900@0"), ("v.ts", 6.0, "50@900")),
    "a byte range without EXTINF": segments(("stray.ts", 0.0, "900@376"), ("a.ts", 6.0)),
    "an IV without 0x": {"keys": (("AES-128", "https://cdn.example/keys/7.bin", "identity", None),)},
    "an IV twice": {"keys": (("SAMPLE-AES", BASE + "k", "com.drm", "1f".zfill(32)),)},
    "a key without METHOD": {**one(), "keys": (None,)},
    "a session key among segments": one(),
    "a part without DURATION": {**one(), "parts": ()},
    "a variable that can not be imported": segments(("{$dir}/a.ts", 6.0)),
    "a variable that is not defined": segments(("{$dir}/a.ts", 6.0)),
    "a video range that nobody knows": bandwidths(9, 8),
    "two codecs without quotes": bandwidths(9),
    "a quote left open": bandwidths(9),
    "resolution in words": bandwidths(9),
    "bandwidth left out": bandwidths(0),
    "bandwidth with a fraction": bandwidths(640000),
    "bandwidth twice": bandwidths(8),
    "attributes in small letters": bandwidths(0),
    "a variant among segments": one(),
    "segments among variants": one(),
    "a rendition without a group": {**bandwidths(9), "renditions": ()},
    "a rendition without a name": {
        "renditions": (("AUDIO", "a", "", BASE + "e.m3u8", *[None] * 2, *[False] * 3, None, (), None, None),)
    },
}
