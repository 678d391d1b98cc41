"""Which token stores the runs were made from: what may not be thrown away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.cache.store.inventory import RunUse
from unmask.core.errors import MissingInput
from unmask.train.run_folder import INPUTS


def list_token_use(runs: Path) -> list[RunUse]:
    """Of every run under `runs`, of whatever version. `MissingInput` for one that does not say what it used."""
    return [_use(path) for path in sorted(runs.glob(f"*/{INPUTS}"))]


def name_stores(streams: Mapping[str, Any]) -> dict[str, str]:
    """Encoder -> folder of its token store, from `streams` of a run's inputs.json.

    A store has the encoder's own name, whatever alias the run's profile gave it.
    """
    return {
        alias: f"{stream.get('spec', {}).get('name', alias)}-{stream['fingerprint']}"
        for alias, stream in streams.items()
    }


def _use(path: Path) -> RunUse:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        stores = frozenset(name_stores(about["streams"]).values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{path.parent}: a run that does not say which tokens it used"
        raise MissingInput(problem, "remove it, or bring its inputs.json back") from error
    return RunUse(path.parent.name, stores, path.stat().st_mtime)
