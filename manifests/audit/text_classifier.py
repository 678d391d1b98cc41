"""The classifier of transcripts and captions: do words or length tell the label? Used by audit and evaluate.

Logistic regression on words, pairs of words and the number of letters and words. N items, T scored items
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

TEXT_NUMBERS = ("text_letters", "text_words")

# A word of letters and digits; Chinese, Japanese and Korean text has no spaces, so each of its signs is one.
WORD = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
_WORDS = HashingVectorizer(n_features=2**18, alternate_sign=False, ngram_range=(1, 2), token_pattern=WORD)
STRENGTH = 4.0


def count_text(texts: Sequence[str | None]) -> NDArray[np.float64]:
    """(N, 2) TEXT_NUMBERS, NaN without text."""
    counts = [(np.nan, np.nan) if text is None else (float(len(text)), float(len(text.split()))) for text in texts]
    return np.array(counts, np.float64).reshape(-1, len(TEXT_NUMBERS))


def predict_from_text(
    texts: Sequence[str],
    is_fake: NDArray[np.bool_],
    train: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """(T,) probability of fake of the `asked` (N,) items, fitted on the `train` (N,) items with `weight` (N,).

    Their share of fakes where they are of one class. Without weights both classes count the same.
    """
    labels = is_fake[train]
    if len(np.unique(labels)) < 2:
        return np.full(int(asked.sum()), labels.mean() if len(labels) else 0.5)
    features = _make_features(texts, train)
    balance = "balanced" if weight is None else None
    model = LogisticRegression(C=STRENGTH, max_iter=500, solver="liblinear", class_weight=balance)
    model.fit(features[train], labels, sample_weight=None if weight is None else weight[train])
    score: NDArray[np.float64] = model.predict_proba(features[asked])[:, 1]
    return score


def _make_features(texts: Sequence[str], train: NDArray[np.bool_]) -> Any:
    """(N, F) sparse: hashed words of unit length, and the logarithms of TEXT_NUMBERS, standardized by `train`."""
    lengths = np.log1p(count_text(texts))
    spread = np.maximum(lengths[train].std(axis=0), 0.05)
    return hstack([_WORDS.transform(texts), csr_matrix((lengths - lengths[train].mean(axis=0)) / spread)]).tocsr()
