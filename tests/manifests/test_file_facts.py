"""What audit and the search for near-duplicates read from files: whatever a reader raises costs one row."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from raised_errors import RAISED, raise_content

from unmask.core.fact_table import Facts, FactTable
from unmask.core.hashing import hash_quickly
from unmask.manifests.audit.audio_silence import AUDIO_SILENCE
from unmask.manifests.audit.image_encoding import IMAGE_ENCODING
from unmask.manifests.duplicates.hash_table import HASH_TABLE
from unmask.manifests.file_facts import measure_files
from unmask.manifests.manifest import MediaRow, from_rows


def measure_or_raise(measure: Callable[..., Facts], path: Path, *rest: str) -> Facts:
    """Runs in a worker: the exception that the file names, else the true facts."""
    raise_content(path)
    return measure(path, *rest)


def write_good(path: Path) -> None:
    if path.suffix == ".png":
        Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))).save(path)
    else:
        soundfile.write(path, np.sin(np.arange(64_000) / 7) / 2, 16_000)


def make_row(path: Path, kind: str) -> MediaRow:
    """As the scan has it."""
    about, content = path.stat(), hash_quickly(path)
    facts = {"bytes": about.st_size, "mtime_ns": about.st_mtime_ns, "content": content}
    return MediaRow(media_id=path.name, dataset="mine", domain_id=9, path=path.name, kind=kind, label=0, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "suffix", "columns"),
    [(IMAGE_ENCODING, ".png", ()), (AUDIO_SILENCE, ".wav", ()), (HASH_TABLE, ".png", ("kind",))],
    ids=["encoding", "silence", "hashes"],
)
def test_whatever_a_reader_raises_costs_one_row(tmp_path: Path, spec: FactTable, suffix: str, columns: tuple[str, ...]):
    names = [name for raised in RAISED for name in (f"{raised}{suffix}", f"after {raised}{suffix}")]
    for name in names:
        bad = Path(name).stem in RAISED
        (tmp_path / name).write_text(Path(name).stem) if bad else write_good(tmp_path / name)
    kind = "image" if suffix == ".png" else "audio"
    rows = [make_row(tmp_path / name, kind) for name in names]
    touchy = replace(spec, measure=partial(measure_or_raise, spec.measure))
    files = from_rows(rows, {"mine": str(tmp_path)})
    found = measure_files(touchy, files, tmp_path / "facts.parquet", 1, columns)
    assert len(found.failed) == len(RAISED)
    for name, problem in zip(names, found.facts.column("problem").to_pylist(), strict=True):
        assert (problem is None) == (Path(name).stem not in RAISED), problem


def exchange_and_measure(path: Path) -> Facts:
    """Runs in a worker: another file takes the place of `path`, with its time, before it is measured."""
    about = path.stat()
    path.with_name("other.wav").replace(path)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    return AUDIO_SILENCE.measure(path)


@pytest.mark.parametrize("is_whole", [True, False])
def test_facts_of_a_file_that_is_exchanged_meanwhile_are_not_kept(tmp_path: Path, is_whole: bool):
    path, other, table = tmp_path / "a.wav", tmp_path / "other.wav", tmp_path / "facts.parquet"
    write_good(path)
    content = path.read_bytes()
    other.write_bytes(content[:-100] + bytes(100) if is_whole else b"no audio")
    files = from_rows([make_row(path, "audio")], {"mine": str(tmp_path)})
    found = measure_files(replace(AUDIO_SILENCE, measure=exchange_and_measure), files, table, 1)
    assert found.facts.column("problem").to_pylist() == ["vanished: changed since the scan. Scan again"]
    path.write_bytes(content)
    found = measure_files(AUDIO_SILENCE, files, table, 1)
    assert found.measured == 1
    assert found.facts.column("problem").to_pylist() == [None]
