"""Renews the captured logs in this folder: what each ffmpeg binary says in each scene.

python tests/data/ffmpeg/capture.py FFMPEG...        (the first one named also makes the media)

The chatter of demuxers and decoders, most of all lines, is left out, except in the scenes `vod` and `fmp4`.

A file is `SCENE.VERSION.log` (standard error) with `SCENE.VERSION.progress` (the progress pipe) beside it, and
`SCENE.VERSION.access`, what the origin of the scene saw: status, body bytes declared, path, one request a line.
"""

import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, SHUT_RDWR

HERE = Path(__file__).parent
CHATTER = re.compile(
    rb"(mpegts|h264|hevc|mov,mp4[^\]]*|aac|extract_extradata|NULL)[^\]]*\] \[(trace|debug)\] (?!Opening )"
    rb"|mdct|fft|Transform|Option|option|AVIndex"
)
WHOLE = frozenset({"vod", "fmp4"})


@dataclass
class Scene:
    """What happens while one ffmpeg plays one stream."""

    path: str
    seconds: float = 4.0
    arguments: tuple[str, ...] = ("-readrate", "1")
    fault: Callable[["Handler"], bool] = lambda handler: False
    https: bool = False
    trusted: bool = True
    ipv6: bool = False
    nobody: bool = False
    """No origin listens."""
    seen: dict[str, int] = field(default_factory=dict)


