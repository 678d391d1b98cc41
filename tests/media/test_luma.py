"""Luma is the frame's brightness in full range, however the film stores it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from unmask.media.luma import Luma
from unmask.media.timeline import read_timeline
from unmask.media.video_readers import DECODERS

rng = np.random.default_rng(5)
PICTURE = np.asarray(
    Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((64, 48), Image.Resampling.BICUBIC)
)


def write(path: Path, pixels: str, **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "2", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(PICTURE, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("reader", DECODERS)
def test_luma_is_the_gray_of_the_frame(pixels, reader, tmp_path):
    if reader == "decord" and pixels != "yuv420p":
        pytest.skip("decord reads plain films only")
    path = write(tmp_path / "film.mp4", pixels)
    timeline = read_timeline(path, max_pixels=10**6, max_seconds=10)
    (decoded,) = DECODERS[reader](path, timeline, np.array([1]))
    luma = decoded.luma()
    gray = np.asarray(Image.fromarray(decoded.rgb()).convert("L")).astype(int)
    assert luma.pixels.shape == (48, 64)
    assert np.abs(luma.expand(luma.pixels).astype(int) - gray).mean() < 2.5


def test_luma_is_reduced_by_whole_steps_only_where_it_is_too_large():
    luma = Luma(pixels=np.arange(48 * 64).reshape(48, 64).astype(np.uint8), is_full_range=False)
    assert luma.reduce(48 * 64) is luma
    half = luma.reduce(1000)
    assert (half.step, half.pixels.shape, half.is_full_range) == (2, (24, 32), False)


def test_limited_range_is_expanded():
    luma = Luma(pixels=np.array([[0, 16, 235, 255]], np.uint8), is_full_range=False)
    assert luma.expand(luma.pixels).tolist() == [[0, 0, 255, 255]]
