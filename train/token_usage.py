"""Which token stores the runs were made from: what may not be thrown away."""

from __future__ import annotations

import json
from pathlib import Path

from unmask.cache.store.inventory import RunUse
from unmask.core.errors import MissingInput
from unmask.train.run_folder import INPUTS


def list_token_use(runs: Path) -> list[RunUse]:
    """Of every run under `runs`, of whatever version. `MissingInput` for one that does not say what it used."""
    return [_use(path) for path in sorted(runs.glob(f"*/{INPUTS}"))]


def _use(path: Path) -> RunUse:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        stores = frozenset(f"{name}-{stream['fingerprint']}" for name, stream in about["streams"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{path.parent}: a run that does not say which tokens it used"
        raise MissingInput(problem, "remove it, or bring its inputs.json back") from error
    return RunUse(path.parent.name, stores, path.stat().st_mtime)
