"""The files of a model folder: those that its kind needs, its shards, and the files of its modules.

torch is not imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from unmask.cache.weights.sources import CONFIG, MODULE_TENSORS, MODULES, PROMPTS, Alternatives, Files
from unmask.core.errors import MissingInput
from unmask.core.files import sealed_files
from unmask.core.files.damage import Damaged

POINTER = b"version https://git-lfs"
FETCH = "fetch the file again"
ADAPT = "run the `unmask adapt` that made it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFiles:
    """What a model folder has of the files of its kind."""

    tensors: Path | None
    """The weights, or the index of their shards."""
    others: tuple[Path, ...]
    """Every other file that is read: configuration, tokenizer, shards, modules."""
    missing: tuple[str, ...]
    """In words: "tokenizer.json or vocab.txt"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One entry of modules.json: a step of a sentence encoder."""

    kind: str
    """Class name: "Pooling"."""
    path: str
    """Folder within the model folder; "" is the model folder itself."""
    package: str
    """Module that the class is imported from."""


def list_folder(folder: Path, files: Files, unpublished: Iterable[str] = ()) -> FolderFiles:
    """List the files of a model folder. `unpublished`: names that the hub said it does not have.

    `MissingInput` for a file that is a Git-LFS pointer or empty, and for a list of files that cannot be read.
    """
    needed = [*files.needed, *((name,) for name in files.published if name not in set(unpublished))]
    tensors = find_tensors(folder, files)
    others, missing = [], [] if tensors else [_describe(files.tensors)]
    for names in (*needed, *list_named_files(folder, files, tensors)):
        found = _find_first(folder, names)
        others += [found] if found else []
        missing += [] if found else [_describe(names)]
    others += [folder / name for name in files.extra if (folder / name).is_file()]
    others = [path for path in dict.fromkeys(others) if path != tensors]
    for path in [*([tensors] if tensors else []), *others]:
        check_whole(path)
    return FolderFiles(tensors=tensors, others=tuple(others), missing=tuple(missing))


def list_unpublished(folder: Path, files: Files) -> list[str]:
    """Of `files.published`, what a local folder was saved without: prompts, by versions that had none.

    Since version 2.4, which has prompts, a sentence model says whether it pools them.
    """
    if PROMPTS not in files.published or (folder / PROMPTS).exists() or not (folder / MODULES).is_file():
        return []
    modules = list_modules(folder / MODULES)
    poolings = [folder / module.path / "config.json" for module in modules if module.kind == "Pooling"]
    known = any("include_prompt" in read_settings(path) for path in poolings if path.is_file())
    return [] if known or not all(map(_is_old, modules)) else [PROMPTS]


def find_tensors(folder: Path, files: Files) -> Path | None:
    """The weights, or the index of their shards."""
    return _find_first(folder, files.tensors)


def list_named_files(folder: Path, files: Files, tensors: Path | None) -> Iterator[Alternatives]:
    """The files that files of `folder` name: shards of the weights, and the modules of a sentence encoder."""
    if tensors is not None and tensors.name.startswith("model.safetensors") and CONFIG not in files.needed:
        yield CONFIG  # of a kind whose other format has no configuration of its own
    if tensors is not None and is_index(tensors):
        yield from ((name,) for name in list_shards(tensors))
    if (MODULES,) in files.needed and (folder / MODULES).is_file():
        yield from _list_module_files(folder / MODULES)


def is_index(path: Path) -> bool:
    """Is `path` the index of a sharded checkpoint?"""
    return path.name.endswith(".index.json")


def list_shards(index: Path) -> list[str]:
    """Names of the files that hold the weights of a sharded checkpoint, beside its index."""
    weight_map = read_settings(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise MissingInput(f"{index}: has no weight_map with the names of the shards", FETCH)
    return sorted({_check_inside(index, str(name)) for name in weight_map.values()})


def list_modules(path: Path) -> list[Module]:
    """The steps of a sentence encoder in order, as its modules.json lists them."""
    entries = _read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "type" in entry for entry in entries):
        raise MissingInput(f"{path}: not a list of modules", FETCH)
    return [_read_module(path, entry) for entry in entries]


def read_settings(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. `MissingInput` when the file is missing, cut off, damaged, or something else."""
    settings = _read_json(path)
    if not isinstance(settings, dict):
        raise MissingInput(f"{path}: not a JSON object", FETCH)
    try:
        return sealed_files.read_json(path)
    except Damaged as error:
        raise MissingInput(str(error), ADAPT) from error


def check_whole(path: Path) -> None:
    """`MissingInput` when `path` is empty, or a Git-LFS pointer in place of the file."""
    with path.open("rb") as file:
        start = file.read(len(POINTER))
    if start == POINTER:
        raise MissingInput(f"{path}: a Git-LFS pointer, not the file itself", "run `git lfs pull` in its folder")
    if not start:
        raise MissingInput(f"{path}: empty", FETCH)


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise MissingInput(f"{path}: not there", FETCH)
    check_whole(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise MissingInput(f"{path}: not JSON ({error})", FETCH) from error


def _read_module(path: Path, entry: dict[str, Any]) -> Module:
    package, _, kind = str(entry["type"]).rpartition(".")
    return Module(kind=kind, path=_check_inside(path, str(entry.get("path", ""))), package=package)


def _list_module_files(path: Path) -> Iterator[Alternatives]:
    for module in list_modules(path):
        # Normalize has a configuration since it takes settings; before, it was an empty folder.
        if module.kind in ("Pooling", "Dense") or (module.kind == "Normalize" and not _is_old(module)):
            yield _prefix(module.path, CONFIG)
        if module.kind == "Dense":
            yield _prefix(module.path, MODULE_TENSORS)


def _prefix(path: str, names: Alternatives) -> Alternatives:
    return tuple((PurePosixPath(path) / name).as_posix() for name in names)


def _is_old(module: Module) -> bool:
    return module.package == "sentence_transformers.models"


def _check_inside(source: Path, name: str) -> str:
    """`name` if it stays inside the folder of `source`."""
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith(("/", "\\")) or ":" in name:
        raise MissingInput(
            f"{source}: names a file outside its folder ({name})", "use the files as they were published"
        )
    return name


def _find_first(folder: Path, names: Alternatives) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _describe(names: Alternatives) -> str:
    return " or ".join(names)
