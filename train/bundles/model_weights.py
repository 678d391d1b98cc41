"""The weights of a model: the state dict of a run folder, or the safetensors of a bundle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.train.bundles.listing import AGAIN, WEIGHTS

BEST = "best_multimodal_all_datasets.pth"
"""In a run folder."""
REMEDY = "unmask train"
TORN = (
    *(RuntimeError, UnpicklingError, EOFError, OSError),
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError),
)
"""What torch raises for a damaged file: wherever its unpickler happens to be."""


def find_weights_file(run: Path) -> Path:
    """The weights of a single run, or of one in a bundle."""
    inside = run / WEIGHTS
    return inside if inside.is_file() else run / BEST


def load_weights(run: Path, digest: str = "") -> dict[str, Any]:
    """The state dict of the best epoch, on the CPU.

    `digest`: checksum that a run folder's inputs.json names; "" in those of earlier versions. `MissingInput` for other
    weights, as a training leaves them that was killed between the two files.
    """
    path = find_weights_file(run)
    if path.name == WEIGHTS:
        return dict(read_weights(path))
    state, found = _load(path, torch.device("cpu"))
    if digest and found != digest:
        raise MissingInput(f"{path}: weights of another epoch than inputs.json beside it", REMEDY)
    return state


def write_weights(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Every bit of `state` stays. Tensors that share memory are written one by one."""
    from safetensors.torch import save

    # Not save_file: its file can be read by its owner only.
    path.write_bytes(save({name: values.detach().clone().contiguous() for name, values in state.items()}))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """On the CPU. `MissingInput` for a file that is cut off, or whose header does not fit its content."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise_read_failure(error)
        raise MissingInput(f"{path}: not a complete safetensors file ({error})", AGAIN) from error


def save_state(path: Path, state: Mapping[str, Any]) -> str:
    """Tensors, numbers and strings only: what `weights_only=True` reads. Gives the checksum."""
    # Through memory: torch names the archive's folder after the file, and has an error of its own for a full disk.
    content = io.BytesIO()
    torch.save(dict(state), content)
    return sealed_files.write_archive(path, content.getbuffer())


def load_state(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save_state` wrote. `MissingInput` where it is missing or damaged."""
    return _load(path, device)[0]


def _load(path: Path, device: torch.device) -> tuple[dict[str, Any], str]:
    try:
        content, digest = sealed_files.read_archive(path)
        state: dict[str, Any] = torch.load(content, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: no such checkpoint", REMEDY) from error
    except TORN as error:
        problem = f"{path}: not a readable checkpoint ({error})"
        raise as_missing_input(error, problem, f"remove it, then {REMEDY}") from error
    return state, digest
