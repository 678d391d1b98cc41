"""Training: one loop over the cached tokens, which can be stopped anywhere and resumed."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from unmask.cache.adaptation.learning_rate import compute_lr
from unmask.core.buckets.mirrored import fetch_folders
from unmask.core.errors import UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.processes.stop_signals import name_stop
from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.data.device_transfer import to_device
from unmask.train.data.sampler import Portion
from unmask.train.data.token_data import TokenData, prefetch
from unmask.train.models.detector import Detector
from unmask.train.models.domain_discriminators import compute_ganin_strength
from unmask.train.monitor.live_table import Board
from unmask.train.monitor.tensorboard import Events
from unmask.train.optim.compile import explain_compile_error
from unmask.train.optim.distributed import World, join_world
from unmask.train.optim.ema import compute_decay, update_average
from unmask.train.optim.optimizer import autocast, clip, fill_gradients, seed_dropout, set_lr
from unmask.train.resume.earlier_training import load_finished, remove_earlier
from unmask.train.run_choice import Purpose, record_purpose
from unmask.train.run_folder import (
    INPUTS,
    LAST,
    LOCK,
    read_metrics,
    run_folder,
    run_key,
    save_run,
    save_state,
    write_metrics,
    write_summary,
)
from unmask.train.run_info import RunSummary
from unmask.train.run_setup import Setup, Standing, prepare
from unmask.train.validation import validate

__all__ = ["fit", "run_folder"]

log = logging.getLogger("unmask")

# Each is made by a thread of its own, so that a disk has several reads to choose from. A step of 64 clips is 15 MB.
MAPPED_AHEAD = 4


def fit(
    data: TokenData,
    config: TrainConfig,
    run: Path,
    *,
    device: torch.device,
    resume: bool = True,
    purpose: Purpose = "train",
) -> RunSummary:
    """Train `config` on the train split of `data` into the folder `run`; the best epoch on validation is kept.

    With `resume` a finished run of the same settings and data is reused, an unfinished one continued to the weights an
    undisturbed run would have. Ctrl-C ends it after the last whole epoch. `UsageError` when a split is empty or has
    one class, when memory runs out, or when the loss is no longer a number. Under `torchrun` every process calls this.
    `purpose`: a run that only an ablation asked for is not the one that evaluate and predict take by themselves.
    """
    world = join_world(device)
    with hold_lock(run / LOCK, "another training or evaluation of this run") if world.first else nullcontext():
        if world.first:
            fetch_folders([run])
            record_purpose(run, purpose)
        summary = _fit(data, config, run, world, resume, purpose)
    if not summary.stopped:  # one that was stopped may be alone: the others are within a step
        world.wait()
    world.leave()
    return summary


def _fit(data: TokenData, config: TrainConfig, run: Path, world: World, resume: bool, purpose: Purpose) -> RunSummary:
    if resume and (summary := load_finished(run, run_key(config, data))):
        log.info("%s: trained before on the same inputs, reused", run.name)
        if world.first and purpose == "train":
            (run / INPUTS).touch()  # the run last asked for is the one that evaluate and predict take
        return summary
    try:
        setup = prepare(data, config, run, world, resume)
    except torch.OutOfMemoryError as error:
        raise UsageError(
            "out of GPU memory", "see nvidia-smi for the processes that use it, or --device cpu"
        ) from error
    stopped = False
    try:
        _train(setup, run)
    except KeyboardInterrupt:
        log.warning("stopped by %s; run the same command to resume from the last complete epoch", name_stop())
        stopped = True
    except RuntimeError as error:
        if (
            explained := _explain_out_of_memory(setup.config)
            if _is_out_of_memory(error)
            else explain_compile_error(error)
        ):
            raise explained from error
        raise
    summary = _summary(setup, run, stopped)
    if world.first and not stopped:
        write_summary(run, summary)
        remove_earlier(run)
    return summary


def _train(setup: Setup, run: Path) -> None:
    config, world, best = setup.config, setup.world, setup.standing
    done = best.epoch
    lines = read_metrics(run)[:done]
    left = (config.epochs - done) * setup.steps
    with Board(f"train {run.name}", config.epochs, left, done) as board, Events(run, done, world.first) as events:
        for epoch in range(done + 1, config.epochs + 1):
            if setup.judge.stops_early and epoch - best.best_epoch > config.patience:
                log.info("stopped early: no better validation result for %d epochs", config.patience)
                return
            started = time.monotonic()
            means = _train_epoch(setup, epoch, board)
            if world.first:
                found = validate(
                    setup.validated,
                    setup.data,
                    setup.validation,
                    device=world.device,
                    calibrate=config.calibrate_terms,
                )
                shown = found.as_json()
                line = {
                    "epoch": epoch,
                    "train": means,
                    "validation": shown,
                    "criterion": setup.judge.criterion,
                    "deciding": setup.judge.decide([line["validation"] for line in lines], shown),
                }
                kept = setup.judge.keeps(lines, line, last=epoch == config.epochs)
                best = Standing(epoch, epoch if kept else best.best_epoch)
                if kept:
                    save_run(run, setup.validated, setup.inputs, epoch, found)
                line |= {"best_epoch": best.best_epoch, "seconds": round(time.monotonic() - started, 3)}
                lines.append(line)
                write_metrics(run, lines)
                events.write(line)
                save_state(run / LAST, setup.state(best))
                board.show(line)
            best = replace(best, best_epoch=world.broadcast_first(best.best_epoch))


def _train_epoch(setup: Setup, epoch: int, board: Board) -> dict[str, float]:
    """One pass over the epoch's draws, epochs from 1. Gives the mean losses, and the last step's learning rate."""
    config, model, optimizer, scaler, world = setup.config, setup.model, setup.optimizer, setup.scaler, setup.world
    model.train()
    objective, weights = setup.objective, setup.weights
    sums = torch.zeros(len(objective.names), device=world.device)
    make = partial(_batches, setup, device=world.device)
    mine = [world.share(portions) for portions in setup.sampler.steps(epoch)]
    lr = reversal = 0.0
    for number, batches in enumerate(prefetch(make, mine, ahead=_count_ahead(setup))):
        # The middle of the step, so that the learning rate is above 0 in the first and last step.
        done = (epoch - 1 + (number + 0.5) / setup.steps) / config.epochs
        lr, reversal = compute_lr(config.lr, config.warmup, done), compute_reversal(config, done)
        set_lr(optimizer, lr)
        counts = world.sum_ranks(to_device(torch.from_numpy(objective.count(batches, model)), world.device))
        for batch, portion in zip(batches, mine[number], strict=True):
            seed_dropout(setup.sampler.dropout_seed(epoch, portion), world.device)
            with autocast(config, world.device):
                outputs = model(batch, reversal)
            losses = objective.compute(outputs, batch, counts, model)
            scaler.scale(losses.total).backward()
            sums += losses.detach()
        fill_gradients(weights)
        world.sum_gradients(weights.model)
        scaler.unscale_(optimizer)
        clip(weights, config.clip_norm)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if setup.averaged:
            update_average(
                weights.average, weights.model, compute_decay(config.ema, (epoch - 1) * setup.steps + number)
            )
        board.advance()
    means = dict(zip(objective.names, (world.sum_ranks(sums) / setup.steps).tolist(), strict=True))
    _check_finite(means, model, config)
    return means | {"lr": lr, "reversal": reversal}


def compute_reversal(config: TrainConfig, progress: float) -> float:
    """Strength of the gradient reversal after the fraction `progress` of the training."""
    return config.grl_max * compute_ganin_strength(progress) if config.domain_loss in ("dann", "cdan") else 0.0


def _batches(setup: Setup, portions: Sequence[Portion], *, device: torch.device) -> list[Batch]:
    names = setup.model.shape.streams
    return [
        setup.data.batch(
            portion.clips,
            names,
            device=device,
            kept=portion.kept,
            views=portion.views,
            sources=portion.sources,
            mixtures=setup.model.mixtures,
            sync=setup.model.sync is not None,
        )
        for portion in portions
    ]


def _count_ahead(setup: Setup) -> int:
    """Steps whose batches are made ahead of the training: of mapped tokens several, so that the disk is kept busy.

    On a CPU with its tokens in memory none: it would take a core from the model.
    """
    mapped = any(stream.flat is None for stream in setup.data.streams.values())
    return MAPPED_AHEAD if mapped else int(setup.world.device.type == "cuda")


def _check_finite(means: dict[str, float], model: Detector, config: TrainConfig) -> None:
    """Check losses and weights: no loss has seen the weights after the last step of the epoch."""
    weights = torch.stack([parameter.detach().sum() for parameter in model.parameters()]).sum()
    if not all(math.isfinite(value) for value in (*means.values(), float(weights))):
        raise UsageError("the training loss is NaN or infinite", f"--set train.lr={config.lr / 3:g}")


def _is_out_of_memory(error: RuntimeError) -> bool:
    """On a CPU torch says so in words only."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _explain_out_of_memory(config: TrainConfig) -> UsageError:
    assert config.batch_size is not None, "the settings are not resolved"
    half, twice = max(1, config.batch_size // 2), config.accumulate * 2
    remedy = f"--set train.batch_size={half} --set train.accumulate={twice} (the same step in less memory)"
    if half == config.batch_size:
        remedy = "--set train.size=small"
    return UsageError(f"out of memory with batches of {config.batch_size} clips, size {config.size}", remedy)


def _summary(setup: Setup, run: Path, stopped: bool) -> RunSummary:
    lines = read_metrics(run)
    best_epoch = lines[-1]["best_epoch"] if lines else None
    return RunSummary(
        run=str(run),
        size=setup.config.size,
        parameters=sum(parameter.numel() for parameter in setup.model.parameters()),
        epochs=len(lines),
        best_epoch=best_epoch,
        criterion=setup.judge.criterion,
        validation=lines[best_epoch - 1]["validation"] if best_epoch else None,
        train_items=len(set(setup.sampler.items.tolist())),
        train_clips=len(setup.sampler.clips),
        train_seconds=round(sum(line["seconds"] for line in lines), 3),
        stopped=stopped,
    )
