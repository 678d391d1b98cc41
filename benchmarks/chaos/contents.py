"""What a work folder holds, so that two of them can be compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import TEMPORARY

IGNORED = ("locks/", "events.out.tfevents")
"""Empty lock files, and the curves for TensorBoard, whose names hold the time and which every start adds to."""
CLOCK = re.compile(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\b\d+(\.\d+)? s\b")
"""Times and durations in pages."""
TIMES = frozenset({"seconds", "train_seconds", "began", "ended", "created", "date", "time", "made", "judged_at"})
"""Keys of JSON files whose values are times."""


@dataclass(frozen=True)
class Difference:
    lost: tuple[str, ...]
    differing: tuple[str, ...]
    added: tuple[str, ...]


def read_contents(work: Path) -> dict[str, str]:
    """Name -> digest of every file, times in JSON files left out."""
    return {name: hash_content(work / name) for name in list_files(work)}


def list_files(work: Path) -> Iterator[str]:
    for path in sorted(work.rglob("*")):
        name = path.relative_to(work).as_posix()
        if path.is_file() and path.name != "lock" and not any(word in name for word in IGNORED):
            yield name


def list_unfinished(work: Path) -> list[str]:
    """Files and folders with the name of unfinished output."""
    return sorted(str(path.relative_to(work)) for path in work.rglob(f"{TEMPORARY}*"))


def hash_content(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix in (".json", ".jsonl"):
        lines = content.splitlines() if path.suffix == ".jsonl" else [content]
        try:
            values = [_without_times(json.loads(line)) for line in lines]
        except ValueError:
            pass
        else:
            content = json.dumps(values, sort_keys=True).encode()
    elif path.suffix in (".html", ".md"):
        content = CLOCK.sub(b"", content)
    return hashlib.sha256(content).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value


def compare(expected: Mapping[str, str], found: Mapping[str, str], volatile: Collection[str]) -> Difference:
    """`volatile`: names whose bytes differ between two undisturbed runs."""
    return Difference(
        lost=tuple(sorted(expected.keys() - found.keys())),
        differing=tuple(
            sorted(n for n in expected.keys() & found.keys() if expected[n] != found[n] and n not in volatile)
        ),
        added=tuple(sorted(n for n in found.keys() - expected.keys())),
    )
