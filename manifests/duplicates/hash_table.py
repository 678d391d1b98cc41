"""What every file of a manifest looks or sounds like, kept beside the manifest and made once for each content.

fingerprints.parquet, one row a content:
    content   core.fingerprint.quick_content
    kind      "picture" (images and videos) or "sound" (audio)
    whole     likeness.BYTES each: of an image or recording one, of a video those of its first and middle frame
    inner     likeness.BYTES each: of an image's inner parts, see likeness.INNER
    problem   why there is none, such as "flat" or "unreadable: ..."; null where there is one
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import soundfile
from PIL import Image, UnidentifiedImageError

from unmask.core.atomic_files import create_file
from unmask.core.errors import BadMedia
from unmask.core.process_pool import Failure, count_cores, run_isolated
from unmask.core.progress import Progress
from unmask.manifests.duplicates import perceptual_hash as likeness
from unmask.manifests.manifest import Manifest
from unmask.media.containers import open_container

FORMAT, VERSION = "unmask-fingerprints", 1
SCHEMA = pa.schema(
    [
        ("content", pa.string()),
        ("kind", pa.string()),
        ("whole", pa.binary()),
        ("inner", pa.binary()),
        ("problem", pa.string()),
    ]
)
CHUNK = 16
TIMEOUT_S = 60.0
SAVED_EVERY = 20_000  # files: what a killed run loses at most
# A JPEG is decoded at the smallest eighth of its size that is no smaller: four times the thumbnail's side.
DRAFT = (4 * likeness.SIDE, 4 * likeness.SIDE)
RATE = 16_000  # of what FFmpeg decodes

Task = tuple[str, str, str]
"""Content, path, kind of media."""


def fingerprints(manifest: Manifest, path: Path, workers: int | None = None) -> pa.Table:
    """Columns media_id, content, kind, whole, inner, problem: a row for each readable file of `manifest`, in its order.

    Kept in `path` (fingerprints.parquet); contents that are there already are not looked at again, but those whose
    process died or took too long are. Stop it anywhere and run it again.
    """
    table = manifest.table.filter(pc.equal(manifest.table.column("status"), "ok"))
    known = _read(path)
    known = known.filter(pc.is_in(known.column("content"), value_set=pc.unique(table.column("content"))))
    todo = _todo(table, known)
    made: list[dict[str, Any]] = []
    with Progress("fingerprints", len(todo), "files") as progress:
        for row in _made(_tasks(todo, manifest.roots), workers or count_cores()):
            made.append(row)
            progress.advance(failed=int(row["whole"] is None))
            if len(made) >= SAVED_EVERY:
                known = _save(path, known, made)
                made = []
    known = _save(path, known, made) if made or not path.is_file() else known
    at = pc.index_in(table.column("content"), value_set=known.column("content").combine_chunks())
    return known.take(at).add_column(0, "media_id", table.column("media_id"))


def _todo(table: pa.Table, known: pa.Table) -> pa.Table:
    """One row of `table` for each content that is not known."""
    new = table.filter(pc.invert(pc.is_in(table.column("content"), value_set=known.column("content").combine_chunks())))
    content = new.column("content").combine_chunks().dictionary_encode()
    _, first = np.unique(content.indices.to_numpy(), return_index=True)
    return new.take(pa.array(np.sort(first)))


def _tasks(todo: pa.Table, roots: dict[str, str]) -> Iterator[Task]:
    for batch in todo.select(["content", "dataset", "path", "kind"]).to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield row["content"], str(Path(roots[row["dataset"]]) / row["path"]), row["kind"]


def _made(tasks: Iterator[Task], workers: int) -> Iterator[dict[str, Any]]:
    """A row for each task. A chunk whose process hung or died is done again file by file."""
    chunks = iter(lambda: tuple(islice(tasks, CHUNK)), ())
    for chunk, found in run_isolated(print_chunk, chunks, workers=workers, timeout_s=2 * TIMEOUT_S, preload=[__name__]):
        if not isinstance(found, Failure):
            yield from found
            continue
        for single, again in run_isolated(print_chunk, [(task,) for task in chunk], workers=1, timeout_s=TIMEOUT_S):
            if isinstance(again, Failure):
                yield _row(single[0], problem=f"{again.reason}: {again.problem}")
            else:
                yield from again


def print_chunk(tasks: tuple[Task, ...]) -> list[dict[str, Any]]:
    """The work of one task in a worker process."""
    return [print_file(task) for task in tasks]


def print_file(task: Task) -> dict[str, Any]:
    """One file in this process. A bad file gives a row with a problem."""
    _, path, media = task
    try:
        whole, inner = READERS[media](Path(path))
    except BadMedia as error:
        return _row(task, problem=f"{error.reason}: {error.problem}")
    except OSError as error:
        return _row(task, problem=f"unreadable: {error.strerror or error}")
    return _row(task, b"".join(whole), b"".join(inner), None if whole else "flat")


def _row(
    task: Task, whole: bytes | None = None, inner: bytes | None = None, problem: str | None = None
) -> dict[str, Any]:
    kind = "sound" if task[2] == "audio" else "picture"
    return {"content": task[0], "kind": kind, "whole": whole or None, "inner": inner or None, "problem": problem}


def _image(path: Path) -> tuple[list[bytes], list[bytes]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # preprocessing has its own limit
            with Image.open(path) as image:
                image.draft("RGB", DRAFT)
                return likeness.picture(image)
    except Image.DecompressionBombError as error:
        raise BadMedia(path, "refused", str(error)) from error
    except (UnidentifiedImageError, ValueError, SyntaxError, OSError) as error:  # Pillow's plugins raise all of these
        raise BadMedia(path, "unreadable", f"Pillow cannot read it ({_without(path, error)})") from error


def _video(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Of the first frame and the one in the middle."""
    try:
        with open_container(path) as container:
            if not container.streams.video:
                raise BadMedia(path, "unreadable", "there is no picture in it")
            frames = [next(container.decode(video=0), None), _middle(container)]
        return [found for picked in frames if picked for found in likeness.frame(picked.to_image())], []
    except (av.error.FFmpegError, ValueError) as error:
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({_without(path, error)})") from error


