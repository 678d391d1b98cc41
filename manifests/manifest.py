"""The manifest: one row per media file. Written by scan, read by every later stage."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files import sealed_tables
from unmask.core.files.sealed_tables import Damaged
from unmask.core.hashing import fingerprint_rows

FORMAT = "unmask-manifest"
VERSION = 3
# Of the version before it, which lacked columns that may be null.
EARLIER = 2
ADDED = ("mask", "mask_content")
# Increment when a file gets other header fields than before: the next scan reads every file again.
PROBE_REVISION = 3

# Rows held as Python objects at a time.
BATCH = 1_000

Kind = Literal["image", "audio", "video"]
Split = Literal["train", "val", "test"]
Compression = Literal["raw", "c23", "c40"]

# FaceForensics++'s three levels: as uploaded, and H.264 with quantization 23 and 40.
COMPRESSIONS: tuple[Compression, ...] = ("raw", "c23", "c40")

# The position is the domain id. Datasets added to `datasets.LAYOUTS` follow, then the user's own, sorted by name.
DATASETS = (
    "deepfake_images",
    "archive",
    "faceforensics",
    "celeb_df",
    "deepvoice",
    "deepvoice_demo",
    "fakeavceleb",
    "dfd_faces",
    "dff",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRow:
    """One media file."""

    media_id: str
    """128-bit hex hash of dataset and path: the same on every machine."""
    dataset: str
    domain_id: int
    """Position in DATASETS and its continuation; -1 for a file outside all datasets."""
    path: str
    """Relative to the dataset's root, with "/"."""
    kind: Kind
    label: int | None
    """1 fake, 0 real; None only for a file to predict."""
    video_fake: bool | None = None
    """Is the video or image fake? None where the dataset does not say. Never guess False."""
    audio_fake: bool | None = None
    """Is the audio fake? None where the dataset does not say or there is no audio."""
    method: str = "none"
    """Manipulation method; "none" for real media, "unknown" for a fake of unknown method."""
    people: tuple[str, ...] = ()
    """Identities whose face or voice it shows: two for a swap. No identity is in two splits."""
    sources: tuple[str, ...] = ()
    """Keys of the recordings it was made from (YouTube id, sequence, scene). No source is in two splits."""
    official_split: Split | None = None
    """The published split; None where the dataset publishes none for this file."""
    compression: Compression | None = None
    """None where the dataset has no levels or the file's level is unknown."""
    group: str = ""
    """Identity group: files linked by identities, sources or content. Empty before the files are split."""
    split: Split | None = None
    """None: in no split of this scheme (for example a fake whose two identities are in different splits)."""
    split_scheme: str = ""
    content: str = ""
    """Hash of the file's content (unmask.core.hashing.hash_quickly)."""
    sha256: str | None = None
    """Of the whole file (unmask.core.hashing.hash_file); None unless scanned with --full-content."""
    bytes: int = 0
    mtime_ns: int | None = None
    """Modification time in nanoseconds since 1970. A file with the same time and `bytes` is not probed again."""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    """This and `frames` as the header says, which may be wrong; clips are cut by the frames that decode."""
    frames: int | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    container: str | None = None
    text: str | None = None
    """Transcript or caption from a sidecar. Never derived from the path: paths give the label away."""
    mask: str | None = None
    """Video of the manipulated region, relative to the dataset's root; for a real video, that of a forgery of the same
    scene. None: there is none.
    """
    mask_content: str | None = None
    """As `content`; None without a mask, or if it cannot be read."""
    status: Literal["ok", "failed"] = "ok"
    reason: str | None = None
    """Why `status` is failed: one of core.errors.Reason, ": " and the problem."""

    def __post_init__(self) -> None:
        where = f"{self.dataset}/{self.path}"
        if self.label not in (0, 1, None):
            raise ValueError(f"{where}: label {self.label!r} is neither 0 (real) nor 1 (fake)")
        if (self.method == "none") != (self.label == 0):
            raise ValueError(f"{where}: label {self.label}, but method {self.method!r}")
        if self.label == 0 and (self.video_fake or self.audio_fake):
            raise ValueError(f"{where}: real, but its video or audio is marked fake")
        if self.label == 1 and self.video_fake is False and self.audio_fake is False:
            raise ValueError(f"{where}: fake, but neither its video nor its audio is")
        for path in (self.path, self.mask or ""):
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"{where}: the path leaves the dataset's folder")


_TEXT = pa.string()
_TYPES: dict[str, pa.DataType] = {
    "domain_id": pa.int16(),
    "label": pa.int8(),
    "video_fake": pa.bool_(),
    "audio_fake": pa.bool_(),
    "people": pa.list_(_TEXT),
    "sources": pa.list_(_TEXT),
    "bytes": pa.int64(),
    "mtime_ns": pa.int64(),
    "width": pa.int32(),
    "height": pa.int32(),
    "fps": pa.float64(),
    "frames": pa.int64(),
    "duration_s": pa.float64(),
    "sample_rate": pa.int32(),
    "channels": pa.int16(),
}
SCHEMA = pa.schema([(one.name, _TYPES.get(one.name, _TEXT)) for one in fields(MediaRow)])
NEVER_NULL = ("media_id", "dataset", "domain_id", "path", "kind", "method", "people", "sources", "content", "status")


