"""Shards that several processes make together: each takes what nobody holds and nobody has finished.

Nothing is agreed on beforehand. A process claims a shard with a lock file, looks whether it was finished meanwhile,
makes it, and gives the claim back. The claims of a process that died are free at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from unmask.core.atomic_files import list_leftovers, remove_path
from unmask.core.file_lock import Lock, take_lock
from unmask.core.sharing.lock_holders import read_holders

log = logging.getLogger("unmask")

FIRST_POLL_S = 0.05
LAST_POLL_S = 1.0


class Claims:
    """One lock per shard. Whoever writes a shard, or what is made of it, holds its claim."""

    def __init__(self, folder: Path) -> None:
        """`folder` of the lock files, which exist while they are held."""
        self.folder = folder

    def take(self, name: str) -> Lock | None:
        """None if another process holds it."""
        return take_lock(self.folder / name)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Wait for the claim, and hold it during the block."""
        lock = take_lock(self.folder / name, wait=True)
        assert lock is not None
        try:
            yield
        finally:
            lock.release(remove=True)

    def name_holders(self, names: Sequence[str]) -> str:
        """The processes that hold any of these."""
        found = (holder.name for name in names for holder in read_holders(self.folder / name))
        return ", ".join(dict.fromkeys(found))

    def remove_leftovers(self, folder: Path, others: Collection[str] = (), only: Collection[str] | None = None) -> None:
        """Remove temporary files of killed processes from `folder`: those of shards that nobody writes now.

        `others`: files besides the shards that this process alone may write at this moment. `only`: no other shards,
        for machines whose locks do not reach each other.
        """
        for path, name in list_leftovers(folder):
            if name in others:
                remove_path(path)
            elif name.startswith("shard-") and (only is None or name in only) and (lock := self.take(name)):
                remove_path(path)
                lock.release(remove=True)
        for path in self.folder.iterdir() if only is None and self.folder.is_dir() else ():
            if lock := self.take(path.name):  # of a process that was killed
                lock.release(remove=True)


class SharedWork:
    """The shards that one call has to see finished, by itself or by other processes.

        with SharedWork(claims, names, is_finished, "preprocess") as work:
            while work.wait():
                for name in work.take():
                    ...  # write it
                    work.release(name)

    `take` yields without waiting; a process must have released all it took before it waits for others, or two would
    wait for each other.
    """

    def __init__(self, claims: Claims, names: Sequence[str], is_finished: Callable[[str], bool], stage: str) -> None:
        """`is_finished` is asked about a claimed shard, before it is taken."""
        self._claims, self._is_finished, self._stage = claims, is_finished, stage
        self._waiting = list(names)
        self._held: dict[str, Lock] = {}
        self.made_elsewhere: list[str] = []
        """Shards that other processes finished."""

    def take(self) -> Iterator[str]:
        """Claim one shard after another that is free and not finished; those that others hold stay for later."""
        waiting, self._waiting = self._waiting, []
        for name in waiting:
            lock = self._claims.take(name)
            if lock is None:
                self._waiting.append(name)
                continue
            self._held[name] = lock
            if self._is_finished(name):
                self.made_elsewhere.append(name)
                self.release(name)
            else:
                yield name

    def release(self, name: str) -> None:
        """Give a shard back that is written. From any thread."""
        self._held.pop(name).release(remove=True)

    def wait(self) -> bool:
        """Wait until there is something to `take`; False if every shard is finished."""
        assert not self._held, "another process may be waiting for these"
        pause, told = FIRST_POLL_S, False
        while self._waiting:
            for name in self._waiting:
                lock = self._claims.take(name)
                if lock is not None:
                    lock.release(remove=True)
                    return True
            if not told:
                who = self._claims.name_holders(self._waiting)
                log.info("%s: waiting for %d shards of %s", self._stage, len(self._waiting), who or "another process")
                told = True
            time.sleep(pause)
            pause = min(2 * pause, LAST_POLL_S)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._held):
            self.release(name)
