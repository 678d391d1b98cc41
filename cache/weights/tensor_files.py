"""Reading the tensors of a checkpoint: safetensors or a pickled state dict, in one file or in shards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from unmask.cache.weights.folder_files import ADAPT, FETCH, check_whole, is_index, list_shards
from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files.damage import Damaged
from unmask.core.files.sealed_tensors import check_tensors

Tensors = dict[str, torch.Tensor]

# PyTorch's messages are in color.
ANSI = re.compile(r"\x1b\[\d*m")
# Types of one byte, by their names in safetensors.
BYTES = {
    "I8": torch.int8,
    "U8": torch.uint8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}

_HEADERS_ONLY: ContextVar[bool] = ContextVar("headers_only", default=False)


@contextmanager
def reading_headers_only() -> Iterator[None]:
    """Within it, `read_tensors` gives zeros without memory: names and shapes from the headers of the files."""
    before = _HEADERS_ONLY.set(True)
    try:
        yield
    finally:
        _HEADERS_ONLY.reset(before)


def is_reading_headers_only() -> bool:
    return _HEADERS_ONLY.get()


def read_tensors(path: Path) -> Tensors:
    """The tensors of `path` by name, on the CPU. `path` is a checkpoint, or the index of its shards.

    `MissingInput` when a file is missing, cut off, a Git-LFS pointer, or something else than tensors by name.
    """
    if not is_index(path):
        return _read_file(path)
    tensors: Tensors = {}
    for name in list_shards(path):
        tensors |= _read_file(path.parent / name)
    return tensors


def _read_file(path: Path) -> Tensors:
    if not path.is_file():
        raise MissingInput(f"{path}: not there", FETCH)
    check_whole(path)
    if path.suffix == ".safetensors":
        try:
            tensors = _read_header(path) if _HEADERS_ONLY.get() else _read_checked(path)
        except Damaged as error:
            raise MissingInput(str(error), ADAPT) from error
        # Shapes that fit the file but no tensor fail in torch.
        except (SafetensorError, ValueError, TypeError, OverflowError, RuntimeError) as error:
            raise MissingInput(f"{path}: not a complete safetensors file ({error})", FETCH) from error
    else:
        tensors = _read_pickled(path)
    _refuse_quantized(path, tensors)
    if _HEADERS_ONLY.get():
        return {name: torch.zeros(()).expand(values.shape) for name, values in tensors.items()}
    _refuse_nan(path, tensors)
    return tensors


def _read_checked(path: Path) -> Tensors:
    check_tensors(path)
    return load_file(path)


def _read_header(path: Path) -> Tensors:
    """Checks the length of the file too."""
    with safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no iterator)
        return {
            name: torch.empty(part.get_shape(), dtype=BYTES.get(part.get_dtype(), torch.float32), device="meta")
            for name, part in slices.items()
        }


def _refuse_quantized(path: Path, tensors: Tensors) -> None:
    """Numbers of 8 bits mean nothing without the scale that belongs to them."""
    name = next((name for name, values in tensors.items() if values.dtype in BYTES.values()), None)
    if name is not None:
        problem = f"{path}: quantized weights ({name} is {str(tensors[name].dtype).removeprefix('torch.')})"
        raise MissingInput(problem, "set `weights` to the model in full or half precision")


def _refuse_nan(path: Path, tensors: Tensors) -> None:
    name = next((name for name, values in tensors.items() if values.is_floating_point() and values.isnan().any()), None)
    if name is not None:
        raise MissingInput(f"{path}: {name} has values that are no numbers (NaN)", FETCH)


def _read_pickled(path: Path) -> Tensors:
    try:
        tensors = torch.load(path, map_location="meta" if _HEADERS_ONLY.get() else "cpu", weights_only=True)
    except PermissionError:
        raise
    # A cut-off or foreign file fails wherever the unpickler happens to be; nothing but tensors is ever made.
    except Exception as error:
        raise_read_failure(error)
        reason = ANSI.sub("", str(error)).strip().partition("\n")[0].partition(". ")[0]
        raise MissingInput(f"{path}: not a complete file of tensors ({reason})", FETCH) from error
    if not isinstance(tensors, dict) or not all(isinstance(values, torch.Tensor) for values in tensors.values()):
        raise MissingInput(f"{path}: not tensors by name", "save the model's state_dict() alone")
    return {str(name): values for name, values in tensors.items()}
