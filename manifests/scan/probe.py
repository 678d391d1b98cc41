"""Read file headers: sizes, rates, codecs. Nothing is decoded, and a bad file fails alone."""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import av

from unmask.core.crashes import CRASHED, as_run_error, describe_crash, read_message
from unmask.core.engines.cluster import Cluster
from unmask.core.errors import BadMedia
from unmask.core.fact_table import check_storable
from unmask.core.files.read_failures import raise_disk_failure, read_surely
from unmask.core.hashing import hash_file as sha256
from unmask.core.hashing import hash_quickly
from unmask.core.process_pool import Failure, run_isolated
from unmask.core.progress import Progress
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.manifest import SCHEMA, Kind, MediaRow
from unmask.manifests.scan.kind_change import change_kind
from unmask.media.audio.readers import read_header
from unmask.media.audio.sound_files import measure_sound
from unmask.media.audio.waveform import NoAudio
from unmask.media.containers import DECODING_ERRORS, find_video, open_container
from unmask.media.file_type import explain_type, identify_file
from unmask.media.images import open_image

# Files per task: starting a task costs as much as ten headers. A chunk that crashes is repeated file by file.
CHUNK = 32
PARTS_PER_CPU, MOST_CHUNKS = 4, 64
TIMEOUT_S = 30.0
FULL_TIMEOUT_S = 600.0
# Imported once, by the process that the workers are forked from.
HEAVY = ("unmask.manifests.scan.probe",)
BROKEN = "Get the file again or remove it"
NOT_READ = "unreadable: the disk or the network failed"
"""Begins the reason of a file that says nothing of its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Fields of `MediaRow` from a file's header; None where the header does not give them."""

    kind: Kind | None = None
    """By the content; None: as listed."""
    content: str = ""
    sha256: str | None = None
    bytes: int = 0
    mtime_ns: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frames: int | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    container: str | None = None
    reason: str | None = None
    """Why the file cannot be used; None for a good header."""


