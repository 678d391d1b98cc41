"""Luma is the frame's brightness in full range, however the film stores it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from unmask.media.luma import Luma, LumaBuffers, borrow_buffers
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


def test_buffers_hold_copies_and_use_released_memory_again():
    buffers = LumaBuffers()
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    first = buffers.hold(Luma(pixels=pixels, step=2, is_full_range=False))
    second = buffers.hold(Luma(pixels=pixels[::-1]))
    pixels[:] = 0
    assert (first.pixels == np.arange(12).reshape(3, 4)).all()
    assert (first.step, first.is_full_range) == (2, False)
    assert (second.pixels == np.arange(12).reshape(3, 4)[::-1]).all()
    memory = first.pixels.base
    buffers.release([first])
    smaller = buffers.hold(Luma(pixels=np.full((2, 3), 7, np.uint8)))
    assert smaller.pixels.base is memory
    assert (smaller.pixels == 7).all()
    assert (second.pixels == np.arange(12).reshape(3, 4)[::-1]).all(), "what is held is not overwritten"
    buffers.release([smaller])
    larger = buffers.hold(Luma(pixels=np.full((9, 9), 5, np.uint8)))
    assert (larger.pixels == 5).all()


def test_files_share_buffers_up_to_a_limit_and_two_at_a_time_never(monkeypatch):
    monkeypatch.setattr("unmask.media.luma.SPARE_BYTES", 20)
    monkeypatch.setattr("unmask.media.luma._spare", [])
    luma = Luma(pixels=np.zeros((2, 5), np.uint8))
    with borrow_buffers() as one, borrow_buffers() as other:
        assert one is not other
        one.release([one.hold(luma) for _ in range(3)])
    with borrow_buffers() as again:
        assert len(again.free) <= 2
