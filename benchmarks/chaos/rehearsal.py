"""Every stage when nothing goes wrong: the folders that rounds start from, and what they are compared with."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.contents import compare, read_answer, read_contents
from benchmarks.chaos.processes import Command, Ended, Place, import_all
from benchmarks.chaos.scene import Undisturbed
from benchmarks.chaos.shim import Plan, read_counts
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.stages import STAGES

MANY_MODULES = 20
"""A command that loaded so many is timed again, now that copies of this process have them."""


@dataclass(kw_only=True)
class Rehearsal:
    """Runs stages without a fault, in `base / "work"`."""

    base: Path
    say: Callable[[str], object]
    undisturbed: dict[str, Undisturbed] = field(default_factory=dict)
    volatile: set[str] = field(default_factory=set)
    """Files that differed between two undisturbed runs."""
    _loaded: set[str] = field(default_factory=set)
    _kept: dict[tuple[int, int, bytes], Path] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.base / "work"

    def run_all(self, chosen: Collection[str]) -> None:
        """Run the stages `chosen`, and those that they start from."""
        needed = list_needed(chosen)
        for stage in STAGES.values():
            if stage.name in needed:
                self._set_up(stage)
                self._rehearse(stage, chosen=stage.name in chosen)
                if any(STAGES[name].after == stage.name for name in needed):
                    self.save(self.base / "after" / stage.name)

    def _set_up(self, stage: Stage) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        if stage.after:
            shutil.copytree(self.base / "after" / stage.after, self.work, symlinks=True)
        else:
            self.work.mkdir()
        (self.base / "given").mkdir(exist_ok=True)
        for arguments in stage.first:
            self._run(stage, stage.fill(arguments, self.base / "data", self.work, self.work), expected=0)
        for pattern in stage.lacks:
            for path in sorted(self.work.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _rehearse(self, stage: Stage, *, chosen: bool) -> None:
        before = self.base / "before" / stage.name
        if chosen:
            self.save(before)
        ended, loaded = self._call(stage)
        after = self._read(stage)
        if chosen and loaded >= MANY_MODULES:
            shutil.rmtree(self.work)
            shutil.copytree(before, self.work, symlinks=True)
            ended, _ = self._call(stage)
            again = self._read(stage)
            self.volatile |= set(compare(after, again, ()).differing)
        if chosen:
            counts, media_counts = read_counts(self.base / "control")
            self.undisturbed[stage.name] = Undisturbed(
                before=before, after=after, seconds=ended.seconds, counts=counts, media_counts=media_counts
            )
            calls = f"{sum(counts.values())} calls, {sum(media_counts.values())} of media"
            self.say(f"{stage.name}: {ended.seconds:.1f} s, {ended.cpu_s:.1f} s of work, {calls}")

    def _call(self, stage: Stage) -> tuple[Ended, int]:
        return self._run(stage, stage.call(self.base / "data", self.work, self.work), expected=stage.ends)

    def _run(self, stage: Stage, arguments: list[str], *, expected: int) -> tuple[Ended, int]:
        """How it ended, and how many modules it loaded that no command before it had."""
        log, answer, control = self.base / "log", self.base / "answer", self.base / "control"
        modules, temporary = self.base / "modules", self.base / "tmp"
        for path in (log, answer, modules):
            path.unlink(missing_ok=True)
        temporary.mkdir(exist_ok=True)
        Plan().write(control, (self.work, self.base / "data"))
        place = Place(
            temporary=temporary,
            log=log,
            control=control,
            modules=modules,
            answer=answer if stage.answers else None,
            visited=stage.is_service and arguments[0] == stage.arguments[0],
        )
        with Command(arguments, place) as command:
            ended = command.wait()
        if ended.code != expected:
            raise RuntimeError(f"{' '.join(arguments)}: exit code {ended.code} undisturbed:\n{log.read_text()}")
        loaded = set(modules.read_text().split()) - self._loaded
        self._loaded |= loaded
        import_all(sorted(loaded))
        return ended, len(loaded)

    def _read(self, stage: Stage) -> dict[str, str]:
        return read_contents(self.work) | (read_answer(self.base / "answer") if stage.answers else {})

    def save(self, to: Path) -> None:
        """Copy the work folder; files that were saved before are linked."""
        shutil.copytree(self.work, to, symlinks=True, copy_function=self._copy)

    def _copy(self, source: str, to: str) -> None:
        about = Path(source).stat()
        key = (about.st_mtime_ns, about.st_mode, hashlib.sha256(Path(source).read_bytes()).digest())
        if key in self._kept:
            os.link(self._kept[key], to)
        else:
            shutil.copy2(source, to)
            self._kept[key] = Path(to)


def list_needed(chosen: Collection[str]) -> set[str]:
    """The stages `chosen` and all that they start from."""
    needed: set[str] = set()
    for name in chosen:
        while name and name not in needed:
            needed.add(name)
            name = STAGES[name].after
    return needed
