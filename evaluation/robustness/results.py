"""What `unmask robustness` measures: robustness.json and robustness.csv in the run's folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import write_text
from unmask.core.errors import MissingInput
from unmask.core.files import sealed_files
from unmask.core.files.csv_tables import format_rows
from unmask.core.files.damage import Damaged, as_missing_input
from unmask.evaluation.robustness.corruptions import CORRUPTIONS, Stream
from unmask.metrics.bootstrap import Interval

log = logging.getLogger("unmask")

FILE, CSV = "robustness.json", "robustness.csv"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """AUC of one set of items, clean and corrupted. None where the items lack a class."""

    scope: str
    """pooled, macro (mean over datasets), a kind of media ("kind: video") or a dataset."""
    n_real: int
    n_fake: int
    clean: float | None
    """Of the same items at strength 0."""
    clean_interval: Interval | None
    """95 %, like the others: whole groups are resampled. None with fewer than three groups per class."""
    auc: float | None
    interval: Interval | None
    difference: float | None
    """auc - clean."""
    difference_interval: Interval | None
    """Of the paired difference: both AUCs from the same draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One corruption at one strength."""

    corruption: str
    title: str
    stream: Stream
    strength: int
    """0: clean."""
    value: str
    """For example "quality 75"; "clean" at strength 0."""
    items: int
    """Evaluated items that have the stream: those that the figures are of."""
    lost: int
    """Of them, without a score under the corruption; they keep their clean one."""
    figures: tuple[Figure, ...]

    def find(self, scope: str) -> Figure | None:
        return next((one for one in self.figures if one.scope == scope), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    run: str
    key: str
    best_epoch: int
    threshold: float
    split: str
    seed: int
    """Of the bootstrap: that of the evaluation."""
    scored: int
    """Items of the evaluation."""
    clean: tuple[Figure, ...]
    """Of all evaluated items at strength 0: the AUCs of the evaluation."""
    cells: tuple[CellResult, ...]
    """By corruption, then by strength."""
    encoders: dict[str, list[str]]
    """Stream -> encoders whose tokens its corruptions change."""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}

    def belongs_to(self, other: Robustness) -> bool:
        """Are both of the same weights, items and draws?"""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("key", "best_epoch", "threshold", "split", "seed", "scored")
        )


def write_robustness(run: Path, found: Robustness) -> None:
    sealed_files.write_json(run / FILE, found.as_json())
    write_text(run / CSV, format_csv(found))


def read_robustness(run: Path) -> Robustness:
    """`MissingInput` if it has not been measured by this version."""
    path = run / FILE
    try:
        value = sealed_files.read_json(path)
        if value.pop("version", None) != VERSION:
            raise MissingInput(f"{path}: written by another version", "unmask robustness")
        cells = tuple(CellResult(**{**one, "figures": _read_figures(one)}) for one in value.pop("cells"))
        clean = tuple(map(_read_figure, value.pop("clean")))
        return Robustness(**{**value, "clean": clean, "cells": cells, "notes": tuple(value["notes"])})
    except Damaged as error:
        log.warning("%s: left out; unmask robustness measures it again", error)
        raise MissingInput(str(error), "unmask robustness") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise as_missing_input(error, f"{path}: no robustness of this run", "unmask robustness") from error


def merge_cells(new: Robustness, old: Robustness) -> tuple[CellResult, ...]:
    """The cells of `new`, and those of `old` that it does not measure, in the order of the registry."""
    cells = {(one.corruption, one.strength): one for one in (*old.cells, *new.cells)}
    order = {one.name: position for position, one in enumerate(CORRUPTIONS)}
    known = [place for place in cells if place[0] in order]
    return tuple(cells[place] for place in sorted(known, key=lambda place: (order[place[0]], place[1])))


def list_rows(found: Robustness) -> list[dict[str, Any]]:
    """One row per cell and scope."""
    return [
        {
            "corruption": cell.corruption,
            "stream": cell.stream,
            "strength": cell.strength,
            "value": cell.value,
            "items": cell.items,
            "lost": cell.lost,
            "scope": one.scope,
            "n_real": one.n_real,
            "n_fake": one.n_fake,
            "auc": one.auc,
            **_split_interval("auc", one.interval),
            "clean": one.clean,
            **_split_interval("clean", one.clean_interval),
            "difference": one.difference,
            **_split_interval("difference", one.difference_interval),
        }
        for cell in found.cells
        for one in cell.figures
    ]


def format_csv(found: Robustness) -> str:
    """`list_rows`; an empty field where a value has no meaning."""
    rows = list_rows(found)
    return format_rows([list(rows[0]) if rows else [], *(row.values() for row in rows)])


def _split_interval(name: str, span: Interval | None) -> dict[str, float | None]:
    return {f"{name}_low": span and span[0], f"{name}_high": span and span[1]}


def _read_figures(cell: Mapping[str, Any]) -> tuple[Figure, ...]:
    return tuple(map(_read_figure, cell["figures"]))


def _read_figure(value: Mapping[str, Any]) -> Figure:
    known: dict[str, Any] = {name: tuple(entry) if isinstance(entry, list) else entry for name, entry in value.items()}
    return Figure(**known)
