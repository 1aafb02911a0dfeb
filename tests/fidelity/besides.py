"""What players and their browser ask and tell besides the stream, beside what ours do: CMCD, preflights, steering.

Each row is played by hls.js or Shaka in headless Chromium on an embedded origin of its own, then by `hls-swarm` on
another one with the same settings; what happens meanwhile happens at the same time after the first request. Compared
is the origin's list of requests:

- CMCD: keys and values of each request, object by object. Keys that tell of the time at which a request was made
  (buffer, throughput, startup, state, what is on screen) are compared by whether they are there, and those that come
  and go with time only in the second half, when both play.
- Preflights: methods and objects, in order for each object.
- Steering: every request to the steering server but for the throughput, and the pathways of the objects in order.

    .venv/bin/python -m tests.fidelity.besides [hlsjs | shaka] [WORD ...]
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
import uvloop
from tests.fidelity.__main__ import get
from tests.support.players.browser import play_with_hls_js, play_with_shaka

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.serving.control import RequestSeen
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings

PAGE = "http://127.0.0.1:1"
_AT_ONCE = 2
_OF_TIME = frozenset({"bl", "dl", "mtp", "su", "sta", "pb", "ltc"})
"""Keys whose values say when a request was made; `su`, `pb` and `bl` also come and go with time."""
_COMES_AND_GOES = frozenset({"su", "pb", "ltc"})
_NOT_BY_OBJECT = frozenset({"sn", "msd"})
"""Keys that go by the order of requests, or with one of them whichever it is."""
_SHAKA_BY_ITS_BUFFER = frozenset({"rtp", "bl"})
"""Shaka reckons `rtp` by what it has buffered, and has no `bl` before its first picture."""
_MEMBER = re.compile(r'([a-z]+)(?:=("[^"]*"|\([^)]*\)|[^,]*))?(?:,|$)')
_NUMBER = re.compile(r"seg-(\d+)")


@dataclass(frozen=True)
class Row:
    """What is played, with which settings.

    Args:
        config: of the player; flags: of `hls-swarm`, for the same.
        origin: settings of the embedded origin.
        later: seconds after the first request, and the control page that is asked for then.
    """

    name: str
    path: str
    seconds: float = 5.0
    config: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)
    later: tuple[tuple[float, str], ...] = ()
    player: str = "hlsjs"


def _cmcd(version: int = 1, *, headers: bool = False) -> dict[str, Any]:
    return {"cmcd": {"sessionId": "S", "contentId": "film", "version": version, "useHeaders": headers}, "startLevel": 2}


_CMCD_FLAGS = ("--cmcd-content-id", "film")
_HEADERS = ("--cmcd", "headers", *_CMCD_FLAGS)
_STEERED: dict[str, Any] = {"path": "/steered/master.m3u8", "seconds": 10.0, "config": {"startLevel": 2}}
_PLAY = {"hlsjs": play_with_hls_js, "shaka": play_with_shaka}
_TOP = {"useNetworkInformation": False, "defaultBandwidthEstimate": 100e6, "droppedFrames": False}
"""Shaka's highest variant from the start, and for good."""


def _shaka(row: Row) -> Row:
    """The same row for Shaka, which names its settings otherwise, and whose asking a relative RELOAD-URI would end."""
    cmcd = dict(row.config.get("cmcd", {}))
    config = {"abr": _TOP, **({"cmcd": cmcd | {"enabled": True}} if cmcd else {})}
    origin, later = dict(row.origin), row.later
    if "steering" in origin:
        origin["steering"] += ",no-reload-uri"
        later = tuple((at, f"{page},no-reload-uri" if page.startswith("steer/") else page) for at, page in later)
    return replace(
        row, player="shaka", config=config, flags=("--profile", "shaka", *row.flags), origin=origin, later=later
    )


