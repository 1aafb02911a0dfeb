"""Several agents as one, and every way in which one of them can go wrong: in virtual time, with made agents."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from tests.support.made.agents import REQUESTS_PER_SECOND, MadeAgent, requests_of
from tests.support.virtual_time import VirtualLoop, run_virtually

from hls_swarm.cluster.agent import LEASE_SECONDS, HostNews
from hls_swarm.cluster.agent_messages import Adopt, Apply, Ask, Begin
from hls_swarm.cluster.fleet import Fleet
from hls_swarm.cluster.member import GRACE_SECONDS
from hls_swarm.errors import PreflightError, RunError
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.agents import AgentState

SETTINGS = Settings(url="http://127.0.0.1/live.m3u8", clients=60, ramp_rate=100.0)


class Bed:
    """A fleet of made agents, polled once a second as the controller does.

    Attributes:
        news: of each second.
        told: how often the controller was woken for a loss.
    """

    def __init__(self, agents: Sequence[MadeAgent], **options: Any) -> None:
        self.loop = asyncio.get_running_loop()
        assert isinstance(self.loop, VirtualLoop)
        self.agents = agents
        self.fleet = Fleet(agents, clock=self.loop.time, **options)
        self.news: list[HostNews] = []
        self.told = 0
        self.started_at = 0.0

    async def start(self, settings: Settings = SETTINGS) -> None:
        facts = await self.fleet.hello(settings, self._lost)
        self.started_at = self.loop.time() + facts.notice_seconds
        await self.fleet.apply(self.started_at)

    async def run(self, until: int) -> None:
        """Poll until this second of the run."""
        while len(self.news) < until:
            await asyncio.sleep(max(0.0, self.started_at + len(self.news) + 1 - self.loop.time()))
            self.news.append(await self.fleet.poll(LEASE_SECONDS))

    def agent(self, name: str) -> AgentState:
        """What is known of it in the newest second."""
        return next(state for state in self.news[-1].agents if state.name == name)

    def seconds_until(self, holds: Callable[[AgentState], bool], name: str, since: int) -> int | None:
        """Seconds after `since` in which that is known of an agent first."""
        for second, news in enumerate(self.news, 1):
            if second > since and any(holds(state) for state in news.agents if state.name == name):
                return second - since
        return None

    @property
    def counted(self) -> int:
        return requests_of([news.tally for news in self.news[-1].news.values()])

    @property
    def sent(self) -> int:
        return sum(agent.requests for agent in self.agents)

    def _lost(self) -> None:
        self.told += 1


def in_bed(test: Callable[[Bed], Awaitable[None]], *, start: bool = True, **options: Any) -> None:
    made = options.pop("made", {})

    async def run() -> None:
        loop = asyncio.get_running_loop()
        agents = [MadeAgent(name, loop.time, **made.get(name, {})) for name in ("a", "b", "c")]
        bed = Bed(agents, **options)
        if start:
            await bed.start()
        await test(bed)

    run_virtually(run())


class TestTheWhole:
    def test_the_total_is_shared_by_cores_and_no_viewer_is_missing_or_double(self) -> None:
        async def test(bed: Bed) -> None:
            numbers = [number for agent in bed.agents for share in agent.shares for number in share.numbers(60)]
            assert sorted(numbers) == list(range(60))
            counts = [sum(share.count(60) for share in agent.shares) for agent in bed.agents]
            assert counts == [15, 30, 15]

        in_bed(test, made={"b": {"cores": 4}})

    def test_a_share_takes_the_place_of_the_cores(self) -> None:
        async def test(bed: Bed) -> None:
            assert [sum(share.count(60) for share in agent.shares) for agent in bed.agents] == [20, 30, 10]

        in_bed(test, weights={"b": 3, "c": 1})

    def test_they_carry_as_many_as_the_first_of_them_that_is_full_lets_them(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def test(bed: Bed) -> None:
            assert await bed.fleet.room(SETTINGS, 60) == 1600  # b carries half of them, and has room for 800
            bed.fleet.most, bed.fleet.warns = 1600, False
            await bed.start()
            begins = [message for agent in bed.agents for _, message in agent.said if isinstance(message, Begin)]
            assert [(begin.settings.clients, begin.most) for begin in begins] == [(60, 1600)] * 3

            assert "a: few ports" not in caplog.text

        in_bed(
            test,
            start=False,
            made={"a": {"room": 500, "warnings": ("few ports",)}, "b": {"cores": 4, "room": 800}, "c": {"room": 401}},
        )

    def test_what_one_may_run_short_of_is_said_with_its_name(self, caplog: pytest.LogCaptureFixture) -> None:
        async def test(bed: Bed) -> None:
            assert "a: few ports" in caplog.text

        in_bed(test, made={"a": {"warnings": ("few ports",)}})

    def test_with_room_for_fewer_than_the_least_they_carry_the_least(self) -> None:
        async def test(bed: Bed) -> None:
            assert await bed.fleet.room(SETTINGS, 60) == 60

        in_bed(test, start=False, made={"b": {"room": 1}})

    def test_one_that_can_not_tell_is_named(self) -> None:
        async def test(bed: Bed) -> None:
            with pytest.raises(RunError, match=r"^b: no such address$"):
                await bed.fleet.room(SETTINGS, 60)

        in_bed(test, start=False, made={"b": {"refuses": "no such address"}})

    def test_all_start_at_one_instant_whatever_their_clocks_show(self) -> None:
        async def test(bed: Bed) -> None:
            starts = [
                message.at + agent.clock
                for agent in bed.agents
                for _, message in agent.said
                if isinstance(message, Apply)
            ]
            assert starts == pytest.approx([bed.started_at] * 3, abs=1e-6)
            told_at = [at for agent in bed.agents for at, message in agent.said if isinstance(message, Apply)]
            assert max(told_at) < bed.started_at
            await bed.run(2)
            assert bed.agent("c").clock_offset_seconds == pytest.approx(-12_345.0, abs=1e-6)
            assert bed.agent("c").clock_error_seconds == pytest.approx(0.002, abs=1e-6)
            seconds = [news.tally.playing.seconds(bed.loop.time()) for news in bed.news[-1].news.values()]
            assert seconds == pytest.approx([1.0] * 3, abs=0.1)

        in_bed(test, made={"b": {"clock": 5000.0}, "c": {"clock": -12_345.0}})

    def test_a_change_of_the_plan_is_at_one_instant(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(2)
            await bed.fleet.apply(bed.loop.time() + 0.5, 30, 10.0)
            last = [agent.said[-1][1] for agent in bed.agents]
            assert [(one.change, one.per_second) for one in last if isinstance(one, Apply)] == [(30, 10.0)] * 3
            instants = {
                round(one.at + a.clock, 6) for a, one in zip(bed.agents, last, strict=True) if isinstance(one, Apply)
            }
            assert len(instants) == 1

        in_bed(test, made={"b": {"clock": 5000.0}})

    def test_what_all_counted_is_what_all_sent(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.news.append(await bed.fleet.stop(1.0))
            assert bed.counted == bed.sent > 0
            assert bed.news[-1].idle
            assert not bed.news[-1].lost

        in_bed(test)


class TestBeforeTheStart:
    @pytest.mark.parametrize(
        ("made", "complaint"),
        [
            pytest.param({"version": "0.0.9"}, "b: runs hls-swarm 0.0.9", id="another version"),
            pytest.param({"refuses": "too few file descriptors"}, "b: too few file descriptors", id="its own limits"),
            pytest.param({"dead": True}, "b: its process has ended", id="gone"),
            pytest.param({"hung": True}, "b: did not say what it is within 30 s", id="hangs"),
        ],
    )
    def test_a_machine_that_can_not_is_named(self, made: dict[str, Any], complaint: str) -> None:
        async def test(bed: Bed) -> None:
            with pytest.raises((RunError, PreflightError), match=complaint):
                await bed.start()
            assert not any(isinstance(message, Apply) for agent in bed.agents for _, message in agent.said)

        in_bed(test, start=False, made={"b": made})

    def test_all_that_can_not_are_named_at_once(self) -> None:
        async def test(bed: Bed) -> None:
            with pytest.raises(RunError, match=r"b: no memory; c: no ports"):
                await bed.start()

        in_bed(test, start=False, made={"b": {"refuses": "no memory"}, "c": {"refuses": "no ports"}})

    def test_a_share_for_nobody_is_refused(self) -> None:
        async def test(bed: Bed) -> None:
            with pytest.raises(RunError, match="--share: d is none of the agents: a, b, c"):
                await bed.start()

        in_bed(test, start=False, weights={"d": 2})

    def test_a_wall_clock_that_is_off_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        async def test(bed: Bed) -> None:
            assert "b: its wall clock is 2.00 s behind" in caplog.text
            await bed.run(1)
            assert bed.agent("b").wall_offset_seconds == pytest.approx(2.0, abs=0.05)

        in_bed(test, made={"b": {"wall_offset": 2.0}})


class TestFaults:
    def test_a_machine_that_dies_is_known_at_once_and_its_last_counts_stay(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            before = bed.news[-1].news[2].tally.objects
            bed.agents[1].set(dead=True)
            await bed.run(7)
            assert bed.seconds_until(lambda state: bool(state.lost), "b", 5) == 1
            assert bed.agent("b").lost == "its process has ended"
            assert bed.agent("b").gap_seconds == pytest.approx(1.0, abs=0.05)
            assert bed.news[-1].news[2].tally.objects == before
            assert bed.news[-1].news[2].tally.active == 0
            assert bed.news[-1].lost == {2: "on b: its process has ended", 3: "on b: its process has ended"}
            assert bed.told == 1
            missing = bed.sent - bed.counted
            assert 0 <= missing <= REQUESTS_PER_SECOND * 1.1

        in_bed(test)

    @pytest.mark.parametrize("how", ["cut", "hung"])
    def test_one_that_is_heard_no_more_is_silent_then_lost_when_its_lease_has_ended_its_load(self, how: str) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].set(**{how: True})
            await bed.run(25)
            silent = bed.seconds_until(lambda s: (s.poll_age_seconds or 0) > 3 and not s.lost, "b", 5)
            lost = bed.seconds_until(lambda state: bool(state.lost), "b", 5)
            assert (silent, lost) == (4, 13)
            assert bed.agent("b").lost.startswith("no answer for 1")
            ended = bed.agents[1].load_ended_at
            assert bed.agents[1].requests > 0
            assert bed.agents[1].load_ended_at is not None
            assert ended is None or ended <= bed.started_at + 5 + LEASE_SECONDS + 0.1
            gap = bed.agent("b").gap_seconds
            assert gap is not None
            assert LEASE_SECONDS <= gap <= LEASE_SECONDS + GRACE_SECONDS + 1.1
            assert bed.sent - bed.counted <= gap * REQUESTS_PER_SECOND

        in_bed(test)

    def test_a_short_cut_costs_nothing(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].set(cut=True)
            await bed.run(9)
            assert bed.seconds_until(lambda s: (s.poll_age_seconds or 0) > 3, "b", 5) is not None
            bed.agents[1].set(cut=False)
            await bed.run(12)
            assert not bed.agent("b").lost
            assert bed.agent("b").poll_age_seconds == pytest.approx(0.0, abs=0.1)
            bed.news.append(await bed.fleet.stop(1.0))
            assert bed.counted == bed.sent
            assert bed.told == 0

        in_bed(test)

    def test_no_question_is_asked_twice_while_the_line_is_cut(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(3)
            bed.agents[1].set(cut=True)
            await bed.run(8)
            bed.agents[1].set(cut=False)
            await bed.run(10)
            asked = [at for at, message in bed.agents[1].said if isinstance(message, Ask)]
            assert len(asked) == 5  # three before, the one that waited, one after

        in_bed(test)

    def test_what_comes_after_all_from_one_that_was_given_up_is_taken_in(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].set(cut=True)
            await bed.run(20)
            assert bed.agent("b").lost
            gap = bed.agent("b").gap_seconds
            assert bed.counted < bed.sent
            bed.agents[1].set(cut=False)
            await bed.run(22)
            assert bed.agent("b").lost
            assert bed.counted >= bed.sent - 3
            assert (bed.agent("b").gap_seconds or 0.0) < (gap or 0.0)
            assert bed.news[-1].news[2].tally.active == 0

        in_bed(test)

    def test_one_that_is_silent_at_the_end_is_named_and_holds_nobody_for_long(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].set(hung=True)
            await bed.run(10)
            began = bed.loop.time()
            bed.news.append(await bed.fleet.stop(1.0, 1.0))
            assert bed.loop.time() - began < 6.5
            assert bed.agent("b").lost.startswith("did not report to the end")
            assert bed.news[-1].idle

        in_bed(test)

    def test_a_controller_that_is_gone_leaves_no_load(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            await asyncio.sleep(30.0)
            assert bed.sent <= 3 * REQUESTS_PER_SECOND * (5 + LEASE_SECONDS + 0.1)
            ends = [agent.load_ended_at or 0.0 for agent in bed.agents]
            assert max(ends) - bed.started_at == pytest.approx(5 + LEASE_SECONDS, abs=0.1)

        in_bed(test)

    def test_all_lost_is_an_end(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(3)
            for agent in bed.agents:
                agent.set(dead=True)
            await bed.run(4)
            assert bed.news[-1].idle

        in_bed(test)


class TestRespread:
    def test_the_viewers_of_a_lost_one_come_again_on_the_others_when_its_load_has_ended(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].set(cut=True)
            await bed.run(25)
            adopted = [(at, m) for agent in bed.agents for at, m in agent.said if isinstance(m, Adopt)]
            assert len(adopted) == 2
            assert min(at for at, _ in adopted) >= (bed.agents[1].load_ended_at or 1e9)
            lost = [n for share in bed.agents[1].shares for n in share.numbers(60)]
            taken = [n for _, message in adopted for share in message.shares for n in share.numbers(60)]
            assert sorted(taken) == sorted(lost)
            assert bed.agent("b").replaced is True
            assert bed.seconds_until(lambda state: state.replaced is False, "b", 5) is not None

        in_bed(test, respread=True)

    def test_of_one_that_only_does_not_answer_they_wait_for_its_lease(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].known = False
            bed.agents[1].set(dead=True)
            await bed.run(25)
            assert bed.seconds_until(lambda state: bool(state.lost), "b", 5) == 1
            adopted = [at for agent in bed.agents for at, m in agent.said if isinstance(m, Adopt)]
            assert min(adopted) >= (bed.agents[1].load_ended_at or 1e9)
            assert bed.agent("b").gap_seconds == pytest.approx(LEASE_SECONDS + GRACE_SECONDS + 1.0, abs=0.1)

        in_bed(test, respread=True)

    def test_without_being_asked_for_they_stay_away(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(5)
            bed.agents[1].set(dead=True)
            await bed.run(20)
            assert not [m for agent in bed.agents for _, m in agent.said if isinstance(m, Adopt)]
            assert bed.agent("b").replaced is None

        in_bed(test)

    def test_one_after_the_other_the_last_has_all(self) -> None:
        async def test(bed: Bed) -> None:
            await bed.run(3)
            bed.agents[1].set(dead=True)
            await bed.run(6)
            bed.agents[2].set(dead=True)
            await bed.run(9)
            numbers = [n for share in bed.agents[0].shares for n in share.numbers(60)]
            assert sorted(numbers) == list(range(60))

        in_bed(test, respread=True)


def test_each_begins_with_workers_of_its_own_numbers() -> None:
    async def test(bed: Bed) -> None:
        firsts = [m.first for agent in bed.agents for _, m in agent.said if isinstance(m, Begin)]
        assert firsts == [0, 2, 6]

    in_bed(test, made={"b": {"cores": 4}})
