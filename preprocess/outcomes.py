"""Outcomes of preprocessing: one row per manifest row in `outcomes.parquet`, read by the report."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files import sealed_tables
from unmask.core.files.sealed_tables import Damaged
from unmask.core.stage_report import StageReport
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.shards.media_shard import MediaShard

log = logging.getLogger("unmask")

FILE = "outcomes.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome of one manifest row."""

    media_id: str
    dataset: str
    path: str
    outcome: Literal["done", "failed"]
    reason: str | None = None
    """unmask.core.errors.Reason if it failed."""
    problem: str | None = None
    """Description; also for a done item that lost a modality (a video with damaged audio)."""
    reader: str | None = None
    clips: int = 0
    faces: int = 0
    fallback_faces: int = 0
    """Faces from frames without a detection: interpolated, or the center."""
    audio_s: float = 0.0
    """Seconds of audio in the clips."""
    cut_start_s: float = 0.0
    cut_end_s: float = 0.0
    """Seconds of silence trimmed at the beginning and at the end."""
    ambiguous_windows: int = 0
    """Windows with several faces of similar size, and no mask that says which one is manipulated."""
    windows_of_several_faces: int = 0
    """Windows with a second face in half of the frames; 0 in media shards of earlier versions, which did not count."""
    mouth_share: float | None = None
    """Share of the mouth frames with landmarks; None without a mouth stream."""
    nan_share: float | None = None
    clipped_share: float | None = None
    silent_share: float | None = None
    dc: float | None = None
    channel: str | None = None
    """Audio quality (unmask.media.audio.quality.Quality); None without audio."""


_NUMBERS = ("audio_s", "cut_start_s", "cut_end_s", "mouth_share", "nan_share", "clipped_share", "silent_share", "dc")
_INTEGERS = ("clips", "faces", "fallback_faces", "ambiguous_windows", "windows_of_several_faces")
_TYPES = {
    **{one.name: pa.string() for one in fields(Outcome)},
    **dict.fromkeys(_INTEGERS, pa.int32()),
    **dict.fromkeys(_NUMBERS, pa.float64()),
}
SCHEMA = pa.schema([(one.name, _TYPES[one.name]) for one in fields(Outcome)])


@dataclass
class PreprocessReport(StageReport):
    """With the fakes of which it is not known which face is the manipulated one."""

    ambiguous_fakes: dict[str, int] = field(default_factory=dict)
    """Dataset -> number of its fakes with an `ambiguous_windows`."""

    def as_json(self) -> dict[str, object]:
        return super().as_json() | {"ambiguous_fakes": self.ambiguous_fakes}

    def warn(self) -> None:
        for dataset, count in self.ambiguous_fakes.items():
            shows = "fake shows" if count == 1 else "fakes show"
            log.warning(
                "preprocess: %s: %d %s several faces of similar size, and no mask says which one is manipulated: the "
                "largest is followed (column ambiguous_windows of %s)",
                *(dataset, count, shows, FILE),
            )


def collect_outcomes(rows: Iterable[MediaRow], shards: Sequence[Path]) -> list[Outcome]:
    """One outcome per manifest row, in order, from the entries of finished `shards`.

    Rows that the scan could not read are failures with the scan's reason.
    """
    entries = {
        (str(entry["media_id"]), str(entry["content"])): entry
        for path in shards
        for entry in _read_entries(MediaShard(path))
    }
    return [_make_outcome(row, entries) for row in rows]


def make_report(outcomes: Sequence[Outcome], fresh: set[str], manifest: Manifest) -> PreprocessReport:
    """`fresh`: media ids of the items preprocessed by this call; other items that are done count as skipped."""
    report = PreprocessReport("preprocess", given=len(outcomes))
    for one in outcomes:
        if one.outcome == "failed":
            report.failed[f"{one.dataset}/{one.path}"] = f"{one.reason}: {one.problem}"
        elif one.media_id in fresh:
            report.done += 1
        else:
            report.skipped += 1
    report.ambiguous_fakes = _count_ambiguous_fakes(outcomes, manifest)
    return report


