"""Does the text of a dataset's files tell the label? One line of the audit, for files with text only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.audit.cross_validation import make_folds
from unmask.manifests.audit.feature_families import Features
from unmask.manifests.audit.results import ProbeLine
from unmask.manifests.audit.shortcut_probes import probe, probe_features
from unmask.manifests.audit.text_classifier import TEXT_NUMBERS, count_text, predict_from_text

NAME = "text"
ABOUT = "words and length of transcripts or captions; files with text only"


def probe_text(
    texts: Sequence[str | None],
    is_fake: NDArray[np.bool_],
    group: NDArray[np.str_],
    seed: int,
    split: NDArray[np.str_] | None = None,
) -> ProbeLine:
    """The cross-validated AUC of the text classifier. `is_fake`, `group` and `split` (N,)."""
    known = [text for text in texts if text is not None]
    if not known:
        return ProbeLine(name=NAME, about=ABOUT, note="no file has text")
    rows = np.array([text is not None for text in texts], np.bool_)
    labels = is_fake[rows]
    folds = make_folds(labels, group[rows], seed, None if split is None else split[rows])

    def score(train: NDArray[np.bool_], test: NDArray[np.bool_]) -> NDArray[np.float64]:
        return predict_from_text(known, labels, train, test)

    lengths = Features(TEXT_NUMBERS, count_text(known), np.zeros(len(TEXT_NUMBERS), np.bool_), {})
    best = next((line for line in probe_features(lengths, labels, folds, seed) if line.auc is not None), None)
    return probe(NAME, ABOUT, labels, folds, score, best, seed)
