"""Fixtures that several folders of tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from unmask.core.openmp import limit_openmp_spinning
from unmask.demo import write_demo

limit_openmp_spinning()

# A machine that is busy with something else makes an example slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real media in all nine layouts: UNMASK_CORPUS=/path make test. Without it these tests are skipped, by name."""
    given = os.environ.get("UNMASK_CORPUS")
    if not given:
        pytest.skip("needs real media: UNMASK_CORPUS=/path/to/corpus make test")
    path = Path(given)
    assert path.is_dir(), f"UNMASK_CORPUS={given} is not a folder"
    return path


@pytest.fixture(scope="session")
def demo_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic corpus in all nine layouts (never change it: copy what a test has to alter)."""
    out = tmp_path_factory.mktemp("demo") / "corpus"
    write_demo(out, seed=7, scale=0.15)
    return out
