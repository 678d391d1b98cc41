"""What goes wrong: one entry per fault, each with the stages that it can meet."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.chaos.damages import damage_file, flip_bits, truncate
from benchmarks.chaos.memory_disk import can_shrink_memory_disk
from benchmarks.chaos.processes import Command
from benchmarks.chaos.scene import Scene
from benchmarks.chaos.shim import ALWAYS, Plan
from benchmarks.chaos.stage import Stage

CHANGES = ("open_write", "write", "sync", "rename", "unlink", "mkdir")
MOMENTS = ("sync", "rename", "unlink")
READS = ("open_read", "read")
DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class Fault:
    name: str
    disturb: Callable[[Scene], object]
    """Run the stage of the scene while this goes wrong."""
    codes: Collection[int]
    """Exit codes that the disturbed command may have."""
    meets: Callable[[Stage], bool] = lambda _: True
    leaves: bool = False
    """The disturbed command may leave temporary files, which the next one removes."""
    is_quiet: bool = True
    """No process may print a traceback. One that has just begun does, where a signal reaches all of them."""
    meets_itself: bool = False
    """One of the commands may find done already what it was to do: it ends as it does again, where another did it."""
    harms_data: bool = False
    """What the disturbed command makes of the damage is wrong, if it ends with 0 and differs."""


def _at_random(scene: Scene, number: int, *, group: bool) -> None:
    moment = scene.rng.uniform(0, scene.undisturbed.seconds * 1.1)

    def act(command: Command, age: float) -> bool:
        if age >= moment:
            command.send(number, group=group)
        return age >= moment

    scene.notes.append(f"after {moment:.2f} s")
    scene.run(act=act)


def _at_call(scene: Scene, number: int, *, group: bool, ops: Collection[str] = MOMENTS) -> None:
    """The signal comes right before or after a call that changes names, or forces them to the disk."""
    nth, after = _choose_call(scene, ops), bool(scene.rng.getrandbits(1))
    action = "signal_group" if group else "signal_leader"
    scene.notes.append(f"{'after' if after else 'before'} call {nth} of {'/'.join(ops)}")
    scene.run(Plan(action=action, ops=ops, nth=nth, times=1, number=number, after=after))


def _choose_call(scene: Scene, ops: Collection[str], *, on_media: bool = False) -> int:
    counts = scene.undisturbed.media_counts if on_media else scene.undisturbed.counts
    return scene.rng.randint(1, max(1, sum(counts[op] for op in ops)))


def _fail(scene: Scene, number: int, ops: Collection[str], *, once: bool = False, on_media: bool = False) -> None:
    """The call, and all after it unless `once`, fail with the error `number`."""
    nth = _choose_call(scene, ops, on_media=on_media)
    scene.notes.append(f"{errno.errorcode[number]} at call {nth} of {'/'.join(ops)}")
    plan = Plan(action="fail", ops=ops, nth=nth, number=number, times=1 if once else ALWAYS)
    scene.run(plan, on_media=on_media)


def _shorten(scene: Scene, ops: Collection[str], *, on_media: bool = False) -> None:
    """Half of what was asked for, from some call on."""
    nth = _choose_call(scene, ops, on_media=on_media)
    scene.notes.append(f"from call {nth} of {'/'.join(ops)}")
    scene.run(Plan(action="shorten", ops=ops, nth=nth), on_media=on_media)


def _set_clock_back(scene: Scene) -> None:
    scene.run(Plan(action="shift", ops=("clock",), nth=scene.rng.randint(1, 60), shift_s=-30 * DAY_S))


def _shrink_memory_disk(scene: Scene) -> None:
    if can_shrink_memory_disk(scene.base):
        scene.run(small_memory_disk=True)
    else:
        scene.notes.append("not possible here: it needs the right to mount")


def _twice(scene: Scene) -> None:
    """The same command twice at once."""
    with scene.start() as first, scene.start() as second:
        scene.log += [first.wait(), second.wait()]


def _beside(scene: Scene) -> None:
    """Another command at once, that is refused, waits, or shares the folder."""
    scene.notes.append(" ".join(scene.stage.beside[:2]))
    with scene.start() as command, scene.start_other(scene.stage.beside) as other:
        scene.log += [command.wait(), other.wait()]


def _kill_worker(scene: Scene) -> None:
    """As the system does with a process that takes too much memory."""
    moment = scene.rng.uniform(0, scene.undisturbed.seconds)

    def act(command: Command, age: float) -> bool:
        workers = command.list_workers(of_server=not scene.stage.forks) if age >= moment else []
        if workers:
            os.kill(scene.rng.choice(workers), signal.SIGKILL)
        return bool(workers)

    scene.notes.append(f"after {moment:.2f} s")
    scene.run(act=act)


def _change_inputs(scene: Scene, change: Callable[[Scene, list[Path]], None]) -> None:
    """Media files are changed while the command runs, and made good afterwards."""
    moment = scene.rng.uniform(0, scene.undisturbed.seconds)
    files = sorted(path for path in scene.data.rglob("*") if path.is_file())
    chosen = scene.rng.sample(files, 2)
    pristine = scene.base / "pristine"
    shutil.copytree(scene.data, pristine)

    def act(command: Command, age: float) -> bool:
        if age >= moment:
            change(scene, chosen)
        return age >= moment

    def restore() -> None:
        for path in files:
            source = pristine / path.relative_to(scene.data)
            if not path.exists() or path.read_bytes() != source.read_bytes():
                path.unlink(missing_ok=True)
            shutil.copy2(source, path)
        shutil.rmtree(pristine)

    scene.notes.append(", ".join(str(path.relative_to(scene.data)) for path in chosen))
    scene.restore = restore
    scene.run(act=act)


def _vanish(scene: Scene, paths: list[Path]) -> None:
    for path in paths:
        path.unlink()


def _overwrite(scene: Scene, paths: list[Path]) -> None:
    for path in paths:
        path.write_bytes(scene.rng.randbytes(path.stat().st_size // 2))


def _swap(scene: Scene, paths: list[Path]) -> None:
    first, second = paths
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


# Before a command has begun, SIGTERM ends it on the spot.
STOPPED = {signal.SIGINT: (0, 130), signal.SIGTERM: (0, 143, -15), signal.SIGKILL: (0, -9)}
REFUSED = (0, 3, 4)


def _signals() -> list[Fault]:
    faults = []
    for number, codes in STOPPED.items():
        for whom in ("the command", "all its processes"):
            group = whom != "the command"
            if number == signal.SIGINT and not group:
                continue  # Ctrl-C reaches all of them
            name = f"{'kill -9' if number == signal.SIGKILL else number.name} of {whom}"
            # A signal that workers get too ends them first, so the command may see dead workers before its own signal.
            leaves = number == signal.SIGKILL
            for when, disturb in (("at a random moment", _at_random), ("at a rename, fsync or unlink", _at_call)):
                how = partial(disturb, number=number, group=group)
                faults.append(
                    Fault(name=f"{name}, {when}", disturb=how, codes=codes, leaves=leaves, is_quiet=not group)
                )
    return faults


def _reads_media(stage: Stage) -> bool:
    return stage.reads_media


def _writes(stage: Stage) -> bool:
    return stage.writes


def _is_any(stage: Stage) -> bool:
    return True


def _disk() -> list[Fault]:
    def make(name: str, number: int, ops: Collection[str], once: bool = False, on_media: bool = False) -> Fault:
        disturb = partial(_fail, number=number, ops=ops, once=once, on_media=on_media)
        return Fault(name=name, disturb=disturb, codes=REFUSED, meets=_reads_media if on_media else _is_any)

    return [
        make("full disk", errno.ENOSPC, ("open_write", "write", "mkdir", "rename")),
        make("read-only disk", errno.EROFS, ("open_write", "rename", "unlink", "mkdir")),
        make("EIO while writing", errno.EIO, ("write", "sync"), once=True),
        make("EIO while reading, once", errno.EIO, READS, once=True),
        make("EIO while reading, for good", errno.EIO, READS),
        make("ESTALE, once", errno.ESTALE, READS, once=True),
        make("EIO of a media file, once", errno.EIO, READS, once=True, on_media=True),
        make("ESTALE of a media file, once", errno.ESTALE, READS, once=True, on_media=True),
    ]


def _inputs() -> list[Fault]:
    changes = {"vanish": _vanish, "change": _overwrite, "are swapped": _swap}
    return [
        Fault(
            name=f"media files {word}",
            disturb=partial(_change_inputs, change=change),
            codes=REFUSED,
            meets=_reads_media,
        )
        for word, change in changes.items()
    ]


def _damages() -> list[Fault]:
    faults = []
    for name, change in (("16 flipped bits", flip_bits), ("a cut", truncate)):
        for whose, own in (("in an input", False), ("in its own output", True)):
            disturb = partial(damage_file, change=change, own=own)
            meets = _writes if own else _is_any
            faults.append(
                Fault(name=f"{name} {whose}", disturb=disturb, codes=(0, 2, 3, 4), harms_data=True, meets=meets)
            )
    return faults


FAULTS = {
    fault.name: fault
    for fault in (
        *_signals(),
        *_disk(),
        Fault(name="short reads", disturb=partial(_shorten, ops=("read",)), codes=(0,)),
        Fault(
            name="short reads of media files",
            disturb=partial(_shorten, ops=("read",), on_media=True),
            codes=(0,),
            meets=_reads_media,
        ),
        Fault(name="short writes", disturb=partial(_shorten, ops=("write",)), codes=(0,)),
        *_damages(),
        *_inputs(),
        Fault(name="clock set back by 30 days", disturb=_set_clock_back, codes=(0,)),
        Fault(name="a /dev/shm of 8 KiB", disturb=_shrink_memory_disk, codes=REFUSED),
        Fault(name="two commands at once", disturb=_twice, codes=(0, 2), meets_itself=True),
        Fault(name="another command at once", disturb=_beside, codes=(0, 2, 4)),
        Fault(
            name="a worker out of memory", disturb=_kill_worker, codes=REFUSED, meets=lambda stage: stage.has_workers
        ),
    )
}
