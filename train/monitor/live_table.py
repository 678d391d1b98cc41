"""Progress of a training on stderr: a live table on a terminal, one log line per epoch elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from unmask.core.progress import Progress, RemainingColumn
from unmask.core.terminal import wide_table
from unmask.core.terminal.wide_table import WideTable
from unmask.train.best_epoch import CHOICES, TITLES, choose_deciding
from unmask.train.losses.objective import LOSS_TERMS

log = logging.getLogger("unmask")

# The table, nine datasets below it and the bar fit a terminal of 80 columns and 24 lines.
EPOCHS_SHOWN = 11
LEGEND = (
    "decides: {}; AUC: of all validation items; macro: mean over datasets; domain: how "
    "often the discriminators name a clip's dataset; by parts: the same by modalities alone; chance: by luck"
)
WORTH_A_WARNING = 0.995
LONGEST_LINE = 119

Column = tuple[str, list[str]]
"""Heading, and the text of each epoch."""


class Board:
    """`with Board("train", epochs, steps, done) as board: board.advance(); board.show(line)`; a line is an epoch."""

    def __init__(self, label: str, epochs: int, steps: int, done: int, console: Console | None = None) -> None:
        """`steps` in all that are still to do, after `done` epochs; `console`: a terminal other than stderr."""
        self.epochs = epochs
        self._lines: list[dict[str, Any]] = []
        self._warned: set[str] = set()
        if console is None and sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            console = Console(stderr=True)
        self._plain = Progress(label, steps, "steps") if console is None else None
        # Without a width of its own the bar takes what the numbers leave.
        self._bar = RichProgress(
            TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TextColumn("steps"),
            RemainingColumn(),
        )  # fmt: skip
        self._task = self._bar.add_task(f"epoch {done + 1} of {epochs}", total=steps)
        self._label = label
        self._moved: list[tuple[logging.StreamHandler[Any], Any]] = []
        self._console = console
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
        """Count one more step."""
        if self._plain is not None:
            self._plain.advance()
        else:
            self._bar.advance(self._task)

    def show(self, line: dict[str, Any]) -> None:
        """An epoch's line of metrics.jsonl."""
        self._lines.append(line)
        number = min(line["epoch"] + 1, self.epochs)
        self._bar.update(self._task, description=f"epoch {number} of {self.epochs}")
        if self._live is None:
            log.info("%s", format_line(line, self.epochs))
        self._warn(line["validation"])

    def _warn(self, found: dict[str, Any]) -> None:
        accuracy, chance = found["domain_accuracy"], found["domain_chance"]
        if accuracy is None or accuracy < WORTH_A_WARNING or chance > WORTH_A_WARNING or "domain" in self._warned:
            return
        self._warned.add("domain")
        log.warning(
            "the discriminators identify the dataset of %.0f %% of clips (from modalities alone: %.0f %%): features "
            "encode the dataset, so scores may not transfer to other datasets. Try a larger train.grl_max, "
            "train.domain_loss=cdan or coral, and a leave-one-dataset-out split",
            100 * accuracy,
            100 * chance,
        )

    def _render(self) -> RenderableType:
        assert self._console is not None, "only a terminal has a live table"
        shown = render_epochs(self._lines[-EPOCHS_SHOWN:], self._console)
        return Group(Text(self._label), shown, self._bar.get_renderable())


def render_epochs(lines: Sequence[dict[str, Any]], console: Console) -> RenderableType:
    """One row per epoch; columns that do not fit the console are listed below, for the last epoch."""
    losses, guesses, datasets = build_columns(lines)
    choices: list[tuple[list[Column], list[Column]]] = [
        ([*losses, *datasets, *guesses], []),
        ([*losses, *guesses], datasets),
        (losses, [*datasets, *guesses]),
    ]
    shown, left = next((one for one in choices if _fits(lines, one[0], console)), choices[-1])
    dropped: list[Column] = []
    while len(shown) > 2 and not _fits(lines, shown, console):
        dropped.append(shown[1])  # next to the epoch stands the loss that says least
        shown = [shown[0], *shown[2:]]
    parts: list[RenderableType] = [build_table(lines, shown)]
    if lines:
        parts.append(Text(LEGEND.format(describe_criterion(lines[-1])), style="dim"))
    for heading, columns in (("AUC of each dataset", left), ("losses", dropped)):
        if lines and columns:
            parts.append(Text(f"epoch {lines[-1]['epoch']}, {heading}:"))
            parts.append(Columns([Text(f"{name} {texts[-1]}") for name, texts in columns], padding=(0, 3)))
    return Group(*parts)


def _fits(lines: Sequence[dict[str, Any]], columns: Sequence[Column], console: Console) -> bool:
    return build_table(lines, columns).fits(console.width, folded=False)


