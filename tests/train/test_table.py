"""What a user sees of a training, on a terminal and elsewhere."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path

import torch
from rich.console import Console

from train.config import TrainConfig
from train.fit import fit
from train.table import Board, epochs_table

CPU = torch.device("cpu")
QUICK = TrainConfig(size="small", epochs=2, batch_size=16, lr=2e-3)


def line(epoch: int, *, domain: float | None = 0.6, best: int = 1) -> dict:
    found = {
        "loss": 0.5,
        "pooled": dict.fromkeys(("auc", "accuracy", "precision", "recall", "f1"), 0.8),
        "macro": {"auc": 0.75},
        "domains": {"archive": {"auc": 0.7}, "deepvoice": {"auc": None}},
        "domain_accuracy": domain,
        "domain_chance": 0.5,
        "domain_uniform": 0.25,
    }
    return {"epoch": epoch, "train": {"fake": 0.4}, "validation": found, "best_epoch": best}


def text(lines: list[dict]) -> str:
    console = Console(file=StringIO(), width=160)
    console.print(epochs_table(lines))
    return console.file.getvalue()


def test_the_table_has_a_row_an_epoch_and_a_column_a_dataset():
    shown = text([line(1), line(2)])
    assert all(name in shown for name in ("epoch", "macro", "archive", "deepvoice", "discriminator", "by modalities"))
    first, second = (row for row in shown.splitlines() if "0.600" in row)
    assert "1 best" in first
    assert "best" not in second
    assert [cell.strip() for cell in second.split("│")[5:11]] == ["0.750", "0.700", "-", "0.600", "0.500", "0.250"]


def test_a_terminal_gets_a_live_table_with_warnings_above_it(caplog):
    console = Console(file=StringIO(), force_terminal=True, width=160, height=30)
    with Board("train x", 2, 10, 0, console) as board, caplog.at_level(logging.INFO, "unmask"):
        board.advance()
        board.show(line(1))
    shown = console.file.getvalue()
    assert " 1/10" in shown
    assert "discriminator" in shown
    assert not caplog.messages, "the table says it"


def test_a_discriminator_that_is_always_right_is_explained_once(caplog):
    with Board("train x", 4, 10, 0) as board, caplog.at_level(logging.INFO, "unmask"):
        for epoch, accuracy in enumerate((None, 0.7, 1.0, 1.0), start=1):
            board.show(line(epoch, domain=accuracy))
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "names the dataset of 100 % of clips (modalities alone: 50 %)" in warnings[0].getMessage()
    assert sum(message.startswith("epoch ") for message in caplog.messages) == 4


def test_a_modality_that_no_clip_has_is_named_once(make_data, made_item, tmp_path: Path, caplog):
    items = [made_item(n % 2, {"eye": 4}, split=split) for split in ("train", "val") for n in range(16)]
    fit(make_data(items), QUICK, tmp_path / "run", device=CPU)
    told = [record.getMessage() for record in caplog.records if "no clip has" in record.getMessage()]
    assert len(told) == 1
    assert "audio or text" in told[0]
