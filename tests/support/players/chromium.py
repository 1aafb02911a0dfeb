"""A page in a real headless Chromium, driven by its own protocol over a pipe: no driver, no library."""

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.players.browser import FLAGS
from tests.support.programs import require


class Browser:
    """One tab of a browser.

    Attributes:
        problems: what the console and the page complained of: errors, exceptions, failed requests.
    """

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._number = 0
        self._session: str | None = None
        self._pending = b""
        self.problems: list[str] = []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, f"{method}: {heard.get('error')}"
                result: dict[str, Any] = heard["result"]
                return result

    def open(self, url: str, *, width: int = 1400, height: int = 1000, dark: bool = False) -> float:
        """Load a page; gives the seconds until its scripts had run and it was drawn once."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.command("Emulation.setEmulatedMedia", features=features)
        begun = time.monotonic()
        self.command("Page.navigate", url=url)
        while self.value("location.href === 'about:blank' || document.readyState !== 'complete'"):
            assert time.monotonic() - begun < 30, "the page did not load"
            time.sleep(0.01)
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        return time.monotonic() - begun

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        answer = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """A key on the keyboard."""
        text = {"text": key} if len(key) == 1 else {}
        codes = {"ArrowRight": 39, "ArrowLeft": 37, "Tab": 9}
        code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        self.command("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def screenshot(self, file: Path) -> None:
        """The whole page as a picture."""
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            data = os.read(self._receive, 1 << 20)
            assert data, "the browser ended"
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\0")
        heard: dict[str, Any] = json.loads(line)
        parameters = heard.get("params", {})
        match heard.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(str(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in {"error", "warning", "assert"}:
                self.problems.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in {"error", "warning"}:
                self.problems.append(str(parameters["entry"]))
            case "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    self.problems.append(f"a request to {url}")
        return heard


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser for the time of a test; its profile is in `folder`."""
    program = require("chromium")
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    def pipes() -> None:
        # Chromium speaks its protocol on descriptors 3 and 4.
        ours = os.dup(to_read), os.dup(from_write)
        os.dup2(ours[0], 3)
        os.dup2(ours[1], 4)

    command = [program, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
    with (folder / "chromium.out").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, close_fds=False, preexec_fn=pipes)
        os.close(to_read)
        os.close(from_write)
        try:
            yield Browser(to_write, from_read)
        finally:
            os.close(to_write)
            os.close(from_read)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
