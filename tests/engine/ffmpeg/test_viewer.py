"""An ffmpeg viewer over a process that a test plays: restarts, ends, and what of them is reported."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from tests.support import places

from hls_swarm.engine.ffmpeg.backoff import BackoffPolicy
from hls_swarm.engine.ffmpeg.process import Output, Process
from hls_swarm.engine.ffmpeg.viewer import ExitCategory, FfmpegViewer, exit_category
from hls_swarm.engine.running import RunningViewer
from hls_swarm.records import (
    EndReason,
    FailureKind,
    PlaybackStarted,
    PlayerStarted,
    PlaylistFetched,
    Record,
    StallEnded,
    StallStarted,
    ViewerStarted,
    ViewerStopped,
)

DATA = places.DATA / "ffmpeg"


class FakeProcess:
    """A process that does what the test says; by default it ends at once when it is asked to."""

    def __init__(self, output: Output, *, stubborn: bool) -> None:
        self.output = output
        self.signals: list[str] = []
        self.stubborn = stubborn
        self.ended = False

    def terminate(self) -> None:
        self.signals.append("TERM")
        if not self.stubborn:
            self.end(255)

    def kill(self) -> None:
        self.signals.append("KILL")
        self.end(-9)

    def end(self, code: int) -> None:
        if not self.ended:
            self.ended = True
            asyncio.get_running_loop().call_soon(self.output.on_exit, code)

    def plays(self, seconds: float) -> None:
        """It has media, up to this position."""
        self.output.on_error(b"[info]   Duration: N/A, start: 0\n[info] Output #0, null, to 'pipe:':\n")
        self.output.on_output(b"out_time_us=%d\nprogress=continue\n" % int(seconds * 1e6))


class Stage:
    """One viewer, its processes and its records."""

    def __init__(
        self,
        *,
        limit: int = 5,
        restart_after: float | None = None,
        length: float = float("inf"),
        wait: float = 0.01,
        command: tuple[str, ...] = ("ffmpeg",),
    ) -> None:
        self.processes: list[FakeProcess] = []
        self.records: list[Record] = []
        self.finished: list[RunningViewer] = []
        self.stubborn = False
        self.error: OSError | None = None
        self.viewer = FfmpegViewer(
            3, command, {}, length_seconds=length, backoff=BackoffPolicy(wait, limit=limit), seed=1,
            timeout_seconds=None, lines_per_second=10_000, restart_after_stall_seconds=restart_after, secret=None,
            spawn=self.spawn, report=self.records.append, finished=self.finished.append,
            loop=asyncio.get_running_loop(),
        )  # fmt: skip

    def spawn(self, command: Sequence[str], variables: Mapping[str, str], output: Output) -> "asyncio.Future[Process]":
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        if self.error is not None:
            future.set_exception(self.error)
            return future
        self.processes.append(FakeProcess(output, stubborn=self.stubborn))
        future.set_result(self.processes[-1])
        return future

    async def until(self, count: int) -> FakeProcess:
        """The process with this number, counted from 1, once it was started."""
        await until(lambda: len(self.processes) >= count)
        await asyncio.sleep(0)
        return self.processes[count - 1]

    def of(self, *kinds: type) -> list[Record]:
        """Records of these kinds."""
        return [record for record in self.records if isinstance(record, kinds)]

    @property
    def stopped(self) -> ViewerStopped:
        """How it ended."""
        (record,) = self.of(ViewerStopped)
        assert isinstance(record, ViewerStopped)
        return record


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - anything at all may be waited for
            await asyncio.sleep(0.002)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a test's scene."""

    async def main() -> None:
        await scene()

    asyncio.run(main())


