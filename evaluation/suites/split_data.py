"""A split of a suite, assigned in memory: the manifest on disk stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from unmask.cache.spec import Modality
from unmask.cache.stage import open_tokens
from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.suites.registry import CellSplit
from unmask.manifests.manifest import Compression, Manifest, read_manifest
from unmask.manifests.splits.grammar import Transfer
from unmask.manifests.splits.registry import parse
from unmask.manifests.splits.schemes import resplit
from unmask.train.config import TrainConfig
from unmask.train.data.clip_table import UNKNOWN
from unmask.train.data.token_data import TokenData
from unmask.train.data.training_clips import check_train, select_clips

OF_THE_SPLIT = ("split", "split_scheme", "group")
"""Columns of the manifest that a suite assigns itself."""


@dataclass(frozen=True)
class SplitData:
    manifest: Manifest
    data: TokenData

    @property
    def scheme(self) -> str:
        return str(self.manifest.table.column("split_scheme")[0].as_py())


@lru_cache(maxsize=1)  # the presets and seeds of a split follow one another
def open_split(root: Path, split: CellSplit, seed: int, device: torch.device) -> SplitData:
    """The files of the work folder `root` in this split, with their tokens.

    `UsageError` if the split is refused (it leaks, a dataset is missing, or nothing is left to train or test on).
    `MissingInput` if an encoder was adapted on files that the split holds out.
    """
    work = WorkFolder(root)
    manifest = resplit(_select_rows(read_manifest(work.manifest), split), split.scheme, seed)
    return SplitData(manifest, TokenData.load(manifest, open_tokens(work, manifest)).move_to(device))


def hash_files(manifest: Manifest, data: TokenData) -> str:
    """Changes with the files, what is known about them, and their tokens; not with the split of the manifest."""
    table = manifest.table.drop_columns(OF_THE_SPLIT).sort_by("media_id")
    columns = {name: table.column(name).to_pylist() for name in table.column_names if name != "mtime_ns"}
    stores = {name: stream.store.fingerprint for name, stream in data.all_streams.items()}
    views = {name: [view.store.fingerprint for view in stream.views] for name, stream in data.streams.items()}
    tokens = {name: int(stream.lengths.sum()) for name, stream in data.all_streams.items()}
    return fingerprint("suite-files-1", columns, stores, views, tokens)


def narrow_config(config: TrainConfig, data: TokenData) -> tuple[TrainConfig, tuple[Modality, ...]]:
    """`config` without the modalities that no training clip has, and those of them that test clips have.

    An encoder that was never trained would only add noise to the scores. `UsageError` if the split has no two classes
    to train on, or none to test what is left.
    """
    names = data.choose_encoders(config)
    train = select_clips(data, names, config, "train")
    select_clips(data, names, config, "val")
    check_train(data, train)
    encoded = {data.modality(name) for name in names}
    present = {data.modality(name) for name in names if data.streams[name].lengths[train].any()}
    left_out = tuple(modality for modality in config.modalities if modality in encoded - present)
    kept = tuple(modality for modality in config.modalities if modality not in left_out)
    narrowed = config.changed({"modalities": list(kept)}) if left_out else config
    _check_test(narrowed, data)
    tested = data.select(names, "test")
    shown = {data.modality(name) for name in names if data.streams[name].lengths[tested].any()}
    return narrowed, tuple(modality for modality in left_out if modality in shown)


def _check_test(config: TrainConfig, data: TokenData) -> None:
    clips = data.select(data.choose_encoders(config), "test")
    clips = clips[np.isin(data.clips.kind[clips], config.kinds) & (data.clips.label[clips] != UNKNOWN)]
    missing = [name for label, name in enumerate(("real", "fake")) if label not in data.clips.label[clips]]
    if missing:
        read = "/".join(config.modalities)
        raise UsageError(f"the test files have no {' and no '.join(missing)} ones with {read}", "another dataset")


def _select_rows(manifest: Manifest, split: CellSplit) -> Manifest:
    table = manifest.table
    if split.datasets:
        table = table.filter(pc.is_in(table.column("dataset"), value_set=pa.array(split.datasets, pa.string())))
    if split.compression:
        level = table.column("compression")
        table = table.filter(pc.or_kleene(pc.is_null(level), pc.equal(level, split.compression)))
        _check_compression(manifest, split.compression, split.scheme)
    return manifest.with_table(table)


def _check_compression(manifest: Manifest, level: Compression, scheme: str) -> None:
    """`UsageError` where a dataset of the scheme has levels, but not this one: say so, not that files are missing."""
    transfer = parse(scheme).argument
    used = {*transfer.train, *transfer.test} if isinstance(transfer, Transfer) else set()
    pairs = set(zip(*(manifest.table.column(name).to_pylist() for name in ("dataset", "compression")), strict=True))
    for dataset in sorted(used & {name for name, _ in pairs}):
        levels = {known for name, known in pairs if name == dataset}
        if levels.isdisjoint({level, None}):
            found = ", ".join(sorted(levels))
            raise UsageError(f"{dataset} has no files in {level}, only in {found}", f"get it in {level}")
