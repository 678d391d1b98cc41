"""Files with the scores of an evaluation, for other programs.

N items
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from unmask.core.atomic_files import create_file, write_text
from unmask.core.errors import UsageError
from unmask.core.files.csv_tables import guard_cell
from unmask.evaluation.predictions import read_predictions

COLUMNS = ("media_id", "dataset", "path", "label", "score", "logit")
LINES = (".txt", ".tsv")


def check_export(path: Path) -> None:
    """`UsageError` for a name whose ending says no format."""
    if path.suffix.lower() not in (".csv", *LINES):
        raise UsageError(f"{path}: no known ending", ".csv, or .txt or .tsv for lines as ASVspoof has them")


def export_scores(folder: Path, path: Path) -> None:
    """Write the scores in `folder`, of a run or of another system, as the ending of `path` says.

    .csv: COLUMNS; label 1 is fake, and a high score means fake. .txt and .tsv: "dataset/path<TAB>score" without a
    header, a high score meaning real, as ASVspoof's tools expect (bona fide is their positive class): minus the logit.
    Every float is written so that reading it gives the same number.
    """
    check_export(path)
    table = read_predictions(folder)
    if path.suffix.lower() == ".csv":
        # A name that would be a formula gets a mark, which `--scores` takes off again.
        paths = pa.array(list(map(guard_cell, table.column("path").to_pylist())), pa.string())
        guarded = table.select(COLUMNS).set_column(COLUMNS.index("path"), "path", paths)
        with create_file(path) as temporary:
            pa_csv.write_csv(guarded, temporary)
        return
    score, logit = (table.column(name).to_numpy() for name in ("score", "logit"))
    names = [_name_item(*one) for one in zip(*(table.column(name).to_pylist() for name in COLUMNS[:3]), strict=True)]
    values = (-merge_ties(score, logit)).tolist()
    write_text(path, "".join(f"{name}\t{value!r}\n" for name, value in zip(names, values, strict=True)))


def merge_ties(score: NDArray[np.float64], logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) logits with the order and the ties of `score` (N,): probabilities near 0 and 1 tie where logits differ.

    So the AUC of what is written is that of the evaluation to the last digit.
    """
    values, place = np.unique(score, return_inverse=True)
    lowest = np.full(len(values), np.inf)
    np.minimum.at(lowest, place.reshape(-1), logit)
    for number in range(1, len(lowest) if (np.diff(lowest) <= 0).any() else 0):  # rounding of the probability
        lowest[number] = max(lowest[number], np.nextafter(lowest[number - 1], np.inf))
    return lowest[place.reshape(-1)]


def _name_item(media_id: str, dataset: str, path: str) -> str:
    """A name with a tab or a line break would be several fields."""
    name = f"{dataset}/{path}"
    return name if name.isprintable() and name == name.strip() else media_id


def build_logits(score: NDArray[np.float64], is_probability: bool) -> NDArray[np.float64]:
    """(N,) log odds of probabilities, finite for 0 and 1; other scores as they are."""
    if not is_probability:
        return score
    tiny = np.finfo(np.float64).tiny
    logit: NDArray[np.float64] = np.log(np.maximum(score, tiny)) - np.log(np.maximum(1.0 - score, tiny))
    return logit
