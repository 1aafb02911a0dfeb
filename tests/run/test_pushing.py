"""Sending figures to where they are kept: what is sent when, and what is said when it is not taken."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.support.made.moments import Run
from tests.support.made.snapshots import watching
from tests.support.protobuf import many, unsnappy

from hls_swarm.errors import PreflightError
from hls_swarm.run.pushing import OTLP_EVERY_SECONDS, OtlpSender, Pusher, PushError, RemoteWriter, pushers
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.moment import Moment


@contextmanager
def receiver(
    *answers: tuple[int, bytes], place: str | None = None
) -> Iterator[tuple[int, list[tuple[dict[str, str], bytes]]]]:
    """A server that answers so, the last answer for ever; its port, and what it got; `place` is its Location."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, words = answers[min(len(got), len(answers)) - 1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(words)))
            if place is not None:
                self.send_header("Location", place)
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def moment(at: float = 1.0) -> Moment:
    return Run().second(at, *watching(0, 0.1)).moment


def series(body: bytes) -> int:
    return len(many(unsnappy(body), 1))


def test_a_moment_is_written_with_who_sends_it() -> None:
    with receiver((204, b"")) as (port, got):
        url = f"http://me:se%40cret@127.0.0.1:{port}/write"
        RemoteWriter(url, [("X-Scope-OrgID", "7")], {"job": "swarm"})(moment())
    ((fields, body),) = got
    assert fields["content-encoding"] == "snappy"
    assert fields["x-prometheus-remote-write-version"] == "0.1.0"
    assert fields["x-scope-orgid"] == "7"
    assert fields["authorization"] == "Basic bWU6c2VAY3JldA=="
    assert series(body) > 50


def test_a_receiver_without_native_histograms_gets_the_others(caplog: pytest.LogCaptureFixture) -> None:
    with receiver((500, b"native histograms are disabled\n"), (204, b"")) as (port, got):
        write = RemoteWriter(f"http://127.0.0.1:{port}/write", [], {"job": "swarm"})
        write(moment())
        write(moment())
    whole, less, again = (series(body) for _, body in got)
    assert whole > less == again
    assert "without native histograms, the receiver said: native histograms are disabled" in caplog.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, b"who are you?\n"), "status 401: who are you?"),
        ((400, b"out of order"), "status 400: out of order"),
        ((503, b""), "status 503"),
    ],
)
def test_why_it_was_not_taken_is_told(answer: tuple[int, bytes], words: str) -> None:
    with receiver(answer) as (port, _), pytest.raises(PushError, match=words.replace("?", r"\?")):
        RemoteWriter(f"http://127.0.0.1:{port}/write", [], {})(moment())


def test_a_redirect_is_an_error_and_the_password_goes_nowhere_else() -> None:
    with receiver((204, b"")) as (other, elsewhere):
        place = f"http://me:secret@127.0.0.1:{other}/write"
        with receiver((301, b""), place=place) as (port, got), pytest.raises(PushError) as caught:
            RemoteWriter(f"http://me:secret@127.0.0.1:{port}/write", [], {})(moment())
    assert str(caught.value) == f"status 301: it is at http://***@127.0.0.1:{other}/write: name that"
    assert (len(got), elsewhere) == (1, [])


def test_a_receiver_that_is_not_there_is_named_without_its_password() -> None:
    with receiver((204, b"")) as (port, _):
        pass
    with pytest.raises(PushError, match=rf"^127\.0\.0\.1:{port}: connection refused$"):
        RemoteWriter(f"http://me:secret@127.0.0.1:{port}/write", [], {})(moment())


def test_moments_are_sent_now_and_then_and_the_last_one_at_the_end() -> None:
    sent: list[float] = []
    now = [0.0]
    run = Run()

    async def main() -> str | None:
        pusher = Pusher("x", lambda each: sent.append(each.snapshot.elapsed_seconds), 5.0, lambda: now[0])
        for at in range(1, 13):
            now[0] = float(at)
            pusher.add(run.second(float(at)))
            for _ in range(200):
                await asyncio.sleep(0.001)
                if len(sent) > (at - 1) // 5:
                    break
        return await pusher.close()

    assert asyncio.run(main()) is None
    assert sent == [1.0, 6.0, 11.0, 12.0]


def test_while_one_is_sent_no_other_waits_but_the_newest() -> None:
    sent: list[float] = []
    let = threading.Event()
    run, now = Run(), [0.0]

    def send(each: Moment) -> None:
        sent.append(each.snapshot.elapsed_seconds)
        assert let.wait(10)

    async def main() -> str | None:
        pusher = Pusher("x", send, 0.0, lambda: now[0])
        for at in range(1, 8):
            now[0] = float(at)
            pusher.add(run.second(float(at)))
            await asyncio.sleep(0)
        let.set()
        return await pusher.close()

    assert asyncio.run(main()) is None
    assert sent == [1.0, 7.0]


def test_what_is_not_taken_is_told_once_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    run, now = Run(), [0.0]

    def send(_: Moment) -> None:
        raise PushError("it is full")

    async def main() -> str | None:
        pusher = Pusher("x", send, 0.0, lambda: now[0])
        for at in range(1, 4):
            now[0] = float(at)
            pusher.add(run.second(float(at)))
            await asyncio.sleep(0.02)
        return await pusher.close()

    assert asyncio.run(main()) == "--x: the end of the run is not there: it is full"
    assert caplog.text.count("it is full; it is tried again") == 1


def test_otlp_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver((200, b"")) as (port, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=7")
        OtlpSender({"service.instance.id": "x"})(moment())
    ((fields, body),) = got
    assert fields["api-key"] == "7"
    request = ExportMetricsServiceRequest.FromString(body)
    assert "hls_swarm_active_clients" in {each.name for each in request.resource_metrics[0].scope_metrics[0].metrics}


def test_otlp_that_is_not_taken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver((400, b"no")) as (port, _):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        with pytest.raises(PushError, match=r"400.*OTEL_EXPORTER_OTLP_ENDPOINT"):
            OtlpSender({})(moment())


def test_the_settings_say_what_is_sent_and_the_environment_how_often() -> None:
    assert pushers(Settings(url="http://x/y.m3u8"), 0.0, "host", {}) == []
    both = Settings(url="http://x/y.m3u8", remote_write="http://127.0.0.1:1/w", otlp=True, name="nightly")
    _, otlp = pushers(both, 0.0, "host", {})
    assert otlp.every == OTLP_EVERY_SECONDS
    assert pushers(both, 0.0, "host", {"OTEL_METRIC_EXPORT_INTERVAL": "2500"})[1].every == 2.5
    for text, words in (("soon", "could not convert"), ("nan", "above 0"), ("-1", "above 0"), ("inf", "above 0")):
        with pytest.raises(PreflightError, match=words):
            pushers(both, 0.0, "host", {"OTEL_METRIC_EXPORT_INTERVAL": text})
