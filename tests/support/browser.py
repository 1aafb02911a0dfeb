"""hls.js in a real headless Chromium: the yardstick for our stream and our viewers."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support import places
from tests.support.programs import require, running, skip_part

FOLDER = places.ROOT / "tests" / "browser"
HLS_JS = FOLDER / "node_modules/hls.js/dist/hls.min.js"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
)


@contextmanager
def page_server(results: "queue.Queue[dict[str, Any]]") -> Iterator[str]:
    """Serves the player's page and hls.js, and takes its result."""
    files = {"/player.html": (FOLDER / "player.html", "text/html"), "/hls.js": (HLS_JS, "text/javascript")}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path not in files:
                self.send_error(404)
                return
            file, media_type = files[path]
            body = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
            """A test's output has no room for it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def play_with_hls_js(url: str, seconds: float, folder: Path) -> dict[str, Any]:
    """What hls.js saw of the stream at `url` in so many seconds; see `browser/player.html`."""
    chromium = require("chromium")
    if not HLS_JS.exists():
        skip_part("hls.js is not installed (npm ci in tests/browser)")
    results: queue.Queue[dict[str, Any]] = queue.Queue()
    with page_server(results) as base:
        page = f"{base}/player.html?{urlencode({'url': url, 'seconds': seconds})}"
        with running([chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", page], folder / "chromium.out"):
            try:
                return results.get(timeout=seconds + 40)
            except queue.Empty:
                words = (folder / "chromium.out").read_text(errors="replace")[-2000:]
                raise AssertionError(f"the browser gave no result: {words}") from None
