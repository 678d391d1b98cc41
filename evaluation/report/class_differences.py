"""Results of preprocessing compared between real and fake files: a model can learn a difference as a shortcut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from unmask.manifests.audit.results import FLAG_ABOVE, FLAG_GROUPS
from unmask.manifests.manifest import MediaRow
from unmask.metrics.binary import auc
from unmask.preprocess.outcomes import Outcome

LABELS = ("real", "fake")
# p-value. A page has up to a hundred comparisons, so about one is below it by chance.
CHANCE = 0.01
# Least AUC of a share of files: a difference of 10 in 100 files is an AUC of 0.55.
SHARES_ABOVE = 0.55


@dataclass(frozen=True, slots=True)
class Fact:
    """One value per file."""

    name: str
    title: str
    """Column heading."""
    meaning: str
    """Description in a sentence."""
    unit: Literal["share", "seconds", "level"]
    of: Callable[[Outcome], float | None]
    """None if the file has no such value."""
    least_auc: float = FLAG_ABOVE
    """Least AUC of a difference that is reported."""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """Means over files; None if no file has the value."""

    dataset: str
    label: str
    files: int
    means: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Difference:
    dataset: str
    fact: str
    real: float
    fake: float
    auc: float
    """AUC of the value alone, in either direction: 0.5..1."""


def _of_faces(value: Callable[[Outcome], float]) -> Callable[[Outcome], float | None]:
    return lambda one: value(one) if one.faces else None


def _of_audio(value: Callable[[Outcome], float | None]) -> Callable[[Outcome], float | None]:
    return lambda one: None if one.outcome == "failed" or one.silent_share is None else value(one)


FAILED = Fact(
    "failed", "failed", "files that failed", "share", lambda one: float(one.outcome == "failed"), SHARES_ABOVE
)
FACES = (
    Fact(
        "frames_with_face",
        "face found",
        "frames in which a face was found",
        "share",
        _of_faces(lambda one: 1 - one.fallback_faces / one.faces),
    ),
    Fact(
        "without_face",
        "no face at all",
        "files with no face found in any frame",
        "share",
        _of_faces(lambda one: float(without_face(one))),
        SHARES_ABOVE,
    ),
)
AUDIO = (
    Fact(
        "cut_start_s",
        "cut at start",
        "silence cut off at the start",
        "seconds",
        _of_audio(lambda one: one.cut_start_s),
    ),
    Fact("cut_end_s", "cut at end", "silence cut off at the end", "seconds", _of_audio(lambda one: one.cut_end_s)),
    Fact("silent_share", "silent", "silent 10 ms frames", "share", _of_audio(lambda one: one.silent_share)),
    Fact("clipped_share", "clipped", "clipped samples", "share", _of_audio(lambda one: one.clipped_share)),
    Fact("nan_share", "NaN", "samples that are NaN", "share", _of_audio(lambda one: one.nan_share)),
    Fact("dc", "DC", "DC offset", "level", _of_audio(lambda one: one.dc)),
)


FACTS = {fact.name: fact for fact in (FAILED, *FACES, *AUDIO)}


def figure(value: float | None, fact: Fact) -> str:
    """`value` with its unit; small shares as "< 0.1 %", None as "-"."""
    if value is None:
        return "-"
    if fact.unit == "share":
        return "0 %" if value == 0 else "< 0.1 %" if value < 0.001 else f"{100 * value:.1f} %"
    return f"{value:.2f} s" if fact.unit == "seconds" else f"{value:z.4f}"


def without_face(outcome: Outcome) -> bool:
    """True if no face was found in any frame and all crops are center crops."""
    return 0 < outcome.faces == outcome.fallback_faces


def list_facts(lines: Sequence[LabelLine]) -> list[Fact]:
    """Facts with a value in any of `lines`, in the order of the columns."""
    return [fact for fact in FACTS.values() if any(line.means.get(fact.name) is not None for line in lines)]


def compare_labels(
    rows: Sequence[MediaRow], outcomes: Mapping[str, Outcome], *, searched: bool
) -> tuple[list[LabelLine], list[Difference]]:
    """One line per dataset and label, and the facts that differ between the labels, highest AUC first.

    `searched`: True if a face detector was used.
    """
    facts = (FAILED, *(FACES if searched else ()), *AUDIO)
    cells: dict[tuple[int, str], tuple[list[MediaRow], list[MediaRow]]] = {}
    for row in rows:
        if row.label is not None and row.media_id in outcomes:
            cells.setdefault((row.domain_id, row.dataset), ([], []))[row.label].append(row)
    lines, differences = [], []
    for (_, dataset), parts in sorted(cells.items()):
        values = [{fact.name: _read_values(fact, part, outcomes) for fact in facts} for part in parts]
        for label, part, found in zip(LABELS, parts, values, strict=True):
            if part:
                lines.append(LabelLine(dataset, label, len(part), {name: _average(one) for name, one in found.items()}))
        units = [_list_units(part) for part in parts]
        differences += [
            one for fact in facts if (one := _compare_labels(dataset, fact, [v[fact.name] for v in values], units))
        ]
    return lines, sorted(differences, key=lambda one: -one.auc)


def _read_values(fact: Fact, rows: Sequence[MediaRow], outcomes: Mapping[str, Outcome]) -> NDArray[np.float64]:
    """(N,) NaN if a file has no such value."""
    return np.array([fact.of(outcomes[row.media_id]) for row in rows], np.float64)


def _list_units(rows: Sequence[MediaRow]) -> NDArray[np.str_]:
    return np.array([row.group or row.media_id for row in rows], np.str_)


def _average(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _compare_labels(
    dataset: str, fact: Fact, values: list[NDArray[np.float64]], units: list[NDArray[np.str_]]
) -> Difference | None:
    """None if the labels do not differ in `fact`, or by no more than chance."""
    known = [np.isfinite(one) for one in values]
    real, fake = (one[there] for one, there in zip(values, known, strict=True))
    if min(len(real), len(fake)) < FLAG_GROUPS:
        return None
    area = auc(np.repeat([False, True], [len(real), len(fake)]), np.concatenate([real, fake]))
    if max(area, 1 - area) < fact.least_auc or not _is_significant(
        [real, fake], [u[k] for u, k in zip(units, known, strict=True)]
    ):
        return None
    return Difference(dataset, fact.name, float(real.mean()), float(fake.mean()), max(area, 1 - area))


def _is_significant(values: list[NDArray[np.float64]], units: list[NDArray[np.str_]]) -> bool:
    """Mann-Whitney test on group means, as files of one group are not independent; on files if groups are few."""
    merged = [_average_groups(value, unit) for value, unit in zip(values, units, strict=True)]
    compared = merged if min(map(len, merged)) >= FLAG_GROUPS else values
    return bool(mannwhitneyu(*compared).pvalue < CHANCE)


def _average_groups(values: NDArray[np.float64], units: NDArray[np.str_]) -> NDArray[np.float64]:
    _, place = np.unique(units, return_inverse=True)
    means = np.bincount(place, values) / np.bincount(place)
    return np.asarray(means, np.float64)
