"""Ensembles: one system trained with several seeds, whose mean logit is the logit of a run of its own.

Each member is an ordinary run with its own calibration of its parts. The mean of their final logits is calibrated once,
on the validation items. Members are found by name beside the folder of the ensemble (run_folder.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.hashing import fingerprint
from unmask.train.config import TrainConfig
from unmask.train.data.batch import Sources
from unmask.train.data.token_data import TokenData
from unmask.train.data.training_clips import select_clips
from unmask.train.fit import fit
from unmask.train.optim.distributed import join_world
from unmask.train.resume.earlier_training import load_finished, remove_earlier
from unmask.train.run_folder import (
    INPUTS,
    LOCK,
    LoadedRun,
    describe_inputs,
    describe_member,
    load_run,
    read_info,
    read_summary,
    run_folder,
    run_key,
    write_info,
    write_summary,
)
from unmask.train.run_info import RunSummary
from unmask.train.run_setup import begin_run
from unmask.train.scoring import ClipScores, score_clips
from unmask.train.term_calibration import calibrate_terms
from unmask.train.validation import Validation, validate_scores

log = logging.getLogger("unmask")


def score_run(
    loaded: LoadedRun,
    data: TokenData,
    clips: NDArray[np.int64],
    *,
    device: torch.device,
    batch_size: int = 256,
    sources: Sources | None = None,
) -> ClipScores:
    """Logits of `clips` before temperature: those of the run, or the mean over the members of an ensemble.

    `sources` shows them with the image or the audio of other clips, or without it.
    """
    if loaded.members:
        score = partial(score_run, data=data, clips=clips, device=device, batch_size=batch_size, sources=sources)
        return average_scores(list(map(score, loaded.members)))
    model = loaded.model
    scores = score_clips(model, data, clips, device=device, batch_size=batch_size, sources=sources)
    return calibrate_terms(scores, model.terms, data.clips, loaded.info.terms)


def average_scores(scores: Sequence[ClipScores]) -> ClipScores:
    """Mean logits of several models for the same clips."""
    first = scores[0]
    names = [one.name for one in fields(first) if np.issubdtype(getattr(first, one.name).dtype, np.floating)]
    means: dict[str, Any] = {name: np.mean([getattr(one, name) for one in scores], 0, np.float64) for name in names}
    return replace(first, **{name: mean.astype(np.float32) for name, mean in means.items()})


def fit_ensemble(data: TokenData, config: TrainConfig, members: int, runs: Path, *, device: torch.device) -> RunSummary:
    """Train `members` runs of `config` with the seeds seed, seed + 1, ..., and calibrate their mean.

    Members that are trained are reused, one that was stopped is continued; so is the ensemble. Ctrl-C stops after the
    last whole epoch. Under `torchrun` every process calls this, and the members are trained one after another.
    """
    if members < 2:
        raise UsageError(f"an ensemble of {members}", "at least 2 members")
    if config.shuffle_labels:
        raise UsageError("train.shuffle_labels=true: a control is not an ensemble", "train it with several --seed")
    configs = [config.changed({"seed": config.seed + number}) for number in range(members)]
    key = fingerprint("ensemble-1", [run_key(one, data) for one in configs])
    ensemble = runs / f"{config.preset}-ensemble{members}-s{config.seed}-{key[:8]}"
    world = join_world(device)
    trained = []
    for number, one in enumerate(configs, 1):
        run = run_folder(runs, data, one)
        log.info("%s: member %d of %d", ensemble.name, number, members)
        trained.append(fit(data, one, run, device=device, purpose="member"))
        if trained[-1].stopped:
            world.leave()
            return _sum_up(ensemble, trained, None)
    reused = world.broadcast_first(int(world.first and _calibrate(ensemble, key, trained, data, world.device)))
    world.leave()
    return read_summary(ensemble).model_copy(update={"reused": bool(reused)})


def _calibrate(ensemble: Path, key: str, trained: Sequence[RunSummary], data: TokenData, device: torch.device) -> bool:
    """Calibrate the mean of the members and write the ensemble; True if that was done before."""
    noted = [describe_member(Path(summary.run)) for summary in trained]
    with hold_lock(ensemble / LOCK, "another training of this ensemble"):
        if load_finished(ensemble, key) and read_info(ensemble).members == tuple(noted):
            log.info("%s: calibrated before on the same members, reused", ensemble.name)
            (ensemble / INPUTS).touch()
            return True
        first = load_run(Path(trained[0].run), device)
        names = first.info.shape.streams
        clips = select_clips(data, names, first.config, "val")
        loaded = (load_run(Path(summary.run), device) for summary in trained)
        found = validate_scores(average_scores([score_run(one, data, clips, device=device) for one in loaded]), data)
        begin_run(ensemble, first.config, data, names)
        inputs = describe_inputs(data, first.config, first.info.shape, key, first.info.criterion)
        write_info(ensemble, inputs, 0, found, noted)
        write_summary(ensemble, _sum_up(ensemble, trained, found))
        remove_earlier(ensemble)
        return False


def _sum_up(ensemble: Path, trained: Sequence[RunSummary], validation: Validation | None) -> RunSummary:
    return trained[0].model_copy(
        update={
            "run": str(ensemble),
            "parameters": sum(one.parameters for one in trained),
            "epochs": sum(one.epochs for one in trained),
            "best_epoch": None,
            "validation": validation and validation.as_json(),
            "train_seconds": round(sum(one.train_seconds for one in trained), 3),
            "stopped": validation is None,
            "reused": False,
            "members": len(trained),
        }
    )
