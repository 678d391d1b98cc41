"""The suites of the command line, each with its splits. A new suite is one entry of SUITES."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest
from unmask.manifests.manifest import Compression
from unmask.manifests.splits.grammar import FEWEST_FOLDS, MOST_FOLDS, MRDF_FOLDS

DATASET_OF_FFPP, DATASET_OF_CELEB_DF, DATASET_OF_DFD = "faceforensics", "celeb_df", "dff"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSplit:
    """One split of a suite, which every preset is trained on with every seed."""

    name: str
    """In the table; unique in its suite."""
    scheme: str
    """As on the command line of `unmask split`."""
    train: str = ""
    test: str = ""
    """Row and column in the grid of a suite that has one."""
    datasets: tuple[str, ...] = ()
    """The only datasets whose files are split; empty: all."""
    compression: Compression | None = None
    """Files of other compression levels are left out; files of unknown level stay."""
    averaged: bool = True
    """Counts in the mean row."""
    frames: bool = False
    """Also score every face by itself (frame_scores.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite, and how it is written on the command line."""

    name: str
    """What stands before the colon."""
    form: str
    """As an example on the command line."""
    description: str
    """One line of Markdown for help and docs: what is trained and tested."""
    list_splits: Callable[[Sequence[str], Any], list[CellSplit]]
    """(datasets of the manifest, argument) -> splits in the order of the table."""
    parse: Callable[[str], Any] | None = None
    """Text after the colon -> argument; `ValueError` with the problem. None: the suite takes no argument."""
    grid: bool = False
    """Shown as a grid of AUC: what was trained on by what was tested on."""


def parse_folds(text: str) -> int:
    if not text.isdecimal() or not FEWEST_FOLDS <= int(text) <= MOST_FOLDS:
        raise ValueError(f"it needs the number of folds, between {FEWEST_FOLDS} and {MOST_FOLDS}")
    return int(text)


def list_loo(datasets: Sequence[str], argument: None) -> list[CellSplit]:
    return [CellSplit(name=f"others -> {name}", scheme=f"leave-one-out:{name}") for name in datasets]


def list_matrix(datasets: Sequence[str], argument: None) -> list[CellSplit]:
    """Every ordered pair; the diagonal is a grouped split of one dataset and is not part of the mean."""
    return [
        CellSplit(name=f"within {train}", scheme="grouped", train=train, test=test, datasets=(train,), averaged=False)
        if train == test
        else CellSplit(name=f"{train} -> {test}", scheme=f"cross:{train}->{test}", train=train, test=test)
        for train in datasets
        for test in datasets
    ]


def list_folds(datasets: Sequence[str], count: int) -> list[CellSplit]:
    return [CellSplit(name=f"fold {fold} of {count}", scheme=f"folds:{count}/{fold}") for fold in range(count)]


def list_ffpp_cross(datasets: Sequence[str], argument: None) -> list[CellSplit]:
    """Train and val of FF++'s published list in c23; test as DeepfakeBench reports it (Yan et al., NeurIPS 2023)."""
    trained = f"{DATASET_OF_FFPP}@official"
    celeb_df, dfd = f"cross:{trained}->{DATASET_OF_CELEB_DF}@official", f"cross:{trained}->{DATASET_OF_DFD}"
    return [
        CellSplit(name="FF++ c23 -> Celeb-DF-v2 (official test list)", scheme=celeb_df, compression="c23", frames=True),
        CellSplit(name="FF++ c23 -> DFD (all videos)", scheme=dfd, compression="c23", frames=True),
    ]


def list_mrdf(datasets: Sequence[str], argument: None) -> list[CellSplit]:
    return [CellSplit(name=f"MRDF fold {fold}", scheme=f"mrdf:{fold}") for fold in range(MRDF_FOLDS)]


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            name="loo",
            form="loo",
            description="leave one dataset out: train on all others, test on it; every dataset in turn",
            list_splits=list_loo,
        ),
        Suite(
            name="matrix",
            form="matrix",
            description="train on one dataset, test on another, every ordered pair; on the diagonal a grouped split of "
            "one dataset",
            list_splits=list_matrix,
            grid=True,
        ),
        Suite(
            name="folds",
            form="folds:5",
            description="grouped folds over all datasets: every file is tested once",
            list_splits=list_folds,
            parse=parse_folds,
        ),
        Suite(
            name="ffpp-cross",
            form="ffpp-cross",
            description="train on FaceForensics++ c23 (published list), test on Celeb-DF-v2's official test list and "
            "on DFD; frame AUC and video AUC",
            list_splits=list_ffpp_cross,
        ),
        Suite(
            name="fakeavceleb-mrdf",
            form="fakeavceleb-mrdf",
            description="FakeAVCeleb in the five folds of identities of MRDF",
            list_splits=list_mrdf,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ChosenSuite:
    """What `unmask suite` was given. `parse_suite(str(chosen)) == chosen`."""

    suite: Suite
    argument: Any = None

    def __str__(self) -> str:
        return self.suite.name if self.argument is None else f"{self.suite.name}:{self.argument}"

    def list_splits(self, datasets: Sequence[str]) -> list[CellSplit]:
        return self.suite.list_splits(datasets, self.argument)


def parse_suite(text: str) -> ChosenSuite:
    """`UsageError` for an unknown suite or a wrong argument."""
    name, colon, argument = text.strip().partition(":")
    suite = SUITES.get(name)
    if suite is None:
        forms = ", ".join(known.form for known in SUITES.values())
        raise UsageError(f"{text}: no such suite", f"{suggest(name, SUITES)}suites: {forms}")
    if suite.parse is None:
        if colon:
            raise UsageError(f"{text}: {name} takes nothing after its name", f"unmask suite {name}")
        return ChosenSuite(suite)
    try:
        return ChosenSuite(suite, suite.parse(argument.strip()))
    except ValueError as error:
        raise UsageError(f"{text}: {error}", f"unmask suite {shlex.quote(suite.form)}") from error


def write_table() -> str:
    """The suites as a Markdown table."""
    lines = [f"| `{suite.form}` | {suite.description} |" for suite in SUITES.values()]
    return "\n".join(["| suite | train and test |", "|---|---|", *lines])
