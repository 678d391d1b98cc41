"""The epochs' numbers for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Events:
    """`with Events(run, done) as events: events.write(line)`; epochs after `done` of an earlier call are hidden."""

    def __init__(self, run: Path, done: int, writes: bool = True) -> None:
        # Imported here: predictions import the training too, and wait for no library that they do not use.
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run), purge_step=done + 1) if writes else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, line: dict[str, Any]) -> None:
        """An epoch's line of metrics.jsonl."""
        if self._writer is not None:
            for name, value in _numbers(line):
                self._writer.add_scalar(name, value, line["epoch"])


def _numbers(value: Any, name: str = "") -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _numbers(inner, f"{name}/{key}".strip("/"))]
    return [(name, float(value))] if isinstance(value, int | float) else []
