"""`predictions.parquet` in the run's folder: one row per item of the evaluated split, with all its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.core.errors import MissingInput
from unmask.core.files import sealed_tables
from unmask.core.files.damage import Damaged, as_missing_input
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.score_tables import Scorer
from unmask.evaluation.stored.one_evaluation import PREDICTIONS, REMEDY
from unmask.evaluation.sync.measure import FileSync

FILE = PREDICTIONS
CONTROL = "control: "
SHOWN = 3
"""Files that a message names."""


@dataclass(frozen=True)
class Predictions:
    """Scores of M items by the model."""

    logit: NDArray[np.float64]
    """(M,) mean logit over the clips of the item."""
    score: NDArray[np.float64]
    """(M,) calibrated probability of fake."""
    video_score: NDArray[np.float64]
    """(M,) probability that the image is fake; NaN without an image."""
    audio_score: NDArray[np.float64]
    """(M,) probability that the audio is fake; NaN without audio."""
    clips: NDArray[np.int64]
    """(M,) clips per item."""

    def only(self, chosen: NDArray[np.bool_]) -> Predictions:
        return Predictions(
            self.logit[chosen],
            self.score[chosen],
            self.video_score[chosen],
            self.audio_score[chosen],
            self.clips[chosen],
        )


def write_predictions(
    run: Path,
    items: ItemSet,
    scores: Predictions,
    threshold: float,
    controls: list[Scorer],
    sync: Sequence[FileSync | None] = (),
    llr: NDArray[np.float64] | None = None,
) -> str:
    """One row per item, in the order of `items`, with one column `control: <name>` per control; the file's checksum.

    `sync`: of each item, if the profile has a sync encoder. `llr`: (N,) ln p(score | fake) - ln p(score | real).
    """
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(row, name) for row in items.rows], pa.string())
        for name in ("media_id", "dataset", "path", "kind", "split", "group", "method")
    }
    columns |= {
        "label": pa.array(items.is_fake.astype(np.int8)),
        "score": pa.array(scores.score),
        "logit": pa.array(scores.logit),
        # NaN becomes null: an item without an image has no score of it.
        "video_score": pa.array(scores.video_score, from_pandas=True),
        "audio_score": pa.array(scores.audio_score, from_pandas=True),
        "clips": pa.array(scores.clips),
        "verdict": pa.array(np.where(scores.score >= threshold, "fake", "real")),
    }
    if llr is not None:
        columns["llr"] = pa.array(llr)
    if any(sync):
        columns |= {
            "sync_offset_ms": pa.array([one and one.sync.offset_ms for one in sync], pa.int64()),
            "sync_fit": pa.array([one and one.sync.fit for one in sync], pa.float64()),
            "sync_fits": pa.array([one and one.fits for one in sync], pa.float64()),
        }
    columns |= {CONTROL + control.name: pa.array(control.score) for control in controls}
    return sealed_tables.write_table(run / FILE, pa.table(columns))


def check_finite(name: str, items: ItemSet, scores: Predictions) -> None:
    """`MissingInput` with the files whose score by the run `name` is no finite number: it is no verdict."""
    if len(lost := np.flatnonzero(~np.isfinite(scores.score))):
        files = ", ".join(f"{row.dataset}/{row.path}" for row in (items.rows[number] for number in lost[:SHOWN]))
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        problem = f"{name}: {len(lost)} of {len(items)} scores are no finite numbers ({files}{more})"
        raise MissingInput(problem, f"unmask cache verify, unmask runs rm {name}, then train and evaluate again")


def read_predictions(run: Path) -> pa.Table:
    """Raise `MissingInput` if the run has not been evaluated."""
    try:
        return sealed_tables.read_table(run / FILE)
    except (OSError, Damaged, pa.ArrowException) as error:
        raise as_missing_input(error, f"{run / FILE}: no readable predictions", REMEDY) from error
