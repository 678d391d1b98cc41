"""Integrated gradients (Sundararajan et al. 2017) of the same parts from the same base: the alternative compared with.

S steps of the path, T terms
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.evaluation.explanation.clip_parts import ClipParts
from unmask.evaluation.explanation.masked_clip import MaskedClip, get_mean, repeat_clip, show_tokens
from unmask.train.models.part_fusion import combine_terms
from unmask.train.run_folder import LoadedRun

STEPS = 32


def integrate_gradients(masked: MaskedClip, parts: ClipParts) -> NDArray[np.float64]:
    """(P,) of the parts, from mean tokens to those of the clip in a straight line (midpoint rule).

    Completeness correction: what the sum lacks of the difference is added in proportion to the magnitudes.
    """
    runs = masked.loaded.members or (masked.loaded,)
    found = np.mean([_integrate(masked, parts, run) for run in runs], axis=0)
    everything = np.array([[False], [True]]).repeat(len(parts.parts), axis=1)
    base, value = masked.score_coalitions(parts, everything)
    sizes = np.abs(found)
    return np.asarray(found + (value - base - found.sum()) * sizes / max(sizes.sum(), 1e-12))


def _integrate(masked: MaskedClip, parts: ClipParts, run: LoadedRun) -> NDArray[np.float64]:
    batch = repeat_clip(masked.data, run.model, masked.clip, STEPS, masked.device)
    own = {name: x_nD.expand(STEPS, *x_nD.shape) for name, x_nD in (masked.tokens or {}).items()}
    batch = show_tokens(batch, own)
    along_S = (torch.arange(STEPS, device=masked.device) + 0.5) / STEPS
    ways, moved, streams = {}, {}, dict(batch.streams)
    for name, part_n in parts.of_token.items():
        x_ND, mean = batch.streams[name].tokens.float(), get_mean(run.model, name)
        ways[name] = x_ND - mean
        moved[name] = (mean + along_S.repeat_interleave(len(part_n))[:, None] * ways[name]).requires_grad_()
        streams[name] = replace(streams[name], tokens=moved[name])
    outputs = run.model(replace(batch, streams=streams))
    logit_S = outputs.fake if outputs.terms is None else _combine(outputs.terms, masked, run)
    gradients = torch.autograd.grad(logit_S.sum(), list(moved.values()))
    found = np.zeros(len(parts.parts))
    for (name, part_n), gradient_ND in zip(parts.of_token.items(), gradients, strict=True):
        of_token = (gradient_ND * ways[name]).sum(dim=1).reshape(STEPS, -1).mean(dim=0)
        np.add.at(found, part_n, of_token.cpu().numpy())
    return found


def _combine(terms_ST: torch.Tensor, masked: MaskedClip, run: LoadedRun) -> torch.Tensor:
    """(S,) their calibrated noisy-or, as term_calibration.calibrate_terms gives it."""
    kind, columns = masked.data.clips.kind[masked.clip], list(terms_ST.unbind(dim=1))
    for line in run.info.terms:
        if line.modality in run.model.terms and (line.modality == "joint" or kind in line.kinds):
            number = run.model.terms.index(line.modality)
            columns[number] = line.slope * columns[number] + line.intercept
    logit_ST = torch.stack(columns, dim=1)
    return combine_terms(logit_ST.nan_to_num(), ~logit_ST.isnan())
