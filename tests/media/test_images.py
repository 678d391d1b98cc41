"""Images of every mode become upright RGB."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import write_png
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from unmask.core.errors import BadMedia
from unmask.media import images
from unmask.media.images import read_image

LIMIT = 10**8
ORANGE = (230, 120, 40)


def saved(path: Path, image: Image.Image, **options: object) -> np.ndarray:
    image.save(path, **options)
    return read_image(path, max_pixels=LIMIT)[0]


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
    assert read_image(path, max_pixels=LIMIT)[0][0, 0].tolist() == list(ORANGE)


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


def test_the_large_text_of_a_generated_png_is_ignored(tmp_path):
    text = PngInfo()
    text.add_text("workflow", "node " * 800_000, zip=True)
    path = tmp_path / "generated.png"
    Image.new("RGB", (8, 8), ORANGE).save(path, pnginfo=text)
    with pytest.raises(ValueError, match="MAX_TEXT_CHUNK"):
        Image.open(path)
    pixels, problem = read_image(path, max_pixels=LIMIT)
    assert pixels[0, 0].tolist() == list(ORANGE)
    assert problem is None


def test_values_of_unknown_range_in_a_png_with_large_text_are_refused(tmp_path):
    text = PngInfo()
    text.add_text("workflow", "node " * 800_000, zip=True)
    Image.fromarray(np.full((8, 8), 3, np.uint16)).save(tmp_path / "deep.png", pnginfo=text)
    with pytest.raises(BadMedia, match="values only up to 3") as caught:
        read_image(tmp_path / "deep.png", max_pixels=LIMIT)
    assert caught.value.reason == "refused"


def test_text_behind_the_pixels_and_a_large_color_profile_are_ignored(tmp_path):
    path = tmp_path / "generated.png"
    Image.new("RGB", (8, 8), ORANGE).save(path, icc_profile=bytes(2 << 20))
    content = path.read_bytes()
    end = content.index(b"IEND") - 4
    packed = zlib.compress(bytes(2 << 20))
    text = b"prompt\0\0" + packed
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    path.write_bytes(content[:end] + chunk + content[end:])
    assert read_image(path, max_pixels=LIMIT)[0][0, 0].tolist() == list(ORANGE)


PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)).resize((320, 240))
CODINGS = [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}, {"quality": 30}]


@pytest.mark.parametrize("options", CODINGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(tmp_path, mode, options):
    path = tmp_path / "cut.jpg"
    whole = saved(path, PHOTO.convert(mode), **options)
    path.write_bytes(path.read_bytes().removesuffix(b"\xff\xd9"))
    pixels, problem = read_image(path, max_pixels=LIMIT)
    np.testing.assert_array_equal(pixels, whole)
    assert problem == "cut off: its end marker is missing"


@pytest.mark.parametrize("options", CODINGS)
def test_a_jpeg_may_lack_a_few_blocks_but_not_a_tenth(tmp_path, options):
    path = tmp_path / "cut.jpg"
    whole, content = saved(path, PHOTO, **options), path.read_bytes()
    path.write_bytes(content[:-12])
    pixels, problem = read_image(path, max_pixels=LIMIT)
    assert problem is not None
    assert problem.startswith("cut off: ")
    assert np.abs(pixels[:192].astype(int) - whole[:192]).max() < 80  # a progressive one loses some detail anywhere
    for share in (0.9, 0.5):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(BadMedia, match="truncated"):
            read_image(path, max_pixels=LIMIT)
        path.write_bytes(path.read_bytes() + bytes(len(content)))  # space that a download reserved
        with pytest.raises(BadMedia, match="truncated"):
            read_image(path, max_pixels=LIMIT)


RAMP = np.linspace(0, 1, 256)[None].repeat(8, axis=0)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_gray_values_of_any_depth_in_16_bits_are_scaled(tmp_path, bits, suffix):
    values = np.rint(RAMP * (2**bits - 1)).astype(np.uint16)
    shown = saved(tmp_path / f"deep.{suffix}", Image.fromarray(values))
    np.testing.assert_allclose(shown[0, :, 0], np.arange(256), atol=1)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colors_of_any_depth_in_16_bits_are_scaled(tmp_path, bits):
    values = np.rint(RAMP * (2**bits - 1)).astype(">u2")[..., None].repeat(3, axis=2)
    path = tmp_path / "deep.png"
    write_png(path, 256, 8, zlib.compress(b"".join(b"\0" + row.tobytes() for row in values)), depth=16, colour=2)
    np.testing.assert_allclose(read_image(path, max_pixels=LIMIT)[0][0, :, 1], np.arange(256), atol=1)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (-0.02, 1.02), (0.0, 255.0), (0.0, 65535.0)])
def test_floats_are_scaled_by_their_usual_ranges(tmp_path, low, high):
    values = (low + RAMP * (high - low)).astype(np.float32)
    shown = saved(tmp_path / "float.tif", Image.fromarray(values))
    np.testing.assert_allclose(shown[0, :, 0], np.arange(256), atol=6)


@pytest.mark.parametrize("values", [(-5.0, 5.0), (0.0, 12.0), (np.nan, np.nan), (0.0, 1e12)])
def test_floats_without_a_known_range_are_refused(tmp_path, values):
    Image.fromarray(np.array([values] * 2, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(BadMedia) as caught:
        read_image(tmp_path / "float.tif", max_pixels=LIMIT)
    assert caught.value.reason == "refused"


def test_a_few_values_that_are_not_finite_do_not_darken_an_image(tmp_path):
    values = RAMP.astype(np.float32)
    values[0, :2] = np.inf, np.nan
    shown = saved(tmp_path / "float.tif", Image.fromarray(values))
    np.testing.assert_allclose(shown[1, :, 0], np.arange(256), atol=1)


def test_lab_colors_are_converted(tmp_path):
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(Image.new("RGB", (8, 8), ORANGE), rgb, lab, outputMode="LAB")
    assert np.abs(saved(tmp_path / "lab.tif", image)[0, 0].astype(int) - ORANGE).max() < 6


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_an_animation_says_that_only_its_first_frame_is_used(tmp_path, suffix):
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:])
    pixels, problem = read_image(tmp_path / f"moving.{suffix}", max_pixels=LIMIT)
    assert pixels[0, 0, 0] > 240
    assert problem == "animated: only its first frame is used"


HEADERS = {
    "jxl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), "JPEG XL"),
    "exr": (b"\x76\x2f\x31\x01" + bytes(100), "OpenEXR"),
    "cr2": (b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), "raw picture"),
    "html": (b"<!DOCTYPE html><title>404</title>" + b" " * 100, "HTML"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "noise": (np.random.default_rng(0).bytes(500), "no known"),
    "mp4": (b"\0\0\0\x18ftypisom" + bytes(100), "MP4, not an image"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_format_that_is_not_read_is_unsupported_and_named(tmp_path, name):
    content, words = HEADERS[name]
    (tmp_path / "file.jpg").write_bytes(content)
    with pytest.raises(BadMedia, match=words) as caught:
        read_image(tmp_path / "file.jpg", max_pixels=LIMIT)
    assert caught.value.reason == "unsupported"


@pytest.mark.parametrize("content", [b"", b"\xff", bytes(5000), b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_a_damaged_file_of_a_known_format_is_unreadable(tmp_path, content):
    (tmp_path / "file.png").write_bytes(content)
    with pytest.raises(BadMedia) as caught:
        read_image(tmp_path / "file.png", max_pixels=LIMIT)
    assert caught.value.reason == "unreadable"


def test_the_preview_in_a_raw_image_is_not_taken_for_it(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "small.tif")
    (tmp_path / "small.tif").rename(tmp_path / "photo.dng")
    with pytest.raises(BadMedia, match="raw picture") as caught:
        read_image(tmp_path / "photo.dng", max_pixels=LIMIT)
    assert caught.value.reason == "unsupported"


def write_heic(path: Path) -> None:
    pytest.importorskip("pillow_heif").from_pillow(Image.new("RGB", (64, 48), ORANGE)).save(path)


def test_heic_is_read_with_its_optional_package(tmp_path):
    write_heic(tmp_path / "phone.heic")
    pixels, problem = read_image(tmp_path / "phone.heic", max_pixels=LIMIT)
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels[20, 20].astype(int) - ORANGE).max() < 12
    assert problem is None
    (tmp_path / "cut.heic").write_bytes((tmp_path / "phone.heic").read_bytes()[:300])
    with pytest.raises(BadMedia) as caught:
        read_image(tmp_path / "cut.heic", max_pixels=LIMIT)
    assert caught.value.reason == "unreadable"


def test_without_its_package_heic_is_unsupported_with_the_remedy(tmp_path, monkeypatch):
    write_heic(tmp_path / "phone.heic")
    monkeypatch.setattr(images, "_list_formats", lambda: ("JPEG", "PNG"))
    with pytest.raises(BadMedia, match="pillow-heif") as caught:
        read_image(tmp_path / "phone.heic", max_pixels=LIMIT)
    assert caught.value.reason == "unsupported"


@pytest.mark.parametrize(("format", "mode"), [("EPS", "L"), ("XBM", "1"), ("SPIDER", "F"), ("MSP", "1")])
def test_formats_that_are_no_photographs_reach_no_plugin_whatever_their_name_says(tmp_path, monkeypatch, format, mode):
    path = tmp_path / "a.jpg"
    # Under another name first: Pillow takes the suffix of a saved SPIDER file for its own from then on.
    Image.new(mode, (64, 64)).save(tmp_path / "a.bin", format=format)
    (tmp_path / "a.bin").rename(path)
    monkeypatch.setitem(Image.OPEN, format, (lambda *_: pytest.fail("opened"), lambda head: True))
    with pytest.raises(BadMedia), images.open_image(path):
        pass
