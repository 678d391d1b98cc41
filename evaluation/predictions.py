"""`predictions.parquet` in the run's folder: one row an item of the evaluated split, with every score it got."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from unmask.core.atomic_files import new_file
from unmask.core.errors import MissingInput
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.score_tables import Scorer

FILE = "predictions.parquet"
CONTROL = "control: "


@dataclass(frozen=True)
class Judged:
    """What the model says about M items."""

    logit: NDArray[np.float64]
    """(M,) mean over the item's clips."""
    score: NDArray[np.float64]
    """(M,) calibrated probability of fake."""
    video_score: NDArray[np.float64]
    """(M,) probability that the picture is forged; NaN without one."""
    audio_score: NDArray[np.float64]
    clips: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> Judged:
        return Judged(
            self.logit[chosen],
            self.score[chosen],
            self.video_score[chosen],
            self.audio_score[chosen],
            self.clips[chosen],
        )


def write_predictions(run: Path, items: ItemSet, judged: Judged, threshold: float, controls: list[Scorer]) -> None:
    """One row an item, in the order of `items`; a column `control: <name>` for the score of each control."""
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(row, name) for row in items.rows], pa.string())
        for name in ("media_id", "dataset", "path", "kind", "split", "group", "method")
    }
    columns |= {
        "label": pa.array(items.is_fake.astype(np.int8)),
        "score": pa.array(judged.score),
        "logit": pa.array(judged.logit),
        # NaN becomes null: "no picture" is not a number.
        "video_score": pa.array(judged.video_score, from_pandas=True),
        "audio_score": pa.array(judged.audio_score, from_pandas=True),
        "clips": pa.array(judged.clips),
        "verdict": pa.array(np.where(judged.score >= threshold, "fake", "real")),
    }
    columns |= {CONTROL + control.name: pa.array(control.score) for control in controls}
    with new_file(run / FILE) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def read_predictions(run: Path) -> pa.Table:
    """`MissingInput` where the run has not been evaluated."""
    try:
        return pq.read_table(run / FILE)
    except (OSError, pa.ArrowException) as error:
        raise MissingInput(f"{run / FILE}: no readable predictions", "make evaluate") from error
