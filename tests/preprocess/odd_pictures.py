"""Images as in a folder of collected files: every mode and container, damaged, misnamed, or far too large."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 48
NOISE = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
PICTURE = Image.fromarray(NOISE)

# Name -> mode and what `Image.save` is told. The suffix is the container.
SAVED: dict[str, tuple[str, dict[str, object]]] = {
    "alpha.png": ("RGBA", {}),
    "alpha.webp": ("RGBA", {}),
    "animated.png": ("RGB", {"save_all": True, "append_images": [PICTURE.rotate(90)]}),
    "animated.webp": ("RGB", {"save_all": True, "append_images": [PICTURE.rotate(90)]}),
    "bilevel.png": ("1", {}),
    "bilevel.tif": ("1", {"compression": "group4"}),
    "cmyk.jpg": ("CMYK", {}),
    "cmyk.tif": ("CMYK", {}),
    "exif_garbage.jpg": ("RGB", {"exif": b"Exif\x00\x00no such thing"}),
    "float.tif": ("F", {}),
    "grey.jpg": ("L", {}),
    "grey_alpha.png": ("LA", {}),
    "integer.tif": ("I", {}),
    "lab.tif": ("LAB", {}),
    "lossless.webp": ("RGB", {"lossless": True}),
    "lzw.tif": ("RGB", {"compression": "tiff_lzw"}),
    "moving.gif": ("RGB", {"save_all": True, "append_images": [PICTURE.rotate(90)]}),
    "of_2000_frames.gif": ("1", {"save_all": True, "append_images": [PICTURE.convert("1")] * 1999}),
    "overwritten.png": ("RGB", {}),
    "palette.bmp": ("P", {}),
    "palette.png": ("P", {}),
    "plain.avif": ("RGB", {}),
    "plain.bmp": ("RGB", {}),
    "plain.jp2": ("RGB", {}),
    "progressive.jpg": ("RGB", {"progressive": True}),
    "ycbcr.tif": ("YCbCr", {"compression": "jpeg"}),
}
UPRIGHT = np.zeros((SIDE, SIDE, 3), np.uint8)
"""A picture that shows how it is turned: red above left, green above right, blue below left."""
UPRIGHT[: SIDE // 2, : SIDE // 2, 0] = UPRIGHT[: SIDE // 2, SIDE // 2 :, 1] = UPRIGHT[SIDE // 2 :, : SIDE // 2, 2] = 255
# What EXIF orientation n asks a viewer to undo.
TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
CUT = (5, 50, 95)
"""Percent of a file that an interrupted download left."""


def write_pictures(root: Path) -> None:
    for name, (mode, options) in SAVED.items():
        PICTURE.convert(mode).save(root / name, **options)
    for orientation, turn in TURNED.items():
        write_turned(root / f"exif_{orientation}.jpg", orientation, turn)
    write_turned(root / "exif_6.png", 6, TURNED[6])
    write_sizes(root)
    write_depths(root)
    write_damaged(root)
    write_misnamed(root)


def write_turned(path: Path, orientation: int, turn: Image.Transpose | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = Image.fromarray(UPRIGHT)
    (upright if turn is None else upright.transpose(turn)).save(path, exif=exif)


def write_sizes(root: Path) -> None:
    Image.new("RGB", (1, 1), "red").save(root / "one_pixel.png")
    Image.new("RGB", (3, 900), "red").save(root / "strip.png")
    Image.new("L", (2000, 1000)).save(root / "over_the_limit.png")
    blank = bytes(1 + 30_000 // 8)
    write_png(root / "30000_square.png", 30_000, 30_000, zlib.compress(blank * 30_000, 1), depth=1, colour=0)
    write_png(root / "without_width.png", 0, 48, zlib.compress(bytes(48)), depth=8, colour=0)
    PICTURE.save(root / "bomb.gif")
    bomb = bytearray((root / "bomb.gif").read_bytes())
    bomb[6:10] = struct.pack("<HH", 65_535, 65_535)  # of the screen that its one small frame is laid on
    (root / "bomb.gif").write_bytes(bomb)


def write_depths(root: Path) -> None:
    Image.fromarray(NOISE[..., 0].astype(np.uint16) * 257).save(root / "grey16.png")
    Image.fromarray(NOISE[..., 0].astype(np.uint16) * 257).save(root / "grey16.tif")
    Image.fromarray(np.full((SIDE, SIDE), np.nan, np.float32)).save(root / "nan.tif")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in NOISE)
    write_png(root / "rgb16.png", SIDE, SIDE, zlib.compress(rows), depth=16, colour=2)
    write_png(root / "interlaced.png", SIDE, SIDE, zlib.compress(interlaced_rows()), depth=8, colour=2, interlace=1)


def write_damaged(root: Path) -> None:
    cut_in_places(PICTURE, root, ("jpg", "png", "webp", "gif", "tif", "bmp", "avif"))
    moving = (root / "moving.gif").read_bytes()
    (root / "cut_in_frame_2.gif").write_bytes(moving[: len(moving) * 3 // 4])
    content = bytearray((root / "progressive.jpg").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\xff" * 200
    (root / "garbage_inside.jpg").write_bytes(content)
    content = bytearray((root / "lossless.webp").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\xff" * 200
    (root / "garbage_inside.webp").write_bytes(content)
    content = bytearray((root / "plain.bmp").read_bytes())
    (root / "garbage_behind.bmp").write_bytes(content + b"\xff" * 5000)
    content = bytearray((root / "rgb16.png").read_bytes())
    content[-20] ^= 255  # in the checksum of the pixels
    (root / "wrong_checksum.png").write_bytes(content)
    (root / "empty.jpg").touch()
    (root / "one_byte.jpg").write_bytes(b"\xff")
    (root / "zeros.png").write_bytes(bytes(5000))


def cut_in_places(picture: Image.Image, root: Path, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        whole = root.parent / f"whole.{suffix}"
        picture.save(whole)
        for percent in CUT:
            (root / f"cut_{percent}.{suffix}").write_bytes(whole.read_bytes()[: whole.stat().st_size * percent // 100])


def write_misnamed(root: Path) -> None:
    PICTURE.save(root / "png_inside.jpg", format="PNG")
    PICTURE.save(root / "jpg_inside.png", format="JPEG")
    PICTURE.save(root / "webp_inside.bmp", format="WEBP")
    PICTURE.save(root / "tif_inside.gif", format="TIFF")
    (root / "html.jpg").write_text("<!doctype html><title>404</title>")
    (root / "vector.png").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (root / "postscript.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")


def write_png(path: Path, width: int, height: int, pixels: bytes, *, depth: int, colour: int, interlace: int = 0):
    """What Pillow does not write: `pixels` is the compressed stream of rows, each after its filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def interlaced_rows() -> bytes:
    """`NOISE` in the seven passes of Adam7: (first row, first column, step down, step across) each."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    parts = [NOISE[top::down, left::across] for top, left, down, across in passes]
    return b"".join(b"\0" + row.tobytes() for part in parts for row in part)
