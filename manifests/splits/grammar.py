"""Split schemes as they are written on the command line.

    default, official, official-strict, grouped
    leave-one-out:celeb_df                           that dataset is test; train and val from all others
    cross:faceforensics->celeb_df                    train and val from the first list, test is the second
    cross:faceforensics@official->celeb_df@official  only what is published as train and val, and as test
    folds:5/0, folds:5/0@fakeavceleb                 fold 0 is test, fold 1 val; all datasets, or those named
    leave-two-out:deepvoice/0                        two people of a dataset are test, pair by pair
    mrdf:0                                           FakeAVCeleb in 5 folds of people, its four types equally often

What each does: splits.py. The shell takes ">" for itself, so quote it, or write cross:faceforensics:celeb_df.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from unmask.core.errors import UsageError

PUBLISHED = "@official"
FEWEST_FOLDS, MOST_FOLDS = 3, 50  # one for test, one for val, at least one to train on
MRDF_FOLDS = 5

FORMS = {
    "default": "default",
    "official": "official",
    "official-strict": "official-strict",
    "grouped": "grouped",
    "leave-one-out": "leave-one-out:DATASET",
    "cross": "'cross:DATASET[,DATASET]->DATASET'",
    "folds": "folds:5/0",
    "leave-two-out": "leave-two-out:DATASET/0",
    "mrdf": "mrdf:0",
}
SPELLINGS = {"leave-one-dataset-out": "leave-one-out", "leave-two-speakers-out": "leave-two-out"}

_FOLD = re.compile(r"(?P<folds>\d+)/(?P<fold>\d+)(?:@(?P<only>.+))?")
_PAIR = re.compile(r"(?P<dataset>[^/]+)/(?P<pair>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What `--split` says, checked as far as it can be without a manifest."""

    name: str
    """A key of FORMS."""
    trained: tuple[str, ...] = ()
    """Datasets to train on; of "folds" those it is about. Empty: all."""
    tested: tuple[str, ...] = ()
    trained_official: bool = False
    """Train and val as published, not grouped."""
    tested_official: bool = False
    """Only the published test."""
    folds: int = 0
    fold: int = 0
    """Position of the fold, or of the pair of people, that is test."""

    @property
    def seeded(self) -> bool:
        return not self.name.startswith("official")

    def __str__(self) -> str:
        """The one way to write it: `parse(str(scheme)) == scheme`."""
        match self.name:
            case "leave-one-out":
                return f"{self.name}:{self.tested[0]}"
            case "cross":
                trained = ",".join(self.trained) + PUBLISHED * self.trained_official
                return f"{self.name}:{trained}->{','.join(self.tested)}{PUBLISHED * self.tested_official}"
            case "folds":
                return f"{self.name}:{self.folds}/{self.fold}" + (f"@{','.join(self.trained)}" if self.trained else "")
            case "leave-two-out":
                return f"{self.name}:{self.tested[0]}/{self.fold}"
            case "mrdf":
                return f"{self.name}:{self.fold}"
        return self.name


def parse(text: str) -> Scheme:
    """`UsageError` for what is no scheme."""
    name, colon, rest = text.strip().partition(":")
    name = SPELLINGS.get(name, name)
    if name not in FORMS:
        raise UsageError(f"--split {text}: no such split scheme", f"one of {', '.join(FORMS.values())}")
    reader = _READERS.get(name)
    if reader is None:
        if colon:
            raise _wrong(text, name, "it takes nothing after its name")
        return Scheme(name=name)
    if not rest.strip():
        raise _wrong(text, name, "something is missing after its name")
    return reader(text, rest.strip())


def _leave_one_out(text: str, rest: str) -> Scheme:
    datasets = _datasets(text, "leave-one-out", rest)
    if len(datasets) != 1:
        raise _wrong(text, "leave-one-out", "one dataset is left out at a time")
    return Scheme(name="leave-one-out", tested=datasets)


def _cross(text: str, rest: str) -> Scheme:
    trained, arrow, tested = rest.partition("->") if "->" in rest else rest.partition(":")
    if not arrow or not trained.strip() or not tested.strip():
        raise _wrong(
            text, "cross", "it needs datasets on both sides of the arrow (did the shell take the > for itself?)"
        )
    sides = [side.strip() for side in (trained, tested)]
    names = [_datasets(text, "cross", side.removesuffix(PUBLISHED)) for side in sides]
    both = sorted(set(names[0]) & set(names[1]))
    if both:
        raise _wrong(text, "cross", f"{', '.join(both)} cannot be on both sides")
    official = [side.endswith(PUBLISHED) for side in sides]
    return Scheme(
        name="cross", trained=names[0], tested=names[1], trained_official=official[0], tested_official=official[1]
    )


def _folds(text: str, rest: str) -> Scheme:
    match = _FOLD.fullmatch(rest)
    if not match:
        raise _wrong(text, "folds", "it needs the number of folds and, from 0, which one is test")
    folds, fold = int(match["folds"]), int(match["fold"])
    if not FEWEST_FOLDS <= folds <= MOST_FOLDS:
        raise _wrong(text, "folds", f"{folds} folds are not between {FEWEST_FOLDS} and {MOST_FOLDS}")
    _in_range(text, "folds", fold, folds)
    only = _datasets(text, "folds", match["only"]) if match["only"] else ()
    return Scheme(name="folds", trained=only, folds=folds, fold=fold)


def _leave_two_out(text: str, rest: str) -> Scheme:
    match = _PAIR.fullmatch(rest)
    if not match:
        raise _wrong(text, "leave-two-out", "it needs a dataset and, from 0, which pair of its people is test")
    datasets = _datasets(text, "leave-two-out", match["dataset"])
    if len(datasets) != 1:
        raise _wrong(text, "leave-two-out", "it is about one dataset")
    return Scheme(name="leave-two-out", tested=datasets, fold=int(match["pair"]))


def _mrdf(text: str, rest: str) -> Scheme:
    if not rest.isdecimal():
        raise _wrong(text, "mrdf", "it needs, from 0, which fold is test")
    _in_range(text, "mrdf", int(rest), MRDF_FOLDS)
    return Scheme(name="mrdf", trained=("fakeavceleb",), folds=MRDF_FOLDS, fold=int(rest))


_READERS: dict[str, Callable[[str, str], Scheme]] = {
    "leave-one-out": _leave_one_out,
    "cross": _cross,
    "folds": _folds,
    "leave-two-out": _leave_two_out,
    "mrdf": _mrdf,
}


def _datasets(text: str, name: str, listed: str) -> tuple[str, ...]:
    """Keys in a comma list, in one order however they were written."""
    keys = [key.strip() for key in listed.split(",")]
    if not all(keys) or len(set(keys)) < len(keys) or any(sign in key for key in keys for sign in "@:/>"):
        raise _wrong(text, name, f"{listed!r} is no list of datasets")
    return tuple(sorted(keys))


def _in_range(text: str, name: str, fold: int, folds: int) -> None:
    if fold >= folds:
        raise _wrong(text, name, f"the last of {folds} folds is {folds - 1}")


def _wrong(text: str, name: str, problem: str) -> UsageError:
    return UsageError(f"--split {text}: {problem}", f"--split {FORMS[name]}")
