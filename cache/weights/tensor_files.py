"""Reading the tensors of a checkpoint: safetensors or a pickled state dict, in one file or in shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from unmask.cache.weights.folder_files import FETCH, check_whole, is_index, list_shards
from unmask.core.errors import MissingInput

Tensors = dict[str, torch.Tensor]

_HEADERS_ONLY: ContextVar[bool] = ContextVar("headers_only", default=False)


@contextmanager
def reading_headers_only() -> Iterator[None]:
    """Within it, `read_tensors` gives zeros without memory: names and shapes from the headers of the files."""
    before = _HEADERS_ONLY.set(True)
    try:
        yield
    finally:
        _HEADERS_ONLY.reset(before)


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
            return _read_header(path) if _HEADERS_ONLY.get() else load_file(path)
        except (SafetensorError, ValueError) as error:
            raise MissingInput(f"{path}: not a complete safetensors file ({error})", FETCH) from error
    tensors = _read_pickled(path)
    return {name: _blank(values.shape) for name, values in tensors.items()} if _HEADERS_ONLY.get() else tensors


def _read_header(path: Path) -> Tensors:
    """Checks the length of the file too."""
    with safe_open(path, framework="pt") as file:
        return {name: _blank(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no iterator)


def _blank(shape: Sequence[int]) -> torch.Tensor:
    return torch.zeros(()).expand(tuple(shape))


def _read_pickled(path: Path) -> Tensors:
    try:
        tensors = torch.load(path, map_location="meta" if _HEADERS_ONLY.get() else "cpu", weights_only=True)
    except PermissionError:
        raise
    # A cut-off or foreign file fails wherever the unpickler happens to be; nothing but tensors is ever made.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingInput(f"{path}: not a complete file of tensors ({reason})", FETCH) from error
    if not isinstance(tensors, dict) or not all(isinstance(values, torch.Tensor) for values in tensors.values()):
        raise MissingInput(f"{path}: not tensors by name", "save the model's state_dict() alone")
    return {str(name): values for name, values in tensors.items()}