_HLSJS_ROWS = (
    Row("CMCD 1, VOD", "/vod/master.m3u8", 5.0, _cmcd(), ("--cmcd", "query", *_CMCD_FLAGS)),
    Row("CMCD 1, audio apart", "/fmp4/master.m3u8", 5.0, _cmcd(), ("--cmcd", "query", *_CMCD_FLAGS)),
    Row("CMCD 1, byte ranges", "/ranges/master.m3u8", 4.0, _cmcd(), ("--cmcd", "query", *_CMCD_FLAGS)),
    Row("CMCD 1, AES-128", "/aes/master.m3u8", 4.0, _cmcd(), ("--cmcd", "query", *_CMCD_FLAGS)),
    Row("CMCD 1, one variant alone", "/live/720p/playlist.m3u8", 8.0, _cmcd(), ("--cmcd", "query", *_CMCD_FLAGS)),
    Row(
        "CMCD 2, live",
        "/live/master.m3u8",
        8.0,
        _cmcd(2),
        ("--cmcd", "query", "--cmcd-version", "2", *_CMCD_FLAGS),
    ),
    Row(
        "CMCD 1, live, a stall",
        "/live/master.m3u8",
        18.0,
        _cmcd(),
        ("--cmcd", "query", *_CMCD_FLAGS),
        later=((4.0, "set/pause=9s"),),
    ),
    Row("preflights, no cache", "/live/master.m3u8", 8.0, _cmcd(headers=True), _HEADERS, {"cors": "any,max-age=0s"}),
    Row("preflights, a day", "/live/master.m3u8", 8.0, _cmcd(headers=True), _HEADERS, {"cors": "any,max-age=24h"}),
    Row("preflights, no Max-Age", "/live/master.m3u8", 12.0, _cmcd(headers=True), _HEADERS, {"cors": "any,no-max-age"}),
    Row("preflights, byte ranges", "/ranges/master.m3u8", 4.0, _cmcd(headers=True), _HEADERS, {"cors": "any"}),
    Row("preflights refused", "/vod/master.m3u8", 4.0, _cmcd(headers=True), _HEADERS, {"cors": "any,no-headers"}),
    Row("another page allowed", "/vod/master.m3u8", 4.0, origin={"cors": "https://other.example"}),
    Row("allowed twice", "/vod/master.m3u8", 4.0, origin={"cors": "any,twice"}),
    Row("steered to B", **_STEERED, origin={"steering": "CDN-B,CDN-A,ttl=3s"}),
    Row(
        "steered to B, then back",
        **(_STEERED | {"seconds": 12.0}),
        origin={"steering": "CDN-A,CDN-B,ttl=2s"},
        later=((3.0, "steer/CDN-B,CDN-A,ttl=2s"), (6.5, "steer/CDN-A,CDN-B,ttl=2s")),
    ),
    Row(
        "steered to a clone",
        **_STEERED,
        origin={"steering": "CDN-A,ttl=2s"},
        later=((3.0, "steer/CDN-C,ttl=2s,clone=CDN-C:CDN-B"),),
    ),
    Row(
        "pathway A fails",
        **_STEERED,
        origin={"steering": "CDN-A,CDN-B,ttl=2s"},
        later=((4.0, "set/status=404,path=/steered/a/,on=all"),),
    ),
    Row("steering 429", **_STEERED, origin={"steering": "CDN-A,ttl=2s", "faults": ("status=429,path=/steering",)}),
    Row("steering 503", **_STEERED, origin={"steering": "CDN-A,ttl=2s", "faults": ("status=503,path=/steering",)}),
    Row(
        "steering 410 later",
        **_STEERED,
        origin={"steering": "CDN-A,CDN-B,ttl=2s"},
        later=((3.0, "set/status=410,path=/steering"),),
    ),
    Row("steering version 2", **_STEERED, origin={"steering": "CDN-B,ttl=2s,version=2"}),
)
_NOT_OF_SHAKA = frozenset({"CMCD 1, live, a stall", "pathway A fails"})
"""A pause of the live stream stops Shaka for good. It leaves hosts and not pathways, and here both have one host."""
ROWS = (
    *_HLSJS_ROWS,
    *(_shaka(row) for row in _HLSJS_ROWS if row.name not in _NOT_OF_SHAKA),
    replace(_shaka(Row("steering, a relative address next", **_STEERED)), origin={"steering": "CDN-B,CDN-A,ttl=2s"}),
)


