"""The clips to train and validate on, and what may be wrong with them."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import UsageError
from unmask.train.config import TrainConfig
from unmask.train.data.clip_table import UNKNOWN
from unmask.train.data.token_data import TokenData

log = logging.getLogger("unmask")


def select_clips(data: TokenData, names: tuple[str, ...], config: TrainConfig, split: str) -> NDArray[np.int64]:
    """Labeled clips of `split` that `config` reads; `UsageError` if there are none."""
    clips = data.select(names, split, config=config)
    clips = np.compress(data.clips.label[clips] != UNKNOWN, clips)
    if not len(clips):
        wanted = f"{'/'.join(config.kinds)} with {'/'.join(config.modalities)}"
        remedy = "scan with another split scheme, or change train.datasets, train.kinds or train.modalities"
        raise UsageError(f"the {split} split has no {wanted}", remedy)
    return clips


def check_train(data: TokenData, train: NDArray[np.int64]) -> None:
    """Warn of datasets with one class among the clips `train`; `UsageError` if all of them are of one class."""
    label, domain = data.clips.label[train], data.clips.domain[train]
    if len(np.unique(label)) < 2:
        raise UsageError("the train split has only one class", "add real or fake media, or scan with another scheme")
    single = [n for n in np.unique(domain).tolist() if len(np.unique(label[domain == n])) < 2]
    for number in single:
        log.warning(
            "train: %s has only one class, so recognizing the dataset is enough to predict the label",
            data.clips.datasets[number],
        )
    if single:
        log.warning("    its AUC is undefined, and a high pooled AUC may only separate datasets: rely on the macro AUC")


def warn_missing(data: TokenData, names: tuple[str, ...], train: NDArray[np.int64], config: TrainConfig) -> None:
    """Warn when a requested modality, one that an encoder is there for, occurs in no training clip."""
    encoded = {data.modality(name) for name in names}
    present = {data.modality(name) for name in names if data.streams[name].lengths[train].any()}
    if absent := [modality for modality in config.modalities if modality in encoded - present]:
        log.warning(
            "train: no clip has %s, so the model cannot learn it and its score for it is meaningless",
            " or ".join(absent),
        )
