"""The token store: one folder an encoder, one Zarr v3 group a shard. This module is its only reader and writer.

tokens/<encoder>-<fingerprint>/
    spec.json                  the encoder's spec and the fingerprint of the media shards
    shard-<same name as the media shard>.zarr/
        zarr.json              attributes: format, version, fingerprint, source, keys [[media_id, clip], ...], failed
        tokens   (T, 512)      float16, uncompressed, one chunk: also a plain file to memory-map
        times    (T,)          float32 seconds, the clock of the recording
        offsets  (C + 1,)      int64   clip c has the tokens offsets[c] : offsets[c + 1]
        checksums.json         written last
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from cache.spec import TOKEN_WIDTH, EncoderSpec
from core.atomic import new_folder, write_json
from core.checksums import FILE as CHECKSUMS
from core.checksums import damage, seal
from core.errors import MissingInput

FORMAT = "unmask-tokens"
VERSION = 1
REMEDY = "make extract-features"

ClipKey = tuple[str, int]
"""(media_id, number of the clip within its item)"""


def create_store(folder: Path, spec: EncoderSpec, media_fingerprint: str) -> None:
    """Write `spec.json`, unless the folder has one: its name already says that it is the same."""
    if not (folder / "spec.json").is_file():
        about = {"spec": spec.as_json(), "media": media_fingerprint, "fingerprint": spec.fingerprint(media_fingerprint)}
        write_json(folder / "spec.json", about)


def read_spec(folder: Path) -> tuple[EncoderSpec, str]:
    """The spec and the media fingerprint of a store. `MissingInput` when it is missing, edited or another version's."""
    try:
        about = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        spec, media = EncoderSpec(**about["spec"]), str(about["media"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MissingInput(f"{folder}: no token store of this version ({error})", REMEDY) from error
    if about.get("fingerprint") != spec.fingerprint(media):
        raise MissingInput(f"{folder}: its spec.json was edited", f"remove the folder, then {REMEDY}")
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
    """Write one whole shard: `tokens` (T, 512) of the clips `keys` one after another, `lengths` tokens each.

    `source` names the content of the media shard they were made from, `failed` the clips that were refused, with
    reasons.
    """
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if tokens.shape != (offsets[-1], TOKEN_WIDTH) or times.shape != (offsets[-1],) or len(keys) != len(lengths):
        raise ValueError(
            f"{path}: {tokens.shape} tokens, {times.shape} times for {len(keys)} clips of {offsets[-1]} tokens"
        )
    if not np.isfinite(tokens).all():
        raise ValueError(f"{path}: tokens that are not finite")
    with new_folder(path) as folder:
        attributes: dict[str, Any] = {"format": FORMAT, "version": VERSION, "fingerprint": fingerprint}
        attributes |= {"source": source, "keys": [list(key) for key in keys], "failed": dict(failed or {})}
        group = zarr.create_group(store=str(folder), zarr_format=3, attributes=attributes)
        arrays: dict[str, NDArray[Any]] = {
            "tokens": tokens.astype("<f2"),
            "times": times.astype("<f4"),
            "offsets": offsets.astype("<i8"),
        }
        for name, array in arrays.items():
            chunks = (max(1, len(array)), *array.shape[1:])
            # Chunks of zeros too: a chunk that is not there is then always damage.
            everything: Any = {"write_empty_chunks": True}
            group.create_array(name, data=array, chunks=chunks, compressors=None, fill_value=0, config=everything)
        seal(folder)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finished shard says about itself, read without opening its arrays."""

    source: str
    keys: list[ClipKey]
    failed: dict[str, str]

    @classmethod
    def read(cls, path: Path, fingerprint: str) -> Self | None:
        """None when there is no finished shard of this store at `path`."""
        try:
            about = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
        except (OSError, ValueError, KeyError):
            return None
        known = (about.get("format"), about.get("version"), about.get("fingerprint")) == (FORMAT, VERSION, fingerprint)
        if not known or not (path / CHECKSUMS).is_file():
            return None
        keys = [(str(media_id), int(clip)) for media_id, clip in about["keys"]]
        return cls(source=about["source"], keys=keys, failed=about["failed"])


class TokenStore:
    """All finished shards of one encoder, as one long list of clips."""

    def __init__(self, folder: Path, shards: Sequence[str] | None = None) -> None:
        """Open the `shards` (file names; None: all there are). `MissingInput` for a missing, foreign or stale one."""
        self.folder = folder
        self.spec, self.media = read_spec(folder)
        self.fingerprint = self.spec.fingerprint(self.media)
        names = sorted(path.name for path in folder.glob("shard-*.zarr")) if shards is None else list(shards)
        self.keys: list[ClipKey] = []
        self.sources: dict[str, str] = {}
        """Shard name -> the content of the media shard it was made from."""
        self._maps: list[NDArray[np.float16]] = []
        self._times: list[NDArray[np.float32]] = []
        shard_of, begins, lengths = [], [], []
        for number, name in enumerate(names):
            about, tokens, times, offsets = _open_shard(folder / name, self.fingerprint)
            self.keys += about.keys
            self.sources[name] = about.source
            self._maps.append(tokens)
            self._times.append(times)
            shard_of.append(np.full(len(about.keys), number, np.int32))
            begins.append(offsets[:-1])
            lengths.append(np.diff(offsets))
        self._shard_of = np.concatenate([np.zeros(0, np.int32), *shard_of])
        self._begin = np.concatenate([np.zeros(0, np.int64), *begins])
        self.lengths: NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *lengths])
        """(C,) tokens of each clip; 0 where the clip has nothing for this encoder (no audio, no text)."""
        self.index: dict[ClipKey, int] = {key: position for position, key in enumerate(self.keys)}
        """Clip -> position in `keys`, `lengths` and `gather`."""

    def __len__(self) -> int:
        return len(self.keys)

    def gather(self, clips: NDArray[np.int64]) -> tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.int64]]:
        """Tokens (T, 512), times (T,) and offsets (len(clips) + 1,) of the clips at these positions, in this order."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths[clips])]).astype(np.int64)
        tokens = np.empty((offsets[-1], TOKEN_WIDTH), np.float16)
        times = np.empty(offsets[-1], np.float32)
        for clip, start, end in zip(clips.tolist(), offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            if end > start:
                shard, begin = self._shard_of[clip], self._begin[clip]
                tokens[start:end] = self._maps[shard][begin : begin + end - start]
                times[start:end] = self._times[shard][begin : begin + end - start]
        return tokens, times, offsets


def tokens_are_whole(path: Path) -> bool:
    """Does every file of the shard have the checksum it was written with?"""
    return path.is_dir() and not damage(path)


def _open_shard(
    path: Path, fingerprint: str
) -> tuple[Finished, NDArray[np.float16], NDArray[np.float32], NDArray[np.int64]]:
    """Straight from the chunk files, which are plain arrays: a tenth of the time Zarr's own objects need."""
    about = Finished.read(path, fingerprint)
    if about is None:
        raise MissingInput(f"{path}: no token shard of this encoder and version", REMEDY)
    offsets: NDArray[np.int64] = _mapped(path / "offsets" / "c" / "0", "<i8", (len(about.keys) + 1,))
    length = int(offsets[-1])
    times: NDArray[np.float32] = _mapped(path / "times" / "c" / "0", "<f4", (length,))
    tokens: NDArray[np.float16] = _mapped(path / "tokens" / "c" / "0" / "0", "<f2", (length, TOKEN_WIDTH))
    return about, tokens, np.array(times), np.array(offsets)


def _mapped(chunk: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if shape[0] == 0:  # Zarr writes no chunk, and an empty file cannot be mapped
        return np.zeros(shape, dtype)
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    size = chunk.stat().st_size if chunk.is_file() else 0
    if size != expected:
        raise MissingInput(f"{chunk}: {size} bytes instead of {expected}", f"remove its shard, then {REMEDY}")
    return np.memmap(chunk, dtype, "r", shape=shape)
