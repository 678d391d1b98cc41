"""Tokens in one HDF5 file, to share with others. Only this module reads and writes it.

/                     attributes: format, version, about (JSON: of the export as a whole), streams (JSON: names
                      in order), checksum (over all of these)
/<encoder>/           attributes: spec (JSON), media, fingerprint, checksums (JSON: SHA-256 of each dataset's bytes),
                      checksum (over all of these)
    tokens   (T, D)   float16, contiguous and uncompressed: plain h5py reads it, and so does a memory map
    times    (T,)     float32 seconds, the clock of the recording
    offsets  (C + 1,) int64   clip c has the tokens offsets[c] : offsets[c + 1]
    media_id (C,)     bytes   clip c is number clip[c] of this item
    clip     (C,)     int32
    shard    (S,)     bytes   names of the Zarr shards of the clips, in order
    source   (S,)     bytes   hash of the media shard of each
    clips    (S,)     int64   clips of each shard
    failed   (F,)     bytes   JSON, one line per shard: clips that the encoder refused, with reasons
    trained_on (J,)   bytes   JSON, only of adapted weights: what they have seen (cache/weights/trained_on.py)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from unmask.cache.export.hdf5_parts import (
    BEYOND,
    get_dataset,
    get_group,
    read_array,
    read_bytes,
    read_json,
    read_names,
)
from unmask.cache.export.hdf5_writing import KeptFile, create_hdf5
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.ragged import Piece, Ragged, compute_offsets
from unmask.cache.store.token_store import Finished, TokenStore
from unmask.cache.weights.trained_on import read_trained_on
from unmask.core.atomic_files import create_file
from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.hashing import fingerprint

FORMAT = "unmask-tokens-hdf5"
VERSION = 1
REMEDY = "export it again: unmask cache export --format hdf5"

HASHED_AT_ONCE = 64 << 20
TRAINED_ON = "trained_on"
# They become file names.
ENCODER_NAME, SHARD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*"), re.compile(r"shard-[A-Za-z0-9-]+\.zarr")


def write_hdf5(path: Path, stores: Mapping[str, TokenStore], about: Mapping[str, Any]) -> None:
    """Write the tokens of all `stores` (encoder -> its store) to one file. `about` is stored as JSON."""
    with create_file(path) as temporary, create_hdf5(temporary) as (file, below):
        for name, store in stores.items():
            _write_encoder(file.create_group(name), store, below)
        _write_seal(
            file,
            {"format": FORMAT, "version": VERSION, "about": _dump_json(about), "streams": _dump_json(list(stores))},
        )


def read_about(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Read `about` and the names of the encoders. `MissingInput` when the file is foreign or edited."""
    with _open_file(path) as file:
        return read_json(file, "about", dict), read_json(file, "streams", list)


class Hdf5Tokens(Ragged):
    """The tokens of one encoder in such a file."""

    def __init__(self, path: Path, encoder: str) -> None:
        """`MissingInput` when the file has no such encoder, is foreign or truncated, or its metadata were edited."""
        self.path, self.encoder = path, encoder
        with _open_file(path) as file:
            try:
                self._read(get_group(file, encoder))
            except BEYOND as error:
                raise_read_failure(error)
                raise MissingInput(f"{path}: {encoder} is not complete ({error})", REMEDY) from error

    def __repr__(self) -> str:
        return f"Hdf5Tokens({self.describe()}, {self.path.name})"

    def __reduce__(self) -> tuple[type[Self], tuple[Path, str]]:
        """Pickled as path and name: another process opens the file itself."""
        return type(self), (self.path, self.encoder)

    def _read(self, group: Any) -> None:
        _check_seal(group)
        spec = EncoderSpec(**read_json(group, "spec", dict))
        # It becomes the name of a folder.
        if not ENCODER_NAME.fullmatch(spec.name) or not isinstance(spec.width, int):
            raise ValueError("invalid spec")
        self.media, self.fingerprint = str(group.attrs["media"]), str(group.attrs["fingerprint"])
        if spec.fingerprint(self.media) != self.fingerprint:
            raise ValueError("its spec was edited")
        small = {name: read_array(group, name, "if") for name in ("times", "offsets", "clip")}
        offsets = small["offsets"]
        media_ids = read_names(group, "media_id")
        _check_arrays(small, offsets, len(media_ids))
        keys = list(zip(media_ids, small["clip"].tolist(), strict=True))
        self._read_shards(group, keys)
        self.trained_on = read_bytes(group, TRAINED_ON) if TRAINED_ON in group else b""
        piece = _locate_tokens(self.path, get_dataset(group, "tokens"), (int(offsets[-1]), spec.width))
        super().__init__(spec, keys, np.diff(offsets), small["times"], [piece])

    def _read_shards(self, group: Any, keys: list[tuple[str, int]]) -> None:
        self.shards, sources = (read_names(group, name) for name in ("shard", "source"))
        clips = read_array(group, "clips", "i").tolist()
        failed = [json.loads(line) for line in read_bytes(group, "failed").splitlines()]
        if sum(clips) != len(keys) or min(clips, default=0) < 0:
            raise ValueError(f"{sum(clips)} clips in shards, {len(keys)} in all")
        if not all(map(SHARD_NAME.fullmatch, self.shards)) or len(set(self.shards)) != len(self.shards):
            raise ValueError("invalid shard names")
        if not all(isinstance(one, dict) and all(isinstance(why, str) for why in one.values()) for one in failed):
            raise ValueError("invalid reasons")
        self.about: dict[str, Finished] = {}
        """Shard name -> its source, clips and refused clips."""
        start = 0
        for name, source, count, refused in zip(self.shards, sources, clips, failed, strict=True):
            self.about[name] = Finished(source, keys[start : start + count], refused)
            start += count
        self.sources = {name: about.source for name, about in self.about.items()}

    def verify(self) -> dict[str, list[str]]:
        """Encoder -> its datasets that changed since they were written; empty for none."""
        with _open_file(self.path) as file:
            try:
                group = get_group(file, self.encoder)
                sums = read_json(group, "checksums", dict)
                wrong = {name for name, sealed in sums.items() if _hash_arrays([get_dataset(group, name)]) != sealed}
                wrong |= set(group) ^ set(sums)
            except BEYOND as error:
                raise_read_failure(error)
                raise MissingInput(f"{self.path}: {self.encoder} is not complete ({error})", REMEDY) from error
        return {self.encoder: sorted(wrong)} if wrong else {}


