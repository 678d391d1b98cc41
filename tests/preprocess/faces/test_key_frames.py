"""Between key frames only the surroundings of their faces are searched, and the same faces are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import drawn_face
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.faces.detection import NO_DETECTIONS, detect
from unmask.preprocess.faces.focus import MOVED, STRIDE, Focus, is_near
from unmask.preprocess.faces.image_pyramid import CELL
from unmask.preprocess.faces.key_frames import search_from_key_frames, select_key_frames
from unmask.preprocess.faces.mtcnn_networks import load_network
from unmask.preprocess.faces.types import Detections
from unmask.preprocess.profiles import PreprocessSettings, tiny
from unmask.preprocess.shards.media_shard import VERSION as SHARD_VERSION
from unmask.preprocess.shards.shard_plan import REVISION, get_media_folder

EVERY = PreprocessSettings(full_search_every=1)
KEYS = PreprocessSettings()
STILL = np.zeros((9, 8, 8, 3), np.uint8)


def box(x: float, side: float = 40.0) -> np.ndarray:
    return np.array([x, 50, x + side, 50 + side], np.float32)


class Film:
    """Frames with known faces, in place of the networks; it notes which frames are searched everywhere."""

    def __init__(self, *faces: list[np.ndarray]) -> None:
        self.faces = [np.array(each, np.float32).reshape(-1, 4) for each in faces]
        self.everywhere: list[int] = []

    def find(self, chosen: np.ndarray, near: np.ndarray | None) -> list[Detections]:
        if near is None:
            self.everywhere += chosen.tolist()
        return [self._pick(self.faces[number], near) for number in chosen]

    def search(self, frames: np.ndarray = STILL, every: int = 8) -> list[Detections]:
        return search_from_key_frames(frames[: len(self.faces)], every, self.find)

    def _pick(self, boxes: np.ndarray, near: np.ndarray | None) -> Detections:
        if near is not None:
            # Wider than `is_near`, as the margin around a face is.
            boxes = np.array([each for each in boxes if is_near(each, near).any()], np.float32).reshape(-1, 4)
        count = len(boxes)
        return Detections(
            boxes=boxes, landmarks=np.zeros((count, 5, 2), np.float32), confidence=np.ones(count, np.float32)
        )

    def misses(self, found: list[Detections]) -> list[int]:
        return [k for k, each in enumerate(found) if len(each) != len(self.faces[k])]


def compose(*places: tuple[int, int, int], side: int = 128) -> np.ndarray:
    """(240, 480, 3) a gray frame with portraits: number, x, y."""
    frame = np.full((240, 480, 3), 90, np.uint8)
    for number, x, y in places:
        portrait = drawn_face(number)[:: 256 // side, :: 256 // side]
        part = portrait[: max(0, 240 - y), : max(0, 480 - x)]
        frame[y : y + part.shape[0], x : x + part.shape[1]] = part
    return frame


def assert_same_faces(frames: np.ndarray, counts: list[int]) -> None:
    full, found = detect(frames, EVERY), detect(frames, KEYS)
    assert [len(each) for each in full] == counts
    assert [len(each) for each in found] == [len(each) for each in full]
    for one, other in zip(found, full, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1)


def test_several_faces_that_move_are_those_of_a_full_search():
    assert_same_faces(np.stack([compose((0, 30 + 3 * k, 60), (1, 300 - 2 * k, 40 + k)) for k in range(8)]), [2] * 8)


def test_a_face_that_enters_is_found_from_where_a_full_search_finds_it():
    assert_same_faces(np.stack([compose((0, 40, 60), *[(1, 300, 60)] * (k > 2)) for k in range(8)]), [1] * 3 + [2] * 5)


def test_faces_on_both_sides_of_a_cut_are_those_of_a_full_search():
    first, second = compose((0, 20, 40)), 255 - compose()
    second[80:208, 330:458] = compose((1, 330, 80))[80:208, 330:458]
    assert select_key_frames(np.stack([first] * 3 + [second] * 4), 8).tolist() == [0, 3, 6]
    assert_same_faces(np.stack([first] * 3 + [second] * 4), [1] * 7)


def test_a_face_that_jumps_is_found_by_a_full_search_of_its_frame():
    film = Film(*[[box(50)]] * 4, [box(200)], *[[box(50)]] * 4)
    assert film.misses(film.search()) == []
    assert sorted(film.everywhere) == [0, 4, 8]


def test_frames_with_the_faces_of_their_key_frames_are_not_searched_everywhere():
    film = Film(*[[box(50 + k), box(150, 60)] for k in range(9)])
    assert film.misses(film.search()) == []
    assert film.everywhere == [0, 8]


def test_a_face_of_one_key_frame_may_be_gone_and_is_found_while_it_is_there():
    film = Film(*[[box(50), *[box(200)] * (k >= 3)] for k in range(9)])
    assert film.misses(film.search()) == []
    assert film.everywhere == [0, 8]


def test_a_frame_that_lacks_a_face_of_both_key_frames_is_searched_everywhere():
    film = Film(*[[box(50), *[box(200)] * (k != 5)] for k in range(9)])
    assert film.misses(film.search()) == []
    assert sorted(film.everywhere) == [0, 5, 8]


def test_frames_between_key_frames_without_a_face_are_searched_everywhere():
    film = Film([], [], [box(50)], [], [])
    assert [len(each) for each in film.search()] == [0, 0, 1, 0, 0]
    assert sorted(film.everywhere) == [0, 1, 2, 3, 4]


def test_one_frame_and_every_frame_are_searched_once_each():
    assert detect(np.full((1, 64, 64, 3), 90, np.uint8), KEYS)[0].boxes.shape == NO_DETECTIONS.boxes.shape
    film = Film(*[[box(50)]] * 5)
    film.search(every=1)
    assert film.everywhere == [0, 1, 2, 3, 4]


@given(st.integers(1, 40), st.integers(1, 12), st.lists(st.integers(1, 39), max_size=3))
def test_key_frames_are_the_first_the_last_those_after_cuts_and_every_nth(count: int, every: int, cuts: list[int]):
    frames = np.zeros((count, 8, 8, 3), np.uint8)
    inside = [cut for cut in set(cuts) if cut < count]
    for cut in inside:
        frames[cut:] += 100  # wraps around: any two shots differ by at least 44
    keys = select_key_frames(frames, every).tolist()
    assert {0, count - 1, *inside} <= set(keys)
    assert keys == sorted(set(keys))
    assert max(np.diff(keys), default=0) <= every


@pytest.mark.parametrize("face", [(40, 30, 100, 90), (-10, 5, 30, 60), (250, 120, 318, 178), (10, 10, 30, 32)])
@pytest.mark.parametrize("scale", [0.6, 0.43, 0.31, 0.15, 0.1])
def test_a_region_gives_the_numbers_of_the_whole_level(face: tuple[int, ...], scale: float):
    height, width = int(180 * scale + 1), int(320 * scale + 1)
    region = Focus(np.array([face], np.float32)).select_region(scale, height, width)
    if region is None:
        return
    rows, columns = region
    assert rows.start % STRIDE == columns.start % STRIDE == 0
    level = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        _, whole = load_network("pnet")(level)
        _, part = load_network("pnet")(level[:, :, rows, columns].contiguous())
    y, x = rows.start // STRIDE, columns.start // STRIDE
    assert min(part.shape[2:]) >= 1
    expected = whole[:, :, y : y + part.shape[2], x : x + part.shape[3]]
    torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-5)


def test_the_region_has_every_square_that_belongs_to_the_focus():
    focus = Focus(np.array([[40, 30, 100, 95]], np.float32))
    seen = 0
    for scale in (0.6, 0.43, 0.31, 0.22, 0.15):
        height, width = int(180 * scale + 1), int(320 * scale + 1)
        y, x = np.mgrid[0 : (height - CELL) // STRIDE + 1, 0 : (width - CELL) // STRIDE + 1] * STRIDE
        corner = torch.from_numpy(np.stack([x, y], axis=-1).reshape(-1, 2)).float()
        squares = torch.cat([(corner + 1) / scale, (corner + CELL) / scale], dim=1).floor()
        mine = corner[focus.holds(squares)]
        seen += len(mine)
        if len(mine):
            rows, columns = focus.select_region(scale, height, width)
            for pixels, part in ((mine[:, 0], columns), (mine[:, 1], rows)):
                assert part.start <= pixels.min()
                assert pixels.max() + CELL <= part.stop
    assert seen > 20


def test_a_face_is_near_while_it_has_moved_less_than_its_margin():
    known = box(100)[None]
    assert is_near(box(100 + 40 * MOVED - 1), known).tolist() == [True]
    assert is_near(box(100 + 40 * MOVED + 1), known).tolist() == [False]
    assert is_near(box(90, 60), known).tolist() == [False], "half as large again"


@pytest.mark.parametrize("settings", [PreprocessSettings(), tiny().preprocess])
def test_settings_of_earlier_versions_search_every_frame_and_keep_their_folder(settings: PreprocessSettings):
    written = settings.model_dump(mode="json")
    assert written.pop("full_search_every") == 8
    earlier = PreprocessSettings.model_validate(written)
    assert earlier.full_search_every == 1
    assert earlier.model_dump(mode="json") == written
    assert get_media_folder(WorkFolder(Path("w")), earlier).name == fingerprint(
        "media", SHARD_VERSION, REVISION, written
    )
    assert settings.changed({"full_search_every": 1}) == earlier
    assert earlier.changed({"face_size": 96}).full_search_every == 1
    assert PreprocessSettings.model_validate(settings.model_dump(mode="json")) == settings
