"""One command that the campaign disturbs, and the work folder that it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Stage:
    name: str
    arguments: tuple[str, ...]
    """`{data}`, `{work}` and `{given}` stand for the folders of the round, `{run}` and `{other}` for its runs."""
    after: str = ""
    """The stage whose finished work folder it starts from; none: an empty folder."""
    first: tuple[tuple[str, ...], ...] = ()
    """Commands that make the rest of its work folder."""
    lacks: tuple[str, ...] = ()
    """What is then removed from it, as patterns of names."""
    again: tuple[str, ...] = ()
    """What a user adds to try items again that failed."""
    beside: tuple[str, ...] = ("cache", "verify")
    """A command that may run at the same time and changes nothing that this one leaves behind."""
    reads: tuple[str, ...]
    """What it reads of the work folder, as the beginnings of names."""
    reads_media: bool = False
    has_workers: bool = False
    forks: bool = False
    """Its workers are copies of itself."""
    writes: bool = True
    """It leaves files of its own."""
    answers: bool = False
    """What it prints is its result."""
    lists_damage: bool = False
    """It goes on to list what is whole, and names each damaged file."""
    is_service: bool = False
    """It runs until a visitor has got an answer and stops it."""
    ends: int = 0
    """Exit code where nothing goes wrong."""
    ends_again: int | None = None
    """Exit code where that was done before; None: the same."""

    def call(self, data: Path, work: Path, before: Path, *, again: bool = False) -> list[str]:
        """As arguments of the program; `before` is the work folder as it was, which names the runs."""
        arguments = self.fill((*self.arguments, *(self.again if again else ())), data, work, before)
        return [*arguments, "--json"] if self.answers and not self.is_service else arguments

    def fill(self, arguments: tuple[str, ...], data: Path, work: Path, before: Path) -> list[str]:
        """Any command in its scene."""
        runs = sorted(path.name for path in (before / "runs").glob("*") if path.is_dir())
        run = next((name for name in runs if name.startswith("full-s0")), "")
        other = next((name for name in runs if name != run), "")
        names = {"data": data, "given": data.with_name("given"), "work": work, "run": run, "other": other}
        texts = [text.format(**names) for text in arguments]
        return [*texts, *(() if "--work" in texts else ("--work", str(work))), "--quiet"]
