"""Rounds of one stage and one fault each, and what they left behind."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.contents import compare, list_unfinished, read_contents
from benchmarks.chaos.faults import FAULTS, Fault
from benchmarks.chaos.known import KNOWN
from benchmarks.chaos.media import write_media
from benchmarks.chaos.processes import Command, Ended, Place, import_all
from benchmarks.chaos.scene import Scene, Undisturbed
from benchmarks.chaos.shim import Plan, read_counts
from benchmarks.chaos.stages import STAGES, Stage

SHOWN = 4


@dataclass(kw_only=True)
class Outcome:
    """What one round found."""

    number: int
    stage: str
    fault: str
    codes: list[int]
    """Of the disturbed commands, and of the one after them."""
    notes: list[str]
    wrong_ends: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    @property
    def known(self) -> str | None:
        """Why it found what it found, where that is an open finding."""
        return None if self.is_clean else KNOWN.get((self.stage, self.fault))

    @property
    def is_clean(self) -> bool:
        return not (self.wrong_ends or self.lost or self.differing or self.silent or self.leftovers)

    def __str__(self) -> str:
        parts = [f"round {self.number}: {self.stage} x {self.fault} ({'; '.join(self.notes)}) {self.codes}"]
        if self.known:
            parts.append(f"  known: {self.known}")
        for name in ("wrong_ends", "lost", "differing", "silent", "leftovers"):
            if found := getattr(self, name):
                more = ["..."] * (len(found) > SHOWN)
                parts.append(f"  {name.replace('_', ' ')}: {', '.join([*found[:SHOWN], *more])}")
        return "\n".join(parts)


class Campaign:
    """The undisturbed chain, and the rounds that are compared with it. In a process with the shim preloaded."""

    def __init__(self, base: Path, seed: int, *, cold_every: int = 0) -> None:
        self.base, self.seed, self.cold_every = base, seed, cold_every
        self.undisturbed: dict[str, Undisturbed] = {}
        self.volatile: set[str] = set()
        self.pairs: list[tuple[Stage, Fault]] = []

    def prepare(self, say: Callable[[str], object], stages: Sequence[str] = (), faults: Sequence[str] = ()) -> None:
        """Run every stage three times without a fault: to load its libraries, to be compared with, and to count."""
        write_media(self.base / "data")
        first: dict[str, str] = {}
        for attempt in range(2):
            shutil.rmtree(self.base / "work", ignore_errors=True)
            for stage in STAGES.values():
                found = self._run_undisturbed(stage, learn=attempt == 0)
                if attempt:
                    self.undisturbed[stage.name] = found
                    say(f"{stage.name}: {found.seconds:.1f} s, {sum(found.counts.values())} calls")
            contents = read_contents(self.base / "work")
            if attempt:
                self.volatile = {name for name in first.keys() & contents.keys() if first[name] != contents[name]}
            first = contents
        chosen = [STAGES[name] for name in stages or STAGES]
        kinds = [FAULTS[name] for name in faults or FAULTS]
        self.pairs = [(stage, fault) for stage in chosen for fault in kinds if fault.meets(stage)]
        random.Random(self.seed).shuffle(self.pairs)

    def _run_undisturbed(self, stage: Stage, *, learn: bool) -> Undisturbed:
        work, data, control = self.base / "work", self.base / "data", self.base / "control"
        before, temporary, log = self.base / "before" / stage.name, self.base / "tmp", self.base / "log"
        log.unlink(missing_ok=True)
        temporary.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        if not learn:
            shutil.copytree(work, before)
        modules = self.base / "modules" if learn else None
        Plan().write(control, (work,))
        place = Place(temporary=temporary, log=log, control=control, modules=modules)
        with Command(stage.call(data, work), place) as command:
            ended = command.wait()
        if ended.code:
            raise RuntimeError(f"{stage.name} ends with {ended.code} undisturbed:\n{log.read_text()}")
        if modules:
            import_all(modules.read_text().split())
        after, counts = read_contents(work), read_counts(control)[0]
        media_counts = dict.fromkeys(counts, 0)
        if stage.reads_media and not learn:
            media_counts = self._count_media_calls(stage, before, place)
        return Undisturbed(before=before, after=after, seconds=ended.seconds, counts=counts, media_counts=media_counts)

    def _count_media_calls(self, stage: Stage, before: Path, place: Place) -> dict[str, int]:
        work = self.base / "work"
        kept = self.base / "kept"
        work.rename(kept)
        shutil.copytree(before, work)
        assert place.control
        Plan().write(place.control, (self.base / "data",))
        with Command(stage.call(self.base / "data", work), place) as command:
            command.wait()
        shutil.rmtree(work)
        kept.rename(work)
        return read_counts(place.control)[0]

    def run(self, numbers: Sequence[int], until: float | None = None) -> Iterator[Outcome]:
        """The rounds `numbers`, or those that begin before the time `until` (time.monotonic)."""
        for number in numbers:
            if until is not None and time.monotonic() > until:
                return
            yield self.run_round(number)

    def run_round(self, number: int) -> Outcome:
        """The same number and seed give the same stage, fault and moment."""
        stage, fault = self.pairs[number % len(self.pairs)]
        scene = Scene(
            base=self.base,
            stage=stage,
            undisturbed=self.undisturbed[stage.name],
            rng=random.Random(f"{self.seed}/{number}"),
            cold=bool(self.cold_every) and number % self.cold_every == 0,
        )
        scene.set_up()
        fault.disturb(scene)
        outcome = Outcome(
            number=number,
            stage=stage.name,
            fault=fault.name,
            codes=[ended.code for ended in scene.log],
            notes=scene.notes + (["cold"] if scene.cold else []),
        )
        self._check_disturbed(scene, fault, outcome)
        if scene.restore:
            scene.restore()
        scene.log_file.unlink(missing_ok=True)
        again = scene.run(again=True)
        outcome.codes.append(again.code)
        self._check_again(scene, again, outcome)
        return outcome

    def _check_disturbed(self, scene: Scene, fault: Fault, outcome: Outcome) -> None:
        for ended in scene.log:
            if ended.code not in fault.codes:
                outcome.wrong_ends.append(f"exit code {ended.code}: {_last_line(scene)}")
            self._check_process(ended, outcome)
        if fault.is_quiet and "Traceback (most recent call last)" in scene.read_log():
            outcome.wrong_ends.append(f"a traceback: {_last_line(scene)}")
        if not fault.leaves:
            outcome.leftovers += [f"{name} in the temporary folder" for name in scene.list_temporary()]
        if fault.harms_data and scene.log and scene.log[-1].code == 0:
            found = compare(scene.undisturbed.after, read_contents(scene.work), self.volatile)
            harmed = set(scene.notes[:1])
            changed = {*found.lost, *found.differing} - harmed
            if scene.stage.name == "verify" and scene.notes[0].startswith(("media/", "tokens/")):
                changed |= harmed & set(found.differing)
            outcome.silent += sorted(changed)

    def _check_again(self, scene: Scene, again: Ended, outcome: Outcome) -> None:
        if again.code:
            outcome.wrong_ends.append(f"then exit code {again.code}: {_last_line(scene)}")
        self._check_process(again, outcome)
        found = compare(scene.undisturbed.after, read_contents(scene.work), self.volatile)
        outcome.lost += found.lost
        outcome.differing += found.differing
        outcome.leftovers += [f"then {name} in the temporary folder" for name in scene.list_temporary()]
        outcome.leftovers += list_unfinished(scene.work)
        outcome.leftovers += [name for name in found.added if not name.rpartition("/")[2].startswith(".tmp-")]

    def _check_process(self, ended: Ended, outcome: Outcome) -> None:
        if ended.hung:
            outcome.wrong_ends.append("hung")
        if ended.orphans:
            outcome.leftovers.append(f"{ended.orphans} processes")


def _last_line(scene: Scene) -> str:
    lines = [line for line in scene.read_log().splitlines() if line and not line.startswith("hint:")]
    return lines[-1][:200] if lines else ""
