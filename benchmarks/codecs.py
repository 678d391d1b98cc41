"""Codecs for the faces and the audio of media shards, on the output of the stage for real media.

Every layout is written by zarr-python and read back on one core by zarr-python and zarrs; an array that either cannot
read stops the benchmark. Rates are in processor time, so that other work on the machine matters little.
Needs real media: UNMASK_CORPUS=/path/to/corpus.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import zarr
from numpy.typing import NDArray
from PIL import Image
from zarr.codecs import BloscCodec, GzipCodec, TransposeCodec, ZstdCodec

from benchmarks.timing import in_turn
from unmask.core.atomic_files import create_folder
from unmask.core.checksums import write_checksums
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.scan import scan
from unmask.preprocess.profiles import offline
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder
from unmask.preprocess.stage import preprocess

FILES = {"image": 60, "video": 25, "audio": 30}
ROUNDS = 3
CLIPS, CLIP_FACES, CLIP_SAMPLES = 16, 8, 64_000
IMAGES = 64
RATE = 16_000
MB = 1e6
READERS = {"zarr-python": "zarr.core.codec_pipeline.BatchedCodecPipeline", "zarrs": "zarrs.ZarrsCodecPipeline"}

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How an array is stored."""

    codec: Any = None
    """A bytes-to-bytes codec of the Zarr v3 core; None: no compression."""
    chunk: int = 32
    """Length of a chunk's first axis; the other axes are not divided."""
    order: tuple[int, ...] | None = None
    """Axes from slowest to fastest; None: C order."""
    sharded: bool = False
    """All chunks in one file."""


def make_blosc(level: int, shuffle: str, typesize: int, kib: int = 0, cname: str = "zstd") -> BloscCodec:
    """`kib`: size of a Blosc block; 0: the library's default."""
    return BloscCodec(cname=cname, clevel=level, shuffle=shuffle, typesize=typesize, blocksize=kib << 10)  # type: ignore[arg-type]


BITSHUFFLE = make_blosc(1, "bitshuffle", 1, 1024)
FACES: dict[str, Layout] = {
    "none": Layout(),
    "zstd 1": Layout(codec=ZstdCodec(level=1)),
    "zstd 3": Layout(codec=ZstdCodec(level=3)),
    "zstd 9": Layout(codec=ZstdCodec(level=9)),
    "gzip 5": Layout(codec=GzipCodec(level=5)),
    "zstd 3, planes in a face": Layout(codec=ZstdCodec(level=3), order=(0, 3, 1, 2)),
    "zstd 3, planes in a chunk": Layout(codec=ZstdCodec(level=3), order=(3, 0, 1, 2)),
    "zstd 3, faces fastest": Layout(codec=ZstdCodec(level=3), order=(1, 2, 3, 0)),
    "blosc lz4 5, bitshuffle 1, 1 MiB": Layout(codec=make_blosc(5, "bitshuffle", 1, 1024, "lz4")),
    "blosc zstd 3, shuffle 3": Layout(codec=make_blosc(3, "shuffle", 3)),
    "blosc zstd 3, bitshuffle 3": Layout(codec=make_blosc(3, "bitshuffle", 3)),
    "blosc zstd 3, bitshuffle 1": Layout(codec=make_blosc(3, "bitshuffle", 1)),
    "blosc zstd 1, bitshuffle 1": Layout(codec=make_blosc(1, "bitshuffle", 1)),
    "blosc zstd 1, bitshuffle 1, 1 MiB": Layout(codec=BITSHUFFLE),
    "  planes in a face": Layout(codec=BITSHUFFLE, order=(0, 3, 1, 2)),
    "  chunks of 8": Layout(codec=BITSHUFFLE, chunk=8),
    "  chunks of 64": Layout(codec=BITSHUFFLE, chunk=64),
    "  chunks of 8, sharded": Layout(codec=BITSHUFFLE, chunk=8, sharded=True),
    "blosc zstd 3, bitshuffle 1, 1 MiB": Layout(codec=make_blosc(3, "bitshuffle", 1, 1024)),
    "blosc zstd 5, bitshuffle 1, 1 MiB": Layout(codec=make_blosc(5, "bitshuffle", 1, 1024)),
}
AUDIO: dict[str, Layout] = {
    "none": Layout(codec=None, chunk=1 << 20),
    "zstd 1": Layout(codec=ZstdCodec(level=1), chunk=1 << 20),
    "zstd 3": Layout(codec=ZstdCodec(level=3), chunk=1 << 20),
    "zstd 9": Layout(codec=ZstdCodec(level=9), chunk=1 << 20),
    "blosc zstd 1, shuffle 2": Layout(codec=make_blosc(1, "shuffle", 2), chunk=1 << 20),
    "blosc zstd 1, shuffle 2, 1 MiB": Layout(codec=make_blosc(1, "shuffle", 2, 1024), chunk=1 << 20),
    "blosc zstd 1, bitshuffle 2, 1 MiB": Layout(codec=make_blosc(1, "bitshuffle", 2, 1024), chunk=1 << 20),
    "  chunks of 262,144": Layout(codec=make_blosc(1, "bitshuffle", 2, 1024), chunk=1 << 18),
    "blosc zstd 3, shuffle 2, 1 MiB": Layout(codec=make_blosc(3, "shuffle", 2, 1024), chunk=1 << 20),
    "blosc zstd 3, bitshuffle 2, 1 MiB": Layout(codec=make_blosc(3, "bitshuffle", 2, 1024), chunk=1 << 20),
}


