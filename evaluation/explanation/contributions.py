"""What each modality and second of a file contributes to its logit.

C clips of the file, P parts of a clip
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from unmask.evaluation.explanation.clip_parts import SYNC, Part, Span, choose_step, divide_clip
from unmask.evaluation.explanation.masked_clip import MaskedClip, Tokens
from unmask.evaluation.explanation.shapley import share_value
from unmask.evaluation.verdicts.findings import Contribution
from unmask.train.data.batch import MODALITIES
from unmask.train.data.token_data import TokenData
from unmask.train.run_folder import LoadedRun

ORDER = (*MODALITIES, SYNC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShares:
    """Of one file; `base` plus all contributions is `logit`, but for the rounding of float64."""

    logit: float
    base: float
    contributions: tuple[Contribution, ...]
    """By modality, then time."""


def share_logit(
    loaded: LoadedRun,
    data: TokenData,
    spans: Mapping[int, Span],
    *,
    device: torch.device,
    tokens: Mapping[int, Tokens] | None = None,
) -> FileShares:
    """Shapley values of the parts of a file, whose clips (rows of the clip table) have these `spans`.

    The logit is that of the file's score: the mean logit of its clips over the temperature of the run. The game of a
    mean is the mean of the clips' games (Shapley 1953, linearity), so each clip is played by itself. `tokens`: shown in
    place of a clip's own.
    """
    whole = (min(start for start, _ in spans.values()), max(end for _, end in spans.values()))
    step_s, scale = choose_step(list(spans.values())), 1 / (len(spans) * loaded.info.temperature)
    logit = base = 0.0
    sums: dict[Part, float] = defaultdict(float)
    for clip, span in spans.items():
        parts = divide_clip(data, loaded.model, clip, span, step_s, whole)
        masked = MaskedClip(loaded, data, clip, device, (tokens or {}).get(clip))
        shares = share_value(partial(masked.score_coalitions, parts), len(parts.parts))
        logit, base = logit + scale * shares.value, base + scale * shares.base
        for part, share in zip(parts.parts, shares.players.tolist(), strict=True):
            sums[part] += scale * share
    return FileShares(logit=logit, base=base, contributions=join_parts(sums, step_s))


def join_parts(sums: Mapping[Part, float], step_s: float) -> tuple[Contribution, ...]:
    """One contribution per modality and step: overlapping clips may end inside the same one."""
    joined: dict[tuple[str, float], list[tuple[Part, float]]] = defaultdict(list)
    for part, value in sums.items():
        joined[part.modality, part.start_s // step_s].append((part, value))
    found = [
        Contribution(
            modality=modality,
            start_s=round(min(part.start_s for part, _ in same), 3),
            end_s=round(max(part.end_s for part, _ in same), 3),
            logit=sum(value for _, value in same),
        )
        for (modality, _), same in joined.items()
    ]
    return tuple(sorted(found, key=lambda one: (ORDER.index(one.modality), one.start_s)))
