"""Small hand-written origins for tests: a table of paths to answers, served from a thread on 127.0.0.1."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what these tests are about."""


@contextmanager
def serving(answers: Mapping[str, Answer], asked: list[str] | None = None) -> Iterator[str]:
    """Serves these answers, and 404 for everything else; gives the base URL.

    Args:
        asked: is given every path that is asked for.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if asked is not None:
                asked.append(path)
            status, media_type, body = answers.get(path, (404, "text/plain", b"not here\n"))
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
            """A test's output has no room for it."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PLAYLIST_TYPE = "application/vnd.apple.mpegurl"


def vod(segments: int = 5, seconds: float = 2.0, segment_bytes: int = 107 * 188) -> dict[str, Answer]:
    """A VOD stream at /vod.m3u8."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{round(seconds)}", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for number in range(segments):
        lines += [f"#EXTINF:{seconds},", f"seg-{number}.ts"]
    lines += ["#EXT-X-ENDLIST", ""]
    body = "\n".join(lines).encode()
    answers: dict[str, Answer] = {"/vod.m3u8": (200, PLAYLIST_TYPE, body)}
    for number in range(segments):
        answers[f"/seg-{number}.ts"] = (200, "video/mp2t", b"\x47" * segment_bytes)
    return answers
