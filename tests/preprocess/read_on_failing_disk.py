"""Run in a process with the library of `benchmarks/chaos/shim.c`: every read of every file fails once, and for good.

Arguments: folder of media files, control file. Prints one line of JSON per file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from benchmarks.chaos.shim import ALWAYS, Plan, _Control, load_control
from unmask.core.errors import MachineFailed
from unmask.manifests.scan.probe import NOT_READ, Probe, probe_file
from unmask.media.media_kind import find_kind
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.task import Task
from unmask.preprocess.worker import preprocess_item

READS = ("open_read", "read")


def describe(path: Path) -> tuple[Probe, str]:
    """Header and content of one file, as the stages find them. `MachineFailed` as preprocess raises it."""
    probe = probe_file(path, find_kind(path, path.suffix) or "image")
    settings = PreprocessSettings(detector="none")
    task = Task(media_id="", content="", path=path, kind=probe.kind or "image", text=None, settings=settings)
    item = preprocess_item(task)
    digest = hashlib.sha256(repr((item.reason, item.problem, item.reader, item.thumbnail)).encode())
    for clip in item.clips:
        digest.update(clip.faces.tobytes() + clip.audio.tobytes())
    return probe, digest.hexdigest()


def obey(plan: Plan, control: Path, folder: Path) -> None:
    control.unlink(missing_ok=True)  # the old one is still mapped
    plan.write(control, (folder,))
    load_control(control)


def read_control(control: Path) -> _Control:
    return _Control.from_buffer_copy(control.read_bytes())


def main(folder: Path, control: Path, number: int) -> None:
    for path in sorted(folder.iterdir()):
        describe(path)  # libraries are loaded
        obey(Plan(ops=READS), control, folder)
        good = describe(path)
        calls = read_control(control).matched
        # Of a long file the reads in its middle are alike.
        places = {*range(1, min(calls, 40) + 1), *range(max(1, calls - 20), calls + 1)}
        wrong, told = [], 0
        for nth in sorted(places):
            for times in (1, ALWAYS):
                obey(Plan(action="fail", ops=READS, nth=nth, times=times, number=number), control, folder)
                try:
                    found = describe(path)
                except MachineFailed:
                    told += 1
                    if times == 1:
                        wrong.append(nth)
                    continue
                assert read_control(control).fired, "no call failed"
                is_told = times == ALWAYS and (found[0].reason or "").startswith(NOT_READ)
                if not is_told and found != good:
                    wrong.append(nth)
        load_control(None)
        print(json.dumps({"name": path.name, "calls": calls, "reason": good[0].reason, "told": told, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