def test_a_viewer_that_is_ended_reports_what_its_process_said_last() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.viewer.start(0.0)
        process = await stage.until(1)
        process.plays(6.0)
        assert stage.viewer.in_flight == 1
        process.output.on_error(b"[NULL @ 0x1] [debug] Opening 'http://h/a.m3u8' for reading\n")
        process.output.on_error(
            b"[http @ 0x2] [debug] request: GET /a.m3u8 HTTP/1.1\n[http @ 0x2] [trace] http_code=200\n"
        )
        stage.viewer.quit()
        assert process.signals == ["TERM"]
        await until(lambda: bool(stage.finished))
        assert stage.stopped.reason is EndReason.QUIT
        assert stage.stopped.played
        kinds = [type(record) for record in stage.records]
        assert kinds == [ViewerStarted, PlayerStarted, PlaybackStarted, PlaylistFetched, ViewerStopped]

    play(scene)


@pytest.mark.parametrize(
    ("command", "is_paced"),
    [
        pytest.param(("ffmpeg", "-i", "http://h/a.m3u8"), False, id="as bytes come"),
        pytest.param(("ffmpeg", "-readrate", "1", "-i", "http://h/a.m3u8"), True, id="at the speed of play"),
    ],
)
def test_a_viewer_says_whether_it_is_held_to_the_speed_of_play(command: tuple[str, ...], is_paced: bool) -> None:
    async def scene() -> None:
        stage = Stage(command=command)
        stage.viewer.start(0.0)
        await stage.until(1)
        (started,) = stage.of(ViewerStarted)
        assert isinstance(started, ViewerStarted)
        assert started.is_paced is is_paced
        stage.viewer.quit()
        await until(lambda: bool(stage.finished))

    play(scene)


def test_a_process_that_dies_is_followed_by_another() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.viewer.start(0.0)
        (await stage.until(1)).plays(6.0)
        stage.processes[0].end(-9)
        (await stage.until(2)).plays(6.0)
        assert [type(record) for record in stage.records[2:]] == [
            PlaybackStarted,
            StallStarted,
            PlayerStarted,
            StallEnded,
        ]
        restarted = stage.of(PlayerStarted)[1]
        assert isinstance(restarted, PlayerStarted)
        assert restarted.restart
        assert restarted.reason == "ffmpeg was killed by SIGKILL"
        stage.viewer.quit()
        await until(lambda: bool(stage.finished))

    play(scene)


def test_a_viewer_gives_up_with_the_words_of_its_process() -> None:
    async def scene() -> None:
        stage = Stage(limit=2)
        stage.viewer.start(0.0)
        for number in (1, 2, 3):
            process = await stage.until(number)
            process.output.on_error((DATA / "playlist-404.9.0.log").read_bytes())
            process.end(8)
        await until(lambda: bool(stage.finished))
        assert len(stage.processes) == 3
        assert stage.stopped.reason is EndReason.FAILED
        assert not stage.stopped.played
        failure = stage.stopped.failure
        assert failure is not None
        assert failure.detail == "ffmpeg: Server returned 404 Not Found (exit code 8)"
        assert (failure.kind, failure.status) == (FailureKind.HTTP_STATUS, 404)
        assert len(stage.of(PlaylistFetched)) == 3

    play(scene)


def test_a_live_stream_that_just_ends_was_given_up_by_the_player() -> None:
    async def scene() -> None:
        stage = Stage(limit=0)
        stage.viewer.start(0.0)
        process = await stage.until(1)
        process.output.on_error((DATA / "live-503.5.1.log").read_bytes())
        process.end(0)
        await until(lambda: bool(stage.finished))
        assert stage.stopped.reason is EndReason.FAILED
        assert stage.stopped.failure is not None
        assert stage.stopped.failure.detail.startswith("ffmpeg gave up: ")

    play(scene)


def test_the_end_of_a_stream_that_has_one_is_the_end_of_the_viewer() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.viewer.start(0.0)
        process = await stage.until(1)
        process.output.on_error(b"[info]   Duration: 00:00:00.20, start: 0\n[info] Output #0, null, to 'pipe:':\n")
        process.output.on_output(b"out_time_us=200000\nprogress=end\n")
        process.end(0)
        await until(lambda: bool(stage.finished))
        assert stage.stopped.reason is EndReason.ENDED
        assert stage.stopped.at - stage.records[0].at >= 0.19  # type: ignore[union-attr]  # the first one is ViewerStarted

    play(scene)


