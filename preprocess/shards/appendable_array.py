"""The large arrays of a media shard, faces, mouths and audio, written chunk by chunk as clips are appended."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

# About 4 MB of faces at 224 px: enough for the codec, small enough to read one clip without its neighbours.
PER_CHUNK = {"faces": 32, "mouth": 512, "audio": 1 << 20}


def _bitshuffle(typesize: int) -> BloscCodec:
    """Measured against zstd, gzip, other shuffles and axis orders: docs/media-shards.md."""
    return BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=typesize, blocksize=1 << 20)


CODECS = {"faces": _bitshuffle(1), "mouth": _bitshuffle(1), "audio": _bitshuffle(2)}


class AppendableArray:
    """(N, *shape); every `append` increases N. Complete on disk after `finish`, in whole chunks before."""

    def __init__(self, group: zarr.Group, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        first = PER_CHUNK[name]
        self.lengths: list[int] = []
        """Length of each appended array."""
        self._array: Any = group.create_array(
            name, shape=(0, *shape), dtype=dtype, chunks=(first, *shape), compressors=CODECS[name]
        )
        self._first, self._held, self._waiting = first, [np.zeros((0, *shape), dtype)], 0

    def append(self, values: NDArray[Any]) -> None:
        self.lengths.append(len(values))
        self._held.append(values)
        self._waiting += len(values)
        if self._waiting >= self._first:
            self._write(self._waiting // self._first * self._first)

    def finish(self) -> None:
        self._write(self._waiting)

    def _write(self, count: int) -> None:
        joined, begin = np.concatenate(self._held), self._array.shape[0]
        self._array.resize((begin + count, *self._array.shape[1:]))
        self._array[begin:] = joined[:count]
        # A copy: a view would keep the written part in memory.
        self._held, self._waiting = [joined[count:].copy()], len(joined) - count
