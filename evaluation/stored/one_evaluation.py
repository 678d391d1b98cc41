"""The files of one evaluation: evaluation.json is written last, with the checksums of the others.

predictions.parquet     read by report, compare and others beside it
verdict-models.*        read by predict
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from unmask.core.errors import MissingInput
from unmask.core.files import sealed_files, sealed_tables
from unmask.core.files.damage import as_missing_input

FILE = "evaluation.json"
PREDICTIONS = "predictions.parquet"
MODELS = "verdict-models.json"
REMEDY = "unmask evaluate"


def check_together(run: Path, files: Mapping[str, str]) -> None:
    """`MissingInput` unless predictions.parquet is the one of the evaluation that names `files`.

    Between the two files an `evaluate` of another split may have been killed. A bundle has no predictions.
    """
    path = run / PREDICTIONS
    if PREDICTIONS not in files or not path.is_file():
        return
    try:
        digest = sealed_tables.read_digest(path)
    except (OSError, pa.ArrowException) as error:
        raise as_missing_input(error, f"{path}: damaged since it was written", REMEDY) from error
    if digest != files[PREDICTIONS]:
        raise MissingInput(f"{path}: of another evaluation than {FILE} beside it", REMEDY)


def check_models_together(run: Path, digest: str) -> None:
    """`MissingInput` where evaluation.json names other verdict models than those with the checksum `digest`."""
    try:
        files = sealed_files.read_json(run / FILE).get("files", {})
    except FileNotFoundError:
        return
    if files.get(MODELS, digest) != digest:
        raise MissingInput(f"{run / MODELS}: of another evaluation than {FILE} beside it", REMEDY)