def build_columns(lines: Sequence[dict[str, Any]]) -> tuple[list[Column], list[Column], list[Column]]:
    """Losses and pooled AUCs, accuracy of the discriminators, and the AUC per dataset."""
    found = [line["validation"] for line in lines]
    losses = [
        ("epoch", [f"{line['epoch']}{' kept' if _is_kept(line) else ''}" for line in lines]),
        *(
            (heading, [shorten(line["train"][name]) for line in lines])
            for name, heading in select_losses(lines).items()
        ),
        ("decides", [shorten(line["deciding"]) for line in lines]),
        ("val loss", [shorten(one["loss"]) for one in found]),
        ("AUC", [shorten(one["pooled"]["auc"]) for one in found]),
        ("macro", [shorten(one["macro"]["auc"]) for one in found]),
    ]
    kinds = {"domain": "accuracy", "by parts": "chance", "chance": "uniform"}
    guesses = [(heading, [shorten(one[f"domain_{kind}"]) for one in found]) for heading, kind in kinds.items()]
    marked = mark_deciding(lines[-1]) if found else {}
    datasets = [
        (f"{name}{mark}", [shorten(one["domains"].get(name, {}).get("auc")) for one in found])
        for name, mark in marked.items()
    ]
    return losses, guesses, datasets


def select_losses(lines: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Name -> heading of the training losses to show: those with a heading, and the user's own by their names."""
    known = {term.name: term.heading for term in LOSS_TERMS} | dict.fromkeys(("total", "lr", "reversal"))
    logged = lines[-1]["train"] if lines else {"fake": 0.0}
    headings = {name: known.get(name, name) for name in (*known, *logged) if name in logged}
    return {name: heading for name, heading in headings.items() if heading is not None}


def build_table(lines: Sequence[dict[str, Any]], columns: Sequence[Column]) -> WideTable:
    first, *others = (wide_table.Column(heading=heading, cells=texts, left=True) for heading, texts in columns)
    return WideTable(names=first, columns=others, styles=["bold" if _is_kept(line) else "" for line in lines])


def _is_kept(line: dict[str, Any]) -> bool:
    return bool(line["best_epoch"] == line["epoch"])


def mark_deciding(line: Mapping[str, Any]) -> dict[str, str]:
    """Dataset -> "*" for those whose mean AUC chooses the epoch."""
    domains = line["validation"]["domains"]
    fewest = {name: min(row["fakes"], row["items"] - row["fakes"]) for name, row in domains.items()}
    deciding = choose_deciding(fewest) if line["criterion"] == "macro_auc" else ()
    return {name: "*" if name in deciding else "" for name in fewest}


def describe_criterion(line: Mapping[str, Any]) -> str:
    starred = " of the datasets with *" if line["criterion"] == "macro_auc" else ""
    return f"{TITLES[line['criterion']]}{starred}; {CHOICES[line['criterion']]}"


def format_line(line: dict[str, Any], epochs: int) -> str:
    """One log line of at most LONGEST_LINE characters; what has no room is in metrics.jsonl."""
    found = line["validation"]
    names = {"accuracy": "acc", "precision": "p", "recall": "r", "f1": "f1"}
    losses = [f"{heading} {shorten(line['train'][name])}" for name, heading in select_losses([line]).items()]
    aucs = [f"{name} {shorten(found[group]['auc'])}" for name, group in (("auc", "pooled"), ("macro", "macro"))]
    rates = [f"{heading} {shorten(found['pooled'][name])}" for name, heading in names.items()]
    decides = [f"decides {shorten(line['deciding'])}", *(["kept"] if _is_kept(line) else [])]
    guess, alone, chance = (shorten(found[f"domain_{name}"]) for name in ("accuracy", "chance", "uniform"))
    sections = {
        "losses": losses,
        "validation": [*decides, f"val loss {shorten(found['loss'])}", *aucs],
        "rates": rates,
        "domain": [f"domain {guess} (modalities alone {alone}, chance {chance})"],
        "datasets": [f"{name} {shorten(row['auc'])}" for name, row in found["domains"].items()],
    }
    head, shown = f"epoch {line['epoch']}/{epochs}: ", {name: list[str]() for name in sections}
    for name in ("validation", "losses", "domain", "rates", "datasets"):
        for entry in sections[name]:
            shown[name].append(entry)
            if len(_join_sections(head, shown)) > LONGEST_LINE:
                shown[name].pop()
    return _join_sections(head, shown)


def _join_sections(head: str, sections: Mapping[str, Sequence[str]]) -> str:
    return head + " | ".join(" ".join(entries) for entries in sections.values() if entries)


def shorten(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
