"""Counts of what a stage did; every input item is counted exactly once."""

from __future__ import annotations

from dataclasses import dataclass, field

from unmask.core.crashes import is_crash
from unmask.core.errors import ItemsFailed


@dataclass
class StageReport:
    """done + skipped + failed = given, always. `skipped` were finished by an earlier run."""

    stage: str
    given: int = 0
    done: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Item (path or clip) -> "reason: problem"."""

    def __str__(self) -> str:
        return (
            f"{self.stage}: {self.given} given = {self.done} done + {self.skipped} skipped + {len(self.failed)} failed"
        )

    def add(self, other: StageReport) -> None:
        """The counts of other items too."""
        self.given += other.given
        self.done += other.done
        self.skipped += other.skipped
        self.failed |= other.failed

    def as_json(self) -> dict[str, object]:
        return {
            "stage": self.stage,
            "given": self.given,
            "done": self.done,
            "skipped": self.skipped,
            "failed": len(self.failed),
            "crashed": len(self.list_crashes()),
            "failures": dict(sorted(self.failed.items())),
        }

    def list_crashes(self) -> list[str]:
        """Reasons of the items that met an unexpected error."""
        return [reason for reason in self.failed.values() if is_crash(reason)]

    def check(self, max_failures: float, argument: str = "max_failures=") -> None:
        """Raise `ItemsFailed` if the failed fraction is above `max_failures` (0..1).

        `argument`: how the caller writes that limit, for the hint.
        """
        assert self.done + self.skipped + len(self.failed) == self.given, f"{self}: an item was lost"
        if self.given and len(self.failed) / self.given > max_failures:
            raise ItemsFailed(
                f"{self.stage}: {len(self.failed)} of {self.given} items failed (allowed: {max_failures:.0%})",
                f"see the reasons above, or allow more with {argument}0.5",
            )
