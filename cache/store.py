"""The token store: one folder an encoder, one Zarr v3 group a shard. This module is its only reader and writer.

tokens/<encoder>-<fingerprint>/
    spec.json                  the encoder's spec and the fingerprint of the media shards
    shard-<same name as the media shard>.zarr/
        zarr.json              attributes: format, version, fingerprint, keys [[media_id, clip], ...]
        tokens   (T, 512)      float16, uncompressed, one chunk: also a plain file to memory-map
        times    (T,)          float32 seconds, the clock of the recording
        offsets  (C + 1,)      int64   clip c has the tokens offsets[c] : offsets[c + 1]
        checksums.json         written last
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from cache.spec import TOKEN_WIDTH, EncoderSpec
from core.atomic import new_folder
from core.checksums import damage, seal
from core.errors import MissingInput

FORMAT = "unmask-tokens"
VERSION = 1

ClipKey = tuple[str, int]
"""(media_id, number of the clip within its item)"""


def write_tokens(
    path: Path,
    fingerprint: str,
    keys: Sequence[ClipKey],
    tokens: NDArray[np.float16],
    times: NDArray[np.float32],
    lengths: Sequence[int],
) -> None:
    """Write one whole shard: `tokens` (T, 512) of the clips `keys` one after another, `lengths` tokens each."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if tokens.shape != (offsets[-1], TOKEN_WIDTH) or times.shape != (offsets[-1],) or len(keys) != len(lengths):
        raise ValueError(
            f"{path}: {tokens.shape} tokens, {times.shape} times for {len(keys)} clips of {offsets[-1]} tokens"
        )
    if not np.isfinite(tokens).all():
        raise ValueError(f"{path}: tokens that are not finite")
    with new_folder(path) as folder:
        attributes: dict[str, Any] = {"format": FORMAT, "version": VERSION, "fingerprint": fingerprint}
        attributes["keys"] = [list(key) for key in keys]
        group = zarr.create_group(store=str(folder), zarr_format=3, attributes=attributes)
        arrays: dict[str, NDArray[Any]] = {
            "tokens": tokens.astype(np.float16),
            "times": times.astype(np.float32),
            "offsets": offsets,
        }
        for name, array in arrays.items():
            chunks = (max(1, len(array)), *array.shape[1:])
            group.create_array(name, data=array, chunks=chunks, compressors=None, fill_value=0)
        seal(folder)


class TokenStore:
    """All finished shards of one encoder, as one long list of clips."""

    def __init__(self, folder: Path, shards: Sequence[str] | None = None) -> None:
        """Open the `shards` (file names; None: all there are). `MissingInput` for a missing, foreign or stale one."""
        remedy = "make extract-features"
        try:
            about = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MissingInput(f"{folder}: no token store", remedy) from error
        self.folder = folder
        self.spec = EncoderSpec(**about["spec"])
        self.fingerprint: str = about["fingerprint"]
        names = sorted(path.name for path in folder.glob("shard-*.zarr")) if shards is None else list(shards)
        self.keys: list[ClipKey] = []
        self._maps: list[NDArray[np.float16]] = []
        self._times: list[NDArray[np.float32]] = []
        shard_of, begins, lengths = [], [], []
        for number, name in enumerate(names):
            keys, tokens, times, offsets = _open_shard(folder / name, self.fingerprint, remedy)
            self.keys += keys
            self._maps.append(tokens)
            self._times.append(times)
            shard_of.append(np.full(len(keys), number, np.int32))
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
    path: Path, fingerprint: str, remedy: str
) -> tuple[list[ClipKey], NDArray[np.float16], NDArray[np.float32], NDArray[np.int64]]:
    try:
        group = zarr.open_group(str(path), mode="r", zarr_format=3)
    except (FileNotFoundError, ValueError) as error:
        raise MissingInput(f"{path}: no token shard", remedy) from error
    about = dict(group.attrs)
    if (about.get("format"), about.get("version"), about.get("fingerprint")) != (FORMAT, VERSION, fingerprint):
        raise MissingInput(f"{path}: tokens of another encoder or version", remedy)
    offsets: NDArray[np.int64] = np.asarray(group["offsets"][:])  # type: ignore[index]
    times: NDArray[np.float32] = np.asarray(group["times"][:])  # type: ignore[index]
    listed: Any = about["keys"]
    keys = [(str(media_id), int(clip)) for media_id, clip in listed]
    return keys, _mapped(path / "tokens" / "c" / "0" / "0", int(offsets[-1])), times, offsets


def _mapped(chunk: Path, length: int) -> NDArray[np.float16]:
    if length == 0:  # no tokens at all: Zarr writes no chunk
        return np.zeros((0, TOKEN_WIDTH), np.float16)
    if not chunk.is_file():  # all tokens zero: Zarr leaves out chunks that equal the fill value
        return np.zeros((length, TOKEN_WIDTH), np.float16)
    return np.memmap(chunk, np.float16, "r", shape=(length, TOKEN_WIDTH))
