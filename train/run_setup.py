"""Prepare a training: place the data, resolve "auto", build the model, restore the last epoch of an earlier call."""

from __future__ import annotations

import copy
import logging
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.amp.grad_scaler import GradScaler

from unmask.cache.projections.projection import FOLDER as PROJECTIONS
from unmask.cache.projections.projection import keep_fitted
from unmask.core.atomic_files import remove_leftovers
from unmask.core.errors import UsageError
from unmask.train.auto_size import SIZES, resolve_auto
from unmask.train.best_epoch import Judge, choose_judge
from unmask.train.config import TrainConfig
from unmask.train.data.batch import BOTH, MODALITIES
from unmask.train.data.clip_table import permute_labels
from unmask.train.data.layer_mixtures import find_mixtures
from unmask.train.data.sampler import Sampler, find_shared_masks
from unmask.train.data.token_data import TokenData
from unmask.train.data.token_statistics import measure_tokens
from unmask.train.data.training_clips import check_train, select_clips, warn_missing
from unmask.train.losses.objective import Objective
from unmask.train.models.detector import Detector
from unmask.train.models.fusions import LAG_FUSIONS, MIXING_FUSIONS
from unmask.train.models.lag import find_lag_step
from unmask.train.models.model_shape import ModelShape
from unmask.train.optim.compile import compile_blocks
from unmask.train.optim.distributed import World
from unmask.train.optim.optimizer import AUTOCAST, Weights, make_optimizer
from unmask.train.resume.earlier_training import load_last, set_aside
from unmask.train.run_folder import describe_inputs, run_key, write_config

log = logging.getLogger("unmask")

COMPARABLE = 8  # CORAL needs at least two datasets with two halves of two clips each.
# Weights of the losses that compare the features of the clips of a batch.
COMPARING = ("infonce_weight", "supcon_weight", "uniformity_weight", "alignment_weight")


