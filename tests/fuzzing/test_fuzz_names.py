"""Every layout on trees of any names: rows that say what a name says, and no exception."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fuzz_target import limit_cpu
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from unmask.core.crashes import is_crash
from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.manifest import MediaRow, from_rows
from unmask.manifests.scan.discovery import find_datasets, list_unclaimed

EXAMPLES = int(os.environ.get("UNMASK_FUZZ_EXAMPLES", "0"))
WORDS = (
    *("real", "fake", "REAL", "train", "test", "val", "c23", "raw", "videos", "images", "masks", "original"),
    *("original_sequences", "manipulated_sequences", "youtube", "actors", "Deepfakes", "DeepFakeDetection"),
    *("Celeb-real", "Celeb-synthesis", "YouTube-real", "RealVideo-RealAudio", "FakeVideo-FakeAudio", "African", "men"),
    *("id00076", "id0_0001", "id0_id1_0001", "000", "000_003", "01_02__meeting_serious__YVGY8LOK", "DFD_real"),
    *("text2img", "inpainting", "insight", "wiki", "biden-original", "biden-to-trump", "00109_id00166_wavtolip"),
    *("=cmd", "\x1b[31m", "a\nb", "\u202egpj", "..a", "a" * 200, "%2e%2e", "\ud83d", "None", "-", "é"),
    *("e\u0301", "1e9", "9" * 60 + "x", "_" * 150, "id0_" * 40, "0_0" * 50, "realfake" * 20, "part1" * 30 + "x"),
)
SUFFIXES = (".mp4", ".png", ".wav", ".JPG", "", ".txt", ".csv", ".mp4.mp4", ". ", ".\u202emp4")
ANY = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b".."))
PART = st.sampled_from(WORDS).map(lambda word: word.encode("utf-8", "replace")) | ANY
PATHS = st.lists(st.tuples(st.lists(PART, min_size=1, max_size=5), st.sampled_from(SUFFIXES)), min_size=1, max_size=6)


def build(root: Path, names: list[bytes], paths: list[tuple[list[bytes], str]]) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    top = root / os.fsdecode(names[0])
    for parts, suffix in paths:
        path = os.path.join(os.fsencode(top), *parts[:-1], parts[-1][:200] + suffix.encode())  # noqa: PTH118 (bytes)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            Path(os.fsdecode(path)).write_bytes(b"")
        except OSError:  # a file is where a folder is wanted
            continue
    return top


def check_rows(rows: list[MediaRow], root: Path) -> None:
    assert all((root / row.path).is_file() for row in rows)
    assert len({row.media_id for row in rows}) == len(rows)
    from_rows(rows, {row.dataset: str(root) for row in rows})


@pytest.mark.parametrize("key", LAYOUTS)
def test_a_layout_reads_any_names(key: str, tmp_path: Path):
    layout = LAYOUTS[key]

    @settings(
        max_examples=EXAMPLES or 15,
        deadline=None,
        database=None,
        derandomize=not EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    @given(name=st.sampled_from(layout.names), paths=PATHS)
    def check(name: str, paths: list[tuple[list[bytes], str]]) -> None:
        note(f"{name}: {paths}")
        top = build(tmp_path / "data", [name.encode()], paths)
        if not top.is_dir():
            return
        with limit_cpu():
            scanned = layout.scan(top)
            check_rows(scanned.rows, top)
            assert not any(is_crash(conflict.problem) for conflict in scanned.conflicts)
            try:
                found = find_datasets(tmp_path / "data")
            except (MissingInput, UsageError):
                return
            for dataset in found:
                check_rows(dataset.scan().rows, dataset.root)
            list(list_unclaimed(tmp_path / "data", found))

    check()
