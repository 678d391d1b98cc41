"""The verdict models of a run, and their two files in its folder.

verdict-models.json     format, key and best epoch of the run, checksum of the other file, and all that is no array
verdict-models.npz      arrays; read without pickle

They hold no path and no name of a training file, and are all that evidence and scope need: a copy beside the run's
weights works without the work folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unmask.core.errors import MissingInput
from unmask.core.files import sealed_arrays, sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.hashing import hash_file
from unmask.evaluation.stored.one_evaluation import MODELS, REMEDY, check_models_together
from unmask.evaluation.verdict_models.evidence_model import PARTS, EvidenceModel, Part
from unmask.evaluation.verdict_models.header_ranges import read_header_range
from unmask.evaluation.verdict_models.scope_model import ScopeModel
from unmask.evaluation.verdict_models.token_space import TokenSpace
from unmask.train.run_info import RunInfo

FACTS, ARRAYS = MODELS, "verdict-models.npz"
FORMAT, VERSION = "unmask-verdict-models", 1
SPACE_ARRAYS = ("mean", "deviation", "kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictModels:
    evidence: Mapping[Part, EvidenceModel]
    """Of each of PARTS."""
    scope: ScopeModel


def write_verdict_models(run: Path, models: VerdictModels, info: RunInfo) -> str:
    """Replace those of `run`; the checksum of FACTS. It is written last and names the arrays: no half pair is read."""
    scope = models.scope
    arrays: dict[str, NDArray[Any]] = {f"lines-{part}": models.evidence[part].lines for part in PARTS}
    for number, space in enumerate(scope.spaces):
        arrays |= {f"{name}-{number}": getattr(space, name) for name in SPACE_ARRAYS}
    arrays_hash = sealed_arrays.write_arrays(run / ARRAYS, arrays, compress=True)
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
    return sealed_files.write_json(run / FACTS, head | {"arrays": arrays_hash, "evidence": evidence, "scope": about})


def read_verdict_models(run: Path, info: RunInfo) -> VerdictModels | None:
    """None where there are none of the present weights of `run`: it was not evaluated, or trained since.

    `MissingInput` for damaged ones, and for those of another evaluation than the one beside them.
    """
    expected = (FORMAT, VERSION, info.key, info.best_epoch)
    try:
        about, digest = sealed_files.read_json_with_digest(run / FACTS)
        if tuple(about.get(name) for name in ("format", "version", "key", "best_epoch")) != expected:
            return None
        check_models_together(run, digest)
        arrays, arrays_digest = sealed_arrays.read_arrays_with_digest(run / ARRAYS)
        if about["arrays"] not in (arrays_digest, hash_file(run / ARRAYS)):  # earlier versions: of the whole file
            raise MissingInput(f"{run / ARRAYS}: not the arrays that {FACTS} names", REMEDY)
        return VerdictModels(
            evidence={part: EvidenceModel(**about["evidence"][part], lines=arrays[f"lines-{part}"]) for part in PARTS},
            scope=_read_scope(about["scope"], arrays),
        )
    except FileNotFoundError as error:
        if error.filename == str(run / FACTS):
            return None
        raise MissingInput(f"{run / ARRAYS}: missing, and {FACTS} names it", REMEDY) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise as_missing_input(error, f"{run / FACTS}: not the verdict models of this version", REMEDY) from error


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
