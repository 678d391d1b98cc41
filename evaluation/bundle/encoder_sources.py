"""What a bundle needs of the encoders of its run: a package, a hub name, the user's own code, or weights inside it."""

from __future__ import annotations

import importlib.metadata
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch

from unmask.cache.encoders import find_given_weights, find_source, find_stream_name, is_own, make_encoder
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.resolve import Weights, find_weights
from unmask.core.errors import MissingInput, UsageError
from unmask.preprocess.profiles import EncoderChoice
from unmask.train.bundles.listing import ENCODERS, Need

CPU = torch.device("cpu")
LOCAL, HUB, PACKAGE = "local ", "hub ", "package "
"""Beginnings of `Weights.origin`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSource:
    choice: EncoderChoice
    need: Need
    weights: Weights | None = None
    """Files that the bundle takes in; None where it takes none."""

    @property
    def place(self) -> str:
        """The weights' folder or file in the bundle."""
        assert self.weights is not None
        folder = f"{ENCODERS}/{self.weights.hash}/{_name_folder(self.choice)}"
        return f"{folder}/{self.weights.tensors.name}" if self.is_bare else folder

    @property
    def is_bare(self) -> bool:
        """A file of weights without a folder around it."""
        return self.weights is not None and Path(find_given_weights(self.choice) or "").expanduser().is_file()

    def copy_weights(self, bundle: Path) -> None:
        """Copy the files that the encoder reads, and no others, from the weights' folder."""
        if self.weights is None:
            return
        target = bundle / self.place
        target = target.parent if self.is_bare else target
        for path in (self.weights.tensors, *self.weights.others):
            copy = target / path.relative_to(self.weights.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def describe_source(choice: EncoderChoice, spec: EncoderSpec) -> EncoderSource:
    """Where the weights of an encoder are from. `spec`: of its tokens in training.

    Raise `MissingInput` where the weights of now are others than those of the training, and `UsageError` for a pickled
    file in a local folder: a bundle has none.
    """
    if make_encoder(choice, CPU).spec.weights_hash != spec.weights_hash:
        problem = f"encoder {choice.alias_or_name}: its weights on this machine differ from those of the training"
        raise MissingInput(problem, f"put back the weights {spec.weights}, or extract and train again")
    if is_own(choice.name):
        return _describe(choice, spec, "own code", choice.name)
    source = find_source(choice.name)
    found = find_weights(choice.name, choice.weights) if source else None
    if source is None or found is None:
        return _describe(choice, spec, "none", "")
    if found.origin.startswith(PACKAGE):
        name = found.origin.removeprefix(PACKAGE)
        return _describe(choice, spec, "package", f"{name}=={importlib.metadata.version(name)}")
    if found.origin.startswith(HUB):
        commit = found.folder.name if found.folder.parent.name == "snapshots" else ""
        return _describe(choice, spec, "hub", found.origin.removeprefix(HUB) + (f"@{commit}" if commit else ""))
    for path in (found.tensors, *found.others):
        _refuse_pickle(path)
    plain = _describe(choice, spec, "inside", "")
    inside = EncoderSource(choice=choice, need=plain.need, weights=found)
    return _describe(choice, spec, "inside", inside.place, found)


def _describe(
    choice: EncoderChoice, spec: EncoderSpec, source: str, where: str, weights: Weights | None = None
) -> EncoderSource:
    need = Need.model_validate(
        {
            "stream": find_stream_name(choice),
            "encoder": spec.name,
            "weights_hash": spec.weights_hash,
            "source": source,
            "where": where,
        }
    )
    return EncoderSource(choice=choice, need=need, weights=weights)


def _name_folder(choice: EncoderChoice) -> str:
    """The last part of the path in the profile: an encoder that is named by its folder keeps its name."""
    given = Path(find_given_weights(choice) or "").expanduser()
    return (given.parent if given.is_file() else given).name or "weights"


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(2)
    pickled = start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    if not pickled and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            pickled = any(name.endswith(".pkl") for name in archive.namelist())
    if pickled:
        hint = "save the weights as safetensors, then extract and train with them again"
        raise UsageError(f"{path}: a pickled file, which no bundle takes in", hint)
