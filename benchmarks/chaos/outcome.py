"""What one round found."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.chaos.known import KNOWN

SHOWN = 4
FINDINGS = ("wrong_ends", "lost", "differing", "silent", "leftovers")


@dataclass(kw_only=True)
class Outcome:
    number: int
    stage: str
    fault: str
    codes: list[int]
    """Of the disturbed commands, and of the one after them."""
    notes: list[str]
    wrong_ends: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0
    """Work of its commands, and of the campaign for it."""

    @property
    def known(self) -> str | None:
        """Why it found what it found, where that is an open finding."""
        return None if self.is_clean else KNOWN.get((self.stage, self.fault))

    @property
    def is_clean(self) -> bool:
        return not any(getattr(self, name) for name in FINDINGS)

    def __str__(self) -> str:
        parts = [f"round {self.number}: {self.stage} x {self.fault} ({'; '.join(self.notes)}) {self.codes}"]
        if self.known:
            parts.append(f"  known: {self.known}")
        for name in FINDINGS:
            if found := getattr(self, name):
                more = ["..."] * (len(found) > SHOWN)
                parts.append(f"  {name.replace('_', ' ')}: {', '.join([*found[:SHOWN], *more])}")
        return "\n".join(parts)
