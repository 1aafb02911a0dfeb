"""Content steering (8216bis 7): which pathway a player takes, what a manifest says, what it is asked with. Pure.

Rules:

- A variant without PATHWAY-ID is of the pathway `.`. A player begins with the pathway that EXT-X-CONTENT-STEERING
  names, else with that of the first variant, and knows no other variants then.
- Of the priority that the manifest gives, the first pathway is taken that has variants and no penalty; if that is the
  one it plays, it stays.
- A clone is a pathway with other addresses: PER-VARIANT-URIS and PER-RENDITION-URIS by stable ids, else HOST and
  PARAMS. A clone whose id is known is passed over; others are kept for good (hls.js), up to `MOST_PATHWAYS`.
- `_HLS_pathway` goes without quotes, as hls.js, Shaka and Media3 send it, whatever the draft says (7.4).
- What players do otherwise is in a `SteeringPolicy`.

Sources: hls.js 1.7.4 (`content-steering-controller`), Shaka 5.2.12 (`content_steering_manager`), 8216bis 7.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, TypeGuard
from urllib.parse import quote

import msgspec

from hls_swarm.hls.playlist import MultivariantPlaylist
from hls_swarm.hls.uri import join_uri, resolve, sendable, split_uri
from hls_swarm.viewer.choosing.choice import Option, Source, options

USUAL_TTL_SECONDS = 300.0
LEAST_TTL_SECONDS = 1.0
"""A shorter TTL is no reason to ask without pause."""
MOST_CLONES = 100
"""Of one manifest."""
MOST_PATHWAYS = 200
"""Of a presentation, clones of all manifests with them."""
_COMPONENT_SAFE = "!'()*-._~"  # what encodeURIComponent leaves as it is
_WORD = 1 << 31


class After429(Enum):
    """What a player does when the steering server says 429."""

    STOPS = auto()  # hls.js: it ends its loader before it looks at the answer
    WAITS_AS_TOLD = auto()  # as long as Retry-After says (8216bis 7.3)
    WAITS_FOR_TTL = auto()


@dataclass(frozen=True)
class SteeringPolicy:
    """How a player follows a steering server.

    Args:
        penalty_seconds: how long it stays away from a pathway that failed.
        waits_for_first: whether it loads no media playlist before the server's first answer, or failure.
        tells_from_start: whether it tells its pathway and its throughput before it was given a priority, too.
        asks_again_after_any: whether every kind of failure is worth a second try, and none of them the last of all.
        takes_relative_reload: whether a RELOAD-URI without a host can be asked; else the asking ends there.
        knows_clones: whether it takes in PATHWAY-CLONES.
        keeps_playlists: whether it goes on with the playlists that it has when it is sent elsewhere, and only asks
            elsewhere for what they list.
    """

    penalty_seconds: float
    after_429: After429
    waits_for_first: bool = False
    tells_from_start: bool = True
    asks_again_after_any: bool = False
    takes_relative_reload: bool = True
    knows_clones: bool = True
    keeps_playlists: bool = False


class Move(NamedTuple):
    """What a playlist of one pathway lists, on another: addresses that begin in one of these ways begin otherwise."""

    before: tuple[str, ...]
    after: str

    def of(self, uri: str) -> str:
        """Where something is now; what lies elsewhere stays."""
        for start in self.before:
            if uri.startswith(start):
                return self.after + uri[len(start) :]
        return uri


def move(old: str, new: str, earlier: Move | None = None) -> Move:
    """How to go from a playlist's address to that of the same playlist elsewhere: what both end with stays.

    Args:
        earlier: what is in force: where that began is left as well.
    """
    parts, others = (url.partition("?")[0].partition("#")[0].split("/") for url in (old, new))
    end = 1  # the names of the files may differ
    least = min(len(parts), len(others)) - 3  # scheme and host stand apart
    while end < least and parts[-end - 1] == others[-end - 1]:
        end += 1
    before, after = ("/".join(each[:-end]) + "/" for each in (parts, others))
    known = (before,) if earlier is None else (*earlier.before, earlier.after, before)
    return Move(tuple(start for start in dict.fromkeys(known) if start != after), after)


class Clone(msgspec.Struct, frozen=True):
    """An entry of PATHWAY-CLONES (8216bis 7.2)."""

    base_id: str
    id: str
    host: str | None = None
    params: Mapping[str, str] = {}
    variant_uris: Mapping[str, str] = {}
    rendition_uris: Mapping[str, str] = {}


class UnknownVersionError(ValueError):
    """A steering manifest of a version that no player knows."""


class SteeringManifest(msgspec.Struct, frozen=True):
    """A steering manifest (8216bis 7.1)."""

    ttl_seconds: float
    reload_uri: str | None
    priority: tuple[str, ...]
    clones: tuple[Clone, ...] = ()


def parse_manifest(body: bytes) -> SteeringManifest:
    """Read a steering manifest; what is of another type than it should be is as if it were not there.

    Raises:
        ValueError: it is none; in words.
        UnknownVersionError: it is of a version that no player knows; in words.
    """
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise ValueError("the steering manifest is no JSON") from None
    if not isinstance(data, dict):
        raise ValueError("the steering manifest is no JSON object")
    if data.get("VERSION") != 1:
        raise UnknownVersionError(f"the steering manifest has VERSION {str(data.get('VERSION'))[:20]}, which is not 1")
    ttl, reload_uri = data.get("TTL"), data.get("RELOAD-URI")
    clones = [clone for each in _list(data.get("PATHWAY-CLONES")) if (clone := _clone(each)) is not None]
    return SteeringManifest(
        USUAL_TTL_SECONDS if not _is_number(ttl) else max(float(ttl), LEAST_TTL_SECONDS),
        reload_uri if isinstance(reload_uri, str) and reload_uri else None,
        tuple(each for each in _list(data.get("PATHWAY-PRIORITY")) if isinstance(each, str)),
        tuple(clones[:MOST_CLONES]),
    )


def asked_with(uri: str, pathway: str, throughput_bps: float) -> str:
    """The address with what the player tells: its pathway, and its throughput as a 32-bit number (hls.js)."""
    bits = int(throughput_bps) & 0xFFFFFFFF
    signed = bits - (1 << 32) if bits >= _WORD else bits
    return with_parameter(with_parameter(uri, "_HLS_pathway", pathway), "_HLS_throughput", str(signed))


def with_parameter(uri: str, name: str, value: str) -> str:
    """The address with a parameter in its query, in the place of one of that name or at the end."""
    scheme, authority, path, query, fragment = split_uri(uri)
    encoded = quote(name, safe=_COMPONENT_SAFE)
    wanted = f"{encoded}={quote(value, safe=_COMPONENT_SAFE)}"
    out: list[str] = []
    for pair in (query or "").split("&"):
        if pair == encoded or pair.startswith(f"{encoded}="):
            if wanted not in out:
                out.append(wanted)
        elif pair:
            out.append(pair)
    if wanted not in out:
        out.append(wanted)
    return join_uri(scheme, authority, path, "&".join(out), fragment)


class Pathways:
    """The pathways of a presentation, and which of them are left alone for a while.

    Args:
        playlist: with EXT-X-CONTENT-STEERING.
        subtitles: whether the player fetches subtitles.

    Attributes:
        current: what is played.
    """

    __slots__ = ("_options", "_penalised", "_rendition_ids", "_url", "_variant_ids", "current")

    def __init__(self, playlist: MultivariantPlaylist, *, subtitles: bool) -> None:
        ids = dict.fromkeys(variant.pathway_id for variant in playlist.variants)
        self._url = playlist.url
        self._options: dict[str, tuple[Option, ...]] = {
            each: tuple(options(_only(playlist, each), subtitles=subtitles)) for each in ids
        }
        self._variant_ids = {variant.uri: variant.stable_variant_id for variant in playlist.variants}
        self._rendition_ids = {each.uri: each.stable_rendition_id for each in playlist.renditions if each.uri}
        self._penalised: dict[str, float] = {}
        named = None if playlist.content_steering is None else playlist.content_steering.pathway_id
        self.current = named if named in self._options else next(iter(self._options), ".")

    @property
    def ids(self) -> tuple[str, ...]:
        """All there are, in the order in which they came to be known."""
        return tuple(self._options)

    def options(self, pathway: str | None = None) -> tuple[Option, ...]:
        """What can be played on a pathway, the current one unless another is named."""
        return self._options.get(self.current if pathway is None else pathway, ())

    def add(self, clones: Sequence[Clone]) -> None:
        """Take in clones of pathways that are known."""
        for clone in clones:
            base = self._options.get(clone.base_id)
            if base is not None and clone.id not in self._options and len(self._options) < MOST_PATHWAYS:
                self._options[clone.id] = tuple(self._cloned(option, clone) for option in base)

    def penalise(self, now: float, seconds: float) -> None:
        """The current pathway has failed; a penalty that it has goes on."""
        self._penalised.setdefault(self.current, now + seconds)

    def preferred(self, priority: Sequence[str], now: float) -> str | None:
        """The pathway to go to; None: stay. Without a priority they are tried in their order."""
        self._penalised = {pathway: until for pathway, until in self._penalised.items() if until > now}
        for pathway in priority or self.ids:
            if pathway in self._penalised:
                continue
            if pathway == self.current:
                return None
            if self._options.get(pathway):
                return pathway
        return None

    def _cloned(self, option: Option, clone: Clone) -> Option:
        def source(of: Source | None, stable: str | None, by_id: Mapping[str, str]) -> Source | None:
            if of is None:
                return None
            named = None if stable is None else by_id.get(stable)
            url = replaced(of.url, clone) if named is None else resolve(self._url, named)
            return msgspec.structs.replace(of, url=url)

        main = source(option.main, self._variant_ids.get(option.main.url), clone.variant_uris)
        audio, subtitles = option.audio, option.subtitles
        audio_id = None if audio is None else self._rendition_ids.get(audio.url)
        subtitles_id = None if subtitles is None else self._rendition_ids.get(subtitles.url)
        out = msgspec.structs.replace(
            option,
            main=main,
            audio=source(audio, audio_id, clone.rendition_uris),
            subtitles=source(subtitles, subtitles_id, clone.rendition_uris),
        )
        self._variant_ids.setdefault(out.main.url, self._variant_ids.get(option.main.url))
        for new, old in ((out.audio, option.audio), (out.subtitles, option.subtitles)):
            if new is not None and old is not None:
                self._rendition_ids.setdefault(new.url, self._rendition_ids.get(old.url))
        return out


def replaced(uri: str, clone: Clone) -> str:
    """An address with a clone's host and parameters (8216bis 7.2); port and user stay."""
    if clone.host:
        scheme, authority, path, query, fragment = split_uri(uri)
        user, at, place = (authority or "").rpartition("@")
        name, bracket, port = place.rpartition("]")
        if not bracket:
            name, colon, port = place.partition(":")
            port = colon + port
        uri = join_uri(scheme, f"{user}{at}{sendable(clone.host)}{port}", path, query, fragment)
    for name in sorted(clone.params):
        if name:
            uri = with_parameter(uri, name, clone.params[name])
    return uri


