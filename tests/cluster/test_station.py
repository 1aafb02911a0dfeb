"""The agent of a machine without anything that connects machines: three of them in one process, with real workers."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hls_swarm import __version__
from hls_swarm.cluster.agent import LEASE_SECONDS, HostNews
from hls_swarm.cluster.agent_messages import Ask, Facts, Fetch, Look, Piece, Refused, Room, Size, from_agent, pack
from hls_swarm.cluster.fleet import Fleet
from hls_swarm.cluster.station import Station
from hls_swarm.errors import RunError
from hls_swarm.settings.run import Settings
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings

pytestmark = pytest.mark.program


class Direct:
    """A line that is a call."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.station = Station(folder / name, "none")

    async def ask(self, message: bytes, quiet_seconds: float = 0.0) -> bytes:
        return await self.station.answer(message)


def ask(station: Station, message: Any) -> Any:
    return from_agent(asyncio.run(station.answer(pack(message))))


def test_it_says_what_the_machine_is(tmp_path: Path) -> None:
    facts = ask(Station(tmp_path, "ray 2.60.0"), Look())
    assert isinstance(facts, Facts)
    assert (facts.version, facts.engine, facts.busy) == (__version__, "ray 2.60.0", "")
    assert facts.cores >= 1


def test_it_says_how_many_viewers_it_can_carry(tmp_path: Path) -> None:
    settings = Settings(url="http://127.0.0.1/live.m3u8")
    room, all_variants = (
        ask(Station(tmp_path), Size(each, 2)) for each in (settings, replace(settings, variant="all"))
    )
    assert isinstance(room, Room)
    assert isinstance(all_variants, Room)
    assert 1 < all_variants.viewers < room.viewers


def test_without_viewers_there_is_no_news(tmp_path: Path) -> None:
    assert ask(Station(tmp_path), Ask(10.0)) == Refused("no viewers were started here")


def test_what_can_not_be_read_is_answered_in_words(tmp_path: Path) -> None:
    answer = from_agent(asyncio.run(Station(tmp_path).answer(b"nonsense")))
    assert isinstance(answer, Refused)
    assert f"hls-swarm {__version__} runs here" in answer.reason


def test_only_files_of_requests_can_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    station = Station(tmp_path)
    assert ask(station, Fetch()) == Piece()
    assert ask(station, Fetch("../../secret")) == Refused("there is no file ../../secret")


def on_three(tmp_path: Path, test: Callable[[Fleet, str], Awaitable[None]]) -> Sequence[str]:
    """The lines of the origin's access log, which is whole when it has ended."""
    log = tmp_path / "access.log"

    async def run() -> None:
        async with OriginProcess(OriginSettings(access_log=log)) as address:
            lines = [Direct(name, tmp_path) for name in ("a", "b", "c")]
            await test(Fleet(lines), address.stream_url)

    asyncio.run(run())
    return log.read_text().splitlines()


async def until_played(fleet: Fleet, viewers: int) -> HostNews:
    """News of a second in which so many viewers have played; the fleet is asked as a run asks it."""
    async with asyncio.timeout(60):
        while True:
            news = await fleet.poll(LEASE_SECONDS)
            if sum(one.tally.playing.active for one in news.news.values()) == viewers:
                return news
            await asyncio.sleep(0.5)


def totals(news: HostNews) -> tuple[int, int, int]:
    """Requests, body bytes, and how many of these bodies were cut by the end."""
    objects = [figures for one in news.news.values() for figures in one.tally.objects.values()]
    return (
        sum(figures.requests for figures in objects),
        sum(figures.body_bytes for figures in objects),
        sum(figures.cancelled for figures in objects),
    )


def test_what_three_machines_count_is_what_the_origin_wrote_down(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    ended: list[HostNews] = []

    async def test(fleet: Fleet, url: str) -> None:
        settings = Settings(url=url, clients=12, ramp_rate=50.0, workers=1, output=str(tmp_path), record_requests=True)
        facts = await fleet.hello(settings, lambda: None)
        assert facts.workers == 3
        await fleet.apply(time.perf_counter() + facts.notice_seconds)
        news = await until_played(fleet, 12)
        assert [state.viewers for state in news.agents] == [4, 4, 4]
        ended.append(await fleet.stop(5.0, 5.0))

    lines = on_three(tmp_path, test)
    (last,) = ended
    assert (dict(last.lost), last.idle) == ({}, True)
    sizes = [int(match[1]) for match in (re.search(r'" \d{3} (\d+) ', line) for line in lines) if match]
    requests, body_bytes, cut = totals(last)
    assert requests == len(sizes) >= 12 * 3
    assert body_bytes == sum(sizes) or (cut and body_bytes < sum(sizes))  # the log has what was sent of a cut one
    files = sorted((tmp_path / "requests").glob("*.parquet"))
    assert [file.name[:8] for file in files] == ["worker-0", "worker-1", "worker-2"]
    assert sum(parquet.read_metadata(file).num_rows for file in files) == len(sizes)
    assert not list(tmp_path.glob("?/*/requests"))  # fetched, and gone there


def test_of_all_source_addresses_a_machine_uses_its_own(tmp_path: Path) -> None:
    async def test(fleet: Fleet, url: str) -> None:
        addresses = ("127.0.0.2-127.0.0.3", "192.0.2.7")
        settings = Settings(url=url, clients=6, ramp_rate=50.0, workers=1, source_address=addresses)
        facts = await fleet.hello(settings, lambda: None)
        await fleet.apply(time.perf_counter() + facts.notice_seconds)
        await until_played(fleet, 6)
        await fleet.stop(1.0)

    assert {line.split()[0] for line in on_three(tmp_path, test)} == {"127.0.0.2", "127.0.0.3"}


def test_source_addresses_of_no_machine_are_refused_by_name(tmp_path: Path) -> None:
    async def test(fleet: Fleet, url: str) -> None:
        with pytest.raises(RunError, match=r"a: --source-address: 192\.0\.2\.7 not of this machine"):
            await fleet.hello(Settings(url=url, clients=6, source_address=("192.0.2.7",)), lambda: None)

    assert on_three(tmp_path, test) == []


def test_a_machine_that_can_not_carry_its_part_is_named_before_anything_starts(tmp_path: Path) -> None:
    async def test(fleet: Fleet, url: str) -> None:
        fleet.most = 10_000_000
        with pytest.raises(RunError, match=r"a: .*memory"):  # for what a search may come to, not for its first load
            await fleet.hello(Settings(url=url, clients=6), lambda: None)
        fleet.most = None
        with pytest.raises(RunError) as error:
            await fleet.hello(Settings(url=url, clients=6, ca_file="/nowhere/ca.pem"), lambda: None)
        text = str(error.value)
        assert all(f"{name}: " in text for name in "abc")
        assert "/nowhere/ca.pem" in text

    assert on_three(tmp_path, test) == []