@dataclass(frozen=True, slots=True)
class Standing:
    """Progress of a training. Epochs count from 1; 0: none yet."""

    epoch: int = 0
    best_epoch: int = 0
    """The one whose weights are kept."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    data: TokenData
    config: TrainConfig
    """Resolved."""
    sampler: Sampler
    validation: NDArray[np.int64]
    """Clips."""
    judge: Judge
    model: Detector
    objective: Objective
    optimizer: torch.optim.AdamW
    scaler: GradScaler
    inputs: dict[str, Any]
    """Of RunInfo."""
    standing: Standing
    steps: int
    """Optimizer steps per epoch."""
    validated: Detector
    """The model that is validated and saved: the average of the weights, or `model` itself without averaging."""
    world: World

    @property
    def averaged(self) -> bool:
        return self.validated is not self.model

    @cached_property
    def weights(self) -> Weights:
        return Weights.of(self.model, self.validated)

    def state(self, standing: Standing) -> dict[str, Any]:
        """Content of last.pth."""
        return {
            "key": self.inputs["key"],
            "config": self.config.model_dump(mode="json"),
            "standing": asdict(standing),
            "model": self.model.state_dict(),
            "average": self.validated.state_dict() if self.averaged else {},
            "optimiser": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }


def prepare(data: TokenData, config: TrainConfig, run: Path, world: World, resume: bool) -> Setup:
    key, device = run_key(config, data), world.device
    earlier = load_last(run, key, device) if resume else None
    _check_same_epoch(run, earlier, world)
    if config.shuffle_labels:
        data = replace(data, clips=permute_labels(data.clips, config.seed))
    names = data.choose_encoders(config)
    train, validation = select_clips(data, names, config, "train"), select_clips(data, names, config, "val")
    check_train(data, train)
    warn_missing(data, names, train, config)
    config = _resolve(config, earlier, world, data, names, train)
    sampler = Sampler.of(data, names, train, config)
    shape = build_shape(data, config, names, sampler)
    placed = data.move_to(device, names)
    model, validated = _build_models(shape, placed, train, config, device, standardized=earlier is not None)
    optimizer = make_optimizer(model, config)
    scaler = _make_scaler(config, device)
    if earlier:
        average = {"average": validated} if config.ema else {}
        _restore(earlier, model=model, optimiser=optimizer, scaler=scaler, **average)
        if world.first:
            write_config(run, config)  # the one that is there may be damaged
    elif world.first:
        begin_run(run, config, data, names)
    for one in {model, validated} if config.compile else ():
        compile_blocks(one)
    if world.first:
        remove_leftovers(run)
    judge = choose_judge(config.selection, data, validation)
    inputs = describe_inputs(data, config, shape, key, judge.criterion)
    _check_features(config, model)
    _warn_idle_terms(config, sampler, model)
    _announce(run, config, sampler, model, placed)
    return Setup(
        data=placed,
        config=config,
        sampler=sampler,
        validation=validation,
        judge=judge,
        model=model,
        objective=Objective.of(config),
        optimizer=optimizer,
        scaler=scaler,
        inputs=inputs,
        standing=Standing(**earlier["standing"]) if earlier else Standing(),
        steps=len(sampler.steps(1)),
        validated=validated,
        world=world,
    )


def _resolve(
    config: TrainConfig,
    earlier: dict[str, Any] | None,
    world: World,
    data: TokenData,
    names: tuple[str, ...],
    train: NDArray[np.int64],
) -> TrainConfig:
    """The settings of the earlier call, or `config` with "auto" resolved for the training clips `train`."""
    if earlier is None:
        mixtures = _find_mixtures(data, config, names) if config.fusion in MIXING_FUSIONS else ()
        slots, tokens = (1 + int(data.count_slots(names, train, {}, shared).max()) for shared in (mixtures, ()))
        return _resolve_alike(
            resolve_auto(config, world.device, len(train), processes=world.size, slots=slots, tokens=tokens), world
        )
    config = TrainConfig(**earlier["config"])
    if idle := max(0, world.size - config.accumulate):
        log.warning("%d batches per step: %d processes have nothing to do", config.accumulate, idle)
    return config


def _make_scaler(config: TrainConfig, device: torch.device) -> GradScaler:
    scaler = GradScaler(device.type, enabled=config.precision == "fp16")
    # It initializes itself on the first loss it scales, and a process may have no batch in a step.
    scaler.scale(torch.zeros((), device=device))
    return scaler


def _restore(earlier: dict[str, Any], **parts: Any) -> None:
    for name, part in parts.items():
        part.load_state_dict(earlier[name])


def _build_models(
    shape: ModelShape,
    data: TokenData,
    train: NDArray[np.int64],
    config: TrainConfig,
    device: torch.device,
    *,
    standardized: bool,
) -> tuple[Detector, Detector]:
    """The model, and the one that is validated: a copy for the average of the weights, or the same.

    `standardized`: the statistics of the tokens come with the weights of an earlier call.
    """
    torch.manual_seed(config.seed)
    model = Detector(shape).to(device)
    if not standardized:
        _standardize(model, data, train, config)
    return model, copy.deepcopy(model) if config.ema else model


def _standardize(model: Detector, data: TokenData, train: NDArray[np.int64], config: TrainConfig) -> None:
    """Give `model` the statistics of the tokens of the clips `train`; a resumed one has them in its weights."""
    for name in model.shape.streams if config.standardize else ():
        model.fit_standardizer(name, *measure_tokens(data.streams[name], train, config.seed))


def build_shape(data: TokenData, config: TrainConfig, names: tuple[str, ...], sampler: Sampler) -> ModelShape:
    """Shape of the model for the clips of `sampler` and the encoders `names`; `config` is resolved."""
    shared, modalities = find_shared_masks(sampler, data.clips.domain), tuple(map(data.modality, names))
    lag_step = find_lag_step(data, names, sampler) if config.lag and config.fusion in LAG_FUSIONS else 0.0
    odds = sampler.class_odds(len(data.clips.datasets)) if config.logit_adjustment else ()
    mixtures = _find_mixtures(data, config, names)
    sync = config.fusion in LAG_FUSIONS and bool(data.choose_sync(config))
    return ModelShape.of(
        config, names, data.clips.datasets, shared, data.widths(names), modalities, lag_step, odds, mixtures, sync
    )


def _find_mixtures(data: TokenData, config: TrainConfig, names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return find_mixtures({name: data.streams[name].spec for name in names}) if config.mix_layers else ()


def _resolve_alike(config: TrainConfig, world: World) -> TrainConfig:
    """The settings that the first process resolved: the other GPUs may have more or less free memory."""
    assert config.batch_size is not None, "the settings are not resolved"
    sizes, precisions = tuple(SIZES), tuple(AUTOCAST)
    return config.changed(
        {
            "size": sizes[world.broadcast_first(sizes.index(config.size))],
            "precision": precisions[world.broadcast_first(precisions.index(config.precision))],
            "batch_size": world.broadcast_first(config.batch_size),
            "accumulate": world.broadcast_first(config.accumulate),
        }
    )


def begin_run(run: Path, config: TrainConfig, data: TokenData, names: tuple[str, ...]) -> None:
    """Set earlier files aside; write the settings, and what new media need to get tokens of the encoders `names`."""
    set_aside(run)
    write_config(run, config)
    for name in names:
        keep_fitted(data.streams[name].store.folder, data.streams[name].spec.projection, run / PROJECTIONS)


def _check_same_epoch(run: Path, begun: dict[str, Any] | None, world: World) -> None:
    epoch = begun["standing"]["epoch"] if begun else 0
    if world.broadcast_first(epoch) != epoch:
        raise UsageError(f"{run}: differs between machines", "put --work on storage that all machines share")


def _announce(run: Path, config: TrainConfig, sampler: Sampler, model: Detector, data: TokenData) -> None:
    held = {"disk" if stream.flat is None else stream.flat.device.type for stream in data.streams.values()}
    log.info(
        "%s: %d clips of %d items; %s (%.1f M parameters), %s, batches of %s x %d, tokens on %s",
        run.name,
        len(sampler.clips),
        len(np.unique(sampler.items)),
        config.size,
        sum(parameter.numel() for parameter in model.parameters()) / 1e6,
        config.precision,
        config.batch_size,
        config.accumulate,
        "/".join(sorted(held)),
    )
    if sampler.partners:
        log.info("paired: %s", sampler.partners.describe())


def _check_features(config: TrainConfig, model: Detector) -> None:
    if model.reads_means and (given := [name for name in COMPARING if getattr(config, name) > 0]):
        remedy = "choose another train.fusion, or leave them at 0"
        raise UsageError(f"fusion {config.fusion} has no features for {' and '.join(given)} to compare", remedy)


def _warn_idle_terms(config: TrainConfig, sampler: Sampler, model: Detector) -> None:
    """Warn when a loss term can never be active: the run would not be what its preset name says."""
    whole = (sampler.lengths[sampler.clips] > 0) @ (1 << np.arange(len(MODALITIES)))
    real = sampler.cells % 2 == 0
    if config.domain_loss != "none" and not model.discriminators.contested_patterns.any():
        log.warning("train: no two datasets share a modality mask, so domain_loss=%s does nothing", config.domain_loss)
    elif config.domain_loss == "coral" and (config.batch_size or 0) < COMPARABLE:
        log.warning("train: coral compares clips within a batch, and %s clips per batch are too few", config.batch_size)
    if config.swap > 0 and not sampler.swap(sampler.draw(config.epochs), config.epochs):
        log.warning("train: no clip can take the image or audio of another clip, so swap does nothing")
    if config.infonce_weight > 0 and (real & (whole & BOTH == BOTH)).sum() < 2:
        log.warning("train: fewer than two real clips have image and audio, so infonce_weight does nothing")
    if sampler.partners and (not sampler.partners.count_items() or config.batch_size == config.accumulate == 1):
        log.warning("train: no fake can stand beside a real clip of its source in a batch, so paired does nothing")
    if config.logit_adjustment and not any(model.shape.class_odds):
        log.warning("train: every dataset draws its classes equally often, so logit_adjustment does nothing")
    if config.batch_size == 1 and (idle := [name for name in COMPARING if getattr(config, name) > 0]):
        log.warning(
            "train: clips are compared within a batch, so with batch_size=1 %s does nothing", " and ".join(idle)
        )
