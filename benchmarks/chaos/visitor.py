"""A visitor of `unmask serve`, in its own process: uploads one image, prints the verdict, and stops the service."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.chaos.contents import leave_out_times
from unmask.serve import private_folder

PATIENCE_S = 60.0
PAUSE_S = 0.02
BOUNDARY = "chaos"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
)


def send_visitor() -> None:
    """Let a thread of this process visit the service that the process is about to become.

    All its folders lie in the system's temporary folder, which is looked at afterwards.
    """
    private_folder.MEMORY_DISK = Path(tempfile.gettempdir())
    bind = socket.create_server
    found: list[int] = []

    def create_server(*arguments: Any, **settings: Any) -> socket.socket:
        listener = bind(*arguments, **settings)
        found.append(listener.getsockname()[1])
        return listener

    socket.create_server = create_server
    threading.Thread(target=_visit, args=(found,), daemon=True).start()


def _visit(found: list[int]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not found and time.monotonic() < end:
        time.sleep(PAUSE_S)
    try:
        if found:
            sys.stdout.write(_ask(found[0], end) + "\n")
            sys.stdout.flush()
    except Exception as error:
        print(f"visitor: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGINT)


def _ask(port: int, end: float) -> str:
    """The verdict as JSON, without times and ids."""
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((48, 48)).save(picture, "PNG")
    body = HEAD.encode() + picture.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    accepted = _request(port, "POST", "/api/verdicts", body, headers)
    while time.monotonic() < end:
        state = _request(port, "GET", f"/api/verdicts/{accepted['verdicts'][0]['id']}")
        if state["state"] in ("done", "failed"):
            return json.dumps({name: value for name, value in leave_out_times(state).items() if name != "id"})
        time.sleep(PAUSE_S)
    raise TimeoutError("no verdict")


def _request(port: int, how: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(how, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise OSError(f"{how} {path}: {answer.status} {content[:200]!r}")
        return json.loads(content)
    finally:
        connection.close()
