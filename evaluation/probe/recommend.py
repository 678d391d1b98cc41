"""Which layers to extract: a greedy choice by held-out scores, and as few as are within one standard error of the best.

Members of a set are judged together by their mean held-out logit, so no set needs a fit of its own (greedy ensemble
selection, Caruana et al., ICML 2004). The smallest set within one standard error of the best is the rule of Breiman et
al. (Classification and Regression Trees, 1984).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.probe.features import Candidate
from unmask.evaluation.probe.measure import Problem, average_known
from unmask.preprocess.encoder_names import UNSAFE, make_file_safe
from unmask.preprocess.profiles import AS, EncoderChoice, Profile

MOST = 4
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One set of the greedy choice: the candidates of the steps before it, and `added`."""

    added: str
    auc: float
    """Mean over the problems, within and across datasets."""
    error: float
    """Standard error of the difference to the best set."""


def choose_greedily(
    problems: Sequence[Problem], scores: Sequence[Sequence[Floats]], names: Sequence[str], seed: int
) -> tuple[list[int], list[Step]]:
    """Numbers of the recommended candidates, and the steps of the choice; `scores`[candidate][problem] (R, n)."""
    chosen: list[int] = []
    for _ in range(min(MOST, len(scores))):
        left = [number for number in range(len(scores)) if number not in chosen]
        chosen.append(max(left, key=lambda number: _judge(problems, _average(scores, [*chosen, number]))))
    sets = [_average(scores, chosen[:count]) for count in range(1, len(chosen) + 1)]
    aucs = [_judge(problems, of_set) for of_set in sets]
    best = int(np.argmax(aucs))
    draws = [_resample(problems, of_set, seed) for of_set in sets]
    errors = [float(np.nanstd(draws[best] - of_set)) for of_set in draws]
    kept = next(count for count in range(len(sets)) if aucs[best] - aucs[count] <= errors[count])
    steps = [
        Step(added=names[number], auc=auc, error=error) for number, auc, error in zip(chosen, aucs, errors, strict=True)
    ]
    return chosen[: kept + 1], steps


def _average(scores: Sequence[Sequence[Floats]], members: Sequence[int]) -> list[Floats]:
    return [np.mean(of_problem, axis=0) for of_problem in zip(*(scores[number] for number in members), strict=True)]


def _judge(problems: Sequence[Problem], scores: Sequence[Floats]) -> float:
    return average_scopes(problems, [problem.auc(one)[0] for problem, one in zip(problems, scores, strict=True)])


def _resample(problems: Sequence[Problem], scores: Sequence[Floats], seed: int) -> Floats:
    """(B,) `_judge` over resamples of the groups, the same for every set."""
    draws = np.stack([problem.resample(one, seed) for problem, one in zip(problems, scores, strict=True)])
    scopes = [problem.scope for problem in problems]
    parts = [average_known(draws[[one == scope for one in scopes]]) for scope in dict.fromkeys(scopes)]
    mean: Floats = np.mean(parts, axis=0)
    return mean


def average_scopes(problems: Sequence[Problem], aucs: Sequence[float]) -> float:
    """The mean over datasets within, and that across where there are several datasets, count alike."""
    of_scope: dict[str, list[float]] = {}
    for problem, auc in zip(problems, aucs, strict=True):
        of_scope.setdefault(problem.scope, []).append(float(auc))
    return float(np.mean([np.nanmean(values) for values in of_scope.values()]))


def write_encoders(profile: Profile, chosen: Sequence[Candidate], probed: Sequence[str]) -> list[dict[str, Any]]:
    """Entries of `encoders:` for the candidates, and the encoders of other modalities as `profile` has them.

    `probed`: names in the profile of those that were probed.
    """
    networks: dict[str, list[EncoderChoice]] = {}
    for candidate in chosen:
        shared = candidate.choice.model_copy(update={"layer": None})
        networks.setdefault(shared.model_dump_json(), []).append(candidate.choice)
    uses = Counter(choices[0].name for choices in networks.values())
    entries = [_write_entry(choices, uses[choices[0].name] > 1) for choices in networks.values()]
    return entries + [_write(one, {}) for one in profile.encoders if one.alias_or_name not in probed]


def _write_entry(choices: Sequence[EncoderChoice], several: bool) -> dict[str, Any]:
    layers = sorted(one.layer for one in choices if isinstance(one.layer, int))
    changes: Mapping[str, Any] = {"layers": "apart", "layer": layers} if len(layers) > 1 else {}
    name = UNSAFE.sub("-", f"{make_file_safe(choices[0].name)}-{choices[0].pooling}")[-64:].lstrip("-.")
    return _write(choices[0], {**changes, **({AS: name} if several else {})})


def _write(choice: EncoderChoice, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Without settings at their defaults."""
    plain = EncoderChoice(name=choice.name).model_dump(mode="json")
    written = {key: value for key, value in choice.model_dump(mode="json").items() if value != plain.get(key)}
    return {"name": choice.name, **written, **changes}
