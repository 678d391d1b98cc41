"""Models of presets with random weights, as runs whose files can be explained."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from unmask.evaluation.explanation.clip_parts import Span
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.ensemble import score_run
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape
from unmask.train.run_folder import LoadedRun
from unmask.train.scoring import average_by_item
from unmask.train.term_calibration import KINDS, TermCalibration

CPU = torch.device("cpu")
TEMPERATURE = 1.7
EVERY_PATTERN = tuple((pattern, (0, 1)) for pattern in range(1, 16))


def make_run(config: TrainConfig, data: TokenData, *, seed: int = 0, sync: bool = False, lag: float = 0.0) -> LoadedRun:
    """With statistics of tokens, a temperature and calibrated terms, each of which would be missed."""
    config = config.model_copy(update={"size": "small"})
    names = data.choose_encoders(config)
    torch.manual_seed(seed)
    modalities = tuple(map(data.modality, names))
    reads_both = {"image", "audio"} <= set(modalities)
    shape = ModelShape.of(
        config,
        names,
        ("one", "another"),
        EVERY_PATTERN,
        data.widths(names),
        modalities,
        lag_step=lag if reads_both else 0.0,
        sync=sync and reads_both,
    )
    model = Detector(shape).eval()
    for name, width in zip(names, shape.widths, strict=True):
        if shape.standardized:
            model.fit_standardizer(name, 0.3 * torch.randn(width), 0.5 + torch.rand(width))
    with torch.no_grad():
        for parameter in model.parameters():  # linear terms begin at 0, and heads that small hide mistakes
            parameter.add_(0.05 * torch.randn_like(parameter))
    lines = tuple(
        TermCalibration(term, kinds, 0.8 + 0.1 * number, 0.3 * number - 0.5)
        for number, (term, kinds) in enumerate((t, k) for t, apart in KINDS.items() for k in apart)
        if term in model.terms
    )
    return LoadedRun(model, config, make_info(shape, lines))


def make_info(shape: ModelShape, lines: tuple[TermCalibration, ...] = ()) -> Any:
    return SimpleNamespace(temperature=TEMPERATURE, terms=lines, shape=shape, members=())


def join_runs(runs: list[LoadedRun]) -> LoadedRun:
    """An ensemble of them."""
    return LoadedRun(runs[0].model, runs[0].config, make_info(runs[0].info.shape), tuple(runs))


def score_file(run: LoadedRun, data: TokenData, item: int) -> float:
    """The log odds of the file's score, as `predict` computes them."""
    clips = np.flatnonzero(data.clips.item == item)
    return float(average_by_item(score_run(run, data, clips, device=CPU), data).fake[0]) / TEMPERATURE


def list_spans(data: TokenData, item: int, *, seconds: float = 4.0, start_s: float = 0.0) -> dict[int, Span]:
    """Of the clips of token_items."""
    clips = np.flatnonzero(data.clips.item == item).tolist()
    return {clip: (start_s + seconds * number, start_s + seconds * (number + 1)) for number, clip in enumerate(clips)}
