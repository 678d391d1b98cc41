"""The token store: one folder per encoder, one Zarr v3 group per shard. Only this module reads and writes it.

tokens/<encoder>-<fingerprint>/
    spec.json                  the encoder's spec and the fingerprint of the media shards
    shard-<same name as the media shard>.zarr/
        zarr.json              attributes: format, version, fingerprint, shard (its own name), source,
                               keys [[media_id, clip], ...], failed
        tokens   (T, D)        float16, uncompressed, one chunk, so a plain file to memory-map; D is the spec's width
        times    (T,)          float32 seconds, the clock of the recording
        offsets  (C + 1,)      int64   clip c has the tokens offsets[c] : offsets[c + 1]
        checksums.json         written last
    checked.json               the shards that were found whole (first_open.py)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.ragged import REMEDY, REPAIR, ClipKey, Piece, Ragged, compute_offsets
from unmask.core.atomic_files import create_folder
from unmask.core.buckets.mirrored import fetch_folders
from unmask.core.checksums import FILE as CHECKSUMS
from unmask.core.checksums import find_damage, write_checksums
from unmask.core.errors import DamagedInput, MissingInput, raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import Damaged, as_missing_input

__all__ = ["REMEDY", "ClipKey", "Finished", "TokenStore", "create_store", "read_spec", "write_tokens"]

log = logging.getLogger("unmask")

FORMAT = "unmask-tokens"
VERSION = 2
SPEC = "spec.json"


def create_store(folder: Path, spec: EncoderSpec, media_fingerprint: str) -> None:
    """Write `spec.json`, unless the folder has a whole one: stores of equal names have equal specs."""
    about = {"spec": spec.as_json(), "media": media_fingerprint, "fingerprint": spec.fingerprint(media_fingerprint)}
    if (folder / SPEC).is_file():
        try:
            read_spec(folder)
            return
        except MissingInput as error:
            log.warning("%s: written again", error.problem)
    sealed_files.write_json(folder / SPEC, about)


def read_spec(folder: Path) -> tuple[EncoderSpec, str]:
    """The spec and the media fingerprint of a store. `MissingInput` when it is missing, edited or another version's."""
    try:
        about = sealed_files.read_json(folder / SPEC)
        spec, media = EncoderSpec(**about["spec"]), str(about["media"])
        key = spec.fingerprint(media)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        remedy = REPAIR if isinstance(error, Damaged) else REMEDY
        raise as_missing_input(error, f"{folder}: no token store of this version ({error})", remedy) from error
    if about.get("fingerprint") != key or not isinstance(spec.width, int):
        raise DamagedInput(f"{folder}: its spec.json was edited", f"remove the folder, then {REMEDY}")
    return spec, media


def write_tokens(
    path: Path,
    fingerprint: str,
    keys: Sequence[ClipKey],
    tokens: NDArray[np.float16],
    times: NDArray[np.float32],
    lengths: Sequence[int],
    *,
    source: str = "",
    failed: Mapping[str, str] | None = None,
) -> None:
    """Write one shard into a store (`create_store`) of this fingerprint.

    `tokens` (T, D) are those of the clips `keys` one after another, `lengths` per clip. `source` is the hash of the
    media shard, `failed` the refused clips with reasons. `ValueError` for arrays that do not fit together or do not fit
    the store, and for values that are not finite.
    """
    offsets = compute_offsets(lengths)
    spec, media = read_spec(path.parent)
    if fingerprint != spec.fingerprint(media):
        raise ValueError(f"{path}: tokens of {fingerprint} in a store of {spec.fingerprint(media)}")
    _check_tokens(path, spec.width, keys, tokens, times, offsets)
    with create_folder(path) as folder:
        attributes: dict[str, Any] = {"format": FORMAT, "version": VERSION, "fingerprint": fingerprint}
        attributes |= {"shard": path.name, "source": source, "keys": [list(key) for key in keys]}
        attributes["failed"] = dict(failed or {})
        group = zarr.create_group(store=str(folder), zarr_format=3, attributes=attributes)
        arrays: dict[str, NDArray[Any]] = {
            "tokens": tokens.astype("<f2"),
            "times": times.astype("<f4"),
            "offsets": offsets.astype("<i8"),
        }
        for name, array in arrays.items():
            chunks = (max(1, len(array)), *array.shape[1:])
            # Write all-zero chunks as well, so that a missing chunk file always means damage.
            everything: Any = {"write_empty_chunks": True}
            group.create_array(name, data=array, chunks=chunks, compressors=None, fill_value=0, config=everything)
        write_checksums(folder)


def _check_tokens(
    path: Path,
    width: int,
    keys: Sequence[ClipKey],
    tokens: NDArray[np.float16],
    times: NDArray[np.float32],
    offsets: NDArray[np.int64],
) -> None:
    total = int(offsets[-1])
    if tokens.shape != (total, width) or times.shape != (total,) or len(keys) + 1 != len(offsets):
        clips = f"{len(keys)} clips of {total} tokens of {width} numbers"
        raise ValueError(f"{path}: {tokens.shape} tokens, {times.shape} times for {clips}")
    if not np.isfinite(tokens).all():
        raise ValueError(f"{path}: tokens that are not finite")


