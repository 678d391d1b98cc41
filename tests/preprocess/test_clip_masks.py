"""The face that is followed is the one that the mask of the manipulated region shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_face
from numpy.typing import NDArray
from PIL import Image
from tiny_media import manifest_of, write_video

from unmask.core.hashing import fingerprint, hash_quickly
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.scan import scan
from unmask.preprocess.clip_masks import measure_regions
from unmask.preprocess.faces.types import Detections
from unmask.preprocess.outcomes import read_outcomes
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess
from unmask.preprocess.task import MaskFile, Task, make_item_key
from unmask.preprocess.worker import preprocess_item

SETTINGS = PreprocessSettings(face_size=64, frames_per_clip=4, clip_seconds=2.0)
STEP_MS = 40
FAKE, REAL = "manipulated_sequences/DeepFakeDetection", "original_sequences/actors"
FORGERY, ORIGINAL = "01_02__talking__ABCDEFGH.mp4", "01__talking.mp4"


def two_people(small: int = 200) -> NDArray[np.uint8]:
    """(256, 512, 3) a large face on the left and one of `small` pixels' width on the right."""
    frame = np.full((256, 512, 3), 127, np.uint8)
    frame[:, :256] = drawn_face(0)
    frame[:small, 256 : 256 + small] = np.asarray(Image.fromarray(drawn_face(1)).resize((small, small)))
    return frame


def mask_of(side: str) -> NDArray[np.uint8]:
    """(256, 512, 3) black, with a white square in the middle of the left or the right half; "none": without."""
    frame = np.zeros((256, 512, 3), np.uint8)
    if side != "none":
        left = {"left": 100, "right": 330}[side]
        frame[70:150, left : left + 60] = 255
    return frame


def film(path: Path, frame: NDArray[np.uint8], count: int = 30, step_ms: int = STEP_MS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, [frame] * count, [step_ms * number for number in range(count)])


def item_of(video: Path, mask: Path | None, settings: PreprocessSettings = SETTINGS) -> MediaItem:
    (row,) = manifest_of(video.parent, [video.name]).rows()
    file = MaskFile(mask, hash_quickly(mask) if mask.is_file() else None) if mask else None
    task = Task(media_id="m", content=row.content, path=video, kind="video", text=None, settings=settings, mask=file)
    return preprocess_item(task)


def sides(item: MediaItem) -> list[str]:
    """Of which half of the frames each clip shows the face."""
    return ["left" if clip.boxes[:, [0, 2]].mean() < 256 else "right" for clip in item.clips]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    return film(tmp_path_factory.mktemp("scene") / "scene.mp4", two_people())


@pytest.mark.parametrize(("shown", "followed"), [("right", "right"), ("left", "left"), ("none", "left")])
def test_the_masked_face_is_followed_and_else_the_largest(scene, tmp_path, shown, followed):
    item = item_of(scene, film(tmp_path / "mask.mp4", mask_of(shown)))
    assert sides(item) == [followed]
    assert item.problem is None
    assert item.ambiguous_windows == (shown == "none")


def test_without_a_mask_windows_with_faces_of_similar_size_are_counted(scene, tmp_path):
    assert (sides(item_of(scene, None)), item_of(scene, None).ambiguous_windows) == (["left"], 1)
    far = film(tmp_path / "far.mp4", two_people(small=110))
    item = item_of(far, None, SETTINGS.changed({"max_faces": 2}))
    assert (sides(item), item.ambiguous_windows) == (["left", "right"], 0)


def test_with_several_faces_per_window_the_masked_one_is_the_first(scene, tmp_path):
    mask = film(tmp_path / "mask.mp4", mask_of("right"))
    assert sides(item_of(scene, mask, SETTINGS.changed({"max_faces": 2}))) == ["right", "left"]


def test_a_mask_of_another_size_rate_and_length_is_read_at_the_times_of_the_video(tmp_path):
    video = film(tmp_path / "scene.mp4", two_people(), count=150)  # six seconds, three clips
    small = np.ascontiguousarray(mask_of("right")[::2, ::2])
    mask = film(tmp_path / "mask.mp4", small, count=35, step_ms=80)  # ends after 2.8 s
    item = item_of(video, mask)
    assert sides(item) == ["right", "right", "left"]
    assert item.ambiguous_windows == 1


def test_a_mask_of_as_many_frames_belongs_to_them_one_by_one(tmp_path):
    video = film(tmp_path / "scene.mp4", two_people(), count=100)
    frames = [mask_of("none")] * 50 + [mask_of("right")] * 50
    mask = write_video(tmp_path / "mask.mp4", frames, [20 * number for number in range(100)])  # twice the rate
    assert sides(item_of(video, mask)) == ["left", "right"]


