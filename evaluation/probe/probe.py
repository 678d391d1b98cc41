"""The probe: encoders x layers x pooling x datasets, measured on a sample of the training split."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from unmask.cache.adaptation.labeled_clips import Kind
from unmask.core.errors import UsageError
from unmask.core.progress import Progress
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.probe.features import POOLINGS, Candidate, compute_candidates, list_networks
from unmask.evaluation.probe.measure import Problem, Scope, average_known, list_problems, score
from unmask.evaluation.probe.recommend import Floats, Step, choose_greedily, write_encoders
from unmask.evaluation.probe.sample import Sample
from unmask.manifests.manifest import Manifest
from unmask.metrics.bootstrap import LEVEL
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

log = logging.getLogger("unmask")

MEAN = "mean"
"""Stands for all datasets in the place of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One AUC of the heat map."""

    candidate: str
    modality: Kind
    scope: Scope
    dataset: str
    """That is scored; across, all others were trained on. MEAN: the mean over all of them."""
    auc: float
    low: float | None
    high: float | None
    """95 % bootstrap interval over groups; None with fewer than three groups of a class."""
    real: int
    fake: int


@dataclass(frozen=True, kw_only=True)
class ModalityProbe:
    """Results of one modality."""

    modality: Kind
    items: int
    cells: tuple[Cell, ...]
    steps: tuple[Step, ...]
    """The greedy choice."""
    chosen: tuple[str, ...]
    """The recommended candidates."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    seed: int
    modalities: tuple[ModalityProbe, ...]
    encoders: list[dict[str, Any]]
    """Recommended, as a settings file of `unmask extract` has them."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def probe(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    *,
    layers: Sequence[int] | None = None,
    poolings: Sequence[str] = ("mean", "cls"),
    items: int = 180,
    seed: int = 0,
    device: torch.device,
    batch_size: int = 64,
) -> Probe:
    """Probe the image and audio encoders of `profile` on `items` training files per modality. Stores no tokens.

    `layers`: None for all of each network. `UsageError` for a pooling that is not in POOLINGS, and when no modality has
    labeled training files of both classes in enough groups; `MissingInput` when `preprocess` has not run or weights are
    missing.
    """
    unknown = sorted(set(poolings) - set(POOLINGS))
    if unknown or not poolings:
        raise UsageError(f"pooling {(*unknown, 'none')[0]}: no such pooling", f"some of {', '.join(POOLINGS)}")
    networks = list_networks(profile, device)
    shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
    samples = _draw_samples(manifest, shards, dict.fromkeys(kind for _, kind in networks), items, seed)
    found, chosen, probed = [], [], []
    for kind, sample in samples.items():
        candidates: list[Candidate] = []
        with Progress(f"probe {kind}", len([one for one, of in networks if of == kind]), "encoders") as bar:
            for choice in [one for one, of in networks if of == kind]:
                options: dict[str, Any] = {"device": device, "batch_size": batch_size}
                candidates += compute_candidates(choice, sample, layers, poolings, **options)
                bar.advance(1)
        result, picked = _measure(kind, sample, candidates, seed)
        found.append(result)
        chosen += picked
        probed += _list_probed(profile, candidates)
    return Probe(seed=seed, modalities=tuple(found), encoders=write_encoders(profile, chosen, probed))


def _draw_samples(
    manifest: Manifest, shards: Sequence[Any], kinds: Sequence[Kind] | dict[Kind, None], items: int, seed: int
) -> dict[Kind, Sample]:
    samples: dict[Kind, Sample] = {}
    refused: UsageError | None = None
    for kind in kinds:
        try:
            samples[kind] = Sample.draw(manifest, shards, kind, items, seed)
        except UsageError as error:
            log.warning("probe: %s; its encoders are left out", error.problem)
            refused = error
    if refused and not samples:
        raise refused
    return samples


def _measure(
    kind: Kind, sample: Sample, candidates: Sequence[Candidate], seed: int
) -> tuple[ModalityProbe, list[Candidate]]:
    is_fake, dataset = sample.is_fake, sample.dataset
    problems = list_problems(is_fake, sample.group, dataset, seed)
    if not problems:
        problem = f"probe: {len(sample)} training files with {kind} have too few groups of a class in every dataset"
        raise UsageError(problem, "raise --items, or split the manifest so that more files are training files")
    cells: list[Cell] = []
    scores: list[list[Floats]] = []
    with Progress(f"probe {kind}", len(candidates), "candidates") as bar:
        for candidate in candidates:
            scores.append([score(one, candidate.values, is_fake, dataset) for one in problems])
            cells += _make_cells(candidate, problems, scores[-1], seed)
            bar.advance(1)
    names = [candidate.name for candidate in candidates]
    chosen, steps = choose_greedily(problems, scores, names, seed)
    result = ModalityProbe(
        modality=kind,
        items=len(sample),
        cells=tuple(cells),
        steps=tuple(steps),
        chosen=tuple(names[number] for number in chosen),
    )
    return result, [candidates[number] for number in chosen]


def _make_cells(candidate: Candidate, problems: Sequence[Problem], scores: Sequence[Floats], seed: int) -> list[Cell]:
    """Of each scope the mean over its datasets, then each of them."""
    aucs = [float(one.auc(of)[0]) for one, of in zip(problems, scores, strict=True)]
    draws = [one.resample(of, seed) for one, of in zip(problems, scores, strict=True)]
    cells = []
    for scope in dict.fromkeys(one.scope for one in problems):
        members = [number for number, one in enumerate(problems) if one.scope == scope]
        mean = float(np.mean([aucs[number] for number in members]))
        together = average_known(np.stack([draws[number] for number in members]))
        counts = [_count(problems[number]) for number in members]
        low, high = (float(np.nanquantile(together, share)) for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        total = (sum(real for real, _ in counts), sum(fake for _, fake in counts))
        cells.append(_make_cell(candidate, scope, MEAN, mean, (min(low, mean), max(high, mean)), total))
        for number, count in zip(members, counts, strict=True):
            span = problems[number].find_interval(draws[number], aucs[number])
            cells.append(_make_cell(candidate, scope, problems[number].dataset, aucs[number], span, count))
    return cells


def _count(problem: Problem) -> tuple[int, int]:
    """Real files, fake files."""
    return int(np.sum(~problem.is_fake)), int(np.sum(problem.is_fake))


def _make_cell(
    candidate: Candidate,
    scope: Scope,
    dataset: str,
    auc: float,
    span: tuple[float, float] | None,
    counts: tuple[int, int],
) -> Cell:
    return Cell(
        candidate=candidate.name,
        modality=candidate.modality,
        scope=scope,
        dataset=dataset,
        auc=auc,
        low=span[0] if span else None,
        high=span[1] if span else None,
        real=counts[0],
        fake=counts[1],
    )


def _list_probed(profile: Profile, candidates: Sequence[Candidate]) -> list[str]:
    """Encoders of `profile` that are one of the networks of `candidates`."""

    def identify(choice: EncoderChoice) -> str:
        plain = {"layer": None, "alias": None, "pooling": None}
        return choice.model_copy(update=plain).model_dump_json()

    networks = {identify(candidate.choice) for candidate in candidates}
    return [choice.alias_or_name for choice in profile.encoders if identify(choice) in networks]
