"""Images of every mode become upright RGB."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.core.errors import BadMedia
from unmask.media.images import read_image

LIMIT = 10**8
ORANGE = (230, 120, 40)


def saved(path: Path, image: Image.Image, **options: object) -> np.ndarray:
    image.save(path, **options)
    return read_image(path, max_pixels=LIMIT)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr"])
def test_colors_are_kept_in_every_mode(tmp_path, mode):
    image = Image.new("RGB", (40, 30), ORANGE).convert(mode, palette=Image.Palette.ADAPTIVE)
    suffix = ".jpg" if mode in ("CMYK", "YCbCr") else ".png"
    shown = saved(tmp_path / f"picture{suffix}", image)
    assert shown.shape == (30, 40, 3)
    assert shown.dtype == np.uint8
    assert np.abs(shown.astype(int) - ORANGE).max() < 12


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_gray_becomes_three_equal_channels(tmp_path, mode):
    shown = saved(tmp_path / "grey.png", Image.new("L", (20, 20), 255).convert(mode))
    assert np.unique(shown).tolist() == [255]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(8, axis=0)
    shown = saved(tmp_path / "deep.png", Image.fromarray(ramp))
    np.testing.assert_allclose(shown[0, :, 0], np.arange(256), atol=1)


def test_transparent_pixels_become_white(tmp_path):
    image = Image.new("RGBA", (10, 10), (*ORANGE, 0))
    image.paste((*ORANGE, 255), (0, 0, 5, 10))
    shown = saved(tmp_path / "alpha.png", image)
    assert shown[0, 0].tolist() == list(ORANGE)
    assert shown[0, 9].tolist() == [255, 255, 255]


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 10, 20))
    shown = saved(tmp_path / "turned.jpg", image, exif=exif, quality=95)
    assert shown.shape == (40, 20, 3)
    assert shown[:8].min() > 200
    assert shown[12:].max() < 50


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    shown = saved(tmp_path / "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    assert shown[0, 0].tolist() == [255, 0, 0]


def test_the_content_decides_not_the_extension(tmp_path):
    path = tmp_path / "really_a_png.jpg"
    Image.new("RGB", (8, 8), ORANGE).save(path, format="PNG")
    assert read_image(path, max_pixels=LIMIT)[0, 0].tolist() == list(ORANGE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_image_is_unreadable(tmp_path, share):
    path = tmp_path / "cut.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(BadMedia) as caught:
        read_image(path, max_pixels=LIMIT)
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("side", [200, 30_000])
def test_an_image_over_the_limit_is_refused_from_its_header(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0\0\0\0")
    with pytest.raises(BadMedia) as caught:
        read_image(path, max_pixels=10_000)
    assert caught.value.reason == "refused"
