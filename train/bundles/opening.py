"""Opening a bundle: each file is compared with bundle.json before any of it is read. Nothing of it is executed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files.array_sizes import check_array_sizes
from unmask.core.hashing import hash_file
from unmask.train.bundles.listing import AGAIN, BUNDLE, BundleInfo, read_listing

BESIDE = {"LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE"}
"""Files that may be added to a bundle: nothing reads them."""
State = tuple[tuple[str, int, int, int], ...]


def is_bundle(run: Path) -> bool:
    return os.path.lexists(run / BUNDLE)


def open_bundle(run: Path) -> BundleInfo | None:
    """The listing of the bundle `run`, all of whose files are as it says; None for a run folder.

    Raise `MissingInput` for a file that has changed, is missing, a link, or not listed. Files are hashed once per
    process, and again when one of them has changed.
    """
    if not is_bundle(run):
        return None
    root = run.resolve()
    try:
        state = tuple(sorted(_walk(root, root)))
    except OSError as error:
        raise_read_failure(error)
        raise MissingInput(f"{run}: not a readable bundle ({error.strerror})", AGAIN) from error
    return _check_unchanged(root, state)


def name_run(run: Path) -> str:
    """Name of the run in the folder `run`, which a bundle keeps whatever its folder is called."""
    found = open_bundle(run)
    return found.run if found else run.name


@lru_cache(maxsize=8)
def _check_unchanged(root: Path, state: State) -> BundleInfo:
    info = read_listing(root)
    present = {name for name, *_ in state} - {BUNDLE}
    for name in sorted(present - info.files.keys()):
        problem = f"{root / name}: not a file of this bundle"
        raise MissingInput(problem, "remove it: a bundle has no files but those that its bundle.json lists")
    for name, record in sorted(info.files.items()):
        path = root / name
        if name not in present:
            raise MissingInput(f"{path}: missing from the bundle", AGAIN)
        size = path.stat().st_size
        if size != record.size:
            raise MissingInput(f"{path}: damaged, {size} bytes instead of {record.size}", AGAIN)
        if hash_file(path) != record.sha256:
            raise MissingInput(f"{path}: damaged, its content is not what bundle.json says", AGAIN)
        if path.suffix == ".npz":
            _check_arrays(path)
    return info


def _check_arrays(path: Path) -> None:
    try:
        check_array_sizes(path)
    except ValueError as error:
        raise MissingInput(f"{path}: not arrays of a bundle ({error})", "do not use this bundle") from error


def _walk(root: Path, folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """Name, size, time of change and inode of each file. `MissingInput` for a link and what is neither file nor folder.

    Hidden entries beside bundle.json, such as the hub's .gitattributes and .cache, and a licence are left out.
    """
    for entry in os.scandir(folder):
        if folder == root and (entry.name.startswith(".") or entry.name in BESIDE):
            continue
        found = entry.stat(follow_symlinks=False)
        path = Path(entry.path)
        if stat.S_ISDIR(found.st_mode):
            yield from _walk(root, path)
        elif stat.S_ISREG(found.st_mode):
            yield path.relative_to(root).as_posix(), found.st_size, found.st_mtime_ns, found.st_ino
        else:
            hint = "a bundle has plain files only; from the hub: hf download OWNER/NAME --local-dir FOLDER"
            raise MissingInput(f"{path}: a link or device in a bundle", hint)
