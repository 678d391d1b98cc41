"""Reader of CTranslate2's `model.bin`: named tensors, little-endian, without code.

    uint32 version (4 to 6) | string kind of model | uint32 revision of that kind
    uint32 number of variables, each:
        string name | uint8 rank | uint32 sizes[rank] | uint8 type | uint32 bytes | the numbers
    uint32 number of aliases, each: string alias | string name

A string is a uint16 length, which counts the closing zero byte, and its bytes. An int8 or int16 `.../weight` comes with
a float32 `.../weight_scale` (one per row, or one for all): the weight is the stored number divided by its scale.
Source: CTranslate2's converter (ctranslate2/specs/model_spec.py).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.cache.weights.folder_files import check_whole
from unmask.core.errors import MissingInput

VERSIONS = (4, 5, 6)
BFLOAT16 = 5
TYPES: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, BFLOAT16: np.uint16}


class CT2File:
    """The variables of one file, memory-mapped: each is read when it is used."""

    def __init__(self, path: Path) -> None:
        """`MissingInput` when the file is truncated or another format."""
        check_whole(path)
        self.path = path
        self._raw: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        self._at = 0
        self._stored: dict[str, tuple[NDArray[Any], int]] = {}
        try:
            self._read_index()
        except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
            raise MissingInput(f"{path}: not a complete CTranslate2 model ({error})", "fetch the file again") from error

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    @property
    def names(self) -> list[str]:
        return list(self._stored)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._find(name)[0].shape

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The variable in float32, dequantized."""
        stored, kind = self._find(name)
        if kind == BFLOAT16:  # the upper half of a float32
            return (stored.astype(np.uint32) << 16).view(np.float32)
        values = np.asarray(stored, np.float32)
        if f"{name}_scale" not in self._stored:
            return values
        scale = np.asarray(self._stored[f"{name}_scale"][0], np.float32)
        return np.asarray(values / scale.reshape(scale.shape + (1,) * (values.ndim - scale.ndim)), np.float32)

    def number(self, name: str) -> int:
        """A scalar setting."""
        return int(self._find(name)[0].reshape(-1)[0])

    def _find(self, name: str) -> tuple[NDArray[Any], int]:
        if name not in self._stored:
            raise MissingInput(f"{self.path}: has no {name}", "set `weights` to a CTranslate2 file of the right model")
        return self._stored[name]

    def _read_index(self) -> None:
        version = self._read_number("I")
        if version not in VERSIONS:
            raise ValueError(f"format {version}, supported are {VERSIONS[0]} to {VERSIONS[-1]}")
        self.kind, self.revision = self._read_string(), self._read_number("I")
        for _ in range(self._read_number("I")):
            name, rank = self._read_string(), self._read_number("B")
            shape = tuple(self._read_number("I") for _ in range(rank))
            kind, size = self._read_number("B"), self._read_number("I")
            values = self._take(size).view(TYPES[kind]).reshape(shape)
            self._stored[name] = values, kind
        for _ in range(self._read_number("I")):
            alias = self._read_string()
            self._stored[alias] = self._stored[self._read_string()]

    def _take(self, size: int) -> NDArray[np.uint8]:
        part = self._raw[self._at : self._at + size]
        if len(part) != size:
            raise ValueError("the file is truncated")
        self._at += size
        return part

    def _read_number(self, code: str) -> int:
        return int(struct.unpack(f"<{code}", self._take(struct.calcsize(f"<{code}")).tobytes())[0])

    def _read_string(self) -> str:
        return self._take(self._read_number("H")).tobytes().rstrip(b"\0").decode("utf-8")
