"""Buckets to test with: an S3 server (moto) on the loopback interface, in a process and an environment of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SERVER = Path(os.environ.get("UNMASK_MOTO") or Path(__file__).parents[1] / ".venv-moto/bin/moto_server")
SECRET = "a-secret-that-appears-nowhere"
KEY = "AKIATHATAPPEARSNOWHERE"
STARTS_S = 60.0

Machine = Callable[[str], None]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    pytest.importorskip("obstore", reason="needs the extra: pip install 'unmask[buckets]'")
    if not SERVER.is_file():
        pytest.skip(f"needs an S3 server: make moto, or UNMASK_MOTO=/path/to/moto_server ({SERVER} is missing)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        process = subprocess.Popen([SERVER, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + STARTS_S
        while not _answers(port):
            assert process.poll() is None, "the S3 server has ended"
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def credentials(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which commands find the server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")


@pytest.fixture
def bucket(server: str, credentials: None, machine: Machine) -> str:
    """A new bucket's address; this is the machine "here"."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{server}/{name}", method="PUT")).close()
    machine("here")
    return f"s3://{name}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Go on as another machine, which shares nothing with the others but the bucket."""
    return lambda name: monkeypatch.setenv("UNMASK_CACHE", str(tmp_path / name))
