"""Files in which the detector found no face: counted, with a few of the crops that were taken instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unmask.evaluation.report.class_differences import LABELS, without_face
from unmask.evaluation.report.contact_sheet import Cell, Face, candidates, contact_sheet
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.shards.shard_plan import holding, read_plan
from unmask.preprocess.task import item_key


@dataclass(frozen=True, slots=True)
class Missed:
    """Files of one dataset and label in which no face was found: the centre of every frame was taken."""

    dataset: str
    label: str
    files: int
    given: int
    """Files with pictures that became clips."""
    items: tuple[str, ...]
    """Paths of all of them."""
    faces: tuple[Face, ...]
    """A few of what was taken instead."""

    @property
    def share(self) -> float:
        return self.files / self.given


def missed_faces(media: Path, rows: Iterable[MediaRow], outcomes: Mapping[str, Outcome]) -> list[Missed]:
    """Both labels of every dataset that has any, in the datasets' order. `media`: the folder of the shards."""
    cells: dict[str, tuple[list[MediaRow], list[MediaRow]]] = {}
    pictured = [row for row in rows if (one := outcomes.get(row.media_id)) and one.faces and row.label is not None]
    missed = [row for row in pictured if without_face(outcomes[row.media_id])]
    for row in sorted(missed, key=lambda row: (row.domain_id, row.dataset, row.path)):
        cells.setdefault(row.dataset, ([], []))[int(row.label or 0)].append(row)
    sheet, given = drawn_sheet(media, missed), Counter((row.dataset, row.label) for row in pictured)
    return [
        Missed(
            dataset,
            LABELS[label],
            len(part),
            given[dataset, label],
            tuple(row.path for row in part),
            tuple(sheet.get((dataset, label), ())),
        )
        for dataset, parts in cells.items()
        for label, part in enumerate(parts)
        if given[dataset, label]
    ]


def drawn_sheet(media: Path, rows: Iterable[MediaRow]) -> dict[Cell, list[Face]]:
    """The contact sheet of `rows`, opening only the shards that hold what is drawn."""
    drawn = list(candidates(rows).values())
    return contact_sheet(shards_of(media, drawn), drawn)


def shards_of(media: Path, rows: Iterable[MediaRow]) -> list[Path]:
    """The shards in `media` that hold `rows`."""
    return [media / shard.name for shard in holding(read_plan(media), map(item_key, rows))]
