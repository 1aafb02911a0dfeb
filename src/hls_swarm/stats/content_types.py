"""Which Content-Types say what an answer is not.

Rules:

- A playlist is served as one of the types that 8216bis 4 names, or that servers have used since before it.
- Media is not served as text, as data for programs, as a playlist or as a picture: proxies compress text, browsers look
  for what else it may be, and players on televisions refuse it. Binary data of no particular type is taken for media,
  as object stores serve it; subtitles are text, too.
- No type at all, and the type of a key, say nothing.
"""

import re

from hls_swarm.records import ObjectKind

_PLAYLISTS = frozenset(
    {
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "audio/mpegurl",
        "audio/x-mpegurl",
    }
)
_SUBTITLES = frozenset({"text/vtt", "application/ttml+xml"})
_NO_MEDIA = ("text/", "image/", "application/json", "application/javascript", "application/xml", "application/xhtml")
OTHER = "another type"
_TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+_-]{1,60}")
_OF_PLAYLISTS = frozenset({ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST})


def is_wrong(kind: ObjectKind, content_type: str) -> bool:
    """Whether an answer of that type can not be what was asked for."""
    bare = bare_type(content_type)
    if not bare or kind is ObjectKind.KEY:
        return False
    if kind in _OF_PLAYLISTS:
        return bare not in _PLAYLISTS
    return bare not in _SUBTITLES and (bare in _PLAYLISTS or bare.startswith(_NO_MEDIA))


def name_of(content_type: str) -> str:
    """What to call a type: itself, unless it is too long or no type at all."""
    bare = bare_type(content_type)
    return bare if _TYPE.fullmatch(bare) else OTHER


def bare_type(content_type: str) -> str:
    """The type without its parameters, in small letters."""
    return content_type.partition(";")[0].strip().lower()
