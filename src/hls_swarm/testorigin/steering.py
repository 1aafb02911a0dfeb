"""The origin as a steering server, and a live title that is steered: two pathways to the same media.

    /steered/master.m3u8            EXT-X-CONTENT-STEERING, every variant on CDN-A and on CDN-B
    /steering                       the steering manifest
    /control/steer/CDN-B,CDN-A      sets the priority, and what follows it with commas

What it says is written `ID[,ID...][,ttl=10s][,version=2][,no-reload-uri][,clone=NEW:BASE[:HOST]]`: the pathways in the
order in which they are preferred, how long that holds, and further pathways that are others at another host. RELOAD-URI
is relative unless it is left out.
"""

from dataclasses import dataclass

import msgspec

from hls_swarm.errors import SettingsError
from hls_swarm.settings.spellings import parse_duration
from hls_swarm.testorigin.resources import Caching, Resource, Site

STEERING_PATH = "/steering"
STEERED_PREFIX = "/steered"
PATHWAYS = {"a": "CDN-A", "b": "CDN-B"}
"""The title's folders, and the pathways that they are."""
_TYPE = "application/vnd.apple.steering-list"
_TTL_SECONDS = 300.0
_MOST_DIGITS = 9


@dataclass(frozen=True)
class Steer:
    """What the steering manifest says.

    Attributes:
        reload_uri: whether there is a RELOAD-URI.
        clones: id, base and host of further pathways.
    """

    priority: tuple[str, ...]
    ttl_seconds: float = _TTL_SECONDS
    version: int = 1
    reload_uri: bool = True
    clones: tuple[tuple[str, str, str], ...] = ()

    def manifest(self) -> bytes:
        """The manifest (8216bis 7.1)."""
        clones = [
            {"ID": new, "BASE-ID": base, "URI-REPLACEMENT": {"HOST": host} if host else {"PARAMS": {"pathway": new}}}
            for new, base, host in self.clones
        ]
        return msgspec.json.encode(
            {"VERSION": self.version, "TTL": self.ttl_seconds}
            | ({"RELOAD-URI": STEERING_PATH} if self.reload_uri else {})
            | {"PATHWAY-PRIORITY": list(self.priority)}
            | ({"PATHWAY-CLONES": clones} if clones else {})
        )


def parse_steer(text: str) -> Steer:
    """What to say, as a person writes it.

    Raises:
        SettingsError: in words for that person.
    """
    priority: list[str] = []
    clones: list[tuple[str, str, str]] = []
    ttl, version, reload_uri = _TTL_SECONDS, 1, True
    for item in text.split(","):
        name, equals, value = item.strip().partition("=")
        try:
            if name == "no-reload-uri":
                reload_uri = False
            elif not equals:
                priority.append(_pathway(name))
            elif name == "ttl":
                ttl = parse_duration(value)
            elif name == "version":
                if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
                    raise ValueError(f"version={value} is no version: write a number, such as version=2")
                version = int(value)
            elif name == "clone":
                new, colon, rest = value.partition(":")
                base, _, host = rest.partition(":")
                if not colon:
                    raise ValueError(f"{value!r} is no clone: write NEW:BASE or NEW:BASE:HOST")
                clones.append((_pathway(new), _pathway(base), host))
            else:
                raise ValueError(f"there is no {name}: write ttl, version, no-reload-uri or clone")
        except ValueError as error:
            raise SettingsError(f"steering {text!r}: {error}") from None
    if not priority:
        raise SettingsError(f"steering {text!r}: name a pathway first, such as CDN-A")
    return Steer(tuple(priority), ttl, version, reload_uri, tuple(clones))


def _pathway(name: str) -> str:
    if not name or not all(each.isalnum() or each in ".-_" for each in name) or not name.isascii():
        raise ValueError(f"{name!r} is no pathway: its letters are A to Z, a to z, 0 to 9, dot, dash, underscore")
    return name


class Steered:
    """The pages.

    Args:
        title: what is served on either pathway, by paths below `/dvr`.
        says: what the steering manifest says at first.
    """

    def __init__(self, title: Site, says: Steer) -> None:
        self._title = title
        self.says = says

    def find(self, path: str) -> Resource | None:
        """The resource at a path, as it is now."""
        if path == STEERING_PATH:
            return Resource(_TYPE, self.says.manifest(), Caching.NEVER)
        if not path.startswith(f"{STEERED_PREFIX}/"):
            return None
        rest = path.removeprefix(f"{STEERED_PREFIX}/")
        if rest == "master.m3u8":
            return self._master()
        folder, _, below = rest.partition("/")
        return self._title.find(f"/dvr/{below}") if folder in PATHWAYS and below != "master.m3u8" else None

    def _master(self) -> Resource | None:
        """The title's own playlist with each variant on each pathway."""
        found = self._title.find("/dvr/master.m3u8")
        if found is None or not isinstance(found.content, bytes):
            return None
        head: list[str] = []
        variants: list[tuple[str, str]] = []
        lines = iter(found.content.decode().splitlines())
        for line in lines:
            if line.startswith("#EXT-X-STREAM-INF:"):
                variants.append((line, next(lines)))
            else:
                head.append(line)
        first = next(iter(PATHWAYS.values()))
        head.append(f'#EXT-X-CONTENT-STEERING:SERVER-URI="{STEERING_PATH}",PATHWAY-ID="{first}"')
        for folder, pathway in PATHWAYS.items():
            for tag, uri in variants:
                stable = uri.partition("/")[0]
                head += [f'{tag},PATHWAY-ID="{pathway}",STABLE-VARIANT-ID="{stable}"', f"{folder}/{uri}"]
        return Resource(found.content_type, ("\n".join(head) + "\n").encode(), found.caching)