@dataclass(frozen=True)
class Manifest:
    """All rows, and the root folder of each dataset on this machine."""

    table: pa.Table
    """Columns of `MediaRow`, in its order."""
    roots: dict[str, str]
    """Dataset -> absolute folder that the paths of its rows are relative to."""
    linked: frozenset[str] = frozenset()
    """Datasets whose files may be links, or lie in linked folders, that lead out of the root."""
    written_ns: int | None = field(default=None, compare=False)
    """When its file was written, in nanoseconds since 1970; None for one that was not read from a file."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        """For example "Manifest(413 files, 9 datasets, train 250 + val 60 + test 93, default-v2-seed0)"."""
        counts = Counter(self.table.column("split").to_pylist())
        splits = " + ".join(f"{split} {counts[split]:,}" for split in ("train", "val", "test") if counts[split])
        schemes = sorted(set(self.table.column("split_scheme").to_pylist()) - {""})
        datasets = len(set(self.table.column("dataset").to_pylist()))
        shown = [f"{len(self):,} files", f"{datasets} datasets", splits or "no split", *schemes]
        return f"Manifest({', '.join(shown)})"

    def rows(self) -> Iterator[MediaRow]:
        """One `MediaRow` per file, in the order of the table."""
        for batch in self.table.to_batches(max_chunksize=BATCH):
            for values in batch.to_pylist():
                yield MediaRow(**{**values, "people": tuple(values["people"]), "sources": tuple(values["sources"])})

    def locate(self, row: MediaRow, part: str | None = None) -> Path:
        """Path of the row's file on this machine; or of another file of its dataset, such as the row's mask.

        `MissingInput` when it is outside the dataset's root, unless the dataset is `linked`.
        """
        root = Path(self.roots[row.dataset])
        path = root / (row.path if part is None else part)
        if row.dataset not in self.linked and not Path(os.path.realpath(path)).is_relative_to(
            os.path.realpath(root)
        ):  # Path.resolve fails on link loops
            raise MissingInput(f"{path}: is outside {root}", "keep the files themselves inside the dataset's folder")
        return path

    def with_table(self, table: pa.Table) -> Manifest:
        """Other rows or columns of the same datasets."""
        return replace(self, table=table)

    @property
    def split_hash(self) -> str:
        """Hash of the assignment of files to splits; stored in every run."""
        table = self.table.select(["media_id", "split", "split_scheme"]).sort_by("media_id")
        blocks = (batch.to_pydict().values() for batch in table.to_batches(max_chunksize=BATCH))
        return fingerprint_rows(list(zip(*columns, strict=True)) for columns in blocks)


def from_rows(rows: Iterable[MediaRow], roots: dict[str, str], linked: Iterable[str] = ()) -> Manifest:
    """Manifest of `rows`, consumed in batches: a million rows are never a million objects at once."""
    pending = iter(rows)
    batches = []
    while batch := list(islice(pending, BATCH)):
        columns = [pa.array([getattr(row, one.name) for row in batch], one.type) for one in SCHEMA]
        batches.append(pa.record_batch(columns, schema=SCHEMA))
    return Manifest(pa.Table.from_batches(batches, SCHEMA).combine_chunks(), roots, frozenset(linked))


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write Parquet (zstd), atomically; format, version and roots are in the schema's metadata."""
    about: dict[str, Any] = {"format": FORMAT, "version": VERSION, "probe": PROBE_REVISION, "roots": manifest.roots}
    about |= {"linked": sorted(manifest.linked)} if manifest.linked else {}
    table = manifest.table.replace_schema_metadata({FORMAT: json.dumps(about, sort_keys=True)})
    sealed_tables.write_table(path, table)


def read_manifest(path: Path) -> Manifest:
    """`MissingInput` when it is missing, not a manifest, or of another version."""
    remedy = "unmask scan /path/to/datasets"
    if not path.is_file():
        raise MissingInput(f"{path}: no manifest", remedy)
    try:
        table = sealed_tables.read_table(path)
    except (OSError, Damaged, pa.ArrowException) as error:
        raise_read_failure(error)
        raise MissingInput(f"{path}: not a readable Parquet file ({error})", remedy) from error
    about = _read_about(table.schema)
    if about.get("version") == EARLIER:
        table = _add_columns(table)
    if about.get("version") not in (EARLIER, VERSION) or table.schema.names != SCHEMA.names:
        found = about.get("version", "none")
        raise MissingInput(f"{path}: manifest format {found}, this program reads {VERSION}", remedy)
    try:
        return _make_manifest(table, about, path.stat().st_mtime_ns)
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise MissingInput(f"{path}: damaged manifest ({error})", remedy) from error


def _make_manifest(table: pa.Table, about: dict[str, Any], written_ns: int) -> Manifest:
    """`ValueError`, `TypeError` or `pa.ArrowException` for values that no scan writes."""
    table = table.replace_schema_metadata(None).cast(SCHEMA)
    for name in NEVER_NULL:
        if table.column(name).null_count:
            raise ValueError(f"{name} without a value")
    roots, linked = about.get("roots"), about.get("linked", [])
    if not isinstance(roots, dict) or not all(isinstance(root, str) for root in roots.values()):
        raise ValueError("without the folders of its datasets")
    if missing := set(table.column("dataset").unique().to_pylist()) - set(roots):
        raise ValueError(f"without the folder of {', '.join(sorted(missing))}")
    return Manifest(table, roots, frozenset(map(str, linked)), written_ns)


def has_current_probes(path: Path) -> bool:
    """False for a manifest whose header fields an earlier program read, which may differ from those of this one."""
    return bool(_read_about(pq.read_schema(path)).get("probe") == PROBE_REVISION)


def _add_columns(table: pa.Table) -> pa.Table:
    """A table of the version EARLIER with the columns ADDED since, all null."""
    for name in ADDED:
        table = table.add_column(SCHEMA.get_field_index(name), SCHEMA.field(name), pa.nulls(len(table), _TEXT))
    return table


def _read_about(schema: pa.Schema) -> dict[str, Any]:
    """What `write_manifest` noted beside the table; empty for a foreign file."""
    try:
        about = json.loads((schema.metadata or {}).get(FORMAT.encode(), b"{}"))
    except (ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}
