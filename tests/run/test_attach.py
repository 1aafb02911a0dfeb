"""Looking at a run elsewhere: what is shown of it, and why it can not be."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import pytest
from tests.support.made.moments import STARTED_AT, Run
from tests.support.made.snapshots import watching

from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.errors import RunError
from hls_swarm.http.serving.page_server import Answer, PageServer
from hls_swarm.http.serving.publisher import Publisher, event
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.run.commands.attach import RETRY_SECONDS, follow, stream_url
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.snapshot import Mark, Phase, Snapshot
from hls_swarm.views.controls import Controls
from hls_swarm.views.live.feed import Feed
from hls_swarm.views.live.snapshots import Envelope, envelope
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.prometheus.endpoint import Endpoint


class Screen:
    """Keeps what it is to show; `act` is called with each snapshot's number."""

    def __init__(self, act: Callable[[int], object] = lambda _: None) -> None:
        self.shown: list[Snapshot] = []
        self.searches: list[Progress] = []
        self.before: Mapping[str, Sequence[float | None]] = {}
        self._act = act

    def start(self, controls: Controls) -> None:
        raise NotImplementedError

    def update(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)
        self._act(len(self.shown))

    def recall(self, columns: Mapping[str, Sequence[float | None]]) -> None:
        self.before = columns

    def search(self, progress: Progress) -> None:
        self.searches.append(progress)

    async def stop(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("url", "stream"),
    [
        ("localhost", "http://localhost:17091/snapshots"),
        ("10.0.0.7:9400", "http://10.0.0.7:9400/snapshots"),
        ("http://10.0.0.7/", "http://10.0.0.7:17091/snapshots"),
        ("[::1]", "http://[::1]:17091/snapshots"),
        ("https://load.example.com/run/7/", "https://load.example.com/run/7/snapshots"),
    ],
)
def test_where_the_stream_of_a_page_is(url: str, stream: str) -> None:
    assert stream_url(url) == stream


def test_a_run_is_shown_until_it_is_over() -> None:
    run, book = Run(), Logbook()
    for at in (1.0, 2.0):
        run.second(at, *watching(int(at), at - 0.5), marks=[Mark(0.5, "deploy")])

    async def main() -> tuple[str, Screen]:
        feed = Feed(Settings(url="http://origin.test/live.m3u8"), run.ledger, STARTED_AT, lambda: 0.0)
        feed.search(Progress(None, 3.0, 60.0, None, 200, False, None, 400, False, (), ()))
        for entry in run.entries:
            feed.add(entry)

        def act(number: int) -> None:
            if number > 2:
                return
            last = run.second(2.0 + number, phase=Phase.STEADY if number == 1 else Phase.FINISHED)
            feed.add(last)
            if number == 2:
                feed.conclude(last, Outcome(Verdict.FAIL, ("slow", "late")))

        shown = Screen(act)
        async with Endpoint("127.0.0.1:0", lambda: 0.0, feed=feed) as endpoint:
            return await asyncio.wait_for(follow(f"127.0.0.1:{endpoint.port}", shown, book), 20), shown

    verdict, shown = asyncio.run(main())
    assert verdict == "fail: slow; late"
    assert shown.shown == [entry.moment.snapshot for entry in run.entries[1:]]
    assert shown.searches[0].fails == 400
    assert shown.before["viewers_active"] == [1.0, 2.0]
    assert "mark: deploy" in [line.text for line in book.newest_first()]
    assert book.newest_first()[-1].at == STARTED_AT + 1.0


def refusal(answer: Answer | Publisher | None, clock: Callable[[], float] = lambda: 0.0) -> str:
    """Why a server's run can not be followed; None is no server."""

    async def answered(path: str, fields: Sequence[str]) -> Answer | Publisher:
        assert path == "/snapshots"
        assert answer is not None
        return answer

    async def main() -> None:
        server = PageServer(answered, 4)
        await server.start("127.0.0.1", 0)
        port = server.port
        if answer is None:
            await server.close()
        try:
            await asyncio.wait_for(follow(f"http://127.0.0.1:{port}", Screen(), Logbook(), clock), 20)
        finally:
            await server.close()

    with pytest.raises(RunError) as error:
        asyncio.run(main())
    return str(error.value)


def test_where_nobody_listens_there_is_no_run() -> None:
    assert "connect" in refusal(None)
    assert "127.0.0.1:17091 unless" in refusal(None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(HTTPStatus.OK, b"a page"), "it answers, but not as a run does"),
        (Answer(HTTPStatus.NOT_FOUND, b"there is no such page\n"), "404 Not Found: there is no such page"),
        (Answer(HTTPStatus.FORBIDDEN, b"not you"), "403 Forbidden: not you"),
        (
            Publisher(lambda: event("snapshot", Envelope("9.0", "AAAA")), lambda: 0.0),
            "it is of version 9.0, this of",
        ),
        (Publisher(lambda: event("snapshot", 7), lambda: 0.0), "it is no run's"),
        (Publisher(lambda: event("over", 7), lambda: 0.0), "it is no run's"),
        (Publisher(lambda: b"event: over\ndata: <html>\n\n", lambda: 0.0), "it is no run's"),
    ],
)
def test_what_is_no_run_is_told_as_that(answer: Answer | Publisher, words: str) -> None:
    assert words in refusal(answer)


def test_a_stream_that_broke_off_is_asked_for_again_and_given_up_in_the_end() -> None:
    snapshot = Run().second(1.0).moment.snapshot
    now = [0.0]

    def clock() -> float:
        now[0] += RETRY_SECONDS
        return now[0]

    publisher = Publisher(lambda: event("snapshot", envelope(snapshot, ())), lambda: 0.0)

    async def main() -> int:
        server = PageServer(lambda *_: _given(publisher), 4)
        await server.start("127.0.0.1", 0)
        shown = Screen(lambda _: asyncio.ensure_future(server.close()))
        with pytest.raises(RunError, match="does not answer any more"):
            await asyncio.wait_for(follow(f"127.0.0.1:{server.port}", shown, Logbook(), clock), 20)
        return len(shown.shown)

    assert asyncio.run(main()) == 1


async def _given(publisher: Publisher) -> Publisher:
    return publisher
