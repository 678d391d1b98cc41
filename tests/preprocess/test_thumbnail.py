"""Thumbnails of failed files show what can still be decoded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_face
from PIL import Image
from spoken_audio import item_of
from tiny_media import numbered_video

from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.thumbnail import SIDE, make_thumbnail

LIMIT = 10**8


def shown(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_a_truncated_image_shows_its_upper_region(tmp_path):
    Image.fromarray(drawn_face(0)).save(tmp_path / "cut.jpg", quality=90)
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    item = item_of(tmp_path / "cut.jpg")
    assert item.reason == "unreadable"
    picture = shown(item.thumbnail)
    assert picture.shape == (SIDE, SIDE, 3)
    expected = np.asarray(Image.fromarray(drawn_face(0)).resize((SIDE, SIDE))).astype(int)
    assert np.abs(picture[: SIDE // 3].astype(int) - expected[: SIDE // 3]).mean() < 12


def test_a_video_without_a_face_shows_its_first_frame(tmp_path):
    item = item_of(numbered_video(tmp_path / "bars.mp4", 20), PreprocessSettings(no_face="skip"))
    assert item.reason == "no_face"
    assert shown(item.thumbnail).shape[1] == SIDE


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xd8\xff\xe0 not much of a picture"])
@pytest.mark.parametrize("kind", ["image", "video", "audio"])
def test_without_decodable_content_there_is_no_thumbnail(tmp_path: Path, content, kind):
    (tmp_path / "broken").write_bytes(content)
    assert make_thumbnail(tmp_path / "broken", kind, "unreadable", max_pixels=LIMIT) == b""


def test_a_file_that_was_refused_is_not_opened_again(tmp_path):
    Image.new("RGB", (300, 300)).save(tmp_path / "large.png")
    assert make_thumbnail(tmp_path / "large.png", "image", "refused", max_pixels=100) == b""
    assert make_thumbnail(tmp_path / "large.png", "image", "unreadable", max_pixels=100) == b""


def test_reading_a_damaged_image_leaves_pillow_strict(tmp_path):
    Image.fromarray(drawn_face(0)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:2000])
    make_thumbnail(tmp_path / "cut.jpg", "image", "unreadable", max_pixels=LIMIT)
    with pytest.raises(OSError, match="truncated"):
        Image.open(tmp_path / "cut.jpg").load()
