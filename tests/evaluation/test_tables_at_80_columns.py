"""Every table that a command prints: at 80 columns no number is lost or broken, and a pipe gets whole lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO

import numpy as np
import pytest
from made_evaluation import Made
from rich.console import Console as Terminal
from rich.console import RenderableType

from unmask.cli.console import Console
from unmask.core.terminal.wide_table import UNLIMITED, format_plain

NUMBER = re.compile(r"\d[\d.,]*\d|\d")


def show_evaluation(made: Made) -> RenderableType:
    from unmask.evaluation.terminal_table import render_evaluation

    return render_evaluation(made.evaluation)


def show_ablation(made: Made) -> RenderableType:
    from unmask.evaluation.ablation.ablation_table import Ablation, AblationRow, list_figures, render_ablation
    from unmask.evaluation.tables.spread import Spread

    figures = {heading: Spread(mean=0.123, deviation=0.045, seeds=3) for *_, heading in list_figures()}
    rows = [
        AblationRow(
            preset=name, runs=("a", "b"), items=12345, same_items="x", figures=figures, datasets={}, problem=None
        )
        for name in ("full", "full-no-modality-dropout")
    ]
    about = {
        "name": "full-1",
        "split": "test",
        "split_hash": "1",
        "profile": "offline",
        "seeds": (0, 1, 2),
        "stores": (),
        "stopped": True,
        "controls_of": "full",
    }
    return render_ablation(Ablation(rows=tuple(rows), controls=made.evaluation.controls, **about))


def show_audit(made: Made) -> RenderableType:
    from unmask.manifests.audit.feature_families import EVERYTHING, FAMILIES
    from unmask.manifests.audit.results import Audit, DatasetAudit, ProbeLine, SharedSummary
    from unmask.manifests.audit.terminal_table import make_audit_table
    from unmask.manifests.splits.leaks import Leaks

    probes = [
        ProbeLine(name=name, about="", auc=0.7 + 0.01 * number, verdict="flagged", interval=(0.6, 0.95))
        for number, name in enumerate((*FAMILIES, EVERYTHING))
    ]
    empty = {"kinds": {}, "failed": 0, "methods": {}, "splits": {}, "probed": 9, "features": (), "spreads": ()}
    datasets = [
        DatasetAudit(
            name=name, real=12345, fake=67890, groups=4321, prior_accuracy=0.846,
            probes=tuple(probes), small_cells=(), problems={}, **empty,
        )
        for name in ("fakeavceleb", "a_dataset_of_my_own_with_a_long_name")
    ]  # fmt: skip
    found = Audit(
        files=160470, split_scheme="default", split_hash="1a2b", seed=0, datasets=tuple(datasets),
        collection=(probes[0],), leaks=Leaks([], np.zeros((0, 3), np.int64)), duplicates=SharedSummary(), near=None,
    )  # fmt: skip
    return make_audit_table(found)


def show_stores(made: Made) -> RenderableType:
    from unmask.cache.store.inventory import StoreFacts
    from unmask.cli.cache import make_store_table

    store = StoreFacts(
        folder="efficientnet_lite0-0123456789abcdef0123456789abcdef", encoder="efficientnet_lite0", bytes=123_456_789,
        shards=1234, clips=1_234_567, tokens=12_345_678, profiles=("offline", "hub", "tiny"), runs=("a",) * 12,
        last_used=1.7e9,
    )  # fmt: skip
    return make_store_table([store, store])


def show_epochs(made: Made) -> RenderableType:
    from unmask.train.monitor.live_table import render_epochs

    domains = {row.name: {"auc": row.auc, "items": 20.0, "fakes": 10.0} for row in made.evaluation.model.rows}
    found = {"loss": 0.5, "pooled": {"auc": 0.8}, "macro": {"auc": 0.75}, "domains": domains}
    found |= dict.fromkeys(("domain_accuracy", "domain_chance", "domain_uniform"), 0.625)
    losses = {f"own_loss_{number}": 0.111 * number for number in range(9)} | {"fake": 0.4, "total": 1.5}
    chosen = {"best_epoch": 98, "criterion": "macro_auc", "deciding": 0.987}
    lines = [{"epoch": epoch, "train": losses, "validation": found, **chosen} for epoch in (98, 99)]
    return render_epochs(lines, Terminal(file=StringIO(), width=80))


def show_runs(made: Made) -> RenderableType:
    from unmask.tables import EvaluationTable, Table

    return Table.as_text(EvaluationTable(made.evaluation))


TABLES: list[Callable[[Made], RenderableType]] = [
    show_evaluation, show_ablation, show_audit, show_stores, show_epochs, show_runs,
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda one: one.__name__)
def test_no_number_is_lost_at_80_columns(made: Made, table: Callable[[Made], RenderableType]):
    narrow, wide = (format_plain(table(made), width) for width in (80, UNLIMITED))
    assert "…" not in narrow + wide
    if table is not show_runs:  # its text is already rendered, for a pipe
        assert max(map(len, narrow.splitlines())) <= 80
    assert set(NUMBER.findall(wide)) <= set(NUMBER.findall(narrow))


@pytest.mark.parametrize("command", ["presets", "datasets", "doctor"])
def test_lists_fit_80_columns(capsys, monkeypatch, tmp_path, command: str):
    from unmask.cli import app

    shown = []
    monkeypatch.setattr(Console, "show", lambda self, table: shown.append(format_plain(table, 80)))
    with pytest.raises(SystemExit):
        app.main([command, "--work", str(tmp_path)])
    capsys.readouterr()
    assert shown
    assert max(len(line) for text in shown for line in text.splitlines()) <= 80
    assert "…" not in "".join(shown)


def test_a_pipe_gets_every_sentence_on_one_line(made: Made, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    Console().show(show_evaluation(made))
    printed = capsys.readouterr().out.splitlines()
    for comparison in made.evaluation.comparisons:
        assert f"- {comparison.meaning}" in printed
    assert len([line for line in printed if line.startswith("archive ")]) == 2, "one block per table"