class Handler(SimpleHTTPRequestHandler):
    """Serves the media with keep-alive and byte ranges, and does what the scene says."""

    protocol_version = "HTTP/1.1"
    scene: Scene
    requests: list[str]

    def do_GET(self) -> None:
        scene = self.scene
        scene.seen[self.path] = scene.seen.get(self.path, 0) + 1
        if not scene.fault(self):
            self.answer()

    def answer(self, *, chunked: bool = False, cut: int | None = None, pause: float = 0.0) -> None:
        """The file, or a part of it; `cut` closes after so many bytes, `pause` waits before the second half."""
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            self.refuse(404)
            return
        body, status, content_range = file.read_bytes(), 200, ""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            size, first = len(body), int(asked[1])
            body, status = body[first : int(asked[2]) + 1 if asked[2] else None], 206
            content_range = f"bytes {first}-{first + len(body) - 1}/{size}"
        self.requests.append(f"{status} {len(body)} {self.path}")
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(self.path))
        if content_range:
            self.send_header("Content-Range", content_range)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if cut is not None:
            self.wfile.write(body[:cut])
            self.drop()
        elif pause:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(pause)
            self.wfile.write(body[len(body) // 2 :])
        else:
            self.wfile.write(body)

    def refuse(self, status: int) -> None:
        """An error answer with a body."""
        self.requests.append(f"{status} 6 {self.path}")
        self.send_response(status)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"sorry\n")

    def redirect(self, target: str) -> None:
        """A redirect without a body."""
        self.requests.append(f"302 0 {self.path}")
        self.send_response(302)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def drop(self) -> None:
        """Close the connection."""
        self.wfile.flush()
        self.connection.shutdown(SHUT_RDWR)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
        """The scene keeps its own log."""


def _on(path: str, act: Callable[[Handler], None], times: int = 10**9) -> Callable[[Handler], bool]:
    def fault(handler: Handler) -> bool:
        if handler.path != path or handler.scene.seen[path] > times:
            return False
        act(handler)
        return True

    return fault


def _lost(handler: Handler) -> None:
    handler.requests.append(f"000 0 {handler.path}")
    handler.drop()


def _silent(handler: Handler) -> None:
    handler.requests.append(f"000 0 {handler.path}")
    time.sleep(3)
    handler.drop()


def _unavailable(handler: Handler) -> None:
    handler.refuse(503)


def _late(handler: Handler) -> None:
    time.sleep(7)
    handler.answer()


def _nth_playlist(times: tuple[int, ...], act: Callable[[Handler], None]) -> Callable[[Handler], bool]:
    def fault(handler: Handler) -> bool:
        if not handler.path.endswith("m3u8") or handler.scene.seen[handler.path] not in times:
            return False
        act(handler)
        return True

    return fault


def _chunked(handler: Handler) -> bool:
    handler.answer(chunked=True)
    return True


_TIMEOUT = ("-rw_timeout", "1000000", "-readrate", "1")
SCENES = {
    "vod": Scene("/ts/master.m3u8", 6.0),
    "media-playlist": Scene("/ts/v0.m3u8"),
    "https": Scene("/ts/master.m3u8", https=True),
    "https-untrusted": Scene("/ts/master.m3u8", https=True, trusted=False),
    "ipv6": Scene("/ts/v0.m3u8", ipv6=True),
    "fmp4": Scene("/fmp4/v.m3u8"),
    "encrypted": Scene("/aes/v.m3u8"),
    "byte-ranges": Scene("/ranges/v.m3u8"),
    "audio-only": Scene("/audio/v.m3u8"),
    "chunked": Scene("/ts/v0.m3u8", fault=_chunked),
    "no-keep-alive": Scene("/ts/v0.m3u8"),
    "redirect": Scene("/ts/old.m3u8", fault=_on("/ts/old.m3u8", lambda handler: handler.redirect("/ts/v0.m3u8"))),
    "segment-404": Scene("/ts/v0.m3u8", fault=_on("/ts/v0-2.ts", lambda handler: handler.refuse(404))),
    "segment-503-once": Scene("/ts/v0.m3u8", fault=_on("/ts/v0-2.ts", lambda handler: handler.refuse(503), 1)),
    "segment-cut": Scene("/ts/v0.m3u8", fault=_on("/ts/v0-2.ts", lambda handler: handler.answer(cut=5000))),
    "segment-lost": Scene("/ts/v0.m3u8", fault=_on("/ts/v0-2.ts", _lost)),
    "segment-silent": Scene(
        "/ts/v0.m3u8", 8.0, arguments=_TIMEOUT, fault=_on("/ts/v0-2.ts", _silent, 1)
    ),
    "segment-paused": Scene(
        "/ts/v0.m3u8", 8.0, arguments=_TIMEOUT, fault=_on("/ts/v0-2.ts", lambda handler: handler.answer(pause=3), 1)
    ),
    "playlist-404": Scene("/ts/nothing.m3u8"),
    "playlist-503": Scene("/ts/v0.m3u8", fault=_on("/ts/v0.m3u8", lambda handler: handler.refuse(503))),
    "playlist-html": Scene("/page.html"),
    "nobody": Scene("/ts/v0.m3u8", nobody=True),
    "reconnect": Scene(
        "/ts/v0.m3u8", nobody=True, seconds=3.0,
        arguments=("-reconnect", "1", "-reconnect_streamed", "1", "-reconnect_on_network_error", "1",
                   "-reconnect_delay_max", "1"),
    ),
    "live": Scene("/live/v.m3u8", 7.0, arguments=()),
    "live-503": Scene("/live/v.m3u8", 9.0, arguments=(), fault=_nth_playlist((4, 5), _unavailable)),
    "live-expired": Scene("/live/v.m3u8", 12.0, arguments=(), fault=_nth_playlist((4,), _late)),
}  # fmt: skip


def make_media(ffmpeg: str, root: Path) -> subprocess.Popen[bytes]:
    """The streams of the scenes, and a process that goes on with the live one."""
    for name in ("ts", "fmp4", "aes", "ranges", "audio", "live"):
        (root / name).mkdir()
    (root / "page.html").write_text("<html>no playlist</html>\n")
    (root / "key").write_bytes(bytes(16))
    (root / "aes/info").write_text(f"/key\n{root}/key\n")
    video = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10", "-f", "lavfi", "-i", "sine"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-b:v", "60k", "-c:a", "aac", "-b:a", "32k"]
    hls = ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"]
    two = ["-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a"]
    for arguments in (
        [*video, *two, "-t", "6", *encode, *hls, "-hls_segment_filename", f"{root}/ts/v%v-%d.ts",
         "-master_pl_name", "master.m3u8", "-var_stream_map", "v:0,a:0 v:1,a:1", f"{root}/ts/v%v.m3u8"],
        [*video, "-t", "6", *encode, *hls, "-hls_segment_type", "fmp4", f"{root}/fmp4/v.m3u8"],
        [*video, "-t", "6", *encode, *hls, "-hls_key_info_file", f"{root}/aes/info", f"{root}/aes/v.m3u8"],
        [*video, "-t", "6", *encode, *hls, "-hls_flags", "single_file", f"{root}/ranges/v.m3u8"],
        [*video, "-t", "6", "-map", "1:a", "-c:a", "aac", *hls, f"{root}/audio/v.m3u8"],
    ):  # fmt: skip
        subprocess.run([ffmpeg, "-v", "error", "-y", *arguments], check=True)
    return subprocess.Popen(
        [ffmpeg, "-v", "error", "-nostdin", "-re", *video, *encode, "-f", "hls", "-hls_time", "1", "-hls_list_size",
         "4", "-hls_flags", "delete_segments+temp_file", f"{root}/live/v.m3u8"]
    )  # fmt: skip


