"""What a user sees of a training: a live table on a terminal, plain lines elsewhere. Both go to stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from core.progress import Progress

log = logging.getLogger("unmask")

# So many that the table and its bar fit a terminal of 24 lines.
EPOCHS_SHOWN = 12
WORTH_A_WARNING = 0.995


class Board:
    """`with Board("train", epochs, steps, done) as board: board.advance(); board.show(line)`; a line is an epoch."""

    def __init__(self, label: str, epochs: int, steps: int, done: int, console: Console | None = None) -> None:
        """`steps` in all that are still to do, after `done` epochs; `console`: a terminal other than stderr."""
        self.epochs = epochs
        self._lines: list[dict[str, Any]] = []
        self._told: set[str] = set()
        if console is None and sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            console = Console(stderr=True)
        self._plain = Progress(label, steps, "steps") if console is None else None
        self._bar = RichProgress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"),
            TextColumn("ETA"), TimeRemainingColumn(compact=True),
        )  # fmt: skip
        self._task = self._bar.add_task(f"{label}, epoch {done + 1} of {epochs}", total=steps)
        self._label = label
        self._moved: list[tuple[logging.StreamHandler[Any], Any]] = []
        self._live = None if console is None else Live(console=console, get_renderable=self._render)

    def __enter__(self) -> Self:
        if self._live is None:
            return self
        self._live.start()
        # Live has put a stream above its table in the place of stderr; the log has to follow.
        for handler in log.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                self._moved.append((handler, handler.setStream(sys.stderr)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        for handler, stream in self._moved:
            if stream is not None:
                handler.setStream(stream)

    def advance(self) -> None:
        """One more step is done."""
        if self._plain is not None:
            self._plain.advance()
        else:
            self._bar.advance(self._task)

    def show(self, line: dict[str, Any]) -> None:
        """An epoch's line of metrics.jsonl."""
        self._lines.append(line)
        number = min(line["epoch"] + 1, self.epochs)
        self._bar.update(self._task, description=f"{self._label}, epoch {number} of {self.epochs}")
        if self._live is None:
            log.info("%s", plain_line(line, self.epochs))
        self._warn(line["validation"])

    def _warn(self, found: dict[str, Any]) -> None:
        accuracy, chance = found["domain_accuracy"], found["domain_chance"]
        if accuracy is None or accuracy < WORTH_A_WARNING or chance > WORTH_A_WARNING or "domain" in self._told:
            return
        self._told.add("domain")
        log.warning(
            "the discriminator names the dataset of %.0f %% of clips (modalities alone: %.0f %%): the features carry "
            "each dataset's look, so a score may rest on it and fail on others. A larger train.grl_max, "
            "train.domain_loss=cdan or coral, and a leave-one-dataset-out test tell more",
            100 * accuracy,
            100 * chance,
        )

    def _render(self) -> RenderableType:
        return Group(epochs_table(self._lines[-EPOCHS_SHOWN:]), self._bar.get_renderable())


def epochs_table(lines: Iterable[dict[str, Any]]) -> Table:
    """A row an epoch; AUCs are those of validation items."""
    listed = list(lines)
    datasets = list(listed[-1]["validation"]["domains"]) if listed else []
    table = Table("epoch", "loss", "val loss", "AUC", "macro", *datasets, "discriminator", "by modalities", "chance")
    for line in listed:
        found = line["validation"]
        numbers = (line["train"]["fake"], found["loss"], found["pooled"]["auc"], found["macro"]["auc"])
        domains = (found["domains"].get(name, {}).get("auc") for name in datasets)
        guesses = (found[f"domain_{name}"] for name in ("accuracy", "chance", "uniform"))
        best = line["best_epoch"] == line["epoch"]
        table.add_row(
            f"{line['epoch']}{' best' if best else ''}",
            *map(short, (*numbers, *domains, *guesses)),
            style="bold" if best else "",
        )
    return table


def plain_line(line: dict[str, Any], epochs: int) -> str:
    found, macro = line["validation"]["pooled"], line["validation"]["macro"]
    names = ("accuracy", "precision", "recall", "f1")
    accuracy, precision, recall, f1 = (short(found[name]) for name in names)
    guesses = [short(line["validation"][f"domain_{name}"]) for name in ("accuracy", "chance", "uniform")]
    domains = " ".join(f"{name} {short(row['auc'])}" for name, row in line["validation"]["domains"].items())
    return (
        f"epoch {line['epoch']}/{epochs}: loss {line['train']['fake']:.3f} | val loss {line['validation']['loss']:.3f} "
        f"auc {short(found['auc'])} macro {short(macro['auc'])} acc {accuracy} p {precision} r {recall} f1 {f1} | "
        f"{domains} | domain {guesses[0]} (modalities alone {guesses[1]}, chance {guesses[2]})"
        f"{' best' if line['best_epoch'] == line['epoch'] else ''}"
    )


def short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
