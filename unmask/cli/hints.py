"""Commands that hints and messages name, in the form that the user typed: with their --work, or as a make target."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from unmask.core.buckets.addresses import get_local_folder, is_address, name_work, parse_address

CALLER = "UNMASK_CALLER"
"""The Makefile sets this variable to "make"."""

DEFAULT_WORK = Path("work")

TARGETS = {
    "scan": "manifest DATA=/path/to/datasets",
    "preprocess": "manifest DATA=/path/to/datasets",
    "extract": "extract-features",
    "train": "train",
    "ablate": "ablations",
    "evaluate": "evaluate",
    "report": "report",
    "doctor": "doctor",
}
"""Command -> make target. The other commands have none."""

COMMAND = re.compile(
    r"\bunmask (?P<name>cache [a-z]+|runs [a-z]+|audit|bundle|compare|merge|predict|split|transcribe|"
    rf"{'|'.join(TARGETS)})\b(?![/.])(?P<data> /path/to/datasets)?(?! --work)"
)


def adapt_commands(text: str, work: Path) -> str:
    """`text` with every "unmask COMMAND" in it as the user of the work folder `work` would type it.

    A command with a --work of its own stays as it is.
    """
    by_make = os.environ.get(CALLER) == "make"

    def adapt(match: re.Match[str]) -> str:
        name, data = match["name"], match["data"] or ""
        folder = shlex.quote(name_work(work))
        if by_make and name in TARGETS:
            return f"make {TARGETS[name]}" + (f" WORK={folder}" if work != DEFAULT_WORK else "")
        return f"{get_program(by_make=by_make)} {name}{data}" + (f" --work {folder}" if work != DEFAULT_WORK else "")

    return name_bucket(COMMAND.sub(adapt, text), work)


def name_bucket(text: str, work: Path) -> str:
    """`text` with the address of a bucket in place of the path of its copy; the same for any other `work`."""
    if not is_address(work):
        return text
    address = parse_address(work)
    return text.replace(str(get_local_folder(address)), str(address))


def get_program(*, by_make: bool = False) -> str:
    """How this program was started: "unmask", "python -m unmask", or under make the path of the script."""
    path = Path(sys.argv[0])
    if path.name == "__main__.py" and path.parent.name == "unmask":
        return "python -m unmask"
    return str(path) if by_make and path.name == "unmask" else "unmask"
