from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_models import AUDIO_VISUAL, SPEECH, TOWERS, save_model

DEVIATIONS: dict[str, float] = {}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kind -> the folder of a small random model."""
    root = tmp_path_factory.mktemp("families")
    return {kind: save_model(root / kind.replace(" ", "_"), kind) for kind in (*SPEECH, *TOWERS, *AUDIO_VISUAL)}


@pytest.fixture(scope="session")
def deviations() -> Iterator[dict[str, float]]:
    """Kind -> largest deviation from its library; printed with `pytest -s`."""
    yield DEVIATIONS
    print("\n| family | largest deviation |\n|---|---|")
    print("\n".join(f"| {kind} | {largest:.1e} |" for kind, largest in DEVIATIONS.items()))
