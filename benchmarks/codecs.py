"""Ways to compress the faces and the sound of media shards, on what the stage itself makes of real media.

Every way is written by zarr-python and read back on one core by two implementations, zarr-python and zarrs; what either
cannot read stops the benchmark. Rates count processor time, so that other work on the machine matters little.
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
from unmask.core.atomic_files import new_folder
from unmask.core.checksums import seal
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.scan import scan
from unmask.preprocess.profiles import offline
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import media_folder, needed_shards
from unmask.preprocess.stage import preprocess

FILES = {"image": 60, "video": 25, "audio": 30}
ROUNDS = 3
CLIPS, CLIP_FACES, CLIP_SAMPLES = 16, 8, 64_000
PICTURES = 64
RATE = 16_000
MB = 1e6
READERS = {"zarr-python": "zarr.core.codec_pipeline.BatchedCodecPipeline", "zarrs": "zarrs.ZarrsCodecPipeline"}

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Way:
    codec: Any = None
    """A bytes-to-bytes codec of the Zarr v3 core, None for no compression."""
    first: int = 32
    """Length of a chunk's first axis; the others are whole."""
    order: tuple[int, ...] | None = None
    """Axes from slowest to fastest, None as they are."""
    sharded: bool = False
    """All chunks in one file."""


def _blosc(level: int, shuffle: str, typesize: int, kib: int = 0, cname: str = "zstd") -> BloscCodec:
    """`kib`: size of a Blosc block, 0 for the library's own choice."""
    return BloscCodec(cname=cname, clevel=level, shuffle=shuffle, typesize=typesize, blocksize=kib << 10)  # type: ignore[arg-type]


_FACES_BITS = _blosc(1, "bitshuffle", 1, 1024)
FACES: dict[str, Way] = {
    "none": Way(),
    "zstd 1": Way(ZstdCodec(level=1)),
    "zstd 3": Way(ZstdCodec(level=3)),
    "zstd 9": Way(ZstdCodec(level=9)),
    "gzip 5": Way(GzipCodec(level=5)),
    "zstd 3, planes in a face": Way(ZstdCodec(level=3), order=(0, 3, 1, 2)),
    "zstd 3, planes in a chunk": Way(ZstdCodec(level=3), order=(3, 0, 1, 2)),
    "zstd 3, faces fastest": Way(ZstdCodec(level=3), order=(1, 2, 3, 0)),
    "blosc lz4 5, bitshuffle 1, 1 MiB": Way(_blosc(5, "bitshuffle", 1, 1024, "lz4")),
    "blosc zstd 3, shuffle 3": Way(_blosc(3, "shuffle", 3)),
    "blosc zstd 3, bitshuffle 3": Way(_blosc(3, "bitshuffle", 3)),
    "blosc zstd 3, bitshuffle 1": Way(_blosc(3, "bitshuffle", 1)),
    "blosc zstd 1, bitshuffle 1": Way(_blosc(1, "bitshuffle", 1)),
    "blosc zstd 1, bitshuffle 1, 1 MiB": Way(_FACES_BITS),
    "  planes in a face": Way(_FACES_BITS, order=(0, 3, 1, 2)),
    "  chunks of 8": Way(_FACES_BITS, 8),
    "  chunks of 64": Way(_FACES_BITS, 64),
    "  chunks of 8, sharded": Way(_FACES_BITS, 8, sharded=True),
    "blosc zstd 3, bitshuffle 1, 1 MiB": Way(_blosc(3, "bitshuffle", 1, 1024)),
    "blosc zstd 5, bitshuffle 1, 1 MiB": Way(_blosc(5, "bitshuffle", 1, 1024)),
}
SOUND: dict[str, Way] = {
    "none": Way(None, 1 << 20),
    "zstd 1": Way(ZstdCodec(level=1), 1 << 20),
    "zstd 3": Way(ZstdCodec(level=3), 1 << 20),
    "zstd 9": Way(ZstdCodec(level=9), 1 << 20),
    "blosc zstd 1, shuffle 2": Way(_blosc(1, "shuffle", 2), 1 << 20),
    "blosc zstd 1, shuffle 2, 1 MiB": Way(_blosc(1, "shuffle", 2, 1024), 1 << 20),
    "blosc zstd 1, bitshuffle 2, 1 MiB": Way(_blosc(1, "bitshuffle", 2, 1024), 1 << 20),
    "  chunks of 262,144": Way(_blosc(1, "bitshuffle", 2, 1024), 1 << 18),
    "blosc zstd 3, shuffle 2, 1 MiB": Way(_blosc(3, "shuffle", 2, 1024), 1 << 20),
    "blosc zstd 3, bitshuffle 2, 1 MiB": Way(_blosc(3, "bitshuffle", 2, 1024), 1 << 20),
}


