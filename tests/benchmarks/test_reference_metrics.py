"""The comparison with reference packages, on the one that is always there."""

from __future__ import annotations

import pytest

from benchmarks import reference_metrics
from benchmarks.reference_metrics import TOLERANCE, compare_all, main


def test_scikit_learn_agrees_and_other_packages_are_optional() -> None:
    found = compare_all(4)
    assert {metric for reference, metric in found if reference == "scikit-learn"} == {
        "TPR at 1% FPR",
        "TPR at 5% FPR",
        "Brier",
    }
    assert all(difference <= TOLERANCE for (reference, _), difference in found.items() if reference == "scikit-learn")


def test_a_difference_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(reference_metrics, "brier_score", lambda fake, probability: 2.0)
    assert main(["2"]) == 1
    assert "Brier" in capsys.readouterr().out
