"""Which token stores the runs were made from: what may not be thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.cache.store.inventory import RunUse
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
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
        about = sealed_files.read_json(path)
        stores = frozenset(name_stores(about["streams"]).values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{path.parent}: a run that does not say which tokens it used"
        raise as_missing_input(error, problem, "remove it, or bring its inputs.json back") from error
    return RunUse(path.parent.name, stores, path.stat().st_mtime)
