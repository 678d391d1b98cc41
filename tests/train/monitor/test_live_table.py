"""What a user sees of a training, on a terminal and elsewhere."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from unmask.manifests.manifest import DATASETS
from unmask.train.best_epoch import choose_criterion
from unmask.train.config import TrainConfig
from unmask.train.fit import fit
from unmask.train.monitor.live_table import Board, format_line, mark_deciding, render_epochs

CPU = torch.device("cpu")
QUICK = TrainConfig(size="small", epochs=2, batch_size=16, lr=2e-3)


# Dataset -> its AUC in `line`: what is told of nine.
NINE = {name: 0.601 + 0.02 * number for number, name in enumerate(DATASETS)}


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch):
    """Tests of commands leave a handler that writes into what pytest has closed since."""
    monkeypatch.setattr(logging.getLogger("unmask"), "handlers", [])


def line(
    epoch: int,
    *,
    domain: float | None = 0.6,
    best: int = 1,
    aucs: dict | None = None,
    criterion: str = "macro_auc",
) -> dict:
    aucs = aucs or {"archive": 0.7, "deepvoice": None}
    found = {
        "loss": 0.5,
        "pooled": dict.fromkeys(("auc", "accuracy", "precision", "recall", "f1"), 0.8),
        "macro": {"auc": 0.75},
        "domains": {name: {"auc": auc, "items": 20.0, "fakes": 10.0 if auc else 0.0} for name, auc in aucs.items()},
        "domain_accuracy": domain,
        "domain_chance": 0.5,
        "domain_uniform": 0.25,
    }
    chosen = {"criterion": criterion, "deciding": 0.123, "best_epoch": best}
    return {"epoch": epoch, "train": {"fake": 0.4}, "validation": found, **chosen}


def text(lines: list[dict], width: int = 160) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(render_epochs(lines, console))
    return console.file.getvalue()


def test_the_table_has_a_row_an_epoch_and_a_column_a_dataset():
    shown = text([line(1), line(2)])
    heading = shown.splitlines()[0].split()
    assert heading == "epoch loss decides val loss AUC macro archive* deepvoice domain by parts chance".split()
    first, second = (row for row in shown.splitlines() if "0.600" in row)
    assert "1 kept" in first
    assert "kept" not in second
    assert second.split()[2:] == ["0.123", "0.500", "0.800", "0.750", "0.700", "-", "0.600", "0.500", "0.250"]
    assert "AUC: of all validation items" in shown
    assert "decides: mean validation AUC of the datasets with *" in shown


def test_the_number_that_decides_has_a_column_and_is_named_whatever_it_is():
    shown = text([line(1, criterion="calibrated_loss")])
    assert "decides: calibrated validation loss, mean of 3 epochs; the lowest is kept; AUC" in " ".join(shown.split())
    assert "archive*" not in shown


@pytest.mark.parametrize("width", [50, 80, 120, 160, 200])
def test_no_number_is_cut_however_narrow_the_console_is(width: int):
    shown = text([line(epoch, aucs=NINE, best=98) for epoch in range(90, 100)], width)
    numbers = [f"{auc:.3f}" for auc in (*NINE.values(), 0.4, 0.5, 0.8, 0.75, 0.6, 0.25)]
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    assert all(f"{name}*" in shown for name in NINE)
    assert all(number in shown for number in numbers)
    assert "98 kept" in shown
    assert ("epoch 99, AUC of each dataset:" in shown) == (width < 200), "below the table only what has no column"


def test_nine_datasets_and_the_bar_fit_a_small_terminal():
    console = Console(file=StringIO(), force_terminal=True, color_system=None, width=80, height=24)
    with Board("train full-no-modality-dropout-s0-1a2b3c4d", 120, 12_000, 0, console) as board:
        for epoch in range(1, 20):
            board.show(line(epoch, aucs=NINE))
    shown = console.file.getvalue()
    last = shown[shown.rindex("train full-no-modality-dropout-s0-1a2b3c4d") :]
    assert last.count("\n") < console.height
    assert "…" not in shown
    assert all(f"{name}* {auc:.3f}" in last for name, auc in NINE.items())
    assert "epoch 20 of 120" in last
    assert "0/12000 steps" in last


@pytest.mark.parametrize("losses", [1, 30])
def test_the_log_line_of_an_epoch_is_under_120_characters(losses: int):
    own = {f"my_own_loss_{number}": 0.25 for number in range(losses)}
    epoch = line(1, aucs=NINE)
    text = format_line(epoch | {"train": epoch["train"] | own}, 120)
    assert 80 < len(text) < 120
    assert text.startswith("epoch 1/120: ")
    assert "decides 0.123 kept val loss 0.500 auc 0.800 macro 0.750" in text


@pytest.mark.parametrize("fewest", [0, 1, 4, 5, 9])
def test_a_star_marks_what_the_best_epoch_is_chosen_by(fewest: int):
    rows = {"archive": (9, fewest), "faceforensics": (200, 210), "dff": (300, 0)}
    judge = choose_criterion({name: min(counts) for name, counts in rows.items()}, 209)
    shown = line(1, criterion=judge.criterion)
    shown["validation"]["domains"] = {
        name: {"auc": 0.5, "items": float(sum(counts)), "fakes": float(counts[1])} for name, counts in rows.items()
    }
    assert {name for name, mark in mark_deciding(shown).items() if mark} == set(judge.datasets)


def test_a_terminal_gets_a_live_table_with_warnings_above_it(caplog):
    console = Console(file=StringIO(), force_terminal=True, width=160, height=30)
    with Board("train x", 2, 10, 0, console) as board, caplog.at_level(logging.INFO, "unmask"):
        board.advance()
        board.show(line(1))
    shown = console.file.getvalue()
    assert " 1/10" in shown
    assert "discriminators" in shown
    assert not caplog.messages, "the table says it"


def test_a_discriminator_that_is_always_right_is_explained_once(caplog):
    with Board("train x", 4, 10, 0) as board, caplog.at_level(logging.INFO, "unmask"):
        for epoch, accuracy in enumerate((None, 0.7, 1.0, 1.0), start=1):
            board.show(line(epoch, domain=accuracy))
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "identify the dataset of 100 % of clips (from modalities alone: 50 %)" in warnings[0].getMessage()
    assert sum(message.startswith("epoch ") for message in caplog.messages) == 4


def test_a_modality_that_no_clip_has_is_named_once(make_data, made_item, tmp_path: Path, caplog):
    items = [made_item(n % 2, {"eye": 4}, split=split) for split in ("train", "val") for n in range(16)]
    fit(make_data(items), QUICK, tmp_path / "run", device=CPU)
    told = [record.getMessage() for record in caplog.records if "no clip has" in record.getMessage()]
    assert len(told) == 1
    assert "audio or text" in told[0]


def test_a_modality_without_an_encoder_is_not_missed(make_data, made_item, tmp_path: Path, caplog):
    items = [made_item(n % 2, {"eye": 4}, split=split) for split in ("train", "val") for n in range(16)]
    fit(make_data(items), QUICK.changed({"streams": ["eye", "ear"]}), tmp_path / "run", device=CPU)
    (told,) = [message for message in caplog.messages if "no clip has" in message]
    assert "no clip has audio, so" in told
