"""hls.js and Shaka Player in a real headless Chromium: the yardsticks for our stream and our viewers."""

import json
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support import places
from tests.support.programs import require, running, skip_part

FOLDER = places.ROOT / "tests" / "browser"
HLS_JS = FOLDER / "node_modules/hls.js/dist/hls.min.js"
SHAKA_JS = FOLDER / "node_modules/shaka-player/dist/shaka-player.compiled.js"


@dataclass(frozen=True)
class PagePlayer:
    """A player that runs in a page of ours, and the script that is it."""

    name: str
    page: str
    script: Path


HLSJS_PAGE = PagePlayer("hls.js", "/player.html", HLS_JS)
SHAKA_PAGE = PagePlayer("shaka-player", "/shaka.html", SHAKA_JS)
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
    """Serves the players' pages and the players, and takes their results."""
    files = {
        "/players.html": (FOLDER / "players.html", "text/html"),
        "/player.html": (FOLDER / "player.html", "text/html"),
        "/shaka.html": (FOLDER / "shaka.html", "text/html"),
        "/hls.js": (HLS_JS, "text/javascript"),
        "/shaka.js": (SHAKA_JS, "text/javascript"),
    }

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


def play_with_hls_js(
    url: str, seconds: float, folder: Path, played: float | None = None, config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What hls.js saw of the stream at `url`; see `browser/player.html`.

    Args:
        seconds: how long it plays.
        played: media to play, after which it ends sooner.
        config: what of its settings is not as by default.
    """
    (seen,) = play_at_once([url], seconds, folder, played=played, config=config)
    return seen


def play_with_shaka(
    url: str, seconds: float, folder: Path, played: float | None = None, config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What Shaka Player saw of the stream at `url`; see `browser/shaka.html`.

    Args:
        seconds: how long it plays.
        played: media to play, after which it ends sooner.
        config: what of its settings is not as by default, nested as it takes it.
    """
    (seen,) = play_at_once([url], seconds, folder, SHAKA_PAGE, played=played, config=config)
    return seen


def play_at_once(
    urls: Sequence[str],
    seconds: float,
    folder: Path,
    player: PagePlayer = HLSJS_PAGE,
    *,
    played: float | None = None,
    config: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """What as many players saw of these streams, one each, at the same time; in the order of the URLs.

    Args:
        flags: more of the browser's own.
    """
    chromium = require("chromium")
    if not player.script.exists():
        skip_part(f"{player.name} is not installed (npm ci in tests/browser)")
    results: queue.Queue[dict[str, Any]] = queue.Queue()
    with page_server(results) as base:
        options = {"seconds": f"{seconds:g}", **({} if played is None else {"played": f"{played:g}"})}
        if config is not None:
            options["config"] = json.dumps(config)
        pages = [f"{player.page}?{urlencode({'url': url, **options})}" for url in urls]
        page = base + (pages[0] if len(pages) == 1 else f"/players.html?{urlencode({'page': pages}, doseq=True)}")
        with running(
            [chromium, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", page], folder / "chromium.out"
        ):
            try:
                seen = [results.get(timeout=seconds + 40) for _ in urls]
                return sorted(seen, key=lambda one: urls.index(one["url"]))
            except queue.Empty:
                words = (folder / "chromium.out").read_text(errors="replace")[-2000:]
                raise AssertionError(f"the browser gave no result: {words}") from None
