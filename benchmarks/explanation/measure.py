"""Is the faked half named: its contributions sum higher than those of the other half?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.explanation.gradients import integrate_gradients
from benchmarks.explanation.pairs import (
    HALVES,
    Half,
    Pair,
    fill_with_half,
    has_halves,
    list_pairs,
    mix_tokens,
    whole_tokens,
)
from unmask.evaluation.explanation.clip_parts import ClipParts, Part, Span, choose_step, divide_clip
from unmask.evaluation.explanation.clip_spans import read_spans
from unmask.evaluation.explanation.masked_clip import MaskedClip
from unmask.evaluation.explanation.shapley import share_value
from unmask.evaluation.open_run import OpenRun
from unmask.manifests.manifest import Split

CPU = torch.device("cpu")
SAMPLES = 2000
Explain = Callable[[MaskedClip, ClipParts], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One mixed clip: which half each way names."""

    dataset: str
    modality: str
    same_source: bool
    groups: tuple[str, str]
    """Of the real and of the fake file."""
    faked: Half
    correct: bool
    """The run calls the real clip real and the fake one fake."""
    named: Mapping[str, float]
    """Way -> 1 if it names the faked half, 0.5 for a tie."""


def share_by_shapley(masked: MaskedClip, parts: ClipParts, **settings: int) -> NDArray[np.float64]:
    return share_value(partial(masked.score_coalitions, parts), len(parts.parts), **settings).players


WAYS: dict[str, Explain] = {"shapley": share_by_shapley, "integrated gradients": integrate_gradients}
ALONE = "each half scored alone"


def measure_pairs(opened: OpenRun, split: Split, ways: Sequence[str]) -> Iterator[Named]:
    """Of the first clips of every pair of `split`, mixed from their tokens, in both directions."""
    scorable = opened.list_scorable()
    spans = read_spans(opened, opened.select_clips())
    table = opened.data.clips
    first = {str(table.media_id[clip]): clip for clip in reversed(spans)}
    for pair in list_pairs(list(opened.manifest.rows()), split, scorable):
        real, fake = first[pair.real.media_id], first[pair.fake.media_id]
        if has_halves(spans[real]) and has_halves(spans[fake]):
            yield from _measure_pair(opened, pair, real, fake, spans[real], ways)


def _measure_pair(
    opened: OpenRun, pair: Pair, real: int, fake: int, span: Span, ways: Sequence[str]
) -> Iterator[Named]:
    loaded, data = opened.loaded, opened.data
    names = loaded.model.shape.streams
    whole = whole_tokens(data, names, pair, real, fake)
    if not whole:
        return
    limit = _find_limit(opened)
    correct = _score(opened, real, None) < limit <= _score(opened, real, whole)
    parts = divide_clip(data, loaded.model, real, span, choose_step([span]), span)
    for half in HALVES:
        masked = MaskedClip(loaded, data, real, CPU, mix_tokens(data, names, pair, real, fake, half))
        named = {way: judge(parts.parts, WAYS[way](masked, parts), pair.modality, span, half) for way in ways}
        alone = [_score(opened, real, fill_with_half(data, names, real, masked.tokens or {}, one)) for one in HALVES]
        named[ALONE] = compare(alone[0], alone[1], half)
        yield Named(
            dataset=pair.real.dataset,
            modality=pair.modality,
            same_source=pair.same_source,
            groups=(pair.real.group or pair.real.media_id, pair.fake.group or pair.fake.media_id),
            faked=half,
            correct=bool(correct),
            named=named,
        )


def _find_limit(opened: OpenRun) -> float:
    """The logit, before temperature, from which a clip is called fake."""
    threshold = opened.info.threshold
    return float(np.log(threshold / (1 - threshold))) * opened.info.temperature


def _score(opened: OpenRun, clip: int, tokens: Mapping[str, torch.Tensor] | None) -> float:
    masked = MaskedClip(opened.loaded, opened.data, clip, CPU, tokens)
    no_parts = ClipParts(clip=clip, parts=(), of_token={}, of_sync=None)
    return float(masked.score_coalitions(no_parts, np.ones((1, 0), np.bool_))[0])


def judge(parts: Sequence[Part], shares: NDArray[np.float64], modality: str, span: Span, faked: Half) -> float:
    """1 if the parts of `modality` in the half `faked` sum higher than those in the other, 0.5 for a tie, else 0."""
    middle, sums = (span[0] + span[1]) / 2, [0.0, 0.0]
    for part, share in zip(parts, shares.tolist(), strict=True):
        if part.modality == modality:
            sums[(part.start_s + part.end_s) / 2 >= middle] += share
    return compare(sums[0], sums[1], faked)


def compare(first: float, second: float, faked: Half) -> float:
    if first == second:
        return 0.5
    return float((first > second) == (faked == "first"))


def measure_share(found: Sequence[Named], way: str, *, seed: int = 0) -> tuple[float, float, float]:
    """Share named and its 95 % interval, from resampled groups.

    A pair of two groups counts as often as both were drawn (pigeonhole bootstrap, Owen 2007).
    """
    value = np.array([one.named[way] for one in found])
    groups = sorted({group for one in found for group in one.groups})
    place = {group: number for number, group in enumerate(groups)}
    pair_N2 = np.array([[place[group] for group in one.groups] for one in found])
    random, drawn = np.random.default_rng(seed), []
    for _ in range(SAMPLES):
        count = np.bincount(random.integers(len(groups), size=len(groups)), minlength=len(groups))
        apart = pair_N2[:, 0] != pair_N2[:, 1]
        weight = np.where(apart, count[pair_N2[:, 0]] * count[pair_N2[:, 1]], count[pair_N2[:, 0]])
        if weight.sum():
            drawn.append(float((weight * value).sum() / weight.sum()))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(value.mean()), float(low), float(high)
