"""What a command prints: lines for people, or one JSON object on stdout with everything else on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console as RichConsole
from rich.console import RenderableType

from unmask.core.errors import as_user_error
from unmask.core.stage_report import StageReport

log = logging.getLogger("unmask")

FAILURES_SHOWN = 10
WIDTH = 140


@dataclass
class Console:
    """`say` for people, `result` for programs; with `as_json` only the result reaches stdout."""

    as_json: bool = False
    quiet: bool = False
    result: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        log.handlers.clear()
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.propagate = False
        log.setLevel(logging.WARNING if self.quiet else logging.INFO)

    def say(self, line: str) -> None:
        if not self.quiet:
            print(line, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def show(self, table: RenderableType) -> None:
        """A table, as wide as it needs to be where nobody's terminal limits it."""
        if not self.quiet:
            stream = sys.stderr if self.as_json else sys.stdout
            RichConsole(file=stream, width=None if stream.isatty() else WIDTH).print(table)

    def stages(self, reports: Sequence[StageReport], max_failures: float) -> None:
        """Print what each stage did; `ItemsFailed` when one of them lost too many items."""
        self.result["stages"] = [report.as_json() for report in reports]
        for report in reports:
            self.say(str(report))
            for item, why in sorted(report.failed.items())[:FAILURES_SHOWN]:
                self.say(f"    {item}: {why}")
            if len(report.failed) > FAILURES_SHOWN:
                self.say(f"    and {len(report.failed) - FAILURES_SHOWN} more (--json lists all)")
        for report in reports:
            report.check(max_failures)


@contextmanager
def opened(as_json: bool = False, quiet: bool = False) -> Iterator[Console]:
    """A console for one command; its JSON object is printed at the end, with the error if there was one."""
    console = Console(as_json=as_json, quiet=quiet)
    try:
        yield console
    except BaseException as error:
        if known := as_user_error(error):
            console.result |= {"error": known.problem, "hint": known.hint}
        raise
    finally:
        if as_json:
            print(json.dumps(console.result, indent=2, ensure_ascii=False, default=str), flush=True)