def _middle(container: Any) -> Any:
    """The first frame at or after half of the duration; None where the duration is unknown."""
    if not container.duration:
        return None
    half = container.duration // 2
    container.seek(half)
    return next((found for found in container.decode(video=0) if (found.time or 0.0) * av.time_base >= half), None)


def _without(path: Path, error: Exception) -> str:
    """The library's words without the folder: what is kept is the same on every machine."""
    return str(error).replace(str(path), path.name)


def _audio(path: Path) -> tuple[list[bytes], list[bytes]]:
    try:
        with soundfile.SoundFile(str(path)) as file:
            # Twice the time that is used: what is silent at the start is not used.
            wave = file.read(int(2 * likeness.SECONDS * file.samplerate), dtype="float32", always_2d=True)
            return likeness.sound(wave.mean(axis=1), file.samplerate), []
    except soundfile.LibsndfileError:
        return likeness.sound(_decoded(path), RATE), []


def _decoded(path: Path) -> Any:
    """(S,) float32 mono at RATE of a file that libsndfile does not know, such as AAC."""
    wanted = int(2 * likeness.SECONDS * RATE)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts: list[Any] = []
    try:
        with open_container(path) as container:
            if not container.streams.audio:
                raise BadMedia(path, "unreadable", "there is no sound in it")
            for decoded in container.decode(audio=0):
                parts += [found.to_ndarray()[0] for found in resampler.resample(decoded)]
                if sum(map(len, parts)) >= wanted:
                    break
    except (av.error.FFmpegError, ValueError) as error:
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({_without(path, error)})") from error
    return np.concatenate([*parts, np.empty(0, np.float32)])[:wanted]


READERS = {"image": _image, "video": _video, "audio": _audio}


def _read(path: Path) -> pa.Table:
    """What is kept in `path`; nothing where it is not there, foreign, damaged or of another version."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return SCHEMA.empty_table()
    about = json.loads((table.schema.metadata or {}).get(FORMAT.encode(), b"{}"))
    if about.get("version") != VERSION or table.schema.names != SCHEMA.names:
        return SCHEMA.empty_table()
    table = table.replace_schema_metadata(None)
    again = pc.fill_null(pc.match_substring_regex(table.column("problem"), "^(timeout|crashed)"), False)
    return table.filter(pc.invert(again))


def _save(path: Path, known: pa.Table, made: list[dict[str, Any]]) -> pa.Table:
    table = pa.concat_tables([known, pa.Table.from_pylist(made, schema=SCHEMA)]).combine_chunks()
    about = {FORMAT: json.dumps({"version": VERSION})}
    with create_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata(about), temporary, compression="zstd")
    return table