def version_of(ffmpeg: str) -> str:
    """Such as 5.1 or 9.0."""
    said = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"ffmpeg version n?(\d+\.\d+)", said)
    assert found, said
    return found[1]


def certificate(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.pem"], check=True, capture_output=True,
    )  # fmt: skip
    return f"{folder}/tls.pem", f"{folder}/tls.key"


def capture(ffmpeg: str, name: str, scene: Scene, root: Path, tls: tuple[str, str]) -> None:
    """Play one scene and write its files."""
    scene.seen.clear()
    requests: list[str] = []
    members = {"scene": scene, "requests": requests}
    if name == "no-keep-alive":
        members["protocol_version"] = "HTTP/1.0"
    handler = type("SceneHandler", (Handler,), members)
    kind = type("Server", (ThreadingHTTPServer,), {"address_family": AF_INET6} if scene.ipv6 else {})
    server = kind(("::1" if scene.ipv6 else "127.0.0.1", 0), lambda *args: handler(*args, directory=str(root)))
    if scene.https:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    host = "[::1]" if scene.ipv6 else "127.0.0.1"
    url = f"{'https' if scene.https else 'http'}://{host}:{server.server_address[1]}{scene.path}"
    if scene.nobody:
        server.server_close()
    threading.Thread(target=server.serve_forever, daemon=True).start() if not scene.nobody else None
    version = version_of(ffmpeg)
    stem = HERE / f"{name}.{version}"
    flags = "repeat+level" + ("+datetime" if int(version.partition(".")[0]) >= 8 else "")
    command = [
        ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"{flags}+trace", "-progress", "pipe:1",
        "-stats_period", "1", "-user_agent", "capture", *scene.arguments, "-i", url, "-map", "0:v:0?", "-map", "0:a:0?",
        "-c", "copy", "-f", "null", "-",
    ]  # fmt: skip
    environment = {**os.environ, "SSL_CERT_FILE": tls[0]} if scene.trusted else dict(os.environ)
    with Path(f"{stem}.log").open("wb") as log, Path(f"{stem}.progress").open("wb") as progress:
        process = subprocess.Popen(command, stdout=progress, stderr=log, env=environment)
        try:
            code = process.wait(scene.seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            code = process.wait(10)
    if name not in WHOLE:
        log_file = Path(f"{stem}.log")
        log_file.write_bytes(b"\n".join(x for x in log_file.read_bytes().split(b"\n") if not CHATTER.search(x)))
    if not scene.nobody:
        server.shutdown()
        server.server_close()
    Path(f"{stem}.access").write_text("".join(f"{line}\n" for line in [*requests, f"exit {code}"]))
    print(stem.name, code, len(requests))


def main() -> None:
    """Capture every scene with every binary."""
    binaries = sys.argv[1:]
    wanted = [name for name in binaries if name in SCENES]
    binaries = [name for name in binaries if name not in SCENES]
    with tempfile.TemporaryDirectory(prefix="capture-") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        live = make_media(binaries[0], root)
        try:
            time.sleep(6)
            tls = certificate(Path(folder))
            for ffmpeg in binaries:
                for name, scene in SCENES.items():
                    if not wanted or name in wanted:
                        capture(ffmpeg, name, scene, root, tls)
        finally:
            live.terminate()
            live.wait()


if __name__ == "__main__":
    main()
