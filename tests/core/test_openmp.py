"""Idle OpenMP threads spin only briefly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info

from unmask.core.openmp import SPIN_COUNT, limit_openmp_spinning, use_one_thread


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, SPIN_COUNT),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_the_users_own_choice_is_kept(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], found: str | None):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    limit_openmp_spinning()
    assert os.environ.get("GOMP_SPINCOUNT") == found


def test_the_limit_is_set_before_torch_is_imported():
    """OpenMP reads the setting once, when torch is loaded."""
    code = (
        "import os, sys\nfrom unmask.cli.app import main\n"
        "assert 'torch' not in sys.modules\n"
        "os.environ.pop('GOMP_SPINCOUNT', None)\n"
        "try:\n    main(['presets'])\nfinally:\n    print(os.environ.get('GOMP_SPINCOUNT'), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == SPIN_COUNT, done.stderr


def test_many_small_fits_use_one_thread_and_give_the_others_back():
    import sklearn.ensemble  # noqa: F401  (loads OpenMP)

    before = [library["num_threads"] for library in threadpool_info()]
    with use_one_thread():
        assert {library["num_threads"] for library in threadpool_info()} == {1}
    assert [library["num_threads"] for library in threadpool_info()] == before