@dataclass(frozen=True, slots=True)
class Finished:
    """Attributes of a finished shard, read without opening its arrays."""

    source: str
    keys: list[ClipKey]
    failed: dict[str, str]

    @classmethod
    def read(cls, path: Path, fingerprint: str) -> Self | None:
        """None when `path` holds no finished shard of this store and name."""
        try:
            about = json.loads((path / "zarr.json").read_bytes())["attributes"]
            expected = (FORMAT, VERSION, fingerprint, path.name)
            if tuple(about[key] for key in ("format", "version", "fingerprint", "shard")) != expected:
                return None
            keys = [(str(media_id), int(clip)) for media_id, clip in about["keys"]]
            if not isinstance(about["source"], str) or not isinstance(about["failed"], dict):
                return None
            return cls(about["source"], keys, about["failed"]) if (path / CHECKSUMS).is_file() else None
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise_read_failure(error)
            return None


@dataclass(frozen=True, slots=True)
class _Opened:
    """One shard, read from its chunk files directly, which takes a tenth of the time of Zarr's own objects."""

    about: Finished
    lengths: NDArray[np.int64]
    times: NDArray[np.float32]
    piece: Piece

    @classmethod
    def of(cls, path: Path, fingerprint: str, width: int) -> Self:
        about = Finished.read(path, fingerprint)
        if about is None:
            if path.is_dir() and find_damage(path):
                raise DamagedInput(f"{path}: damaged since it was written", REPAIR)
            raise MissingInput(f"{path}: no token shard of this encoder, name and version", REMEDY)
        offsets: NDArray[np.int64] = _read(path / "offsets" / "c" / "0", "<i8", len(about.keys) + 1)
        lengths = np.diff(offsets)
        if offsets[0] != 0 or (lengths < 0).any():
            raise DamagedInput(f"{path}: damaged offsets", REPAIR)
        piece = Piece(path / "tokens" / "c" / "0" / "0", 0, int(offsets[-1]), width)
        _check_size(piece.path, piece.bytes)
        return cls(about, lengths, _read(path / "times" / "c" / "0", "<f4", piece.rows), piece)


class TokenStore(Ragged):
    """All finished shards of one encoder, as one long list of clips."""

    def __init__(self, folder: Path, shards: Sequence[str] | None = None) -> None:
        """Open the `shards` (file names; None: all). `MissingInput` for a missing, foreign or stale one."""
        self.folder = folder
        spec, self.media = read_spec(folder)
        self.fingerprint = spec.fingerprint(self.media)
        self.shards = sorted(path.name for path in folder.glob("shard-*.zarr")) if shards is None else list(shards)
        fetch_folders([folder / name for name in self.shards])
        opened = [_Opened.of(folder / name, self.fingerprint, spec.width) for name in self.shards]
        self.about = {name: one.about for name, one in zip(self.shards, opened, strict=True)}
        self.sources = {name: about.source for name, about in self.about.items()}
        """Shard name -> hash of the media shard that it was made from."""
        super().__init__(
            spec,
            [key for one in opened for key in one.about.keys],
            np.concatenate([np.zeros(0, np.int64), *(one.lengths for one in opened)]),
            np.concatenate([np.zeros(0, np.float32), *(one.times for one in opened)]),
            [one.piece for one in opened],
        )

    def __repr__(self) -> str:
        return f"TokenStore({self.describe()}, {self.folder.name})"

    def __reduce__(self) -> tuple[type[Self], tuple[Path, list[str]]]:
        """Pickled as folder and shard names: another process opens the files itself."""
        return type(self), (self.folder, self.shards)

    def share_keys(self, other: Ragged) -> bool:
        alike = super().share_keys(other)
        if alike and isinstance(other, TokenStore) and other.shards == self.shards:
            self.about = {name: replace(one, keys=other.about[name].keys) for name, one in self.about.items()}
        return alike

    def verify(self) -> dict[str, list[str]]:
        """Compare with the checksums: damaged shard -> its missing, foreign or changed files."""
        return find_damaged_shards(self.folder, self.shards)


def find_damaged_shards(folder: Path, shards: Sequence[str]) -> dict[str, list[str]]:
    """The same for shards that may be too damaged to open. `MissingInput` when the store's spec is damaged."""
    spec, media = read_spec(folder)
    found = {}
    for name in shards:
        wrong = find_damage(folder / name)
        if not wrong:
            try:
                _Opened.of(folder / name, spec.fingerprint(media), spec.width)
            except MissingInput as error:  # of another shard or encoder, or never finished
                wrong = [error.problem]
        if wrong:
            found[name] = wrong
    return found


def _read(chunk: Path, dtype: str, count: int) -> NDArray[Any]:
    if count == 0:  # Zarr writes no chunk
        return np.zeros(0, dtype)
    _check_size(chunk, count * np.dtype(dtype).itemsize)
    return np.fromfile(chunk, dtype)


def _check_size(chunk: Path, expected: int) -> None:
    if expected == 0:
        return
    size = chunk.stat().st_size if chunk.is_file() else 0
    if size != expected:
        raise DamagedInput(f"{chunk}: {size} bytes instead of {expected}", REPAIR)
