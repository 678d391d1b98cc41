"""How a tuned network is saved: as a weights folder that its encoder reads like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from unmask.cache.weights.tensor_files import Tensors
from unmask.cache.weights.trained_on import TENSORS
from unmask.core.atomic_files import write_json
from unmask.core.files import sealed_files, sealed_tensors


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of an encoder before tuning, and the files that make a folder of them."""

    load: Callable[[], Tensors]
    """All tensors, those of unused layers too, by their names in the new file."""
    files: Mapping[str, Any]
    """Name -> content of the JSON files beside them."""
    prefix: str = ""
    """Of the network's own names: its "encoder.norm.weight" is "norm.weight" in the file."""

    def write(self, folder: Path, tuned: Mapping[str, torch.Tensor]) -> None:
        """Write the folder with the tensors `tuned`, by the network's names, in place of the loaded ones.

        All others keep every bit. The tensors are written last: without them the folder is no weights folder.
        """
        tensors = self.load()
        for name, values in tuned.items():
            before = tensors[name.removeprefix(self.prefix)]
            assert before.shape == values.shape, name
            tensors[name.removeprefix(self.prefix)] = values.detach().to("cpu", before.dtype)
        write_weights(folder, tensors, self.files)


def write_weights(folder: Path, tensors: Mapping[str, torch.Tensor], files: Mapping[str, Any]) -> None:
    """Write the JSON `files`, name -> content, and then the tensors of a weights folder; each with its checksum."""
    for name, content in files.items():
        (sealed_files.write_json if content else write_json)(folder / name, content)
    # Copies: safetensors refuses tensors that share memory.
    copies = {name: values.detach().cpu().contiguous().clone() for name, values in tensors.items()}
    sealed_tensors.write_tensors(folder / TENSORS, save(copies, metadata={"format": "pt"}))