def main() -> str:
    corpus = os.environ.get("UNMASK_CORPUS")
    if not corpus:
        return "skipped: needs real media, UNMASK_CORPUS=/path/to/corpus"
    with tempfile.TemporaryDirectory() as name:
        _make(Path(corpus), Path(name))
        # A process of its own: one core is only one core when no thread was started on another before.
        program = f"from benchmarks import codecs; print(codecs.measured({name!r}))"
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.rstrip()


def measured(name: str) -> str:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    folder = Path(name)
    faces, sound = np.load(folder / "faces.npy"), np.load(folder / "sound.npy")
    written = {which: _way_of((folder / f"{which}.txt").read_text(), which) for which in ("faces", "audio")}
    return "\n".join(
        [
            _table(f"{len(faces)} faces", faces, {**FACES, "as written now": written["faces"]}, CLIP_FACES, folder),
            *_picture_codecs(faces[:: max(1, len(faces) // PICTURES)]),
            "",
            _table(
                f"{len(sound) / RATE:.0f} s", sound, {**SOUND, "as written now": written["audio"]}, CLIP_SAMPLES, folder
            ),
            _flac(sound),
            "",
            *_rest(faces, written["faces"], folder),
        ]
    )


def _make(corpus: Path, folder: Path) -> None:
    """faces.npy and sound.npy as the offline profile makes them, and the path of a shard that they are from."""
    logging.disable(logging.INFO)
    whole, _ = scan(corpus, say=lambda line: None)
    work, settings = WorkFolder(folder / "work"), offline().preprocess
    manifest = Manifest(whole.table.take(_some(whole)), whole.roots)
    preprocess(manifest, settings, work)
    shards = needed_shards(media_folder(work, settings), manifest)
    for array, name in (("faces", "faces"), ("audio", "sound")):
        np.save(folder / f"{name}.npy", np.concatenate([MediaShard(path).array(array) for path in shards]))
        (folder / f"{array}.txt").write_text(str(shards[0]))


def _some(manifest: Manifest) -> list[int]:
    """Row numbers of as many files of each kind as FILES says, all datasets in turn; by their hash, so at random."""
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


def _way_of(shard: str, name: str) -> Way:
    array: Any = zarr.open_group(shard, mode="r")[name]
    return Way(array.compressors[0] if array.compressors else None, array.chunks[0], sharded=array.shards is not None)


def _table(title: str, data: Array, ways: Mapping[str, Way], clip: int, folder: Path) -> str:
    places = {name: folder / f"way-{number}" for number, name in enumerate(ways)}
    write_s = _on_one_core({name: partial(_write, places[name], way, data) for name, way in ways.items()})
    read_s = {reader: _reading(reader, places, data, clip) for reader in READERS}
    megabytes = data.nbytes / MB
    lines = [
        f"{title + f', {megabytes:.0f} MB':36} {'':6} {'write':>6} {'zarr-python':>20} {'zarrs':>20}",
        f"{'':36} {'ratio':>6} {'MB/s':>6} {'MB/s':>10} {'a clip ms':>9} {'MB/s':>10} {'a clip ms':>9}",
    ]
    for name, place in places.items():
        read = " ".join(
            f"{megabytes / whole[name]:10,.0f} {clips[name] / CLIPS * 1e3:9.1f}" for whole, clips in read_s.values()
        )
        lines.append(f"{name:36} {data.nbytes / _size(place):6.3f} {megabytes / write_s[name]:6,.0f} {read}")
        shutil.rmtree(place)
    return "\n".join(lines)


def _reading(reader: str, places: Mapping[str, Path], data: Array, clip: int) -> tuple[dict[str, float], ...]:
    """Seconds for the whole array, and for CLIPS clips."""
    # Strict: zarrs would otherwise hand what it cannot read to zarr-python.
    with zarr.config.set({"codec_pipeline.path": READERS[reader], "codec_pipeline.strict": True}):
        arrays: dict[str, Any] = {name: zarr.open_array(str(place), mode="r") for name, place in places.items()}
        for name, array in arrays.items():
            if not np.array_equal(array[:], data):
                raise AssertionError(f"{name}: {reader} reads something else than was written")
        return (
            _on_one_core({name: partial(array.__getitem__, ...) for name, array in arrays.items()}),
            _on_one_core({name: partial(_clips, array, clip) for name, array in arrays.items()}),
        )


def _on_one_core(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    return in_turn(ways, ROUNDS, time.process_time)


def _write(place: Path, way: Way, data: Array) -> None:
    shutil.rmtree(place, ignore_errors=True)
    zarr.create_array(
        store=str(place),
        data=data,
        chunks=(way.first, *data.shape[1:]),
        shards=(-(-len(data) // way.first) * way.first, *data.shape[1:]) if way.sharded else None,
        filters=[TransposeCodec(order=way.order)] if way.order else None,
        compressors=way.codec,
    )


def _clips(array: Any, length: int) -> None:
    for start in np.random.default_rng(0).integers(0, array.shape[0] - length, CLIPS).tolist():
        array[start : start + length]


def _size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _picture_codecs(faces: Array) -> list[str]:
    """For reference: no Zarr reader opens them."""
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
        lines.append(_reference(name, faces, files, written - started, done - written))
    return lines


def _flac(sound: Array) -> str:
    parts = [sound[start : start + CLIP_SAMPLES] for start in range(0, len(sound), CLIP_SAMPLES)]
    files = [BytesIO() for _ in parts]
    started = time.process_time()
    for file, part in zip(files, parts, strict=True):
        soundfile.write(file, part, RATE, format="FLAC")
    written = time.process_time()
    for file in files:
        file.seek(0)
        soundfile.read(file, dtype="int16")
    return _reference("FLAC", sound, files, written - started, time.process_time() - written)


def _reference(name: str, data: Array, files: list[BytesIO], write_s: float, read_s: float) -> str:
    ratio = data.nbytes / sum(len(file.getvalue()) for file in files)
    return (
        f"{name + ' (reference)':36} {ratio:6.3f} {data.nbytes / MB / write_s:6,.0f} {data.nbytes / MB / read_s:10,.0f}"
    )


def _rest(faces: Array, way: Way, folder: Path) -> list[str]:
    """What else writing a shard costs, beside its faces."""
    clips = np.array_split(faces, max(1, len(faces) // CLIP_FACES))
    place = folder / "faces"

    def synced() -> None:
        with new_folder(folder / "synced") as fresh:
            shutil.copytree(place, fresh, dirs_exist_ok=True)

    ways: dict[str, Callable[[], object]] = {
        "compress and write": partial(_write, place, way, faces),
        "join the clips": partial(np.concatenate, clips),
        "SHA-256": partial(seal, place),
        "copy and fsync": synced,
    }
    taken = in_turn(ways, ROUNDS)
    return [f"{name:36} {seconds * 1e3:6,.0f} ms" for name, seconds in taken.items()]