FIELDS = tuple(field.name for field in fields(Probe))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Files of one task."""

    files: tuple[tuple[str, Kind, bool], ...]
    """Path, kind by its name, and whether a file of another kind is refused."""
    full_content: bool
    """Read each file whole, for its `sha256`."""


@dataclass(frozen=True, slots=True)
class _ProbePart:
    """Files that one task of a cluster probes."""

    rows: tuple[tuple[MediaRow, Path], ...]
    full_content: bool


def probe_rows(
    rows: Iterable[tuple[MediaRow, Path]],
    *,
    total: int,
    workers: int,
    full_content: bool = False,
    fork: bool = False,
    cluster: Cluster | None = None,
) -> Iterator[MediaRow]:
    """The rows with their header fields, in the same order; bad files get `status` failed and a `reason`.

    `fork`: as in `run_isolated`. On a `cluster`, every task probes some of the files.
    """
    if not total:
        return
    if cluster is not None:
        yield from _probe_on_cluster(cluster, rows, total, workers, full_content)
        return
    waiting: deque[list[MediaRow]] = deque()
    chunks = _make_chunks(rows, waiting, full_content)
    # Reading whole files takes longer than any header.
    timeout_s = FULL_TIMEOUT_S if full_content else TIMEOUT_S
    with Progress("scan", total, "files") as progress:
        results = run_isolated(probe_chunk, chunks, workers=workers, timeout_s=2 * timeout_s, preload=HEAVY, fork=fork)
        for chunk, result in results:
            probes = _probe_singly(chunk, workers, timeout_s) if isinstance(result, Failure) else result
            for row, probe in zip(waiting.popleft(), probes, strict=True):
                progress.advance(failed=int(probe.reason is not None))
                yield with_probe(row, {name: getattr(probe, name) for name in FIELDS})


def _probe_on_cluster(
    cluster: Cluster, rows: Iterable[tuple[MediaRow, Path]], total: int, workers: int, full_content: bool
) -> Iterator[MediaRow]:
    # Several parts per CPU, so that the CPUs end together; a part costs as much as a hundred headers.
    chunks = min(MOST_CHUNKS, -(-total // (PARTS_PER_CPU * cluster.cpus * CHUNK)))
    pending = iter(rows)
    batches = iter(lambda: tuple((row, path.absolute()) for row, path in islice(pending, chunks * CHUNK)), ())
    parts = (_ProbePart(batch, full_content) for batch in batches)
    with Progress("scan", total, "files") as progress:
        for probed in cluster.run_tasks(_probe_part, parts, most=workers, bar=progress):
            yield from probed


def _probe_part(part: _ProbePart) -> list[MediaRow]:
    return list(probe_rows(part.rows, total=len(part.rows), workers=1, full_content=part.full_content))


def with_probe(row: MediaRow, probe: Mapping[str, Any]) -> MediaRow:
    """`row` with the FIELDS of a probe."""
    status: Literal["ok", "failed"] = "ok" if probe["reason"] is None else "failed"
    kind = probe["kind"] or row.kind
    return change_kind(replace(row, **{**probe, "kind": row.kind}, status=status), kind)


def _make_chunks(
    rows: Iterable[tuple[MediaRow, Path]], waiting: deque[list[MediaRow]], full_content: bool
) -> Iterator[Chunk]:
    """Tasks for the workers; appends the rows of each task to `waiting`."""
    pending = iter(rows)
    while batch := list(islice(pending, CHUNK)):
        waiting.append([row for row, _ in batch])
        # The label of a published dataset describes files of its own kind.
        yield Chunk(tuple((str(path), row.kind, row.dataset in LAYOUTS) for row, path in batch), full_content)


def probe_file(path: Path, kind: Kind, *, full_content: bool = False, is_fixed: bool = False) -> Probe:
    """Probe one file in this process. Any exception gives a reason; the caller must contain native crashes."""
    try:
        return read_surely(lambda: _probe_file(path, kind, full_content, is_fixed))
    except OSError as error:  # the next scan probes it again
        return Probe(reason=f"{NOT_READ} ({error.strerror}). Scan again")


def _probe_file(path: Path, kind: Kind, full_content: bool, is_fixed: bool) -> Probe:
    attributes: dict[str, Any] = {}
    try:
        about = path.stat()
        attributes = {"bytes": about.st_size, "mtime_ns": about.st_mtime_ns, "content": ""}
        if not stat.S_ISREG(about.st_mode):
            raise BadMedia(path, "unreadable", "not a file", BROKEN)
        if not attributes["bytes"]:
            raise BadMedia(path, "unreadable", "the file is empty", BROKEN)
        attributes["content"] = hash_quickly(path)
        if full_content:
            attributes["sha256"] = sha256(path)
        probe = Probe(**attributes, **_read_header(path, kind, is_fixed))
        check_storable(asdict(probe), SCHEMA)
        return probe
    except BadMedia as error:
        return Probe(**attributes, reason=f"{error.reason}: {error.problem}. {error.remedy}")
    except FileNotFoundError:
        return Probe(**attributes, reason="vanished: no such file. Put it back or scan again")
    except Exception as error:
        if as_run_error(error):
            raise
        raise_disk_failure(error)
        if isinstance(error, OSError):
            return Probe(**attributes, reason=f"unreadable: {error.strerror or read_message(error)}. {BROKEN}")
        return Probe(**attributes, reason=CRASHED + describe_crash(error, path))


def _probe_singly(chunk: Chunk, workers: int, timeout_s: float) -> list[Probe]:
    """Repeat a chunk whose process hung or crashed file by file, so that only the responsible file fails."""
    singles = [replace(chunk, files=(file,)) for file in chunk.files]
    results = run_isolated(probe_chunk, singles, workers=workers, timeout_s=timeout_s)
    return [Probe(reason=f"{r.reason}: {r.problem}") if isinstance(r, Failure) else r[0] for _, r in results]


def probe_chunk(chunk: Chunk) -> list[Probe]:
    """Probe the files of one task in a worker process."""
    return [
        probe_file(Path(path), kind, full_content=chunk.full_content, is_fixed=is_fixed)
        for path, kind, is_fixed in chunk.files
    ]


def _read_header(path: Path, kind: Kind, is_fixed: bool) -> dict[str, Any]:
    """Fields of `Probe`, among them the kind by the content. `kind`: by the name; kept if the file has it."""
    found = identify_file(path)
    if found and found.kind is None:
        raise explain_type(path, found)
    content = found.kind if found and found.kind else kind
    try:
        values = READERS[content](path)
    except BadMedia as error:
        raise (explain_type(path, None) if found is None and error.reason == "unreadable" else error) from error
    if content == "video" and (values["video_codec"] is None or (kind == "audio" and is_fixed)):
        content, values = "audio", _probe_audio(path)
    if is_fixed and content != kind:
        raise BadMedia(path, "unreadable", f"its content is {content}, not {kind}", BROKEN)
    return {**values, "kind": content}


def _probe_image(path: Path) -> dict[str, Any]:
    with open_image(path) as image:
        return {"width": image.width, "height": image.height, "container": (image.format or "").lower() or None}


def _probe_audio(path: Path) -> dict[str, Any]:
    if (header := read_header(path)) is not None:
        return header
    found = _probe_container(path)
    if found["audio_codec"] is None:
        raise BadMedia(path, "unreadable", "it contains no audio", BROKEN)
    unused = dict.fromkeys(("width", "height", "fps", "frames", "video_codec"))
    return {**found, **unused, "duration_s": _measure_sound(path)}


def _measure_sound(path: Path) -> float | None:
    """Seconds of all packets: headers of MP3 files guess. None if FFmpeg cannot list them."""
    try:
        return measure_sound(path)
    except (*DECODING_ERRORS, NoAudio):
        return None


def _probe_container(path: Path) -> dict[str, Any]:
    try:
        with open_container(path) as container:
            return _read_streams(container)
    except DECODING_ERRORS as error:
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({_remove_folder(path, error)})", BROKEN) from error


def _remove_folder(path: Path, error: Exception) -> str:
    """Message of `error` without the folder: reasons are in the manifest, which is the same on every machine."""
    return str(error).replace(str(path), path.name)


def _read_streams(container: Any) -> dict[str, Any]:
    video = find_video(container)
    audio = next((track for track in container.streams.audio if track.codec_context), None)
    if (video and video.codec_context is None) or (container.streams.audio and not video and not audio):
        raise BadMedia(container.name, "unsupported", "no decoder for its codec", "Convert it to H.264 and AAC")
    first = video or audio
    duration = container.duration / av.time_base if container.duration else None
    if duration is None and first is not None and first.duration and first.time_base:
        duration = float(first.duration * first.time_base)
    rate = video.average_rate if video else None
    return {
        "width": video.codec_context.width if video else None,
        "height": video.codec_context.height if video else None,
        "fps": float(rate) if rate else None,
        "frames": (video.frames or None) if video else None,
        "duration_s": duration,
        "sample_rate": audio.codec_context.sample_rate if audio else None,
        "channels": audio.codec_context.channels if audio else None,
        "video_codec": video.codec_context.name if video else None,
        "audio_codec": audio.codec_context.name.removesuffix("float") if audio else None,
        "container": container.format.name,
    }


READERS = {"image": _probe_image, "audio": _probe_audio, "video": _probe_container}
