"""Features of the training clips, kept beside a run, and the training clips whose features are nearest to a file's.

<run>/training_features.npz, without pickle:
    about        JSON: format, version, and the run whose weights gave the features
    features     (N, K) float16 unit vectors, centered by `mean`
    mean         (K,) float32
    media_id, dataset, path, is_fake, start_s    (N,) each

K width of the features
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_arrays
from unmask.evaluation.explanation.clip_spans import read_spans
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.verdicts.findings import Neighbor
from unmask.train.data.token_data import TokenData
from unmask.train.data.training_clips import select_clips
from unmask.train.models.detector import Detector
from unmask.train.models.linear import average_tokens
from unmask.train.run_info import RunInfo
from unmask.train.scoring import cut

log = logging.getLogger("unmask")

FILE = "training_features.npz"
FORMAT, VERSION = "unmask-training-features", 1
MOST_CLIPS, MOST_BYTES = 20_000, 1 << 26
NEIGHBORS = 5


@dataclass(frozen=True, kw_only=True)
class TrainingFeatures:
    """Of N training clips."""

    features: NDArray[np.float16]
    """(N, K) unit vectors."""
    mean: NDArray[np.float32]
    """(K,) that was subtracted before."""
    media_id: NDArray[np.str_]
    dataset: NDArray[np.str_]
    path: NDArray[np.str_]
    is_fake: NDArray[np.bool_]
    start_s: NDArray[np.float32]

    def find_nearest(self, features_CK: NDArray[np.float32]) -> tuple[Neighbor, ...]:
        """The clips nearest to the mean features of a file's C clips, at most one of each training file."""
        vector_K = _normalize(features_CK.mean(axis=0, keepdims=True) - self.mean)[0]
        similarity_N = self.features.astype(np.float32) @ vector_K
        found: dict[str, Neighbor] = {}
        for row in np.argsort(-similarity_N, kind="stable").tolist():
            media_id = str(self.media_id[row])
            if len(found) == NEIGHBORS:
                break
            if media_id not in found:
                found[media_id] = Neighbor(
                    media_id=media_id,
                    dataset=str(self.dataset[row]),
                    path=str(self.path[row]),
                    label="fake" if self.is_fake[row] else "real",
                    start_s=float(self.start_s[row]),
                    similarity=float(np.clip(similarity_N[row], -1, 1)),
                )
        return tuple(found.values())


def write_training_features(opened: OpenRun, *, device: torch.device, seed: int = 0) -> None:
    """Keep the features of the run's training clips in its folder; a random choice of them if there are many.

    The features of an ensemble are those of its first member.
    """
    data, model = opened.data, opened.loaded.model
    clips = select_clips(data, model.shape.streams, opened.loaded.config, "train")
    features = compute_features(model, data, clips[:1], device=device)
    most = min(MOST_CLIPS, max(1, MOST_BYTES // (2 * features.shape[1])))
    if len(clips) > most:
        clips = np.sort(np.random.default_rng(seed).permutation(clips)[:most])
    features = compute_features(model, data, clips, device=device)
    mean = features.mean(axis=0)
    rows = {row.media_id: row for row in opened.manifest.rows()}
    table, spans = data.clips, read_spans(opened, clips)
    of_clips = [rows[media_id] for media_id in table.media_id[clips].tolist()]
    arrays = {
        "about": np.array(json.dumps(_describe_run(opened.info))),
        "features": _normalize(features - mean).astype(np.float16),
        "mean": mean,
        "media_id": table.media_id[clips],
        "dataset": np.array([row.dataset for row in of_clips], np.str_),
        "path": np.array([row.path for row in of_clips], np.str_),
        "is_fake": table.label[clips] == 1,
        "start_s": np.array([spans[clip][0] for clip in clips.tolist()], np.float32),
    }
    sealed_arrays.write_arrays(opened.run / FILE, arrays, compress=True)


def read_training_features(run: Path, info: RunInfo) -> TrainingFeatures | None:
    """None where there are none, they cannot be read, or are of other weights than the run has now."""
    try:
        arrays: dict[str, Any] = sealed_arrays.read_arrays(run / FILE)
        about = json.loads(str(arrays.pop("about")))
        found = TrainingFeatures(**arrays)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        log.warning("%s: not readable (%s); unmask evaluate writes it again", run / FILE, error)
        return None
    return found if about == _describe_run(info) and _fits_together(found) else None


def compute_features(
    model: Detector, data: TokenData, clips: NDArray[np.int64], *, device: torch.device, batch_size: int = 256
) -> NDArray[np.float32]:
    """(N, K) what the heads of the model read; of a linear model the standardized mean tokens that its layer reads."""
    lengths = data.count_slots(model.shape.streams, clips, {}, model.mixtures)
    order = np.argsort(lengths, kind="stable")
    parts = [clips[order[part]] for part in cut(1 + lengths[order], batch_size)]
    found = np.concatenate([_compute_batch(model, data, part, device) for part in parts])
    features = np.empty_like(found)
    features[order] = found
    return features


def _compute_batch(
    model: Detector, data: TokenData, clips: NDArray[np.int64], device: torch.device
) -> NDArray[np.float32]:
    sync = model.sync is not None
    batch = data.batch(clips, model.shape.streams, device=device, mixtures=model.mixtures, sync=sync)
    with torch.inference_mode():
        read = average_tokens(model.standardize(batch), batch) if model.reads_means else model(batch).features
    return read.float().cpu().numpy()


def _normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def _describe_run(info: RunInfo) -> Mapping[str, object]:
    """What changes with the weights of the run."""
    members = [member.content for member in info.members]
    return {"format": FORMAT, "version": VERSION, "key": info.key, "best_epoch": info.best_epoch, "members": members}


def _fits_together(found: TrainingFeatures) -> bool:
    columns = (found.media_id, found.dataset, found.path, found.is_fake, found.start_s)
    shape = (len(found.media_id), len(found.mean))
    return found.features.shape == shape and all(len(column) == shape[0] for column in columns)