def same_place(wanted: Option, before: Sequence[Option], after: Sequence[Option]) -> Option:
    """What of another pathway takes the place of an option: the same encoding, else the one at the same rank."""
    for option in after:
        if option.encoding == wanted.encoding:
            return option
    rank = next((at for at, option in enumerate(_ranked(before)) if option.main.url == wanted.main.url), 0)
    return _ranked(after)[min(rank, len(after) - 1)]


def _ranked(every: Sequence[Option]) -> list[Option]:
    return sorted(every, key=lambda option: option.main.bitrate_bps or 0)


def _only(playlist: MultivariantPlaylist, pathway: str) -> MultivariantPlaylist:
    variants = tuple(variant for variant in playlist.variants if variant.pathway_id == pathway)
    return msgspec.structs.replace(playlist, variants=variants)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _clone(value: Any) -> Clone | None:
    if not isinstance(value, dict):
        return None
    base, own, replacement = value.get("BASE-ID"), value.get("ID"), value.get("URI-REPLACEMENT")
    if not isinstance(base, str) or not isinstance(own, str) or not isinstance(replacement, dict):
        return None
    host = replacement.get("HOST")
    return Clone(
        base,
        own,
        host if isinstance(host, str) and host else None,
        _strings(replacement.get("PARAMS")),
        _strings(replacement.get("PER-VARIANT-URIS")),
        _strings(replacement.get("PER-RENDITION-URIS")),
    )
