"""Write files and folders atomically: temporary name beside the target, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from unmask.core.buckets.mirrored import forget_path, publish_file, publish_folder
from unmask.core.errors import MachineFailed, NoSpace
from unmask.core.files.writers import LENGTH, is_alive, is_dead, mark_writer

# Prefix of unfinished output. `sweep` removes what killed runs left under it.
TEMPORARY = ".tmp-"
NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
FREE_SPACE = "free some space and run the same command again: what is finished is kept"


@contextmanager
def create_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; it replaces `path` when the block ends without an error.

    `NoSpace` when the disk is full; `path` is then as it was.
    """
    temporary = _beside(path)
    try:
        with _map_os_errors(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_dead(path.parent, os.getpid())
            yield temporary
            _sync(temporary)
            publish_file(temporary, path)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        with suppress(OSError):  # without the right to remove files, the first error is the useful one
            temporary.unlink(missing_ok=True)


@contextmanager
def create_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes `path` when the block ends without an error.

    An existing `path` is moved aside first, so that old and new files never mix. `NoSpace` when the disk is full;
    `path` is then as it was.
    """
    temporary, aside = _beside(path), _beside(path)
    try:
        with _map_os_errors(path, temporary):
            temporary.mkdir(parents=True)
            _remove_dead(path.parent, os.getpid())
            with _refuse_removal(temporary, path):
                yield temporary
            for entry in sorted(temporary.rglob("*"), reverse=True):
                _sync(entry)
            _sync(temporary)
            if not publish_folder(temporary, path):
                return  # that of another machine is there now
            _replace_folder(temporary, path, aside)
            _sync(path.parent)
    finally:
        _put_back(aside, path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _refuse_removal(temporary: Path, path: Path) -> Iterator[None]:
    """`MachineFailed` if the folder was removed during the block: a library may have made it again, half of it lost."""
    handle = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield
        removed = _is_removed(temporary, handle)
    finally:
        os.close(handle)
    if removed:
        problem = f"{path}: another process removed it while it was written"
        raise MachineFailed(problem, "run the same command again, where file locks count (docs/parallel.md, Locks)")


def _is_removed(folder: Path, handle: int) -> bool:
    """Was the folder that is open as `handle` removed? Some file systems number a folder anew that is still there."""
    try:
        now, opened = folder.stat(), os.fstat(handle)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            return True
        raise
    return opened.st_nlink == 0 and not os.path.samestat(now, opened)


def write_text(path: Path, text: str) -> None:
    with create_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and fixed indentation: the same value gives the same bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def remove_leftovers(folder: Path, names: Collection[str] | None = None) -> int:
    """Remove temporary files and folders of killed runs from `folder`; return how many.

    With `names`, only those whose target has one of these names: other processes may be writing the rest.
    """
    mine = [path for path, name in list_leftovers(folder) if names is None or name in names]
    for path in mine:
        remove_path(path)
    return len(mine)


def list_leftovers(folder: Path) -> list[tuple[Path, str]]:
    """The temporary files and folders in `folder`, each with the name of its target.

    Without those that a running process of this machine is writing. Of other machines nobody here can tell: whoever
    removes theirs holds a lock that they would hold while they write.
    """
    leftovers = sorted(folder.glob(f"{TEMPORARY}*")) if folder.is_dir() else []
    named = [(path, path.name[len(TEMPORARY) :]) for path in leftovers]
    return [(path, name[LENGTH + 1 :]) for path, name in named if not is_alive(name[:LENGTH])]


def remove_path(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; from the bucket too where it is the copy of one."""
    forget_path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace_folder(temporary: Path, path: Path, aside: Path) -> None:
    """Rename `temporary` to `path`, and what was there to `aside`.

    Where locks have no effect another process may finish the same folder in between: its whole one stays.
    """
    with suppress(FileNotFoundError):
        path.rename(aside)
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _put_back(aside: Path, path: Path) -> None:
    """The folder that was moved aside, where nothing took its place: a rename may need space in its folder too."""
    if aside.is_dir() and not path.exists():
        with suppress(OSError):
            aside.rename(path)


def _beside(path: Path) -> Path:
    """New temporary path in the same folder, hence on the same disk, so that the rename is atomic."""
    return path.parent / f"{TEMPORARY}{mark_writer()}-{path.name}"


@lru_cache(maxsize=64)
def _remove_dead(folder: Path, process: int) -> None:
    """Remove from `folder`, once per process, what processes of this machine left that were killed."""
    for path, _ in list_leftovers(folder):
        if is_dead(path.name[len(TEMPORARY) :][:LENGTH]):
            with suppress(OSError):
                remove_path(path)


@contextmanager
def _map_os_errors(path: Path, temporary: Path) -> Iterator[None]:
    """Map "no space left" to NoSpace. Some libraries raise their own type, others only mention it in the message.

    Other OSErrors about `temporary` are raised again with the name of the target `path`.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) in NO_SPACE_ERRNOS or os.strerror(errno.ENOSPC) in str(error):
            problem = f"{path.parent}: no space left to write {path.name}"
            raise NoSpace(problem, FREE_SPACE) from error
        # pyarrow gives the file name only in its message.
        if isinstance(error, OSError) and error.errno and str(temporary) in f"{error.filename} {error}":
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
