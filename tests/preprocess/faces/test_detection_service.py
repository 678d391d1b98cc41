"""A process that looks for faces for many workers: the same faces as without it, and no worker can do it harm."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Client
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest
import torch
from PIL import Image

from unmask.core.errors import MissingInput, UnmaskError
from unmask.demo.corpus import all_items
from unmask.demo.render import picture_of
from unmask.preprocess.faces import detector
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.detector import DetectorGone, Found, Problem, Search, Views, find_faces, use_service
from unmask.preprocess.faces.image_pyramid import views_of
from unmask.preprocess.faces.service import MOST_FRAMES, Request, answer_waiting, detection_service, in_halves
from unmask.preprocess.profiles import PreprocessSettings

SEARCH = Search(smallest=20.0, thresholds=(0.6, 0.7, 0.7))


@pytest.fixture(scope="module")
def address():
    with detection_service("cpu") as started:
        yield started


@pytest.fixture
def through_the_service(address):
    use_service(address)
    yield
    use_service(None)


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    """Pictures of the synthetic corpus, one face each."""
    pictures = [item for item in all_items(0, 1.0) if item.kind == "image"][::40]
    return [np.asarray(Image.fromarray(picture_of(0, item)).resize((200, 200))) for item in pictures[:3]]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, two in zip(ours, theirs, strict=True):
        for field in ("boxes", "landmarks", "confidence"):
            np.testing.assert_allclose(getattr(one, field), getattr(two, field), atol=1e-3)


def test_the_service_finds_what_this_process_finds(faces, through_the_service):
    frames, settings = np.stack(faces), PreprocessSettings()
    theirs = detect(frames, settings)
    use_service(None)
    assert sum(map(len, theirs)) >= 2
    assert_same(theirs, detect(frames, settings))


def test_two_clients_with_frames_of_different_sizes_are_served_at_the_same_time(faces, address):
    alone = {side: _own(_sized(faces, side)) for side in (120, 200)}
    context = multiprocessing.get_context("spawn")
    with context.Pool(2, use_service, (address,)) as pool:
        jobs = [(side, pool.apply_async(find_faces, (_sized(faces, side), SEARCH))) for side in (120, 200) * 4]
        for side, job in jobs:
            assert_same(job.get(60), alone[side])


def _sized(faces: list[np.ndarray], side: int) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(face).resize((side, side))) for face in faces])


def _own(frames: np.ndarray) -> list[Found]:
    use_service(None)
    return find_faces(frames, SEARCH)


@pytest.mark.parametrize("moment", ["connected", "half a request sent", "waiting for the answer"])
def test_a_killed_client_does_no_harm(faces, address, through_the_service, moment):
    program = f"""
