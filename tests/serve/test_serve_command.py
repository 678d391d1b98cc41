"""`unmask serve` as users run it: verdicts equal to `predict`'s, and nothing left behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from chromium_pipe import open_browser
from guides import code_blocks, execute_block
from running_service import RunningService, run_service
from tiny_chain import Chain

from unmask.evaluation.verdicts.predict import predict

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def service(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with run_service(chain.work.root, chain.run, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def video(corpus: Path) -> Path:
    """A real video with faces and speech."""
    return sorted((corpus / "FakeAVCeleb").rglob("*.mp4"))[0]


def test_served_scores_are_those_of_predict(chain: Chain, service: RunningService):
    files = [chain.data_root / name for name in ("pictures/test/fake/0.png", "sounds/test/real/0.wav")]
    files.append(files[0])  # once more, when everything is warm
    expected = [predict([str(path)], chain.run, device=CPU)[0] for path in files]
    for path, verdict in zip(files, expected, strict=True):
        served = service.judge(path)
        assert served["score"] == verdict.score is not None
        assert served["path"] == path.name
        assert [clip["score"] for clip in served["clips"]] == [clip.score for clip in verdict.clips]
    assert service.list_uploads() == []


def test_the_guides_client_gets_a_score(chain: Chain, service: RunningService):
    picture = chain.data_root / "pictures/test/fake/0.png"
    (block,) = code_blocks("serve.md")
    for example, real in (("http://localhost:8000", service.url), ("picture.jpg", str(picture))):
        assert example in block
        block = block.replace(example, real)
    assert execute_block(block, "client").score == service.judge(picture)["score"]


def test_a_damaged_file_is_told_as_such_and_shows_no_path(chain: Chain, service: RunningService):
    damaged = chain.data_root / "pictures/test/real/<damaged>.png"
    served = service.judge(damaged, "broken.png")
    assert (served["verdict"], served["path"], served["score"]) == ("unreadable", "broken.png", None)
    assert str(service.folder) not in str(served)
    assert "unmask-" not in str(served["reason"])


def test_the_page_judges_a_video_as_predict_does(chain: Chain, service: RunningService, video: Path, tmp_path: Path):
    picture = chain.data_root / "pictures/test/fake/1.png"
    # One by one, as the service: in a batch with others a sum may round differently in its seventh digit.
    expected = [predict([str(path)], chain.run, device=CPU)[0] for path in (video, picture)]
    assert expected[0].score is not None
    with open_browser(tmp_path) as browser:
        browser.open(service.url)
        browser.choose_files("#files", [video, picture])
        browser.wait_until("document.querySelectorAll('.row[data-state=done] .page').length === 2")
        scores = browser.evaluate("[...document.querySelectorAll('.row')].map((row) => Number(row.dataset.score))")
        assert scores == [verdict.score for verdict in expected]
        assert browser.evaluate("document.querySelector('.row .name').textContent") == video.name
        page = browser.evaluate("document.querySelector('.row a').href")
        browser.open(page)
        assert video.name in browser.evaluate("document.body.textContent")
        assert browser.logged == []
    assert service.list_uploads() == []


def test_the_page_is_used_by_keyboard_and_fits_a_phone(service: RunningService, tmp_path: Path):
    with open_browser(tmp_path) as browser:
        browser.open(service.url)
        for width in (320, 1280):
            browser.resize(width, 900)
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert browser.evaluate("document.activeElement.id") == "files"
        assert browser.evaluate("document.querySelector('label[for=files]').textContent") == "Choose files"
        for path in ("/docs", "/login"):
            browser.open(f"{service.url}{path}")
        assert browser.logged == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_uploads_are_gone_when_the_service_is(chain: Chain, tmp_path: Path, how: signal.Signals, code: int):
    """Killed while it warms up, so that a file waits."""
    with run_service(chain.work.root, chain.run, tmp_path / "service") as service:
        service.send(chain.data_root / "pictures/test/fake/0.png")
        service.process.send_signal(how)
        assert service.process.wait(60) == code
        end = time.monotonic() + 60
        while list(service.folder.glob("unmask-serve-*")):
            assert time.monotonic() < end, "the uploads are still there"
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "there is no --token"),
        (["--host", "0.0.0.0", "--token", "short"], "shorter than 16"),
    ],
)
def test_an_open_door_is_refused(chain: Chain, options: list[str], said: str):
    done = run_serve(chain, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_a_port_in_use_is_told(chain: Chain):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run_serve(chain, "--port", port)
    assert done.returncode == 2
    assert f"127.0.0.1:{port}: Address already in use" in done.stderr
    assert "hint: name another --port" in done.stderr


def run_serve(chain: Chain, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unmask", "serve", "--work", str(chain.work.root), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_missing_package_is_told_with_the_extra(chain: Chain):
    program = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'fastapi' else real(name, *rest)\n"
        "from unmask.cli.app import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "serve", "--work", str(chain.work.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4
    assert "unmask serve needs fastapi" in done.stderr
    assert "hint: pip install 'unmask[serve]'" in done.stderr
