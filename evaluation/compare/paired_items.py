"""Labeled items that every compared run scored, in one order, and the scores of each run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from unmask.core.errors import MissingInput, UsageError
from unmask.core.hashing import fingerprint
from unmask.evaluation.evaluate import find_evaluation
from unmask.evaluation.predictions import FILE, read_predictions
from unmask.evaluation.results import Evaluation
from unmask.metrics.paired_bootstrap import Scores

SHOWN = 3
"""Items that an error names."""


@dataclass(frozen=True, kw_only=True)
class ScoredRun:
    """One run with its stored scores of M items."""

    name: str
    folder: Path
    evaluation: Evaluation
    items: tuple[str, ...]
    """Media ids."""
    paths: tuple[str, ...]
    """"<dataset>/<path>" of each."""
    is_fake: NDArray[np.bool_]
    dataset: NDArray[np.str_]
    group: NDArray[np.str_]
    """(M,) leak-proof group; the media id for an item without one."""
    score: NDArray[np.float64]

    @property
    def split(self) -> str:
        return self.evaluation.split

    @property
    def item_hash(self) -> str:
        return fingerprint(sorted(self.items))

    def as_scores(self) -> Scores:
        return Scores(self.score, self.evaluation.model.threshold)

    def take(self, chosen: Sequence[str]) -> ScoredRun:
        """With the items `chosen` alone, in their order."""
        places = {item: at for at, item in enumerate(self.items)}
        at = np.array([places[item] for item in chosen], np.int64)
        return replace(
            self,
            items=tuple(chosen),
            paths=tuple(self.paths[place] for place in at.tolist()),
            is_fake=self.is_fake[at],
            dataset=self.dataset[at],
            group=self.group[at],
            score=self.score[at],
        )


@dataclass(frozen=True)
class PairedItems:
    """N items; `runs` have their scores in the same order, the base first."""

    runs: tuple[ScoredRun, ...]
    left_out: tuple[int, ...] = ()
    """Items of each run that others lack."""

    def __len__(self) -> int:
        return len(self.is_fake)

    @property
    def is_fake(self) -> NDArray[np.bool_]:
        return self.runs[0].is_fake

    @property
    def dataset(self) -> NDArray[np.str_]:
        """Names in the work folder of the base."""
        return self.runs[0].dataset

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        present = set(self.dataset.tolist())
        return tuple(row.name for row in self.runs[0].evaluation.model.datasets if row.name in present)

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """(N,) 0..G-1: items that any of the runs has in one group are in one, whatever its scan called it."""
        size, edges = len(self), []
        for run in self.runs:
            _, first, number = np.unique(run.group, return_index=True, return_inverse=True)
            edges.append(first[number.reshape(-1)])
        ends, starts = np.concatenate(edges), np.tile(np.arange(size), len(edges))
        links = coo_matrix((np.ones(len(ends), np.bool_), (starts, ends)), shape=(size, size))
        found: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
        return found


def read_scored_run(run: Path, name: str) -> ScoredRun:
    """The stored evaluation and predictions of `run`; `MissingInput` unless both are of its present weights."""
    evaluation = find_evaluation(run)
    if evaluation is None:
        raise MissingInput(f"{name}: no evaluation of its present weights", _suggest_evaluation(run))
    return load_scored_run(run, name, evaluation)


def load_scored_run(run: Path, name: str, evaluation: Evaluation) -> ScoredRun:
    """The predictions of `run` that belong to `evaluation`; `MissingInput` for those of another one."""
    columns = read_predictions(run).select(["media_id", "dataset", "path", "split", "group", "label", "score"])
    table = columns.to_pydict()
    items = tuple(table["media_id"])
    if len(items) != evaluation.scored or set(table["split"]) != {evaluation.split}:
        raise MissingInput(f"{run / FILE}: not of this evaluation", _suggest_evaluation(run))
    return ScoredRun(
        name=name,
        folder=run,
        evaluation=evaluation,
        items=items,
        paths=tuple(f"{dataset}/{path}" for dataset, path in zip(table["dataset"], table["path"], strict=True)),
        is_fake=np.array(table["label"], np.int64) == 1,
        dataset=np.array(table["dataset"], np.str_),
        group=np.array([own or item for own, item in zip(table["group"], items, strict=True)], np.str_),
        score=np.array(table["score"], np.float64),
    )


def pair_items(runs: Sequence[ScoredRun], *, common: bool = False) -> PairedItems:
    """The items of `runs`, the first being the base; `common`: those that all have.

    `UsageError` for runs of different splits or labels, for different items without `common`, and for no common item.
    """
    base, *others = runs
    for run in others:
        if run.split != base.split:
            problem = f"{base.name} is evaluated on {base.split}, {run.name} on {run.split}"
            raise UsageError(problem, f"{_suggest_evaluation(run.folder)} --on {base.split}")
    shared = set(base.items).intersection(*(run.items for run in others))
    if not shared:
        raise UsageError("no item was scored by all of these runs", "compare runs of the same test items")
    if not common and any(run.item_hash != base.item_hash for run in others):
        raise UsageError(
            "the runs scored different items: " + "; ".join(_describe_gaps(base, others)), _suggest(shared)
        )
    chosen = [item for item in base.items if item in shared]
    taken = [run.take(chosen) for run in runs]
    for run in taken[1:]:
        _check_labels(taken[0], run)
    return PairedItems(tuple(taken), tuple(len(run.items) - len(chosen) for run in runs))


def _suggest_evaluation(run: Path) -> str:
    """With the work folder, which need not be that of the base."""
    return f"unmask evaluate --work {shlex.quote(str(run.parent.parent))} --run {run.name}"


def _describe_gaps(base: ScoredRun, others: Sequence[ScoredRun]) -> list[str]:
    """How many items which run lacks, of those that the base scored, and the other way round."""
    lines = []
    for run in others:
        lacking, more = len(set(base.items) - set(run.items)), len(set(run.items) - set(base.items))
        if lacking:
            lines.append(f"{lacking} of the {len(base.items)} items of {base.name} are missing in {run.name}")
        if more:
            lines.append(f"{more} of the {len(run.items)} items of {run.name} are missing in {base.name}")
    return lines


def _suggest(shared: set[str]) -> str:
    items = "1 item" if len(shared) == 1 else f"{len(shared)} items"
    return f"--common compares them on the {items} that all of them scored"


def _check_labels(base: ScoredRun, run: ScoredRun) -> None:
    differ = np.flatnonzero(base.is_fake != run.is_fake).tolist()
    if differ:
        named = ", ".join(base.paths[at] for at in differ[:SHOWN])
        more = f" and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
        problem = f"{base.name} and {run.name} have different labels of {named}{more}"
        raise UsageError(problem, "scan with the same labels, train and evaluate again")
