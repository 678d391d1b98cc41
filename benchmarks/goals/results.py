"""Stored results: a JSON line per measurement and machine, in benchmarks/results.jsonl.

The last result of a measurement on a machine replaces the one before, so that the file stays small; earlier ones are in
the history of the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import write_text
from unmask.core.errors import MissingInput

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results.jsonl"

Machine = Mapping[str, str]
"""Facts, as `describe_machine` gives them."""
IDENTITY = ("cpu", "cores", "memory", "gpu")
"""What tells machines apart; versions of packages may change on one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    measurement: str
    machine: Machine
    date: str
    """UTC, ISO 8601."""
    commit: str
    """Short hash; "+" behind it where files had changed since."""
    benchmark: str
    """Hash of the sources of the benchmark."""
    sources: tuple[str, ...] = ()
    """Paths of these sources in the repository."""
    code: str = ""
    """Hash of all sources of the package."""
    seconds: float = 0.0
    """That the measurement took."""
    others: float = 0.0
    """Cores that other processes kept busy meanwhile, on average."""
    figures: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    """Why it failed; "" if it did not."""
    reason: str = ""
    """Why this machine, or what it was given, has nothing to measure; "" if it has."""

    @property
    def key(self) -> tuple[str, ...]:
        return (self.measurement, *identify(self.machine))


def identify(machine: Machine) -> tuple[str, ...]:
    return tuple(machine.get(name, "") for name in IDENTITY)


def read_results(path: Path = RESULTS) -> list[Result]:
    """In the order of the file. `MissingInput` for a line that is none."""
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(_parse(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise MissingInput(f"{path}, line {number}: no result ({error})", "remove the line") from error
    return found


def store_result(result: Result, path: Path = RESULTS) -> None:
    """Replace the result of the same measurement on the same machine, atomically."""
    kept = [other for other in read_results(path) if other.key != result.key]
    lines = sorted([*kept, result], key=lambda one: one.key)
    write_text(path, "".join(json.dumps(asdict(line), sort_keys=True) + "\n" for line in lines))


def find_results(results: Iterable[Result], measurement: str) -> list[Result]:
    """Of all machines, newest first."""
    return sorted((one for one in results if one.measurement == measurement), key=lambda one: one.date, reverse=True)


def _parse(value: dict[str, Any]) -> Result:
    return Result(**value | {"sources": tuple(value.get("sources", ()))})
