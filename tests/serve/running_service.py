"""`unmask serve` as a process of its own, and a small client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra: pip install 'unmask[serve]'")

SECONDS = 240


@dataclass
class RunningService:
    process: subprocess.Popen[str]
    url: str
    folder: Path
    """Where its temporary folders lie."""

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=SECONDS) as answer:
            return json.load(answer)

    def judge(self, path: Path, name: str | None = None) -> dict[str, Any]:
        return self.wait_for(self.send(path, name))

    def send(self, path: Path, name: str | None = None) -> str:
        """The id of a file that is sent as curl would."""
        head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name or path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + b"\r\n--b--\r\n"
        headers = {"content-type": "multipart/form-data; boundary=b"}
        request = urllib.request.Request(f"{self.url}/api/verdicts", body, headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            (accepted,) = json.load(answer)["verdicts"]
        return str(accepted["id"])

    def wait_for(self, verdict_id: str) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while (found := self.get(f"/api/verdicts/{verdict_id}"))["state"] not in ("done", "failed"):
            assert time.monotonic() < end, found
            time.sleep(0.05)
        assert found["state"] == "done", found
        return dict(found["verdict"])

    def list_uploads(self) -> list[Path]:
        return [path for path in self.folder.glob("unmask-serve-*/uploads/*") if path.is_file()]


@contextmanager
def run_service(work: Path, run: Path, folder: Path, *options: str) -> Iterator[RunningService]:
    """The service on a free port, with its temporary folders in `folder`."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "unmask", "serve", "--work", str(work), "--run", str(run), "--port", "0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--device", "cpu", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("unmask serve: ")), None)
        assert line is not None, (folder / "log").read_text()
        yield RunningService(process, line.split()[2], folder)
    except OSError as error:
        raise AssertionError(f"{error}; exit code {process.poll()}; {(folder / 'log').read_text()}") from error
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