import os, pickle, signal, sys
from multiprocessing.connection import Client
path, key, request = pickle.load(sys.stdin.buffer)
client = Client(path, "AF_UNIX", authkey=key)
if {moment!r} == "half a request sent":
    os.write(client.fileno(), len(request).to_bytes(4, "big") + request[: len(request) // 2])
elif {moment!r} == "waiting for the answer":
    client.send_bytes(request)
os.kill(os.getpid(), signal.SIGKILL)
"""
    request = pickle.dumps((views_of(np.stack(faces), SEARCH.smallest), SEARCH))
    told = pickle.dumps((address.path, address.key, request))
    assert subprocess.run([sys.executable, "-c", program], input=told).returncode == -signal.SIGKILL
    assert sum(len(each.boxes) for each in find_faces(np.stack(faces), SEARCH)) >= 2


def test_who_does_not_know_the_key_is_turned_away_and_the_service_goes_on(faces, address, through_the_service):
    with pytest.raises(multiprocessing.AuthenticationError):
        Client(address.path, "AF_UNIX", authkey=b"guessed")
    assert find_faces(np.stack(faces), SEARCH)


def test_the_service_ends_with_its_block_and_who_asks_then_is_told(faces):
    with detection_service("cpu") as address:
        use_service(address)
        (process,) = [one for one in multiprocessing.active_children() if one.name == "unmask-faces" and _young(one)]
        assert find_faces(np.stack(faces), SEARCH)
    try:
        assert not process.is_alive()
        for _ in range(2):  # while it is connected, and when it connects anew
            with pytest.raises(DetectorGone, match="is gone") as caught:
                find_faces(np.stack(faces), SEARCH)
            use_service(address)
    finally:
        use_service(None)
    assert isinstance(caught.value, UnmaskError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def _young(process: multiprocessing.process.BaseProcess) -> bool:
    """The latest one started: the service of this module's fixture may run as well."""
    return process.pid == max(one.pid or 0 for one in multiprocessing.active_children())


OWNER = """
import time
from unmask.preprocess.faces.service import detection_service
if __name__ == "__main__":
    import multiprocessing, sys
    with detection_service("cpu"):
        assert "torch" not in sys.modules, "the parent must stay light"
        print(multiprocessing.active_children()[0].pid, flush=True)
        time.sleep(600)
"""


def test_the_service_ends_when_its_owner_is_killed(tmp_path):
    (tmp_path / "owner.py").write_text(OWNER)
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    owner = subprocess.Popen([sys.executable, tmp_path / "owner.py"], stdout=subprocess.PIPE, env=here)
    assert owner.stdout is not None
    service = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    ends = time.monotonic() + 20
    while _runs(service):
        assert time.monotonic() < ends, "the service outlived its owner"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_a_device_that_is_not_there_is_told_before_any_work():
    with pytest.raises(MissingInput, match="does not start on nonsense"), detection_service("nonsense"):
        pytest.fail("it should not start")


def test_a_service_that_hangs_is_told_too(faces, through_the_service, monkeypatch):
    monkeypatch.setattr(detector, "ANSWER_WITHIN_S", 0.0)
    with pytest.raises(DetectorGone, match="no answer"):
        find_faces(np.stack(faces), SEARCH)


def _nothing(views: Views) -> list[Found]:
    """One answer a frame that tells which frame it is from."""
    empty = np.zeros((0, 4), np.float32)
    return [
        Found(boxes=empty, landmarks=empty.reshape(0, 5, 2), confidence=frame[0, 0, :1].astype(np.float32))
        for frame in views[-1]
    ]


def _request(number: int, *, frames: int = 2, side: int = 8, search: Search = SEARCH) -> Request:
    return Request([np.full((frames, size, size, 3), number, np.uint8) for size in (side, side // 2)], search)


def _answered(requests: list[Request], find) -> list[list[float]]:
    queue: SimpleQueue[Request] = SimpleQueue()
    for request in requests[1:]:
        queue.put(request)
    answer_waiting(requests[0], queue, find)
    assert all(request.answered.is_set() for request in requests)
    return [[float(found.confidence[0]) for found in request.answer] for request in requests]


def test_requests_of_equal_size_and_search_share_a_batch_and_each_gets_its_own_answer():
    batches = []

    def find(views, search):
        assert len(views[0]) == len(views[1])
        batches.append(views[0].shape[:2])
        return _nothing(views)

    other = Search(smallest=30.0, thresholds=SEARCH.thresholds)
    requests = [_request(1), _request(2, frames=3), _request(3, side=16), _request(4), _request(5, search=other)]
    assert _answered(requests, find) == [[1, 1], [2, 2, 2], [3, 3], [4, 4], [5, 5]]
    assert batches == [(7, 8), (2, 16), (2, 8)]


def test_a_batch_stays_within_a_limit():
    requests = [_request(number, frames=MOST_FRAMES // 2) for number in range(3)]
    queue: SimpleQueue[Request] = SimpleQueue()
    for request in requests[1:]:
        queue.put(request)
    answer_waiting(requests[0], queue, lambda views, search: _nothing(views))
    assert [request.answered.is_set() for request in requests] == [True, True, False]


def test_an_error_is_the_answer_of_those_in_the_batch_and_of_nobody_else():
    def find(views, search):
        if views[0].shape[1] == 8:
            raise RuntimeError("the driver is tired")
        return _nothing(views)

    queue: SimpleQueue[Request] = SimpleQueue()
    fails, works = _request(1), _request(2, side=16)
    queue.put(works)
    answer_waiting(fails, queue, find)
    assert fails.answer == Problem("RuntimeError: the driver is tired")
    assert len(works.answer) == 2


def test_a_batch_that_does_not_fit_is_halved_until_it_does():
    sizes = []

    def find(views, search):
        sizes.append(len(views[0]))
        if len(views[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return _nothing(views)

    frames = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    assert [float(found.confidence[0]) for found in in_halves(find, [frames, frames[:, :4]], SEARCH)] == list(range(7))
    assert sizes == [7, 3, 1, 2, 4, 2, 2]


def test_one_frame_that_does_not_fit_is_an_error():
    def find(views, search):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        in_halves(find, [np.zeros((3, 8, 8, 3), np.uint8)], SEARCH)
