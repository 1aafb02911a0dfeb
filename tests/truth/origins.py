"""Origins whose limit is known by construction: what a search must find, and what it must name.

The load of a viewer is arithmetic: one segment of 2 s and one playlist every 2 s, so one request a second.
"""

from dataclasses import dataclass

from tests.support.live import SEGMENT_SECONDS
from tests.truth.bed import SEGMENT_BYTES, Alone, Embedded, Nginx, Origin
from tests.truth.vod import SEGMENT_BYTES as FILM_BYTES

NOTHING = frozenset({""})
_SHAPED = 8_000_000
_OF_SHAPED_IS_BODY = 1448 / 1514
"""Of a full frame, what is payload; the rest are headers."""
_PLAYLIST_AND_HEADS_BYTES = 1300
_EMBEDDED_BANDWIDTH = 1_500_000
_CREDITED = 4_000_000
_DISK, _FILM_DISK = 1_000_000, 1_500_000
_BUFFER_BYTES = 32 << 10
_UNCACHED = "sendfile off; directio 4k; output_buffers 2 32k;"
_SLOW_SEGMENTS = "sendfile_max_chunk 15k; limit_rate 75k;"
"""60 kB in four parts, with 0.2 s after each but the last; without parts nginx sends a second's worth at once."""


@dataclass(frozen=True)
class Row:
    """One origin.

    Args:
        expected: the load that it carries, least and most; None: only the cause is known.
        causes: names of suspects of which one must be named, first; an empty one: none is.
        first, most: the load to begin with, and never more.
        expected_bytes_per_second: in place of `expected`: what it sends, shared by its viewers.
        verdict: of the search.
        generator_share: of one core that the search may use itself; None: all.
        soak_seconds: how long the answer is held; most limits need no time to give way.
        overloads: see whether it recovers, and then it must not.
        flags: of the search.
    """

    name: str
    origin: Origin
    expected: tuple[float, float] | None
    causes: frozenset[str]
    first: int = 8
    most: int = 100
    expected_bytes_per_second: float | None = None
    verdict: str = "found"
    generator_share: float | None = None
    soak_seconds: float = 0.0
    overloads: bool = False
    flags: tuple[str, ...] = ()


def _at(viewers: float) -> tuple[float, float]:
    return (viewers, viewers)


def _shaped(bits_per_second: float) -> float:
    each = 8 * (SEGMENT_BYTES + _PLAYLIST_AND_HEADS_BYTES) / SEGMENT_SECONDS
    return bits_per_second * _OF_SHAPED_IS_BODY / each


