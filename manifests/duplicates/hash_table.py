"""Perceptual hashes of the files of a manifest, kept beside it and computed once per content.

fingerprints.parquet, one row per content:
    content   core.hashing.quick_content
    kind      "picture" (images and videos) or "sound" (audio); null where the file cannot be read
    whole     perceptual_hash.BYTES each: one hash of an image or audio file; of a video, of its first and middle frame
    inner     perceptual_hash.BYTES each: of the inner parts of an image, see perceptual_hash.INNER
    problem   why there is no hash, such as "flat" or "unreadable: ..."; null where there is one
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import pyarrow as pa
import pyarrow.compute as pc
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from unmask.core.crashes import describe_crashes
from unmask.core.errors import BadMedia
from unmask.core.fact_table import Facts, FactTable
from unmask.core.process_pool import count_cores
from unmask.manifests.duplicates import perceptual_hash
from unmask.manifests.file_facts import measure_files
from unmask.manifests.manifest import Manifest
from unmask.media.audio.readers import read_start
from unmask.media.containers import decode_packet, find_video, open_container
from unmask.media.images import DECODER_ERRORS, check_size, open_image, read_image

log = logging.getLogger("unmask")

# A JPEG is decoded at the smallest eighth of its size that is no smaller: four times the thumbnail's side.
DRAFT = (4 * perceptual_hash.SIDE, 4 * perceptual_hash.SIDE)
# Grayscale of more than 8 bits, which Pillow clips to white.
DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
MOST_PIXELS = 200_000_000


def hash_files(manifest: Manifest, path: Path, workers: int | None = None) -> pa.Table:
    """Columns media_id, content, kind, whole, inner, problem: one row per readable file of `manifest`, in its order.

    Kept in `path` (fingerprints.parquet): known contents are not read again, unless their worker died or timed out.
    Stop it anywhere and call it again.
    """
    table = manifest.table.filter(pc.equal(manifest.table.column("status"), "ok"))
    files = manifest.with_table(table)
    completed = measure_files(HASH_TABLE, files, path, workers or count_cores(), columns=("kind",))
    for line in describe_crashes(completed.failed.values()):
        log.warning("%s: %s", HASH_TABLE.name, line)
    return completed.facts.add_column(0, "media_id", table.column("media_id"))


def hash_file(path: Path, kind: str) -> Facts:
    """Perceptual hashes of one file. `BadMedia` if it cannot be decoded."""
    whole, inner = READERS[kind](path)
    return {
        "kind": "sound" if kind == "audio" else "picture",
        "whole": b"".join(whole) or None,
        "inner": b"".join(inner) or None,
        "problem": None if whole else "flat",
    }


HASH_TABLE = FactTable(
    name="fingerprints",
    format="unmask-fingerprints",
    about={"version": 2},
    key=("content",),
    columns=(("kind", pa.string()), ("whole", pa.binary()), ("inner", pa.binary()), ("problem", pa.string())),
    measure=hash_file,
    chunk=16,
    timeout_s=60.0,
    save_every=20_000,
    preload=(__name__,),
)


def _hash_image(path: Path) -> tuple[list[bytes], list[bytes]]:
    try:
        with open_image(path) as image:
            check_size(path, image.size, MOST_PIXELS)
            if image.mode not in DEEP:
                image.draft("RGB", DRAFT)
                return perceptual_hash.hash_image(image)
    except DECODER_ERRORS:
        pass  # it may lack only its end
    return perceptual_hash.hash_image(Image.fromarray(read_image(path, max_pixels=MOST_PIXELS)[0]))


def _hash_video(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Hashes of the first and the middle frame."""
    try:
        with open_container(path) as container:
            film = find_video(container)
            if film is None:
                raise BadMedia(path, "unreadable", "it has no video")
            frames = [next(_decode_frames(container, film), None), _read_middle_frame(container, film)]
        return [code for frame in frames if frame for code in perceptual_hash.hash_frame(_to_image(frame))], []
    except (av.error.FFmpegError, ValueError) as error:
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({_describe_error(path, error)})") from error


def _read_middle_frame(container: InputContainer, film: VideoStream) -> av.VideoFrame | None:
    """The first frame at or after half of the duration; None where the duration is unknown."""
    if not container.duration:
        return None
    half = (container.start_time or 0) + container.duration // 2
    container.seek(half)
    later = (frame for frame in _decode_frames(container, film) if (frame.time or 0.0) * av.time_base >= half)
    return next(later, None)


def _to_image(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))


def _decode_frames(container: InputContainer, film: VideoStream) -> Iterator[av.VideoFrame]:
    return (frame for packet in container.demux(film) for frame in decode_packet(packet))


def _describe_error(path: Path, error: Exception) -> str:
    """The library's message without the folder, so that the table is the same on every machine."""
    return str(error).replace(str(path), path.name)


def _hash_audio(path: Path) -> tuple[list[bytes], list[bytes]]:
    # Twice the time that is hashed, because leading silence is skipped.
    return perceptual_hash.hash_audio(*read_start(path, 2 * perceptual_hash.SECONDS)), []


READERS = {"image": _hash_image, "video": _hash_video, "audio": _hash_audio}
