"""What adapted weights were trained on: `trained_on.json` beside the weights, copied into every store of their tokens.

Tokens of these weights must not be evaluated on files that the weights have seen. Files are recognized by hashes of all
that links two files (identities, recordings, content), so that another split, a larger manifest or another work folder
changes nothing, and the record names nobody.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import ValidationError

from unmask.core.errors import UsageError
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.files.damaged_files import find_damaged_files
from unmask.core.settings import Settings
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import EncoderChoice

log = logging.getLogger("unmask")

FILE = "trained_on.json"
TENSORS = "model.safetensors"
COLUMNS = ("media_id", "group", "people", "sources", "content")
# Splits of now whose files must not be among those of then: training saw the labels, validation chose the epoch.
FORBIDDEN = (("train", ("val", "test")), ("val", ("test",)))


class TrainedOn(Settings):
    """Record of an adaptation."""

    format: Literal["unmask-adapted"] = "unmask-adapted"
    version: Literal[1] = 1
    key: str
    """Fingerprint of the settings, the clips and the weights that it began with."""
    encoder: EncoderChoice
    """As it was before: `weights` None for the encoder's default ones."""
    weights: str
    """Where those weights came from, in words."""
    weights_hash: str
    """Their `EncoderSpec.weights_hash`."""
    media: str
    """Fingerprint of the media shards."""
    split_hash: str
    split_scheme: str
    settings: dict[str, Any]
    """AdaptSettings."""
    tuned: int
    """Numbers that were tuned, of `parameters` in the network."""
    parameters: int
    items: dict[str, int]
    """Media files of train and val."""
    best_epoch: int
    """Whose weights these are; 0: those of the frozen encoder."""
    epochs: list[dict[str, Any]]
    """Training loss and validation figures per epoch; epoch 0 is the frozen encoder."""
    seen: dict[str, list[str]]
    """Split, train or val, -> hashes of what links its files, sorted."""


def read_trained_on(folder: Path) -> TrainedOn | None:
    """The record in a weights folder or a token store; None where there is none: weights that nobody adapted here."""
    path = folder / FILE
    try:
        return TrainedOn.model_validate(sealed_files.read_json(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, ValueError) as error:
        remedy = "run `unmask adapt` again: it says what these weights have seen"
        raise as_missing_input(error, f"{path}: not a record of this version", remedy) from error


def find_trained_on(weights: str | None) -> TrainedOn | None:
    """The record beside `weights` of a profile: a local folder or file; None for all others."""
    path = Path(weights).expanduser() if weights else None
    return read_trained_on(path.parent if path.is_file() else path) if path else None


def find_finished(folder: Path, key: str) -> TrainedOn | None:
    """The record of a finished folder; None where it is not, or was damaged since.

    `UsageError` for one of other settings or clips, or of other weights.
    """
    if not (folder / TENSORS).is_file():
        return None
    record = read_trained_on(folder)
    if record is None or record.key != key:
        what = "has other weights" if record is None else "was adapted with other settings or on other clips"
        raise UsageError(f"{folder}: {what}", "give another --out, or leave it out")
    if damaged := find_damaged_files(sorted(folder.iterdir())):
        log.warning("%s: damaged since it was written, and made again", damaged[0])
        return None
    return record


def write_trained_on(folder: Path, record: TrainedOn) -> None:
    sealed_files.write_json(folder / FILE, record.model_dump(mode="json"))


def hash_links(table: pa.Table) -> list[str]:
    """Sorted hashes of all that links the rows of a manifest's `table` to other files."""
    return sorted({link for row in _list_links(table) for link in row})


def hash_files(manifest: Manifest, media_ids: Sequence[str]) -> list[str]:
    """`hash_links` of these files of `manifest`."""
    chosen = set(media_ids)
    media = manifest.table.column("media_id").to_pylist()
    return hash_links(manifest.table.filter([one in chosen for one in media]))


def describe_files(manifest: Manifest, media_ids: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Fields of TrainedOn about the files of each split, "train" and "val"."""
    return {
        "split_hash": manifest.split_hash,
        "split_scheme": ", ".join(sorted(set(manifest.table.column("split_scheme").to_pylist()))),
        "items": {split: len(names) for split, names in media_ids.items()},
        "seen": {split: hash_files(manifest, names) for split, names in media_ids.items()},
    }


def count_seen(record: TrainedOn, manifest: Manifest) -> dict[str, int]:
    """Split of `manifest`, val or test, -> number of its files that the adaptation has seen; only those above 0.

    None on the split of the adaptation itself. A file also counts that shares an identity, a recording or its content
    with one that was seen.
    """
    if record.split_hash == manifest.split_hash:
        return {}
    seen = {split: set(record.seen.get(split, ())) for split, _ in FORBIDDEN}
    counts: dict[str, int] = {}
    splits = manifest.table.column("split").to_pylist()
    for split, links in zip(splits, _list_links(manifest.table), strict=True):
        if any(split in now and not seen[then].isdisjoint(links) for then, now in FORBIDDEN):
            counts[split] = counts.get(split, 0) + 1
    return counts


def describe_seen(name: str, folder: Path, manifest: Manifest) -> str | None:
    """A sentence when files of val or test were seen by the weights in `folder`, or by those of the store there."""
    record = read_trained_on(folder)
    counts = count_seen(record, manifest) if record else {}
    if not counts:
        return None
    listed = " and ".join(f"{count} {split}" for split, count in sorted(counts.items()))
    return f"the weights of {name} were adapted on {listed} files of this split (or on others that they are linked to)"


def _list_links(table: pa.Table) -> Iterator[list[str]]:
    """Per row, hashes of its media id, group, identities, sources and content."""
    for row in table.select(COLUMNS).to_pylist():
        names = [row["media_id"], row["group"], *row["people"], *row["sources"]]
        yield [_hash(name) for name in names if name] + ([_hash(f"content {row['content']}")] if row["content"] else [])


def _hash(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
