"""Reader of the numbers in an ONNX file: no graph is run, no code is in it, and no library is needed.

A protocol-buffers message is a row of fields: a varint (number << 3 | wire type), then a varint (type 0), eight bytes
(1), a varint length and so many bytes (2) or four bytes (5). Of ONNX's messages only these are looked at:

    ModelProto   7 graph
    GraphProto   1 node, 5 initializer
    NodeProto    1 input, 3 name
    TensorProto  1 sizes, 2 type (1: float32), 8 name, 9 the numbers, little-endian

Source of the numbers: onnx/onnx.proto of the ONNX project.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import MissingInput

FLOAT32 = 1
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
WIDTHS = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


class OnnxFile:
    """The float32 tensors of one file, memory-mapped: only those asked for are read."""

    def __init__(self, path: Path) -> None:
        """`MissingInput` when the file is another format or cut off."""
        self.path = path
        self._stored: dict[str, tuple[tuple[int, ...], memoryview]] = {}
        self._constants: dict[str, str] = {}
        try:
            with path.open("rb") as file:
                whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._read_index(memoryview(whole))
        except (ValueError, UnicodeDecodeError) as error:
            raise MissingInput(f"{path}: not a whole ONNX model ({error})", "fetch the file again") from error

    @property
    def names(self) -> list[str]:
        return list(self._stored)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The initialiser `name`."""
        if name not in self._stored:
            raise MissingInput(f"{self.path}: has no tensor {name}", "give the file of the right model")
        shape, raw = self._stored[name]
        return np.frombuffer(raw, "<f4").reshape(shape).copy()

    def constant_of(self, node: str) -> NDArray[np.float32]:
        """The initialiser that the node `node` reads: exporters give matrices names that say nothing."""
        if node not in self._constants:
            raise MissingInput(f"{self.path}: has no node {node} with a tensor", "give the file of the right model")
        return self.tensor(self._constants[node])

    def _read_index(self, raw: memoryview) -> None:
        nodes = []
        for number, graph in _fields(raw):
            for inner, value in _fields(graph) if number == 7 else ():
                if inner == 5:
                    self._keep_tensor(value)
                elif inner == 1:
                    nodes.append(value)
        for node in nodes:
            self._keep_constant(node)
        if not self._stored:
            raise ValueError("no tensors in it")

    def _keep_tensor(self, raw: memoryview) -> None:
        found: dict[int, list[Any]] = {}
        for number, value in _fields(raw):
            found.setdefault(number, []).append(value)
        sizes = tuple(size for value in found.get(1, []) for size in _sizes(value))
        if found.get(2) == [FLOAT32] and 9 in found:
            if len(found[9][0]) != 4 * int(np.prod(sizes)):
                raise ValueError("a tensor is not as large as it says")
            self._stored[_text(found[8][0])] = sizes, found[9][0]

    def _keep_constant(self, raw: memoryview) -> None:
        fields = list(_fields(raw))
        name = next((_text(value) for number, value in fields if number == 3), "")
        read = [text for number, value in fields if number == 1 and (text := _text(value)) in self._stored]
        if name and len(read) == 1:
            self._constants[name] = read[0]


def _fields(raw: memoryview) -> Iterator[tuple[int, Any]]:
    """(number, value) of a message: an int, or a view of the bytes."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        kind = key & 7
        if kind == VARINT:
            value, at = _varint(raw, at)
            yield key >> 3, value
            continue
        length, at = _varint(raw, at) if kind == BYTES else (WIDTHS.get(kind, 0), at)
        if not length and kind != BYTES:
            raise ValueError(f"wire type {kind}")
        if at + length > len(raw):
            raise ValueError("it ends early")
        yield key >> 3, raw[at : at + length]
        at += length


def _varint(raw: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where the next field begins: seven bits a byte, the lowest first."""
    number = 0
    for position in range(at, min(at + 10, len(raw))):
        byte = raw[position]
        number |= (byte & 127) << 7 * (position - at)
        if byte < 128:
            return number, position + 1
    raise ValueError("it ends early")


def _sizes(value: int | memoryview) -> Iterator[int]:
    """One number, or several in a packed field."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield number


def _text(raw: Any) -> str:
    if isinstance(raw, int):
        raise ValueError("a number where a name should be")
    return bytes(raw).decode("utf-8")