def seen_by(address: OriginAddress) -> list[RequestSeen]:
    """What was asked for, in order of asking, with times since the first request."""
    lines = get(f"{address.base_url}/control/requests").splitlines()
    seen = sorted((msgspec.json.decode(line, type=RequestSeen) for line in lines), key=lambda one: one.at)
    return [msgspec.structs.replace(one, at=one.at - seen[0].at) for one in seen]


def disturb(address: OriginAddress, row: Row, over: Event) -> None:
    """Do what happens meanwhile, each at its time after the first request."""
    while not over.wait(0.02):
        if get(f"{address.base_url}/control/requests"):
            break
    began = time.perf_counter()
    for after, page in row.later:
        if over.wait(max(0.0, began + after - time.perf_counter())):
            return
        get(f"{address.base_url}/control/{quote(page)}")


async def ours(url: str, row: Row) -> None:
    """One viewer of `hls-swarm`, as a browser."""
    command = [sys.executable, "-m", "hls_swarm", "--clients", "1", "--workers", "1", "--ramp-jitter", "0s"]
    command += ["--duration", f"{row.seconds + 0.5:g}s", "--no-output", "--metrics", "off", "--no-expectations"]
    command += ["--tui=false", "--browser-origin", PAGE, *row.flags, url]
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    await asyncio.wait_for(process.wait(), row.seconds + 40)