@pytest.mark.parametrize("damage", ["text", "truncated", "missing", "pipe", "sound", "changed"])
def test_a_broken_mask_is_noted_and_the_largest_face_is_followed(scene, tmp_path, damage):
    mask = film(tmp_path / "mask.mp4", mask_of("right"))
    content = mask.read_bytes()
    if damage == "text":
        mask.write_text("not a video")
    elif damage == "truncated":
        mask.write_bytes(content[: len(content) // 2])
    elif damage in ("missing", "pipe"):
        mask.unlink()
        if damage == "pipe":
            os.mkfifo(mask)
    (row,) = manifest_of(scene.parent, [scene.name]).rows()
    known = "0" if damage == "changed" else hash_quickly(mask) if mask.is_file() else None
    task = Task(
        media_id="m",
        content=row.content,
        path=scene,
        kind="video",
        text=None,
        settings=SETTINGS,
        mask=MaskFile(scene.with_name("x.wav") if damage == "sound" else mask, known),
    )
    item = preprocess_item(task)
    assert (item.reason, sides(item), item.ambiguous_windows) == (None, ["left"], 1)
    assert item.problem is not None
    assert item.problem.startswith("its mask of the manipulated region is not used: ")


def test_without_a_detector_no_mask_is_read(scene, tmp_path):
    item = item_of(scene, tmp_path / "missing.mp4", SETTINGS.changed({"detector": "none"}))
    assert item.problem is None


def test_the_region_is_counted_in_pixels_of_the_full_frame():
    boxes = np.array([[0, 0, 100, 100], [100, 0, 200, 100], [-50, -50, 20, 20]], np.float32)
    faces = Detections(boxes=boxes, landmarks=np.zeros((3, 5, 2), np.float32), confidence=np.ones(3, np.float32))
    region = np.zeros((1, 50, 100), np.bool_)  # of frames of 200 x 100
    region[0, :10, 50:60] = True
    (areas,) = measure_regions([faces], region, height=100, width=200) or []
    assert areas.tolist() == [0, 400, 0]
    assert measure_regions([faces], np.zeros_like(region), height=100, width=200) is None


def make_dfd(root: Path, shown: str | None, say: Callable[[str], None] = lambda line: None) -> Manifest:
    """DFD with one scene of two people: the original, and a forgery with a mask of the face `shown`."""
    film(root / f"DFD/{FAKE}/c23/videos/{FORGERY}", two_people())
    film(root / f"DFD/{REAL}/c23/videos/{ORIGINAL}", two_people())
    if shown:
        film(root / f"DFD/{FAKE}/masks/videos/{FORGERY}", mask_of(shown))
    manifest, _ = scan(root, workers=1, say=say)
    return manifest


def test_a_forgery_and_its_original_follow_the_masked_face_and_new_masks_make_new_items(tmp_path, caplog):
    data, work = tmp_path / "data", WorkFolder(tmp_path / "work")
    without = make_dfd(data, None)
    report = preprocess(without, SETTINGS, work, Limits(workers=1))
    assert (report.done, report.as_json()["ambiguous_fakes"]) == (2, {"dff": 1})
    assert "dff: 1 fake shows several faces of similar size" in caplog.text

    said: list[str] = []
    masked = make_dfd(data, "right", said.append)
    assert any(line.startswith("dff: 2 files") and ", 2 with a mask in " in line for line in said)
    assert {row.label: row.mask for row in masked.rows()} == dict.fromkeys((0, 1), f"{FAKE}/masks/videos/{FORGERY}")
    report = preprocess(masked, SETTINGS, work, Limits(workers=1))
    assert (report.done, report.skipped, report.as_json()["ambiguous_fakes"]) == (2, 0, {})
    outcomes = read_outcomes(get_media_folder(work, SETTINGS))
    assert [one.ambiguous_windows for one in outcomes] == [0, 0]

    again = preprocess(make_dfd(data, "right"), SETTINGS, work, Limits(workers=1))
    assert (again.done, again.skipped) == (0, 2), "the same masks"
    other = preprocess(make_dfd(data, "left"), SETTINGS, work, Limits(workers=1))
    assert (other.done, other.skipped) == (2, 0), "other masks"


def test_only_an_item_with_a_mask_has_another_key(scene):
    (row,) = manifest_of(scene.parent, [scene.name]).rows()
    known = [(None, None), ("a.mp4", "f0"), ("a.mp4", "f1"), ("b.mp4", "f0"), ("a.mp4", None)]
    keys = [make_item_key(replace(row, mask=mask, mask_content=content)) for mask, content in known]
    # The key of an item without one is that of the versions before masks.
    assert keys[0] == fingerprint(row.media_id, row.content, row.kind, row.text)
    assert keys[1] == keys[3], "where the mask lies does not matter"
    assert len(set(keys)) == 4
