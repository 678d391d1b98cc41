"""Work folders of the tests of suites: the tokens of the small chain under other names of datasets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_chain import Chain, chain

from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import DATASETS, MediaRow, from_rows, write_manifest
from unmask.train.config import TrainConfig
from unmask.train.presets import make_preset

__all__ = ["chain"]

MakeWork = Callable[[str], WorkFolder]


def as_four_datasets(row: MediaRow) -> MediaRow:
    """Pictures in two datasets, sounds, and one dataset of fakes alone."""
    number = int(Path(row.path).stem) if Path(row.path).stem.isdecimal() else 0
    if row.dataset == "pictures":
        return replace(row, dataset=f"pictures_{'ab'[number % 2]}")
    return replace(row, dataset="lonely") if row.label == 1 and row.path.startswith("test/") else row


def as_ffpp(row: MediaRow) -> MediaRow:
    """Pictures of the published train and val as FaceForensics++, those of test as Celeb-DF and DFD."""
    number = int(Path(row.path).stem) if Path(row.path).stem.isdecimal() else 0
    published: Any = row.path.partition("/")[0]
    dataset = ("celeb_df", "dff")[number % 2] if published == "test" else "faceforensics"
    level: Any = "c23" if dataset == "faceforensics" else None
    domain = DATASETS.index(dataset)
    return replace(row, dataset=dataset, domain_id=domain, compression=level, official_split=published)


@pytest.fixture
def make_work(chain: Chain, tmp_path: Path) -> MakeWork:
    """make_work(name): a copy of the chain's work folder whose files belong to four datasets, without runs."""

    def make(name: str, rename: Callable[[MediaRow], MediaRow] = as_four_datasets) -> WorkFolder:
        work = WorkFolder(tmp_path / name)
        for part in ("media", "tokens"):
            shutil.copytree(chain.work.root / part, work.root / part)
        rows = [rename(row) for row in chain.manifest.rows()]
        if rename is as_ffpp:
            rows = [row for row in rows if row.kind == "image"]
        write_manifest(work.manifest, from_rows(rows, {row.dataset: str(chain.data_root) for row in rows}))
        return work

    return make


@pytest.fixture
def make_ffpp(make_work: Callable[..., WorkFolder]) -> Callable[[str], WorkFolder]:
    """The same with the datasets of `ffpp-cross`."""
    return lambda name: make_work(name, as_ffpp)


@pytest.fixture
def configs() -> dict[str, TrainConfig]:
    return {"linear": make_preset("linear").changed({"epochs": 2})}
