"""What a command prints: lines for people, or one JSON object on stdout and everything else on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import typer
from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.text import Text

from unmask.cli.hints import DEFAULT_WORK, adapt_commands, name_bucket
from unmask.core.crashes import as_run_error
from unmask.core.errors import UsageError, as_user_error
from unmask.core.stage_report import StageReport
from unmask.core.terminal.shown_text import escape_hidden_in_lines, format_json
from unmask.core.terminal.wide_table import UNLIMITED, Column, WideTable, format_plain
from unmask.logs import show_log
from unmask.tables import FAILURES_SHOWN, describe_failures


class Estimate(Protocol):
    """What --dry-run prints."""

    def as_json(self) -> dict[str, Any]: ...
    def lines(self) -> list[str]: ...


@dataclass
class Console:
    """`say` and `show` print for people, `result` collects the JSON object."""

    as_json: bool = False
    quiet: bool = False
    work: Path = DEFAULT_WORK
    """Commands that sentences of a table name get this --work."""
    result: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        show_log(logging.WARNING if self.quiet else logging.INFO)

    def say(self, line: str) -> None:
        if not self.quiet:
            print(
                escape_hidden_in_lines(name_bucket(line, self.work)),
                file=sys.stderr if self.as_json else sys.stdout,
                flush=True,
            )

    def show(self, table: RenderableType) -> None:
        """Print a table: as wide as the terminal; into a file or pipe without any limit."""
        if self.quiet:
            return
        stream = sys.stderr if self.as_json else sys.stdout
        if isinstance(table, Group):
            table = Group(*(self._adapt(part) for part in table.renderables))
        if stream.isatty():
            RichConsole(file=stream).print(table)
        else:
            print(format_plain(table, UNLIMITED), end="", file=stream, flush=True)

    def _adapt(self, part: RenderableType) -> RenderableType:
        if not isinstance(part, Text):
            return part
        return Text(escape_hidden_in_lines(adapt_commands(part.plain, self.work)), style=part.style)

    def show_list(self, name: str, about: str, entries: Mapping[str, object]) -> None:
        """Print names and what belongs to each, under two headings."""
        texts = Column(heading=about, cells=list(map(str, entries.values())), wraps=True)
        self.show(WideTable(names=Column(heading=name, cells=list(entries)), columns=[texts]))

    def show_estimate(self, estimate: Estimate) -> None:
        self.result["estimate"] = estimate.as_json()
        for line in estimate.lines():
            self.say(line)

    def show_stages(self, reports: Sequence[StageReport], max_failures: float) -> None:
        """Print what each stage did; `ItemsFailed` when one lost a larger fraction of its items."""
        self.result["stages"] = [report.as_json() for report in reports]
        for report in reports:
            self.say(str(report))
            for line in describe_failures(report):
                self.say(f"    {line}")
            if len(report.failed) > FAILURES_SHOWN:
                self.say("    --json lists all")
        for report in reports:
            report.check(max_failures, "--max-failures ")


@contextmanager
def open_console(as_json: bool, quiet: bool, work: Path) -> Iterator[Console]:
    """The console of one command. Its JSON object is printed at the end, with the error if there was one.

    Commands in the hint of an error get the form that the user typed (see `adapt_commands`).
    """
    console = Console(as_json=as_json, quiet=quiet, work=work)
    try:
        yield console
    except BaseException as error:
        if known := as_user_error(error) or as_run_error(error):
            known.problem, known.hint = name_bucket(known.problem, work), adapt_commands(known.hint, work)
            console.result |= {"error": known.problem, "hint": known.hint}
            if known is not error:
                raise known from error
        raise
    finally:
        if as_json:
            print(format_json(console.result), flush=True)


def confirm(as_json: bool) -> bool:
    """Ask before files are removed. `UsageError` with --json, which cannot ask."""
    if as_json:
        raise UsageError("--json cannot ask for confirmation", "--yes, or --dry-run")
    return typer.confirm("Remove them?")


def format_size(count: int) -> str:
    """Bytes as "  12.3 MB", 11 characters wide."""
    power = min(3, max(0, len(str(count)) - 1) // 3)
    return f"{count / 1000**power:8.1f} {('B', 'KB', 'MB', 'GB')[power]}"
