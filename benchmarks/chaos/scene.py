"""One round's folders, and what an undisturbed run of its stage did there."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.contents import read_answer, read_contents
from benchmarks.chaos.processes import Command, Ended, Place
from benchmarks.chaos.shim import Plan, count_fired
from benchmarks.chaos.stage import Stage

TORCH_CACHE = "torchinductor_"
"""torch keeps a folder of this name for the user, whichever program imports its compiler."""


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """What a stage does when nothing goes wrong."""

    before: Path
    """Work folder that it starts from."""
    after: Mapping[str, str]
    """Content of the files that it leaves, by name, and of what it prints where that is its result."""
    seconds: float
    counts: Mapping[str, int]
    """Calls by kind (shim.OPS) about the work folder."""
    media_counts: Mapping[str, int]
    """Calls by kind about the data."""


@dataclass(kw_only=True)
class Scene:
    """The folders of one round, and how its command is started."""

    base: Path
    stage: Stage
    undisturbed: Undisturbed
    rng: random.Random
    cold: bool = False
    log: list[Ended] = field(default_factory=list)
    fired: int = 0
    """Calls that met the fault."""
    notes: list[str] = field(default_factory=list)
    restore: Callable[[], None] | None = None
    """Makes good what the fault did to the inputs."""

    @property
    def work(self) -> Path:
        return self.base / "work"

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def temporary(self) -> Path:
        return self.base / "tmp"

    @property
    def log_file(self) -> Path:
        return self.base / "log"

    @property
    def answer_file(self) -> Path:
        return self.base / "answer"

    def set_up(self) -> None:
        for folder in (self.work, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.undisturbed.before, self.work, symlinks=True)
        self.temporary.mkdir()
        self.log_file.unlink(missing_ok=True)

    def start(
        self, plan: Plan | None = None, *, on_media: bool = False, again: bool = False, small_memory_disk: bool = False
    ) -> Command:
        """Start the stage; `plan` is about its work folder, or about its media files."""
        control = None
        if plan is not None:
            control = self.base / "control"
            plan.write(control, (self.data,) if on_media else (self.work,))
        self.answer_file.unlink(missing_ok=True)
        place = Place(
            temporary=self.temporary,
            log=self.log_file,
            answer=self.answer_file if self.stage.answers else None,
            visited=self.stage.is_service,
            control=control,
            small_memory_disk=small_memory_disk,
        )
        arguments = self.stage.call(self.data, self.work, self.undisturbed.before, again=again)
        return Command(arguments, place, cold=self.cold)

    def start_other(self, arguments: tuple[str, ...]) -> Command:
        """Start another command in the same work folder."""
        place = Place(temporary=self.temporary, log=self.log_file)
        filled = self.stage.fill(arguments, self.data, self.work, self.undisturbed.before)
        return Command(filled, place, cold=self.cold)

    def run(
        self,
        plan: Plan | None = None,
        act: Callable[[Command, float], bool] | None = None,
        *,
        on_media: bool = False,
        again: bool = False,
        small_memory_disk: bool = False,
    ) -> Ended:
        """Run the stage to its end; `act` is called with the command and its age until it returns True."""
        with self.start(plan, on_media=on_media, again=again, small_memory_disk=small_memory_disk) as command:
            ended = command.wait(None if act is None else lambda age: act(command, age))
        self.log.append(ended)
        if plan is not None:
            self.fired = count_fired(self.base / "control")
        return ended

    def read_result(self) -> dict[str, str]:
        """As `Undisturbed.after`."""
        answer = read_answer(self.answer_file) if self.stage.answers and self.answer_file.exists() else {}
        return read_contents(self.work) | answer

    def read_log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def list_temporary(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir() if not path.name.startswith(TORCH_CACHE))
