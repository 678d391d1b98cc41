"""The table of a suite: one row per split, or a grid of AUC; then what a reader has to know."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.suites.registry import CellSplit
from unmask.evaluation.suites.results import (
    MEAN,
    SuiteResult,
    average_cells,
    describe_items,
    format_spread,
    list_figures,
    list_means,
    spread_cell,
)
from unmask.evaluation.tables.text_tables import RowGroup, TextTable
from unmask.metrics.binary import ENOUGH_ITEMS

LISTED = 5
"""Cells that a note names."""
FRAMES = (
    "Frame AUC: each cropped face scored by itself, without the other faces and without sound, all faces of all videos "
    "together. Video AUC: the score of the whole file, as everywhere in unmask. Video AUC (mean of frames): the mean "
    "score of a video's faces, as DeepfakeBench reports it. The faces are those of the cache, evenly spaced over each "
    "clip, where the field takes 32 frames per video."
)


def make_table(result: SuiteResult) -> TextTable:
    """One group of rows per preset, each with its mean."""
    make = _make_grid if result.grid else _make_rows
    headings, groups = make(result)
    return TextTable(headings=headings, groups=groups, notes=write_notes(result))


def render_suite(result: SuiteResult) -> RenderableType:
    """For the terminal: one table per preset, then the notes."""
    table = make_table(result)
    parts: list[RenderableType] = []
    for group in table.groups:
        names, *others = [
            Column(heading=heading, cells=[row[at] for row in group.rows]) for at, heading in enumerate(table.headings)
        ]
        title = f"suite {result.suite}: {group.title}, {len(result.seeds)} seed(s), profile {result.profile}"
        parts += [WideTable(title=title, names=names, columns=others), Text()]
    return Group(*parts, *(Text(f"- {note}") for note in table.notes))


def write_notes(result: SuiteResult) -> list[str]:
    """What the figures are, which cells have none and why; one sentence each."""
    notes = [f"Suite {result.suite}: {result.description.replace('`', '')}. Split seed {result.split_seed}."]
    if result.grid:
        notes.append("AUC; rows: trained on, columns: tested on. The diagonal is not part of the means.")
    elif any(split.frames for split in result.splits):
        notes.append(FRAMES)
    notes += _describe_spread(result)
    notes += _describe_reasons(result)
    notes += _describe_left_out(result)
    if small := _list_small(result):
        notes.append(f"Fewer than {ENOUGH_ITEMS} real or fake test items, mostly luck: {_list_some(small)}.")
    if result.stopped:
        notes.append("Stopped: run the same command again to continue.")
    return notes


def _make_rows(result: SuiteResult) -> tuple[list[str], list[RowGroup]]:
    figures, groups = list_figures(result), []
    for preset in result.presets:
        rows = [
            [
                split.name,
                describe_items(result, preset, split.name),
                *(format_spread(spread_cell(result, preset, split.name, figure)) for figure in figures),
            ]
            for split in result.splits
        ]
        for name, averaged in list_means(result, preset):
            means = (average_cells(result, preset, figure, averaged) for figure in figures)
            rows.append([name, "", *map(format_spread, means)])
        groups.append(RowGroup(rows=rows, title=preset))
    return ["split", "real+fake", *(figure.heading for figure in figures)], groups


def _make_grid(result: SuiteResult) -> tuple[list[str], list[RowGroup]]:
    auc = list_figures(result)[0]
    tested = list(dict.fromkeys(split.test for split in result.splits))
    trained = list(dict.fromkeys(split.train for split in result.splits))
    groups = []
    for preset in result.presets:
        rows = []
        for train in trained:
            own = {split.test: split for split in result.splits if split.train == train}
            cells = [format_spread(spread_cell(result, preset, own[test].name, auc)) for test in tested]
            rows.append([train, *cells, format_spread(average_cells(result, preset, auc, list(own.values())))])
        columns: list[Sequence[CellSplit] | None] = [
            [split for split in result.splits if split.test == test] for test in tested
        ]
        rows.append([MEAN, *(format_spread(average_cells(result, preset, auc, one)) for one in [*columns, None])])
        groups.append(RowGroup(rows=rows, title=preset))
    return ["trained on", *tested, MEAN], groups


def _describe_spread(result: SuiteResult) -> list[str]:
    if len(result.seeds) < 2:
        return []
    return [f"Mean ± standard deviation over {len(result.seeds)} seeds of the training; the splits stay the same."]


def _describe_reasons(result: SuiteResult) -> list[str]:
    """Cells without a figure by their reason, each split once."""
    by_reason: dict[str, dict[str, None]] = {}
    for cell in result.cells:
        if cell.reason:
            reason = cell.reason.replace(f"{_find_scheme(result, cell.split)}: ", "")
            by_reason.setdefault(reason, {})[cell.split] = None
    return [f"-: {reason}: {_list_some(list(splits))}." for reason, splits in by_reason.items()]


def _find_scheme(result: SuiteResult, name: str) -> str:
    return next((split.scheme for split in result.splits if split.name == name), "")


def _describe_left_out(result: SuiteResult) -> list[str]:
    by_parts: dict[tuple[str, ...], dict[str, None]] = {}
    for cell in result.cells:
        if cell.left_out:
            by_parts.setdefault(cell.left_out, {})[cell.split] = None
    return [
        f"Trained and scored without {' and '.join(parts)}, which no training file has: {_list_some(list(splits))}."
        for parts, splits in by_parts.items()
    ]


def _list_small(result: SuiteResult) -> list[str]:
    small = (cell for cell in result.cells if not cell.reason and cell.is_small)
    return list(dict.fromkeys(cell.split for cell in small))


def _list_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
