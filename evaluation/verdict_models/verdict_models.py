"""The verdict models of a run, and their two files in its folder.

verdict-models.json     format, key and best epoch of the run, SHA-256 of the other file, and all that is no array
verdict-models.npz      arrays; read without pickle

They hold no path and no name of a training file, and are all that evidence and scope need: a copy beside the run's
weights works without the work folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.core.atomic_files import create_file, write_json
from unmask.core.hashing import hash_file
from unmask.evaluation.verdict_models.evidence_model import PARTS, EvidenceModel, Part
from unmask.evaluation.verdict_models.header_ranges import read_header_range
from unmask.evaluation.verdict_models.scope_model import ScopeModel
from unmask.evaluation.verdict_models.token_space import TokenSpace
from unmask.train.run_info import RunInfo

FACTS, ARRAYS = "verdict-models.json", "verdict-models.npz"
FORMAT, VERSION = "unmask-verdict-models", 1
SPACE_ARRAYS = ("mean", "deviation", "kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictModels:
    evidence: Mapping[Part, EvidenceModel]
    """Of each of PARTS."""
    scope: ScopeModel


def write_verdict_models(run: Path, models: VerdictModels, info: RunInfo) -> None:
    """Replace those of `run`. The JSON is written last and names the arrays: half a pair is never read."""
    scope = models.scope
    arrays: dict[str, NDArray[Any]] = {f"lines-{part}": models.evidence[part].lines for part in PARTS}
    for number, space in enumerate(scope.spaces):
        arrays |= {f"{name}-{number}": getattr(space, name) for name in SPACE_ARRAYS}
    with create_file(run / ARRAYS) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    evidence = {
        part: {name: value for name, value in asdict(models.evidence[part]).items() if name != "lines"}
        for part in PARTS
    }
    spaces = [{"stream": one.stream, "modality": one.modality, "unit": one.unit} for one in scope.spaces]
    about = {
        "limit": scope.limit if math.isfinite(scope.limit) else None,
        "share": scope.share,
        "groups": scope.groups,
        "fewest_faces": scope.fewest_faces,
        "tested": scope.tested,
        "headers": {kind: asdict(one) for kind, one in scope.headers.items()},
        "spaces": spaces,
    }
    head = {"format": FORMAT, "version": VERSION, "key": info.key, "best_epoch": info.best_epoch}
    arrays_hash = hash_file(run / ARRAYS)
    write_json(run / FACTS, head | {"arrays": arrays_hash, "evidence": evidence, "scope": about})


def read_verdict_models(run: Path, info: RunInfo) -> VerdictModels | None:
    """None where there are none of the present weights of `run`: it was not evaluated, or trained since."""
    try:
        about = json.loads((run / FACTS).read_text(encoding="utf-8"))
        expected = (FORMAT, VERSION, info.key, info.best_epoch)
        if tuple(about.get(name) for name in ("format", "version", "key", "best_epoch")) != expected:
            return None
        if about["arrays"] != hash_file(run / ARRAYS):
            return None
        with np.load(run / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return VerdictModels(
            evidence={part: EvidenceModel(**about["evidence"][part], lines=arrays[f"lines-{part}"]) for part in PARTS},
            scope=_read_scope(about["scope"], arrays),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_scope(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ScopeModel:
    spaces = [
        TokenSpace(**(one | {name: arrays[f"{name}-{number}"] for name in SPACE_ARRAYS}))
        for number, one in enumerate(about["spaces"])
    ]
    return ScopeModel(
        spaces=tuple(spaces),
        limit=math.inf if about["limit"] is None else float(about["limit"]),
        share=about["share"],
        groups=about["groups"],
        fewest_faces=about["fewest_faces"],
        tested={kind: (real, fake) for kind, (real, fake) in about["tested"].items()},
        headers={kind: read_header_range(one) for kind, one in about["headers"].items()},
    )
