"""All split schemes: one entry each. Parsing, names in manifests, error hints and the table in docs/splits.md follow.

To add one: docs/add-a-split-scheme.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest
from unmask.manifests.splits.folds import assign_folds, assign_mrdf, assign_pair
from unmask.manifests.splits.grammar import (
    parse_dataset,
    parse_fold,
    parse_mrdf_fold,
    parse_pair,
    parse_transfer,
    write_mrdf_fold,
)
from unmask.manifests.splits.identity_graph import Ints
from unmask.manifests.splits.protocols import (
    assign_cross,
    assign_default,
    assign_grouped,
    assign_leave_one_out,
    assign_official,
    assign_official_strict,
)
from unmask.manifests.splits.split_columns import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to assign files to train, val and test."""

    name: str
    form: str
    """How it is written on the command line, for help and error hints: the name, or the name, ":" and an argument."""
    description: str
    """One line of Markdown for help and docs: which files are train, val and test."""
    assign: Callable[[Columns, Any, int], Ints]
    """(columns of R rows, argument, seed) -> (R,) position in SPLITS, below 0 for rows in no split."""
    parse: Callable[[str], Any] | None = None
    """Text after the colon -> argument; `ValueError` with the problem. None: the scheme takes no argument."""
    write: Callable[[Any], str] = str
    """Argument -> its canonical text, which `parse` reads back."""
    seeded: bool = True
    """Does the seed change the assignment? Then it is part of the split's name."""
    spellings: tuple[str, ...] = ()
    """Other names that the command line accepts."""


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            name="default",
            form="default",
            description="the published split where there is one, without files that would leak into val or test; other "
            "files join the split they are linked to, else they are grouped",
            assign=assign_default,
        ),
        Scheme(
            name="official",
            form="official",
            description="exactly as published. Refused where it leaks, unless `--allow-leaks`",
            assign=assign_official,
            seeded=False,
        ),
        Scheme(
            name="official-strict",
            form="official-strict",
            description="as published, without files that share an identity, source or content with a stricter split",
            assign=assign_official_strict,
            seeded=False,
        ),
        Scheme(
            name="grouped",
            form="grouped",
            description="seeded, near 70/15/15 per dataset, label and method, whole components only",
            assign=assign_grouped,
        ),
        Scheme(
            name="leave-one-out",
            form="leave-one-out:DATASET",
            description="that dataset is test; train and val are grouped from all others, without files linked to it",
            assign=assign_leave_one_out,
            parse=parse_dataset,
            spellings=("leave-one-dataset-out",),
        ),
        Scheme(
            name="cross",
            form="cross:DATASET[,DATASET]->DATASET",
            description="train and val from the first list, test from the second; `@official` after a list takes only "
            "its published train and val, or test",
            assign=assign_cross,
            parse=parse_transfer,
        ),
        Scheme(
            name="folds",
            form="folds:5/0",
            description="5 grouped folds: fold 0 is test, fold 1 val, the others train; `folds:5/0@fakeavceleb` uses "
            "only the datasets named",
            assign=assign_folds,
            parse=parse_fold,
        ),
        Scheme(
            name="leave-two-out",
            form="leave-two-out:DATASET/0",
            description="pair 0 of the dataset's swapped identities is test; over all pairs every file is tested once",
            assign=assign_pair,
            parse=parse_pair,
            spellings=("leave-two-speakers-out",),
        ),
        Scheme(
            name="mrdf",
            form="mrdf:0",
            description="FakeAVCeleb in five folds of identities, its four types equally often (the protocol of MRDF)",
            assign=assign_mrdf,
            parse=parse_mrdf_fold,
            write=write_mrdf_fold,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ChosenScheme:
    """What `--split` says, checked as far as possible without a manifest. `parse(str(chosen)) == chosen`."""

    name: str
    """A key of SCHEMES."""
    argument: Any = None

    def __str__(self) -> str:
        return self.name if self.argument is None else f"{self.name}:{SCHEMES[self.name].write(self.argument)}"


def parse(text: str) -> ChosenScheme:
    """`UsageError` for an unknown scheme or a wrong argument."""
    name, colon, argument = text.strip().partition(":")
    spellings = {other: scheme.name for scheme in SCHEMES.values() for other in scheme.spellings}
    scheme = SCHEMES.get(spellings.get(name, name))
    if scheme is None:
        forms = ", ".join(shlex.quote(known.form) for known in SCHEMES.values())
        meant = suggest(name, (*SCHEMES, *spellings))
        raise UsageError(f"--split {text}: no such split scheme", f"{meant}schemes: {forms}")
    try:
        return ChosenScheme(scheme.name, _parse_argument(scheme, colon, argument.strip()))
    except ValueError as error:
        raise UsageError(f"--split {text}: {error}", f"--split {shlex.quote(scheme.form)}") from error


def write_table() -> str:
    """The schemes as a Markdown table."""
    lines = [f"| `{scheme.form}` | {scheme.description} |" for scheme in SCHEMES.values()]
    return "\n".join(["| scheme | train, val, test |", "|---|---|", *lines])


def _parse_argument(scheme: Scheme, colon: str, text: str) -> Any:
    if scheme.parse is None:
        if colon:
            raise ValueError("it takes nothing after its name")
        return None
    if not text:
        raise ValueError("its argument is missing")
    return scheme.parse(text)
