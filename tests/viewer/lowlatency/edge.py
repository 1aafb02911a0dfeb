"""A scripted low-latency origin: parts of half a second, four to a segment, each there when its media has passed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from tests.viewer.world import Answer

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment

PART, PER_SEGMENT, TARGET = 0.5, 4, 2
FIRST = 42  # parts that are there at 0: ten segments and a half
WINDOW = 10
SERVER = "CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5"
URL = "http://origin/ll/media.m3u8"


def date(parts: int) -> str:
    """When so many parts had ended, for a clock that was 0 when the test began."""
    seconds = 1_000_000_000 + (parts - FIRST) * PART
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1024)
def playlist(
    parts: int,
    *,
    server: str = SERVER,
    with_parts: bool = True,
    hint: str = "",
    independent: int = PER_SEGMENT,
    second_init: int | None = None,
) -> MediaPlaylist:
    """The playlist when so many parts are there.

    Args:
        second_init: number of the segment from which on another init section is needed.
    """
    complete, opened = divmod(parts, PER_SEGMENT)
    first = complete - WINDOW
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:9",
        f"#EXT-X-TARGETDURATION:{TARGET}",
        f"#EXT-X-SERVER-CONTROL:{server}",
        *([f"#EXT-X-PART-INF:PART-TARGET={PART}"] if with_parts else []),
        f"#EXT-X-MEDIA-SEQUENCE:{first}",
        f'#EXT-X-MAP:URI="{"init.mp4" if second_init is None or first < second_init else "second.mp4"}"',
    ]
    for segment in range(first, complete + 1):
        if segment == second_init and (segment < complete or opened):
            lines.append('#EXT-X-MAP:URI="second.mp4"')
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date(segment * PER_SEGMENT)}")
        for part in range(PER_SEGMENT if segment < complete else opened):
            if with_parts and segment > complete - 4:
                mark = ",INDEPENDENT=YES" if part % independent == 0 else ""
                lines.append(f'#EXT-X-PART:DURATION={PART},URI="{segment}.{part}.mp4"{mark}')
        if segment < complete:
            lines += [f"#EXTINF:{TARGET}.0,", f"{segment}.mp4"]
    if complete == second_init and not opened:
        lines.append('#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="second.mp4"')
    if with_parts:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{hint or f"{complete}.{opened}.mp4"}"')
    parsed = parse_playlist("\n".join([*lines, ""]).encode(), URL)
    assert isinstance(parsed, MediaPlaylist)
    return parsed


@dataclass
class Edge:
    """The origin; each request gets its answer when what it asks for is there.

    Args:
        alters: what goes wrong: gets the request, its instant and the right answer.
        fetch_seconds: what an answer takes beyond that.
    """

    alters: Callable[[FetchPlaylist | FetchSegment, float, Answer], Answer] = lambda action, now, answer: answer
    fetch_seconds: float = 0.005
    phase: float = 0.0
    server: str = SERVER
    with_parts: bool = True
    independent: int = PER_SEGMENT
    second_init: int | None = None
    held: list[float] = field(default_factory=list)

    def published(self, now: float) -> int:
        return FIRST + int((now + self.phase + 1e-9) / PART)

    def there_at(self, parts: int) -> float:
        return (parts - FIRST) * PART - self.phase

    def __call__(self, action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        wait = 0.0
        if isinstance(action, FetchPlaylist):
            query = {
                name: int(values[0])
                for name, values in parse_qs(urlsplit(action.url).query).items()
                if name != "_HLS_skip"
            }
            if "_HLS_msn" in query:
                wanted = query["_HLS_msn"] * PER_SEGMENT + query.get("_HLS_part", PER_SEGMENT - 1) + 1
                wait = max(0.0, self.there_at(wanted) - now)
                self.held.append(wait)
            then = self.published(now + wait)
            listed = playlist(
                then,
                server=self.server,
                with_parts=self.with_parts,
                independent=self.independent,
                second_init=self.second_init,
            )
            answer = Answer(wait + self.fetch_seconds, playlist=listed)
        else:
            name = action.url.rpartition("/")[2].removesuffix(".mp4")
            if "." in name:
                segment, part = map(int, name.split("."))
                wait = max(0.0, self.there_at(segment * PER_SEGMENT + part + 1) - now)
            answer = Answer(wait + self.fetch_seconds)
        return self.alters(action, now, answer)
