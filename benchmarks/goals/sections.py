"""Parts of documents that a command writes: between two comments, so that the rest stays as it was written."""

from __future__ import annotations

from pathlib import Path

from unmask.core.atomic_files import write_text
from unmask.core.errors import MissingInput


def _mark(name: str) -> tuple[str, str]:
    return f"<!-- begin {name}: written by a command, see there -->\n", f"<!-- end {name} -->"


def has_section(path: Path, name: str) -> bool:
    return path.is_file() and _mark(name)[0] in path.read_text(encoding="utf-8")


def read_section(path: Path, name: str) -> str:
    """`MissingInput` without the section."""
    _, content, _ = _cut(path, name)
    return content


def replace_section(path: Path, name: str, content: str) -> None:
    """Replace what is between the comments, atomically. `MissingInput` without them."""
    before, old, after = _cut(path, name)
    if old != content:
        write_text(path, f"{before}{content}{after}")


def _cut(path: Path, name: str) -> tuple[str, str, str]:
    begin, end = _mark(name)
    text = path.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    content, closed, after = rest.partition(end)
    if not found or not closed:
        raise MissingInput(f"{path}: has no section {name}", f"add the lines {begin.strip()} and {end}")
    return before + begin, content, end + after