ROWS = (
    Row("requests: 30 a second", Embedded(("--limit", "requests=30")), _at(30), frozenset({"rate-limit"})),
    Row(
        # It is shared in the program, whose metrics show it as a link.
        "bandwidth: 12 Mbit/s",
        Embedded(("--limit", f"bandwidth={_EMBEDDED_BANDWIDTH}")),
        None,
        frozenset({"link"}),
        expected_bytes_per_second=_EMBEDDED_BANDWIDTH,
    ),
    Row("connections: 30", Embedded(("--limit", "connections=30")), _at(30), frozenset({"nginx-connections"})),
    Row(
        # So many that one viewer meets one in a trial of 6 s. Who refuses that fast from the first request on may be a
        # limit that is below a viewer: good answers grow with the load then, but a few answers do not always show it.
        "30% of answers are 503",
        Embedded(("--fault", "status=503,rate=.3")),
        None,
        NOTHING | {"rate-limit"},
        first=4,
        verdict="none",
    ),
    Row(
        "each connection at 40 kB/s",
        Embedded(("--fault", "slow=40k")),
        None,
        frozenset({"connection-throttle"}),
        verdict="none",
    ),
    Row(
        "nginx limit_req, 30 a second",
        Nginx(
            http="limit_req_zone $server_port zone=all:1m rate=30r/s;",
            stream="limit_req zone=all burst=30 nodelay; limit_req_status 503;",
        ),
        _at(30),
        frozenset({"rate-limit"}),
    ),
    Row("shaper, 8 Mbit/s", Nginx(shaped_bits_per_second=_SHAPED), _at(_shaped(_SHAPED)), frozenset({"network-path"})),
    Row(
        "nginx before a slow upstream, 20 segments a second",
        Nginx(upstream=("sleep", "50")),
        _at(40),
        frozenset({"upstream"}),
    ),
    Row(
        "nginx worker_rlimit_nofile 40",
        Nginx(main="worker_rlimit_nofile 40;", connections=512),
        (26, 33),
        frozenset({"descriptors"}),
    ),
    Row(
        # 28 places for viewers, each of which a viewer holds for 0.6 s of 2 s: all in step is the least, none the most.
        "nginx worker_connections 30, segments of 0.6 s",
        Nginx(connections=30, segments=_SLOW_SEGMENTS),
        (28, 28 / 0.3),
        frozenset({"nginx-connections"}),
        first=24,
        most=150,
    ),
    Row(
        "nginx limit_conn 16, segments of 0.6 s",
        Nginx(
            http="limit_conn_zone $server_port zone=all:1m;",
            stream="limit_conn all 16; limit_conn_status 503;",
            segments=_SLOW_SEGMENTS,
        ),
        (16, 16 / 0.3),
        frozenset({"rate-limit"}),
        first=12,
    ),
    Row(
        "CPU quota, 20% of a core, 20 ms a segment",
        Alone(("cpu", "20"), cpu_share=0.2),
        _at(20),
        frozenset({"cpu-quota"}),
        first=5,
    ),
    Row(
        # Half as much again for a while, until the credit is used up: what it carries for good is what the rate does.
        # It takes trials that leave some of the credit for the soak, so it begins near the answer.
        "credit of 20 MB over 4 Mbit/s",
        Nginx(shaped_bits_per_second=_CREDITED, credit_bytes=20_000_000),
        _at(_shaped(_CREDITED)),
        frozenset({"burst-credit"}),
        first=20,
        most=24,
        soak_seconds=45,
    ),
    Row(
        # Of each segment one whole buffer comes from the disk; the end, which fills none, goes through the cache.
        "disk, 1 MB/s",
        Nginx(segments=_UNCACHED, read_bytes_per_second=_DISK),
        _at(_DISK / _BUFFER_BYTES * SEGMENT_SECONDS),
        frozenset({"disk-reads"}),
        first=20,
    ),
    Row(
        # A third of it has room, and who follows another closely finds what that one read: all or half is missed.
        "page cache of 32 MB for a film of 96 MB",
        Nginx(read_bytes_per_second=_FILM_DISK, memory_bytes=32 << 20, film_segments=800),
        (_FILM_DISK / FILM_BYTES * SEGMENT_SECONDS, 2 * _FILM_DISK / FILM_BYTES * SEGMENT_SECONDS),
        frozenset({"page-cache", "disk-reads"}),
        flags=("--join", "random"),
    ),
    Row(
        "metastable: 40 ms a segment, 60 ms while one waits for 4 s",
        Alone(("queue", "40")),
        _at(50),
        frozenset({"upstream"}),
        first=12,
        overloads=True,
    ),
    Row(
        "accept queue of 2 places",
        Alone(("sleep", "30", "2", "close")),
        None,
        frozenset({"accept-queue"}),
        first=5,
    ),
    Row(
        "this machine: 10% of a core for the viewers",
        Embedded(),
        None,
        frozenset({"generator"}),
        first=100,
        most=4000,
        verdict="at_least",
        generator_share=0.1,
    ),
    Row(
        "cpu: 40 ms a segment",
        Embedded(("--limit", "cpu=40ms")),
        _at(50),
        frozenset({"cpu", "one-core", "upstream"}),
    ),
)
"""The last one takes a whole core, which only a machine with nothing else to do can show."""

UNSEEN = (
    Row(
        "unseen: 30 requests a second and 8 Mbit/s at once",
        Nginx(
            http="limit_req_zone $server_port zone=all:1m rate=30r/s;",
            stream="limit_req zone=all burst=30 nodelay; limit_req_status 503;",
            shaped_bits_per_second=_SHAPED,
        ),
        _at(30),
        frozenset({"rate-limit", "network-path"}),
    ),
    Row(
        # More wait for up to two seconds, then they are refused; segments are as fast as ever.
        "unseen: 10 playlists a second",
        Nginx(
            http="limit_req_zone $server_port zone=lists:1m rate=10r/s;",
            playlists="limit_req zone=lists burst=20; limit_req_status 503;",
        ),
        _at(20),
        frozenset({"rate-limit"}),
    ),
    Row(
        # It begins with 66 and falls with each segment that it serves: what is right depends on how long it was asked.
        "unseen: a leak of 3 us a segment",
        Alone(("leak", "30")),
        None,
        frozenset({"upstream"}),
        first=20,
        soak_seconds=75,
    ),
    Row(
        "unseen: nothing in the way of 1,500 viewers",
        Nginx(),
        None,
        NOTHING,
        first=250,
        most=1500,
        verdict="at_least",
    ),
)
"""Origins that were not there while the search and its verdict were built, and were tried when they were."""
