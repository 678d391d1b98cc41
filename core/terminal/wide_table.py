"""Tables for the terminal in which no number is cut: a table that is too wide continues in a further block below."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from unmask.core.terminal.shown_text import escape_hidden

GAP = 2
"""Spaces between columns."""
LEAST_NAME, LEAST_WORDS = 16, 24
"""Least widths of names that are broken, and of a column of words before it starts a new block."""
UNLIMITED = 100_000
"""Width of output into a file or pipe: whoever reads it decides where to break a line."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column; its cells are never broken unless it `wraps`."""

    heading: str
    cells: Sequence[str | Text]
    left: bool = False
    """Left-aligned, as names; numbers are right-aligned."""
    wraps: bool = False
    """Words, left-aligned, that may take several lines where there is no room."""

    def measure(self, *, folded: bool) -> int:
        """Width in which no cell is broken; a `folded` heading has one word per line where that saves room."""
        parts = self.heading.split() if folded else [self.heading]
        return max(map(cell_len, [*parts, *(_as_text(cell).plain for cell in self.cells)]), default=0)


@dataclass(frozen=True, kw_only=True)
class WideTable:
    """A rich renderable. The first column names the rows and is repeated in each block."""

    names: Column
    columns: Sequence[Column]
    title: str = ""
    styles: Sequence[str] = field(default=())
    """Style of each row; none: plain."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self.title:
            yield Text(escape_hidden(self.title), style="italic")
        width = options.max_width
        if self.fits(width, folded=False):
            yield self._build([(column, column.measure(folded=False)) for column in (self.names, *self.columns)])
            return
        for number, block in enumerate(self.split(width)):
            if number:
                yield Text()
            yield self._build(block)

    def fits(self, width: int, *, folded: bool = True) -> bool:
        """Does everything fit side by side into `width` characters?"""
        widths = [column.measure(folded=folded) for column in (self.names, *self.columns)]
        return sum(widths) + GAP * len(self.columns) <= width

    def split(self, width: int) -> list[list[tuple[Column, int]]]:
        """Blocks of (column, its width), each with the names first and not wider than `width` if that is possible."""
        # Long names are broken rather than numbers; names of up to half the width stay whole where there is room.
        widest = max((column.measure(folded=True) for column in self.columns if not column.wraps), default=0)
        name = min(self.names.measure(folded=True), max(LEAST_NAME, min(width // 2, width - widest - GAP)))
        blocks: list[list[tuple[Column, int]]] = [[(self.names, name)]]
        left = width - name
        for column in self.columns:
            needed = column.measure(folded=True)
            least = min(needed, LEAST_WORDS) if column.wraps else needed
            if least + GAP > left and len(blocks[-1]) > 1:
                blocks.append([(self.names, name)])
                left = width - name
            taken = min(needed, max(left - GAP, least))
            blocks[-1].append((column, taken))
            left -= taken + GAP
        return blocks

    def _build(self, block: Sequence[tuple[Column, int]]) -> Table:
        # SIMPLE_HEAD puts one space between columns itself.
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, GAP - 1, 0, 0), pad_edge=False)
        for number, (column, width) in enumerate(block):
            left = number == 0 or column.left or column.wraps
            table.add_column(Text(column.heading), justify="left" if left else "right", width=width, overflow="fold")
        for row in range(len(self.names.cells)):
            cells = [_as_text(column.cells[row]) for column, _ in block]
            table.add_row(*cells, style=self.styles[row] if self.styles else "")
        return table


def format_plain(shown: RenderableType, width: int | None = None) -> str:
    """`shown` without colors; None: as wide as the terminal that stdout is, without any limit elsewhere."""
    if width is None:
        width = Console().width if sys.stdout.isatty() else UNLIMITED
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _as_text(cell: str | Text) -> Text:
    # Text, not str: rich reads "[n/a]" and a dataset named "[red]" in a str as markup.
    return cell if isinstance(cell, Text) else Text(escape_hidden(cell))
