"""What an earlier training left in the run folder: a finished run, a state to resume from, or files to replace.

A run that cannot be read is trained anew. Its files stay in `earlier/` until the new run is finished, and an error of
the disk or the network ends the command: it says nothing of the files.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from unmask.core.errors import MissingInput, UsageError
from unmask.train.bundles.model_weights import BEST, load_state, load_weights
from unmask.train.run_folder import (
    CONFIG,
    INPUTS,
    LAST,
    METRICS,
    REMEDY,
    SUMMARY,
    read_inputs,
    read_json,
    read_metrics,
    read_summary,
)
from unmask.train.run_info import RunSummary

log = logging.getLogger("unmask")

EARLIER = "earlier"
OF_TRAINING = (SUMMARY, LAST, BEST, METRICS, INPUTS, CONFIG)
OF_EVALUATION = ("evaluation.json", "predictions.parquet", "verdict-models.json", "verdict-models.npz")
STATE = {"key", "config", "standing", "model", "average", "optimiser", "scaler"}
"""What last.pth holds."""


def load_finished(run: Path, key: str) -> RunSummary | None:
    """The summary of a run that is finished, was made from the inputs `key`, and whose files can all be read.

    None where there is none, and for a damaged one, with a warning. `OSError` where the disk or the network failed.
    """
    if not (run / SUMMARY).is_file():
        return None
    try:
        about = read_inputs(run)
        if about.get("key") != key:
            return None
        read_json(run / CONFIG)
        if not about.get("members"):
            load_weights(run, about.get("weights", ""))
        summary, lines = read_summary(run), read_metrics(run)
        if lines and len(lines) < summary.epochs:
            raise MissingInput(f"{run / METRICS}: fewer epochs than were trained", REMEDY)
        return summary.model_copy(update={"reused": True})
    except MissingInput as error:
        log.warning("%s: the finished run is damaged", error.problem)
        return None


def load_last(run: Path, key: str, device: torch.device) -> dict[str, Any] | None:
    """The state after the last whole epoch, if there is one and all that goes with it can be read.

    `UsageError` for that of other settings or data, `OSError` where the disk or the network failed.
    """
    if not (run / LAST).is_file():
        return None
    try:
        state = load_state(run / LAST, device)
        if state.get("key", key) != key:
            raise UsageError(f"{run}: was trained with other settings or on other data", "train into a new run folder")
        _check_whole(run, state)
    except MissingInput as error:
        log.warning("%s: training starts over", error.problem)
        return None
    log.info("%s: resuming after epoch %d", run.name, state["standing"]["epoch"])
    return state


def _check_whole(run: Path, state: Mapping[str, Any]) -> None:
    if missing := sorted(STATE - set(state)):
        raise MissingInput(f"{run / LAST}: without {', '.join(missing)}", REMEDY)
    if state["standing"]["best_epoch"]:
        about = read_inputs(run)
        if about.get("key") != state["key"]:
            raise MissingInput(f"{run / INPUTS}: not of this run", REMEDY)
        # Those of an unfinished run may be of the next epoch, which was interrupted and writes them again.
        load_weights(run, about.get("weights", "") if (run / SUMMARY).is_file() else "")
    if len(read_metrics(run)) < state["standing"]["epoch"]:
        raise MissingInput(f"{run / METRICS}: fewer epochs than were trained", REMEDY)


def set_aside(run: Path) -> None:
    """Move the files of an earlier training and its evaluation to `earlier/`; those that lie there already stay.

    The summary goes first: without it the run counts as unfinished.
    """
    names = (*OF_TRAINING, *OF_EVALUATION, *(path.name for path in sorted(run.glob("events.out.tfevents.*"))))
    for path in (run / name for name in names):
        if not path.is_file():
            continue
        kept = run / EARLIER / path.name
        if kept.exists():
            path.unlink()
        else:
            kept.parent.mkdir(exist_ok=True)
            path.rename(kept)


def remove_earlier(run: Path) -> None:
    """Remove what a run has replaced, once it is finished."""
    shutil.rmtree(run / EARLIER, ignore_errors=True)