def _write_encoder(group: Any, store: TokenStore, below: KeptFile) -> None:
    shards = [store.about[name] for name in store.shards]
    failed = "".join(_dump_json(about.failed) + "\n" for about in shards).encode()
    small: dict[str, NDArray[Any]] = {
        "times": store.times.astype("<f4"),
        "offsets": compute_offsets(store.lengths),
        "media_id": _encode_names([media_id for media_id, _ in store.keys]),
        "clip": np.array([clip for _, clip in store.keys], "<i4"),
        "shard": _encode_names(store.shards),
        "source": _encode_names([about.source for about in shards]),
        "clips": np.array([len(about.keys) for about in shards], "<i8"),
        "failed": np.frombuffer(failed, np.uint8),
    }
    if (record := read_trained_on(store.folder)) is not None:
        small[TRAINED_ON] = np.frombuffer(_dump_json(record.model_dump(mode="json")).encode(), np.uint8)
    tokens = group.create_dataset("tokens", (store.tokens, store.spec.width), "<f2")
    start = 0
    for part in store.parts:
        tokens[start : start + len(part)] = part
        below.check()
        start += len(part)
    for name, array in small.items():
        group.create_dataset(name, data=array)
    checksums = {name: _hash_arrays([array]) for name, array in small.items()} | {"tokens": _hash_arrays(store.parts)}
    attributes = {"spec": _dump_json(store.spec.as_json()), "media": store.media, "fingerprint": store.fingerprint}
    _write_seal(group, attributes | {"checksums": _dump_json(checksums)})


def _write_seal(group: Any, attributes: Mapping[str, Any]) -> None:
    group.attrs.update({**attributes, "checksum": fingerprint(dict(attributes))})


def _check_seal(group: Any) -> None:
    found = {name: value if isinstance(value, str) else int(value) for name, value in group.attrs.items()}
    if found.pop("checksum", None) != fingerprint(found):
        raise ValueError("its attributes were edited")


def _open_file(path: Path) -> Any:
    """Open the h5py file. `MissingInput` when it is not of this format and version."""
    if not path.is_file():
        raise MissingInput(f"{path}: no such file", REMEDY)
    file = None
    try:
        file = h5py.File(path, "r")
        if (file.attrs.get("format"), file.attrs.get("version")) != (FORMAT, VERSION):
            raise ValueError(f"not an export of version {VERSION}")
        _check_seal(file)
        names = read_json(file, "streams", list)
        if not all(map(ENCODER_NAME.fullmatch, names)) or len(set(names)) != len(names):
            raise ValueError("invalid encoder names")
        read_json(file, "about", dict)
    except BEYOND as error:
        if file is not None:
            file.close()
        raise_read_failure(error)
        raise MissingInput(f"{path}: not readable as exported tokens ({error})", REMEDY) from error
    return file


def _check_arrays(arrays: Mapping[str, NDArray[Any]], offsets: NDArray[Any], media_ids: int) -> None:
    kinds = {"times": "<f4", "offsets": "<i8", "clip": "<i4"}
    if any(arrays[name].dtype != np.dtype(kind) for name, kind in kinds.items()):
        raise ValueError("arrays of other types")
    clips = len(offsets) - 1
    if clips < 0 or offsets[0] != 0 or (np.diff(offsets) < 0).any() or len(arrays["times"]) != offsets[-1]:
        raise ValueError("damaged offsets")
    if media_ids != clips or len(arrays["clip"]) != clips:
        raise ValueError("damaged keys")
    if not np.isfinite(arrays["times"]).all():
        raise ValueError("damaged times")


def _locate_tokens(path: Path, tokens: Any, shape: tuple[int, int]) -> Piece:
    if tokens.shape != shape or tokens.dtype != np.dtype("<f2") or tokens.chunks is not None:
        raise ValueError(f"tokens {tokens.shape} {tokens.dtype} instead of {shape} float16 in one contiguous range")
    offset = tokens.id.get_offset()  # None when there are no bytes
    piece = Piece(path, offset or 0, *shape)
    if piece.offset + piece.bytes > path.stat().st_size:
        raise ValueError("the file is truncated")
    return piece


def _hash_arrays(arrays: Any) -> str:
    """SHA-256 over the bytes of arrays or datasets, block by block."""
    digest = hashlib.sha256()
    for array in arrays:
        step = max(1, HASHED_AT_ONCE // max(1, array.dtype.itemsize * int(np.prod(array.shape[1:]))))
        for start in range(0, len(array), step):
            digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()


def _encode_names(texts: list[str]) -> NDArray[np.bytes_]:
    encoded = [text.encode() for text in texts]
    return np.array(encoded, f"S{max([1, *map(len, encoded)])}")


def _dump_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