def main() -> str:
    corpus = os.environ.get("UNMASK_CORPUS")
    if not corpus:
        return "skipped: needs real media, UNMASK_CORPUS=/path/to/corpus"
    with tempfile.TemporaryDirectory() as name:
        _extract_sample(Path(corpus), Path(name))
        # In a new process: only one without earlier threads can be limited to one core.
        program = f"from benchmarks import codecs; print(codecs.measure({name!r}))"
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.rstrip()


def measure(name: str) -> str:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    folder = Path(name)
    faces, audio = np.load(folder / "faces.npy"), np.load(folder / "audio.npy")
    written = {which: _read_layout((folder / f"{which}.txt").read_text(), which) for which in ("faces", "audio")}
    return "\n".join(
        [
            format_table(
                f"{len(faces)} faces", faces, {**FACES, "as written now": written["faces"]}, CLIP_FACES, folder
            ),
            *_compare_image_codecs(faces[:: max(1, len(faces) // IMAGES)]),
            "",
            format_table(
                f"{len(audio) / RATE:.0f} s", audio, {**AUDIO, "as written now": written["audio"]}, CLIP_SAMPLES, folder
            ),
            _compare_flac(audio),
            "",
            *_measure_other_costs(faces, written["faces"], folder),
        ]
    )


def _extract_sample(corpus: Path, folder: Path) -> None:
    """Write faces.npy and audio.npy as the offline profile extracts them, and the path of one of their shards."""
    logging.disable(logging.INFO)
    whole, _ = scan(corpus, say=lambda line: None)
    work, settings = WorkFolder(folder / "work"), offline().preprocess
    manifest = whole.with_table(whole.table.take(_draw_rows(whole)))
    preprocess(manifest, settings, work)
    shards = find_shards(get_media_folder(work, settings), manifest)
    for array in ("faces", "audio"):
        np.save(folder / f"{array}.npy", np.concatenate([MediaShard(path).array(array) for path in shards]))
        (folder / f"{array}.txt").write_text(str(shards[0]))


def _draw_rows(manifest: Manifest) -> list[int]:
    """Row numbers of `FILES` random files of each kind, drawn from all datasets in turn, in the order of their ids."""
    chosen: list[int] = []
    table = manifest.table.select(["kind", "dataset", "media_id", "status"]).to_pylist()
    for kind, count in FILES.items():
        datasets: dict[str, list[int]] = {}
        for number in sorted(range(len(table)), key=lambda number: table[number]["media_id"]):
            if (table[number]["kind"], table[number]["status"]) == (kind, "ok"):
                datasets.setdefault(table[number]["dataset"], []).append(number)
        in_turns = chain.from_iterable(zip_longest(*(datasets[key] for key in sorted(datasets))))
        chosen += [number for number in in_turns if number is not None][:count]
    return sorted(chosen)


def _read_layout(shard: str, name: str) -> Layout:
    array: Any = zarr.open_group(shard, mode="r")[name]
    return Layout(
        codec=array.compressors[0] if array.compressors else None,
        chunk=array.chunks[0],
        sharded=array.shards is not None,
    )


def format_table(title: str, data: Array, layouts: Mapping[str, Layout], clip: int, folder: Path) -> str:
    places = {name: folder / f"layout-{number}" for number, name in enumerate(layouts)}
    write_s = _time_on_one_core({name: partial(_write, places[name], layout, data) for name, layout in layouts.items()})
    read_s = {reader: _time_reads(reader, places, data, clip) for reader in READERS}
    megabytes = data.nbytes / MB
    lines = [
        f"{title + f', {megabytes:.0f} MB':36} {'':6} {'write':>6} {'zarr-python':>20} {'zarrs':>20}",
        f"{'':36} {'ratio':>6} {'MB/s':>6} {'MB/s':>10} {'ms/clip':>9} {'MB/s':>10} {'ms/clip':>9}",
    ]
    for name, place in places.items():
        read = " ".join(
            f"{megabytes / whole[name]:10,.0f} {clips[name] / CLIPS * 1e3:9.1f}" for whole, clips in read_s.values()
        )
        lines.append(f"{name:36} {data.nbytes / _measure_size(place):6.3f} {megabytes / write_s[name]:6,.0f} {read}")
        shutil.rmtree(place)
    return "\n".join(lines)


def _time_reads(reader: str, places: Mapping[str, Path], data: Array, clip: int) -> tuple[dict[str, float], ...]:
    """Seconds to read the whole array, and CLIPS clips."""
    # Strict: otherwise zarrs falls back to zarr-python for arrays that it cannot read.
    with zarr.config.set({"codec_pipeline.path": READERS[reader], "codec_pipeline.strict": True}):
        arrays: dict[str, Any] = {name: zarr.open_array(str(place), mode="r") for name, place in places.items()}
        for name, array in arrays.items():
            if not np.array_equal(array[:], data):
                raise AssertionError(f"{name}: {reader} does not read what was written")
        return (
            _time_on_one_core({name: partial(array.__getitem__, ...) for name, array in arrays.items()}),
            _time_on_one_core({name: partial(_read_clips, array, clip) for name, array in arrays.items()}),
        )


def _time_on_one_core(variants: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    return in_turn(variants, ROUNDS, time.process_time)


def _write(place: Path, layout: Layout, data: Array) -> None:
    shutil.rmtree(place, ignore_errors=True)
    zarr.create_array(
        store=str(place),
        data=data,
        chunks=(layout.chunk, *data.shape[1:]),
        shards=(-(-len(data) // layout.chunk) * layout.chunk, *data.shape[1:]) if layout.sharded else None,
        filters=[TransposeCodec(order=layout.order)] if layout.order else None,
        compressors=layout.codec,
    )


def _read_clips(array: Any, length: int) -> None:
    for start in np.random.default_rng(0).integers(0, array.shape[0] - length, CLIPS).tolist():
        array[start : start + length]


def _measure_size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _compare_image_codecs(faces: Array) -> list[str]:
    """For reference only: no Zarr reader opens these."""
    kinds: dict[str, dict[str, Any]] = {
        "PNG 6": {"format": "PNG"},
        "WebP lossless 0": {"format": "WEBP", "lossless": True, "method": 0},
        "WebP lossless 4": {"format": "WEBP", "lossless": True, "method": 4},
    }
    lines = []
    for name, options in kinds.items():
        started = time.process_time()
        files = [BytesIO() for _ in faces]
        for file, face in zip(files, faces, strict=True):
            Image.fromarray(face).save(file, **options)
        written = time.process_time()
        read = [np.asarray(Image.open(file).convert("RGB")) for file in files]
        done = time.process_time()
        assert np.array_equal(read, faces)
        lines.append(_format_reference(name, faces, files, written - started, done - written))
    return lines


def _compare_flac(audio: Array) -> str:
    parts = [audio[start : start + CLIP_SAMPLES] for start in range(0, len(audio), CLIP_SAMPLES)]
    files = [BytesIO() for _ in parts]
    started = time.process_time()
    for file, part in zip(files, parts, strict=True):
        soundfile.write(file, part, RATE, format="FLAC")
    written = time.process_time()
    for file in files:
        file.seek(0)
        soundfile.read(file, dtype="int16")
    return _format_reference("FLAC", audio, files, written - started, time.process_time() - written)


def _format_reference(name: str, data: Array, files: list[BytesIO], write_s: float, read_s: float) -> str:
    ratio = data.nbytes / sum(len(file.getvalue()) for file in files)
    return (
        f"{name + ' (reference)':36} {ratio:6.3f} {data.nbytes / MB / write_s:6,.0f} {data.nbytes / MB / read_s:10,.0f}"
    )


def _measure_other_costs(faces: Array, layout: Layout, folder: Path) -> list[str]:
    """Other costs of writing a shard."""
    clips = np.array_split(faces, max(1, len(faces) // CLIP_FACES))
    place = folder / "faces"

    def synced() -> None:
        with create_folder(folder / "synced") as fresh:
            shutil.copytree(place, fresh, dirs_exist_ok=True)

    variants: dict[str, Callable[[], object]] = {
        "compress and write": partial(_write, place, layout, faces),
        "join the clips": partial(np.concatenate, clips),
        "SHA-256": partial(write_checksums, place),
        "copy and fsync": synced,
    }
    taken = in_turn(variants, ROUNDS)
    return [f"{name:36} {seconds * 1e3:6,.0f} ms" for name, seconds in taken.items()]