def test_a_stubborn_process_is_killed_by_cancel() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.stubborn = True
        stage.viewer.start(0.0)
        process = await stage.until(1)
        stage.viewer.quit()
        assert not stage.finished
        stage.viewer.cancel()
        assert process.signals == ["TERM", "KILL"]
        assert stage.finished == [stage.viewer]
        await asyncio.sleep(0)  # its end is nobody's concern any more
        assert len(stage.of(ViewerStopped)) == 1

    play(scene)


def test_a_stall_that_lasts_restarts_the_process() -> None:
    async def scene() -> None:
        stage = Stage(restart_after=0.05)
        stage.viewer.start(0.0)
        process = await stage.until(1)
        process.plays(0.01)
        await until(lambda: bool(stage.of(StallStarted)))
        await stage.until(2)
        assert process.signals == ["TERM"]
        restarted = stage.of(PlayerStarted)[1]
        assert isinstance(restarted, PlayerStarted)
        assert restarted.reason.startswith("stalled for ")
        stage.viewer.quit()
        await until(lambda: bool(stage.finished))

    play(scene)


def test_a_new_process_has_its_time_and_the_old_one_no_last_word() -> None:
    async def scene() -> None:
        stage = Stage(restart_after=0.3)
        stage.stubborn = True
        stage.viewer.start(0.0)
        first = await stage.until(1)
        first.plays(0.01)
        await until(lambda: first.signals == ["TERM"])
        first.output.on_output(b"out_time_us=20000\nprogress=end\n")
        assert stage.of(StallEnded) == []
        first.end(255)
        second = await stage.until(2)
        second.output.on_output(b"out_time_us=N/A\nprogress=continue\n")
        await asyncio.sleep(0.05)
        assert second.signals == []
        await until(lambda: second.signals == ["TERM"])  # it had its time, and nothing came
        second.end(255)
        (await stage.until(3)).plays(6.0)
        assert len(stage.of(StallStarted)) == len(stage.of(StallEnded)) == 1
        stage.viewer.quit()
        stage.viewer.cancel()

    play(scene)


def test_a_viewer_leaves_when_its_session_is_over() -> None:
    async def scene() -> None:
        stage = Stage(length=0.05)
        stage.viewer.start(0.0)
        await stage.until(1)
        await until(lambda: bool(stage.finished))
        assert stage.stopped.reason is EndReason.LEFT

    play(scene)


def test_a_viewer_that_waits_for_its_restart_ends_at_once() -> None:
    async def scene() -> None:
        stage = Stage(wait=60.0)
        stage.viewer.start(0.0)
        (await stage.until(1)).end(1)
        await until(lambda: stage.processes[0].ended and stage.viewer.in_flight == 0)
        stage.viewer.quit()
        assert stage.finished == [stage.viewer]
        assert stage.stopped.reason is EndReason.QUIT

    play(scene)


def test_a_process_that_can_not_be_started_is_the_generators_fault() -> None:
    async def scene() -> None:
        stage = Stage(limit=1)
        stage.error = OSError(24, "Too many open files")
        stage.viewer.start(0.0)
        await until(lambda: bool(stage.finished))
        assert stage.stopped.failure is not None
        assert stage.stopped.failure.kind is FailureKind.DESCRIPTORS
        assert "Too many open files" in stage.stopped.failure.detail

    play(scene)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(0, ExitCategory.SUCCESS, id="end"),
        pytest.param(1, ExitCategory.ERROR, id="error of ffmpeg 5"),
        pytest.param(145, ExitCategory.ERROR, id="refused connection of ffmpeg 9"),
        pytest.param(255, ExitCategory.INTERRUPTED, id="SIGTERM that it handled"),
        pytest.param(-9, ExitCategory.KILLED, id="SIGKILL"),
    ],
)
def test_exit_codes_have_categories(code: int, expected: ExitCategory) -> None:
    assert exit_category(code) is expected
