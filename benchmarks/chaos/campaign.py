"""Rounds of one stage and one fault each, and what they left behind."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.chaos.contents import ANSWER, compare, has_all_values, list_unfinished
from benchmarks.chaos.faults import FAULTS, Fault
from benchmarks.chaos.media import write_media
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.processes import Ended
from benchmarks.chaos.rehearsal import Rehearsal
from benchmarks.chaos.scene import Scene
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.stages import STAGES


class Campaign:
    """The undisturbed stages, and the rounds that are compared with them. In a process with the shim preloaded."""

    def __init__(
        self, base: Path, seed: int, *, stages: Sequence[str] = (), faults: Sequence[str] = (), cold_every: int = 0
    ) -> None:
        self.base, self.seed, self.cold_every = base, seed, cold_every
        chosen = [STAGES[name] for name in stages or STAGES]
        kinds = [FAULTS[name] for name in faults or FAULTS]
        self.pairs = pair(chosen, kinds, random.Random(seed))

    def prepare(self, say: Callable[[str], object], numbers: Sequence[int]) -> None:
        """Run the stages of the rounds `numbers` without a fault, and those before them."""
        write_media(self.base / "data")
        self.rehearsal = Rehearsal(base=self.base, say=say)
        self.rehearsal.run_all({self.pairs[number % len(self.pairs)][0].name for number in numbers})

    def run(self, numbers: Sequence[int], until: float | None = None) -> Iterator[Outcome]:
        """The rounds `numbers`, or those that begin before the time `until` (time.monotonic)."""
        for number in numbers:
            if until is not None and time.monotonic() > until:
                return
            began, own = time.monotonic(), _measure_own_work()
            outcome = self.run_round(number)
            outcome.seconds = time.monotonic() - began
            outcome.cpu_s += _measure_own_work() - own
            yield outcome

    def run_round(self, number: int) -> Outcome:
        """The same number and seed give the same stage, fault and moment."""
        stage, fault = self.pairs[number % len(self.pairs)]
        scene = Scene(
            base=self.base,
            stage=stage,
            undisturbed=self.rehearsal.undisturbed[stage.name],
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
        outcome.cpu_s = sum(ended.cpu_s for ended in scene.log)
        return outcome

    def _check_disturbed(self, scene: Scene, fault: Fault, outcome: Outcome) -> None:
        explained = list_explained(scene.stage, fault, [ended.code for ended in scene.log])
        for ended in scene.log:
            if ended.code not in explained:
                outcome.wrong_ends.append(f"exit code {ended.code}: {_last_line(scene)}")
            self._check_process(ended, outcome)
        if fault.is_quiet and "Traceback (most recent call last)" in scene.read_log():
            outcome.wrong_ends.append(f"a traceback: {_last_line(scene)}")
        if not fault.leaves:
            outcome.leftovers += [f"{name} in the temporary folder" for name in scene.list_temporary()]
        if fault.harms_data and scene.log and scene.log[-1].code == scene.stage.ends:
            found = compare(scene.undisturbed.after, scene.read_result(), self.rehearsal.volatile)
            harmed = set(scene.notes[:1])
            changed = {*found.lost, *found.differing} - harmed - ({ANSWER} & set(found.lost))
            if scene.stage.name == "verify" and scene.notes[0].startswith(("media/", "tokens/")):
                changed |= {name for name in harmed & set(found.differing) if not has_all_values(scene.work / name)}
            if not (scene.stage.lists_damage and all(name in scene.read_log() for name in harmed)):
                outcome.silent += sorted(changed)

    def _check_again(self, scene: Scene, again: Ended, outcome: Outcome) -> None:
        if again.code not in (scene.stage.ends, scene.stage.ends_again):
            outcome.wrong_ends.append(f"then exit code {again.code}: {_last_line(scene)}")
        self._check_process(again, outcome)
        found = compare(scene.undisturbed.after, scene.read_result(), self.rehearsal.volatile)
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


def pair(stages: Sequence[Stage], faults: Sequence[Fault], rng: random.Random) -> list[tuple[Stage, Fault]]:
    """Every stage with every fault that it can meet, so that few rounds have all stages and most faults.

    The stages take turns, each with the faults in the same order, but beginning at another one.
    """
    stages, faults = rng.sample(stages, len(stages)), rng.sample(faults, len(faults))
    turns = [
        [(stage, fault) for fault in (*faults[number % len(faults) :], *faults[: number % len(faults)])]
        for number, stage in enumerate(stages)
    ]
    met = [[(stage, fault) for stage, fault in turn if fault.meets(stage)] for turn in turns]
    longest = max(len(turn) for turn in met)
    return [turn[place] for place in range(longest) for turn in met if place < len(turn)]


def list_explained(stage: Stage, fault: Fault, codes: Sequence[int]) -> set[int | None]:
    """Exit codes that the commands of a round may have; `codes` are those that they had."""
    done = fault.meets_itself and stage.ends in codes
    return {*fault.codes, stage.ends, *([stage.ends_again] if done else [])}


def _measure_own_work() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _last_line(scene: Scene) -> str:
    lines = [line for line in scene.read_log().splitlines() if line and not line.startswith("hint:")]
    return lines[-1][:200] if lines else ""
