"""The sync of files: offset and fit over their clips, and the run's own judgment whether they fit. L lags"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.sync.comparison import REACH, Sync, compute_fit_over_time, join_curves
from unmask.preprocess.profiles import MOUTH_FPS
from unmask.train.data.sync_curves import fill_lags
from unmask.train.data.token_data import TokenData
from unmask.train.run_folder import LoadedRun
from unmask.train.scoring import compute_probability

STEP_S = 0.4
"""Between two points of a fit over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSync:
    """Of one file."""

    sync: Sync
    fits: float | None
    """Probability that mouth and audio fit, by the run's head, 0 to 1; None for a run without one."""


def measure_files(data: TokenData, numbers: Sequence[int], loaded: LoadedRun) -> list[FileSync | None]:
    """Of the items with these numbers in the clip table; None for one without image and audio to compare.

    The fit is a mean over the clips of the file.
    """
    if data.sync is None:
        return [None] * len(numbers)
    clips = np.flatnonzero(np.isin(data.clips.item, numbers) & data.sync.known)
    curves, lengths = data.sync.compare(clips, clips, REACH), data.sync.count_tokens(clips)
    logits = _judge(curves, loaded)
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(data.clips.item[clips].tolist()):
        rows_of[number].append(row)
    found: list[FileSync | None] = []
    for number in numbers:
        rows = rows_of[number]
        sync = join_curves(list(curves[rows]), lengths[rows].tolist())
        fits = None if logits is None or not rows else float(compute_probability(logits[rows].mean()))
        found.append(FileSync(sync=sync, fits=fits) if sync else None)
    return found


@torch.no_grad()
def _judge(curves: NDArray[np.float32], loaded: LoadedRun) -> NDArray[np.float64] | None:
    """(N,) mean logit over the models of the run that mouth and audio fit; None for a run without that head."""
    models = [member.model for member in loaded.members] or [loaded.model]
    heads = [model.sync for model in models if model.sync is not None]
    if not heads or not len(curves):
        return None
    given = torch.from_numpy(fill_lags(curves))
    logits = [head.judge(given.to(next(head.parameters()).device)).cpu().double() for head in heads]
    mean: NDArray[np.float64] = torch.stack(logits).mean(dim=0).numpy()
    return mean


def trace_fit(data: TokenData, number: int, offset_s: float) -> list[tuple[float, float]]:
    """(seconds, fit) every STEP_S of the file with this number in the clip table, at the offset of the whole file.

    The seconds are those of the recording, rising; the fit is `compute_fit_over_time`.
    """
    assert data.sync is not None
    points: list[tuple[float, float]] = []
    every = round(STEP_S * MOUTH_FPS)
    for clip in np.flatnonzero((data.clips.item == number) & data.sync.known).tolist():
        (mouth, times), (audio, _) = (side.take(np.array([clip])) for side in data.sync.sides.values())
        fit = compute_fit_over_time(mouth.cpu().numpy(), audio.cpu().numpy(), offset_s)
        points += zip(times[: len(fit) : every].tolist(), fit[::every].tolist(), strict=True)
    return sorted(points)
