"""Arguments of split schemes as written on the command line: what follows "folds:" in "folds:5/0@fakeavceleb".

Every parser takes the text after the colon and raises `ValueError` with the problem; `str` of its result is the one
canonical spelling, so that `parse(str(parse(text))) == parse(text)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PUBLISHED = "@official"
FEWEST_FOLDS, MOST_FOLDS = 3, 50  # one for test, one for val, at least one to train on
MRDF_FOLDS = 5

_FOLD = re.compile(r"(?P<folds>\d+)/(?P<fold>\d+)(?:@(?P<only>.+))?")
_PAIR = re.compile(r"(?P<dataset>[^/]+)/(?P<pair>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Datasets to train on and datasets to test on."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    train_official: bool = False
    """Only the published train and val files, in their published splits."""
    test_official: bool = False
    """Only the published test files."""

    def __str__(self) -> str:
        train, test = ",".join(self.train), ",".join(self.test)
        return f"{train}{PUBLISHED * self.train_official}->{test}{PUBLISHED * self.test_official}"


@dataclass(frozen=True, slots=True)
class Fold:
    """One of `count` folds."""

    count: int
    test: int
    """Number of the test fold, from 0; the next fold is val."""
    datasets: tuple[str, ...] = ()
    """The only datasets used; empty: all."""

    def __str__(self) -> str:
        return f"{self.count}/{self.test}" + (f"@{','.join(self.datasets)}" if self.datasets else "")


@dataclass(frozen=True, slots=True)
class IdentityPair:
    """One pair of identities of a dataset that are swapped with each other."""

    dataset: str
    number: int
    """From 0, in the order of the identities' names."""

    def __str__(self) -> str:
        return f"{self.dataset}/{self.number}"


def parse_dataset(text: str) -> str:
    datasets = _parse_datasets(text)
    if len(datasets) != 1:
        raise ValueError("it takes exactly one dataset")
    return datasets[0]


def parse_transfer(text: str) -> Transfer:
    train, arrow, test = text.partition("->") if "->" in text else text.partition(":")
    if not arrow or not train.strip() or not test.strip():
        raise ValueError("it needs datasets on both sides of the arrow (did the shell take the > for itself?)")
    sides = [side.strip() for side in (train, test)]
    names = [_parse_datasets(side.removesuffix(PUBLISHED)) for side in sides]
    both = sorted(set(names[0]) & set(names[1]))
    if both:
        raise ValueError(f"{', '.join(both)} cannot be on both sides")
    official = [side.endswith(PUBLISHED) for side in sides]
    return Transfer(train=names[0], test=names[1], train_official=official[0], test_official=official[1])


def parse_fold(text: str) -> Fold:
    match = _FOLD.fullmatch(text)
    if not match:
        raise ValueError("it needs the number of folds and the number of the test fold, from 0")
    count, test = int(match["folds"]), int(match["fold"])
    if not FEWEST_FOLDS <= count <= MOST_FOLDS:
        raise ValueError(f"{count} folds are not between {FEWEST_FOLDS} and {MOST_FOLDS}")
    _check_range(test, count)
    return Fold(count, test, _parse_datasets(match["only"]) if match["only"] else ())


def parse_mrdf_fold(text: str) -> Fold:
    if not text.isdecimal():
        raise ValueError("it needs the number of the test fold, from 0")
    _check_range(int(text), MRDF_FOLDS)
    return Fold(MRDF_FOLDS, int(text), ("fakeavceleb",))


def write_mrdf_fold(fold: Fold) -> str:
    return str(fold.test)


def parse_pair(text: str) -> IdentityPair:
    match = _PAIR.fullmatch(text)
    if not match:
        raise ValueError("it needs a dataset and the number of the pair of identities to test on, from 0")
    return IdentityPair(parse_dataset(match["dataset"]), int(match["pair"]))


def _parse_datasets(text: str) -> tuple[str, ...]:
    """Dataset keys of a comma-separated list, sorted."""
    keys = [key.strip() for key in text.split(",")]
    if not all(keys) or len(set(keys)) < len(keys) or any(sign in key for key in keys for sign in "@:/>"):
        raise ValueError(f"{text!r} is not a list of datasets")
    return tuple(sorted(keys))


def _check_range(fold: int, folds: int) -> None:
    if fold >= folds:
        raise ValueError(f"the last of {folds} folds is {folds - 1}")
