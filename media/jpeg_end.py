"""JPEG files whose end is missing: only the end marker, or also some of the picture?

The file is decoded twice, once with the end marker right behind what is there and once with noise in between. Where
data is missing, the noise becomes picture, so the first block in which the two differ is where the file ends. This
works for every coding of JPEG.
"""

from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from unmask.core.files.regular_files import open_regular, read_regular

END = b"\xff\xd9"
# A face is hardly ever in the last rows, and a model sees no more of the gray there than of a frame.
MOST_LOST = 0.04
# Bytes of a block of 8 x 8 pixels: enough that noise reaches the last one.
NOISE_PER_BLOCK = 64
MOST_NOISE = 1 << 22
PER_RESTART = 1024
# So many zeros at the end are space that was reserved for a download, not data of a plain area.
RESERVED = 512
# Markers without a size: TEM, restarts, start and end of the image.
BARE = {0x01, *range(0xD0, 0xDA)}
START_OF_SCAN = 0xDA
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def complete_jpeg(path: Path) -> tuple[Image.Image, float] | None:
    """The decoded picture of a JPEG without its end, and the fraction of it that is lost and now gray.

    None if more than MOST_LOST of it is lost, or if it has another defect.
    """
    content = read_regular(path)
    without_zeros = content.rstrip(b"\0")
    if len(content) - len(without_zeros) >= RESERVED:
        content = without_zeros
    content = content.removesuffix(END).removesuffix(END[:1])
    if not content.startswith(b"\xff\xd8") or not _has_all_scans(content):
        return None
    picture = _decode(content + END)
    lost = _measure_difference(picture, _decode(content + _make_noise(content, picture) + END))
    return (picture, lost) if lost <= MOST_LOST else None


def is_reserved_space(path: Path) -> bool:
    """Does a JPEG end with zeros in place of data? Decoders take them for a plain gray area."""
    with open_regular(path) as file:
        file.seek(max(0, path.stat().st_size - RESERVED))
        if file.read().strip(b"\0"):
            return False
    return not read_regular(path).rstrip(b"\0").endswith(END)


def _decode(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=("JPEG", "MPO"))
    image.load()
    return image


def _make_noise(content: bytes, picture: Image.Image) -> bytes:
    """Data for all of the picture, with the restart markers that the decoder waits for."""
    size = min(NOISE_PER_BLOCK * (picture.width * picture.height // 64 + 1), MOST_NOISE)
    noise = np.random.default_rng(0).integers(1, 255, size, np.uint8).tobytes()
    if b"\xff\xdd" not in content:
        return noise
    last = max(content.rfind(bytes((0xFF, 0xD0 + number))) for number in range(8))
    following = content[last + 1] - 0xD0 + 1 if last >= 0 else 0
    parts = [noise[at : at + PER_RESTART] for at in range(0, size, PER_RESTART)]
    return b"".join(part + bytes((0xFF, 0xD0 + (following + number) % 8)) for number, part in enumerate(parts))


def _measure_difference(picture: Image.Image, other: Image.Image) -> float:
    """0..1 fraction of the picture from the first block on that differs, in rows of 16 pixels."""
    height, width = picture.height, picture.width
    differs = (np.asarray(picture) != np.asarray(other)).reshape(height, width, -1).any(axis=2)
    # Color is interpolated across the edges of blocks, so the pixels around a lost block may differ too.
    differs[1:] &= differs[:-1].copy()
    differs[:, 1:] &= differs[:, :-1].copy()
    rows = np.flatnonzero(differs.any(axis=1))
    if not len(rows):
        return 0.0
    top = int(rows[0]) // 16 * 16
    # Blocks are decoded from left to right: what lies left of the first that differs is whole.
    first = int(np.flatnonzero(differs[top : top + 16].any(axis=0))[0])
    return (height - top - min(16, height - top) * first / width) / height


def _has_all_scans(content: bytes) -> bool:
    """Do the scans before the end give every coefficient of every component all of its bits?

    The last scan may be incomplete; that is for the decoder to tell.
    """
    components, coarsest = 0, defaultdict[int, set[int]](set)
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF or content[at + 1] in (0x00, 0xFF) or content[at + 1] in BARE:
            at = content.find(b"\xff", at + 1)  # inside the data of a scan
            if at < 0:
                break
            continue
        marker, size = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        body = content[at + 4 : at + 2 + size]
        if marker in FRAMES and len(body) > 5:
            components = body[5]
        if marker == START_OF_SCAN and len(body) >= 2 * body[0] + 4:
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            if bits & 15 == 0:
                for number in range(body[0]):
                    coarsest[body[1 + 2 * number]] |= {*range(first, last + 1)}
        at += 2 + size
    return len(coarsest) == components > 0 and all(len(done) == 64 for done in coarsest.values())