async def observe(row: Row, player: str) -> list[RequestSeen]:
    """One player on an origin of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with OriginProcess(OriginSettings(port=0, **row.origin)) as address:
            over, url = Event(), address.base_url + row.path
            disturber = Thread(target=disturb, args=(address, row, over))
            disturber.start()
            try:
                if player == "ours":
                    await ours(url, row)
                else:
                    play = _PLAY[player]
                    await asyncio.to_thread(play, url, row.seconds + 1.5, Path(folder), None, row.config)
            finally:
                over.set()
                await asyncio.to_thread(disturber.join)
            seen = await asyncio.to_thread(seen_by, address)
    return [one for one in seen if one.at <= row.seconds]


def named(seen: list[RequestSeen]) -> list[tuple[str, RequestSeen]]:
    """Each request with its object, segments counted from the first one that was asked for."""
    numbers = [int(found[1]) for one in seen if (found := _NUMBER.search(one.target))]
    first = min(numbers, default=0)
    out = []
    for one in seen:
        path = one.target.partition("?")[0]
        name = _NUMBER.sub(lambda found: f"seg{int(found[1]) - first:+d}", path)
        out.append((f"{name} {one.range}".strip(), one))
    return out


def told(target: str) -> dict[str, str]:
    """The CMCD keys of a target, with their values as they stand; segments by nothing but their folder."""
    (text,) = parse_qs(target.partition("?")[2]).get("CMCD", [""])
    keys = {key: _NUMBER.sub("seg", value) for key, value in _MEMBER.findall(text)}
    return keys | ({"sid": "S"} if "sid" in keys else {})


def by_object(seen: list[RequestSeen]) -> dict[tuple[str, int], RequestSeen]:
    """The nth request for each object."""
    nth: Counter[str] = Counter()
    out = {}
    for name, one in named(seen):
        if one.method == "GET":
            out[name, nth[name]] = one
            nth[name] += 1
    return out


def differing_keys(real: list[RequestSeen], ours: list[RequestSeen], player: str) -> tuple[int, list[str]]:
    """How many requests were compared, and what differs."""
    by_buffer = _SHAKA_BY_ITS_BUFFER if player == "shaka" else frozenset[str]()
    theirs, mine = by_object(real), by_object(ours)
    common = [each for each in theirs if each in mine]
    wrong = []
    for nth, each in enumerate(common):
        a, b = told(theirs[each].target), told(mine[each].target)
        apart = _COMES_AND_GOES | (by_buffer - {"rtp"}) if 2 * nth <= len(common) else frozenset[str]()
        keys = (a.keys() | b.keys()) - apart - _NOT_BY_OBJECT
        for key in sorted(keys):
            same = key in a and key in b if key in _OF_TIME | by_buffer else a.get(key) == b.get(key)
            if not same:
                wrong.append(f"{each[0]}: {key} {a.get(key)} / {b.get(key)}")
    return len(common), wrong


def differing_preflights(real: list[RequestSeen], ours: list[RequestSeen]) -> tuple[int, list[str]]:
    """How many objects were compared, and for which the methods, in their order, differ."""
    sides = []
    for seen in (real, ours):
        methods: dict[str, str] = {}
        for name, one in named(seen):
            methods[name] = methods.get(name, "") + one.method[0]
        sides.append(methods)
    theirs, mine = sides
    common = [name for name in theirs if name in mine]
    wrong = []
    for name in common:
        length = min(len(theirs[name]), len(mine[name]))
        if theirs[name][:length] != mine[name][:length]:
            wrong.append(f"{name}: {theirs[name]} / {mine[name]}")
    missing = [name for name in theirs.keys() ^ mine.keys() if "seg" not in name]
    return len(common), wrong + [f"{name}: only one side" for name in missing]


def differing_steering(real: list[RequestSeen], ours: list[RequestSeen]) -> tuple[int, list[str]]:
    """How many requests to the server were compared, and what differs of them or of the pathways taken."""
    sides, ways = [], []
    for seen in (real, ours):
        asked = [one for one in seen if one.target.startswith("/steering")]
        sides.append([re.sub(r"(_HLS_throughput=)\d+", r"\1N", one.target) for one in asked])
        media = [one.target for one in seen if "/seg-" in one.target]
        taken = [target.split("/")[2] + ("C" if "pathway=" in target else "") for target in media]
        ways.append([way for nth, way in enumerate(taken) if nth == 0 or taken[nth - 1] != way])
    theirs, mine = sides
    length = min(len(theirs), len(mine))
    wrong = [f"{a} / {b}" for a, b in zip(theirs, mine, strict=False) if a != b]
    if abs(len(theirs) - len(mine)) > 1:
        wrong.append(f"{len(theirs)} / {len(mine)} requests")
    if ways[0] != ways[1]:
        wrong.append(f"pathways {ways[0]} / {ways[1]}")
    return length, wrong


async def run_one(row: Row, slots: asyncio.Semaphore) -> tuple[Row, list[RequestSeen], list[RequestSeen]]:
    """The player, then ours."""
    async with slots:
        return row, await observe(row, row.player), await observe(row, "ours")


async def main(words: list[str]) -> int:
    """Play all rows and print the table; the number of those in which something differs."""
    slots = asyncio.Semaphore(_AT_ONCE)
    players = [word for word in words if word in _PLAY] or list(_PLAY)
    words = [word for word in words if word not in _PLAY]
    wanted = [row for row in ROWS if row.player in players and (not words or any(word in row.name for word in words))]
    tasks = [asyncio.create_task(run_one(row, slots)) for row in wanted]
    print("| row | player | requests | preflights | compared | the same |")
    print("|---|---|---|---|---|---|")
    bad = 0
    for task in tasks:
        row, real, mine = await task
        if row.name.startswith("CMCD"):
            compared, wrong = differing_keys(real, mine, row.player)
        elif "steer" in row.name or "pathway" in row.name:
            compared, wrong = differing_steering(real, mine)
        else:
            compared, wrong = differing_preflights(real, mine)
        bad += bool(wrong) or not compared
        options = [sum(one.method == "OPTIONS" for one in seen) for seen in (real, mine)]
        print(
            f"| {row.name} | {row.player} | {len(real) - options[0]} / {len(mine) - options[1]} "
            f"| {options[0]} / {options[1]} | {compared} | {'yes' if compared and not wrong else 'NO'} |",
            flush=True,
        )
        for line in wrong[:12]:
            print(f"    {line}", file=sys.stderr)
        if "--log" in sys.argv:
            for title, seen in ((row.player, real), ("ours", mine)):
                lines = [(round(one.at, 2), one.method, one.target, one.status) for one in seen]
                print(json.dumps([title, lines]), file=sys.stderr)
    return bad


if __name__ == "__main__":
    sys.exit(min(1, uvloop.run(main([word for word in sys.argv[1:] if not word.startswith("-")]))))
