"""How an image was encoded, which differs between cameras, editors and generators. Only headers are read.

audit-encoding.parquet: one row per image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from unmask.core.fact_table import Facts, FactTable
from unmask.core.hashing import fingerprint
from unmask.media.images import DECODER_ERRORS, describe_failure, open_image

NUMBERS = ("jpeg_quality",)
NAMES = ("jpeg_tables", "chroma_subsampling", "progressive", "colour_mode", "embedded")

# Blocks that a file may have beside the pixels; cameras write some of them, scripts of generators rarely any.
EMBEDDED = ("exif", "icc_profile", "photoshop", "adobe", "jfif", "comment", "dpi", "xmp", "transparency", "gamma")

# Luminance quantization of the JPEG standard (ITU-T T.81, table K.1), which the IJG quality 1..100 scales.
STANDARD = np.array(
    (
        "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
        "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
    ).split(),
    np.int64,
)
_QUALITY = np.arange(1, 101)
_SCALE = np.where(_QUALITY < 50, 5000 // _QUALITY, 200 - 2 * _QUALITY)
_SUMS = np.clip((STANDARD[None] * _SCALE[:, None] + 50) // 100, 1, 255).sum(axis=1)


def read_encoding(path: Path) -> Facts:
    """NUMBERS and NAMES of one image; None where its format has no such field. `BadMedia` if it is no image."""
    try:
        with open_image(path) as image:
            return _describe(image)
    except DECODER_ERRORS as error:
        raise describe_failure(path, error) from error


def _describe(image: Image.Image) -> Facts:
    facts: Facts = dict.fromkeys((*NUMBERS, *NAMES))
    facts["colour_mode"] = image.mode
    facts["embedded"] = "+".join(name for name in EMBEDDED if name in image.info) or "nothing"
    if isinstance(image, JpegImageFile):
        facts["progressive"] = "progressive" if "progressive" in image.info else "baseline"
        facts["chroma_subsampling"] = " ".join(f"{wide}x{high}" for _, wide, high, _ in image.layer)
        if tables := image.quantization:
            facts["jpeg_tables"] = fingerprint([[key, [*table]] for key, table in sorted(tables.items())])[:8]
            facts["jpeg_quality"] = estimate_jpeg_quality(next(iter(tables.values())))
    return facts


def estimate_jpeg_quality(luminance: list[int]) -> int:
    """The IJG quality (1 to 100) whose table has the nearest sum; the order of the 64 numbers does not matter."""
    return int(_QUALITY[np.argmin(np.abs(_SUMS - sum(luminance)))])


IMAGE_ENCODING = FactTable(
    name="audit-encoding",
    format="unmask-audit-facts",
    about={"name": "audit-encoding", "version": 1},
    key=("media_id", "content"),
    columns=(
        *((name, pa.int16()) for name in NUMBERS),
        *((name, pa.string()) for name in NAMES),
        ("problem", pa.string()),
    ),
    measure=read_encoding,
    chunk=64,
    timeout_s=20.0,
    save_every=5_000,
)
