"""Headless Chromium, driven over a pipe by its DevTools protocol: open a page, choose files, read what it logs."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser import find_chromium

SECONDS = 240
START = 'exec "$0" "$@" 3<&{read} 4>&{write}'


class Browser:
    """One page of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._pending = b""
        self._number = 0
        self._session: str | None = None
        self.logged: list[str] = []
        """Errors and warnings of the console, and requests that failed."""

    def open(self, url: str) -> None:
        if self._session is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "DOM"):
                self.call(f"{domain}.enable")
        self.call("Page.navigate", url=url)
        self.wait_until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def evaluate(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, condition: str) -> None:
        end = time.monotonic() + SECONDS
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never true: {condition}; logged: {self.logged}"
            time.sleep(0.1)

    def choose_files(self, selector: str, paths: list[Path]) -> None:
        script = f"document.querySelector({json.dumps(selector)})"
        node = self.call("Runtime.evaluate", expression=script)["result"]["objectId"]
        self.call("DOM.setFileInputFiles", files=list(map(str, paths)), objectId=node)

    def take_screenshot(self, path: Path) -> None:
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while (answer := self._read()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._from], [], [], SECONDS)
            data = os.read(self._from, 1 << 16) if ready else b""
            assert data, "the browser does not answer"
            self._pending += data
        message, _, self._pending = self._pending.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        if event.get("method") == "Log.entryAdded" and about["entry"]["level"] in ("warning", "error"):
            self.logged.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        elif event.get("method") == "Runtime.exceptionThrown":
            self.logged.append(str(about["exceptionDetails"]))
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.logged.append(str(about["args"]))


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """A browser whose profile lies in `folder`. The test is skipped where there is none."""
    chromium = find_chromium()
    its_read, our_write = os.pipe()
    our_read, its_write = os.pipe()
    # Far from 3 and 4, which the browser talks over.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (its_read, its_write)]
    # The sandbox does not work for root, which containers run as; the page is our own.
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe")
    start = START.format(read=ends[0], write=ends[1])
    command = ["bash", "-c", start, chromium, *options, f"--user-data-dir={folder / 'profile'}"]
    process = subprocess.Popen(command, pass_fds=ends, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for end in (its_read, its_write, *ends):
        os.close(end)
    try:
        yield Browser(our_write, our_read)
    finally:
        os.close(our_write)  # the browser ends with its pipe
        os.close(our_read)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
