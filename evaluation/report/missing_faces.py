"""Files in which the detector found no face: counts and a few of their center crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unmask.evaluation.report.class_differences import LABELS, without_face
from unmask.evaluation.report.contact_sheet import Cell, Face, build_contact_sheet, choose_candidates
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.shards.shard_plan import read_plan, select_shards
from unmask.preprocess.task import make_item_key


@dataclass(frozen=True, slots=True)
class Missed:
    """Files of one dataset and label without a detected face; the center of every frame was cropped."""

    dataset: str
    label: str
    files: int
    given: int
    """Images and videos that gave clips."""
    items: tuple[str, ...]
    """Paths of all of them."""
    faces: tuple[Face, ...]
    """A few of the center crops."""

    @property
    def share(self) -> float:
        return self.files / self.given


def find_missed_faces(media: Path, rows: Iterable[MediaRow], outcomes: Mapping[str, Outcome]) -> list[Missed]:
    """Both labels of every dataset with such files, by domain id. `media`: the folder of the shards."""
    cells: dict[str, tuple[list[MediaRow], list[MediaRow]]] = {}
    with_faces = [row for row in rows if (one := outcomes.get(row.media_id)) and one.faces and row.label is not None]
    missed = [row for row in with_faces if without_face(outcomes[row.media_id])]
    for row in sorted(missed, key=lambda row: (row.domain_id, row.dataset, row.path)):
        cells.setdefault(row.dataset, ([], []))[int(row.label or 0)].append(row)
    sheet, given = make_sheet(media, missed), Counter((row.dataset, row.label) for row in with_faces)
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


def make_sheet(media: Path, rows: Iterable[MediaRow]) -> dict[Cell, list[Face]]:
    """Contact sheet of `rows`; opens only the shards that contain the shown faces."""
    drawn = list(choose_candidates(rows).values())
    return build_contact_sheet(find_shards(media, drawn), drawn)


def find_shards(media: Path, rows: Iterable[MediaRow]) -> list[Path]:
    """Shards in `media` that contain `rows`."""
    return [media / shard.name for shard in select_shards(read_plan(media), map(make_item_key, rows))]