def write_outcomes(folder: Path, outcomes: Sequence[Outcome]) -> None:
    table = pa.Table.from_pylist([asdict(outcome) for outcome in outcomes], schema=SCHEMA)
    sealed_tables.write_table(folder / FILE, table)


def read_outcomes(folder: Path) -> list[Outcome]:
    """Raises `MissingInput` before the first `unmask preprocess`."""
    path = folder / FILE
    if not path.is_file():
        raise MissingInput(f"{path}: nothing was preprocessed", "run `unmask preprocess`")
    try:
        return [Outcome(**values) for values in sealed_tables.read_table(path).to_pylist()]
    except (OSError, Damaged, pa.ArrowException) as error:
        raise_read_failure(error)
        raise MissingInput(
            f"{path}: not readable ({error})", "run `unmask preprocess`, which writes it again"
        ) from error


def _count_ambiguous_fakes(outcomes: Sequence[Outcome], manifest: Manifest) -> dict[str, int]:
    ambiguous = {one.media_id for one in outcomes if one.ambiguous_windows}
    if not ambiguous:
        return {}
    table = manifest.table.select(["media_id", "dataset", "label", "video_fake"])
    found = table.filter(pc.is_in(table.column("media_id"), value_set=pa.array(sorted(ambiguous)))).to_pylist()
    return dict(Counter(row["dataset"] for row in found if may_show_fake_face(row["label"], row["video_fake"])))


def may_show_fake_face(label: int | None, video_fake: bool | None) -> bool:
    """Not so for a fake of which only the audio is forged."""
    return label == 1 and video_fake is not False


def _make_outcome(row: MediaRow, entries: dict[tuple[str, str], dict[str, object]]) -> Outcome:
    if row.status == "failed":
        reason, _, problem = (row.reason or "unreadable").partition(": ")
        about: dict[str, object] = {"reason": reason, "problem": problem or None}
    else:
        about = entries[row.media_id, row.content]
        about = {key: value for key, value in about.items() if key in SCHEMA.names}
    about |= {"media_id": row.media_id, "dataset": row.dataset, "path": row.path}
    return Outcome(**about, outcome="failed" if about["reason"] else "done")  # type: ignore[arg-type]


def _read_entries(shard: MediaShard) -> Iterator[dict[str, object]]:
    """The shard's entries with counts of their clips' faces, seconds of audio and share of mouths with landmarks."""
    undetected = np.isnan(shard.array("face_confidence"))
    faces = np.diff(shard.face_offsets)
    fallback = (
        np.add.reduceat(np.append(undetected, False), shard.face_offsets[:-1]) * (faces > 0) if len(faces) else faces
    )
    # Secondary faces share the audio of their window.
    audio_s = np.diff(shard.audio_offsets) / float(shard.settings["sample_rate"]) * (shard.array("clip_track") == 0)
    found = shard.array("mouth_found") if shard.has_mouth else np.zeros(0, np.bool_)
    for position, entry in enumerate(shard.entries):
        mine = shard.clip_item == position
        counts = {"faces": int(faces[mine].sum()), "fallback_faces": int(fallback[mine].sum())}
        shares = {"audio_s": float(audio_s[mine].sum()), "mouth_share": _measure_mouth_share(shard, found, mine)}
        yield {**entry, **(entry["quality"] or {}), **counts, **shares}


def _measure_mouth_share(shard: MediaShard, found: NDArray[np.bool_], mine: NDArray[np.bool_]) -> float | None:
    """Of the clips `mine` (C,); `found` (M,) of the whole shard."""
    pairs = [slice(*shard.mouth_offsets[clip : clip + 2].tolist()) for clip in np.flatnonzero(mine)]
    parts = [found[pair] for pair in pairs if pair.stop > pair.start]
    return float(np.concatenate(parts).mean()) if parts else None
