"""Files and folders that appear whole or not at all: temporary name beside the target, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from unmask.core.errors import NoSpace

# Left-overs of a killed run carry this prefix, so that `sweep` can tell them from results.
TEMPORARY = ".tmp-"
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; it replaces `path` when the block ends without an error.

    `NoSpace` when the disk is full; `path` is then as it was.
    """
    temporary = _beside(path)
    try:
        with _told(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        with suppress(OSError):  # where nothing may be removed, the error before this one says more
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes `path` when the block ends without an error.

    An existing `path` is replaced: moved aside first, so that no moment shows a mixture of both. `NoSpace` as above.
    """
    temporary, aside = _beside(path), _beside(path)
    try:
        with _told(path, temporary):
            temporary.mkdir(parents=True)
            yield temporary
            for part in sorted(temporary.rglob("*"), reverse=True):
                _sync(part)
            _sync(temporary)
            if path.exists():
                path.rename(aside)
            temporary.rename(path)
            _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Sorted keys and fixed indentation: the same value is the same bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def sweep(folder: Path, names: Collection[str] | None = None) -> int:
    """Remove what killed runs left under temporary names in `folder`; give how many.

    With `names` only what was to become one of these: others may be at work on the rest.
    """
    leftovers = sorted(folder.glob(f"{TEMPORARY}*")) if folder.is_dir() else []
    mine = [path for path in leftovers if names is None or path.name[len(TEMPORARY) + 33 :] in names]
    for path in mine:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(mine)


def _beside(path: Path) -> Path:
    """A new name in the same folder, hence on the same disk."""
    return path.parent / f"{TEMPORARY}{uuid.uuid4().hex}-{path.name}"


@contextmanager
def _told(path: Path, temporary: Path) -> Iterator[None]:
    """A full disk is no bug of ours; libraries tell it by an error of their own or, some, only in its text.

    Where writing is not allowed, the error names what was to be written instead of the temporary name.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) in FULL or os.strerror(errno.ENOSPC) in str(error):
            problem = f"{path.parent}: no space left to write {path.name}"
            raise NoSpace(
                problem, "free some space and run the same command again: what is finished is kept"
            ) from error
        # pyarrow has the name in its text only.
        if isinstance(error, OSError) and error.errno and str(temporary) in f"{error.filename} {error}":
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
