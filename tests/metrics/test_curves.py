"""Curves by counting against scikit-learn's: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from unmask.metrics.curves import count_errors, measure_auc, measure_average_precision, trace_roc

# Few distinct values, so that ties are common.
SCORES = st.one_of(st.integers(0, 4).map(lambda number: number / 7), st.floats(-5, 5))


@given(st.lists(st.tuples(st.booleans(), SCORES), min_size=2, max_size=60))
@settings(max_examples=300, deadline=None)
def test_auc_ap_and_curve_are_those_of_scikit_learn(items: list[tuple[bool, float]]):
    fake, score = (np.array(column) for column in zip(*items, strict=True))
    fake[0], fake[1] = True, False
    counts = count_errors(fake, score)
    assert measure_auc(counts) == roc_auc_score(fake, score)
    assert measure_average_precision(counts) == average_precision_score(fake, score)
    alarms, hits, cuts = roc_curve(fake, score, drop_intermediate=False)
    ours, ours_hit = trace_roc(counts)
    np.testing.assert_array_equal(ours, alarms)
    np.testing.assert_array_equal(ours_hit, hits)
    np.testing.assert_array_equal(counts.thresholds, cuts[1:])


def test_a_score_that_is_not_finite_is_refused():
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinite"):
            count_errors([1, 0], [0.5, wrong])
