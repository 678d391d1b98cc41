"""`unmask report` on a work folder that went through every stage: the page, the card, and a paper's folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_chain import CPU, Chain

import unmask
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.model_card.card import FILE
from unmask.evaluation.paper.figures.registry import CAPTIONS
from unmask.evaluation.paper.files import REFERENCES
from unmask.evaluation.results import read_evaluation


@pytest.fixture(scope="module")
def evaluated(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    work = tmp_path_factory.mktemp("copy") / "work"
    shutil.copytree(chain.work.root, work)
    run = work / "runs" / chain.run.name
    evaluate(run, WorkFolder(work), device=CPU)
    return Chain(chain.data_root, WorkFolder(work), run, chain.manifest)


def test_the_page_has_the_model_s_encoders_and_the_card_lies_beside_the_run(evaluated: Chain) -> None:
    page = unmask.Work(evaluated.work.root).report()
    section = page.read_text(encoding="utf-8").split('<section id="model">')[1].split("</section>")[0]
    assert '<th scope="row">tiny_image</th>' in section
    card = (evaluated.run / FILE).read_text(encoding="utf-8")
    auc = read_evaluation(evaluated.run).model.row("pooled").auc
    assert f"| pooled | 6 | 6 | {auc:.3f}" in card


def test_figures_tables_and_references_are_written_where_they_are_asked_for(evaluated: Chain, tmp_path: Path) -> None:
    unmask.Work(evaluated.work.root).run().report(figures=tmp_path / "new" / "paper")
    names = {path.name for path in (tmp_path / "new" / "paper").iterdir()}
    assert {CAPTIONS, REFERENCES, "results.tex", "results.md", "results.csv"} <= names
    assert {"roc-pooled-1col.pdf", "forest-2col.png", "training-1col.pdf"} <= names
    assert "ablation-1col.pdf" not in names


def test_a_report_without_figures_never_imports_matplotlib(evaluated: Chain) -> None:
    program = (
        f"import sys, unmask; unmask.Work({str(evaluated.work.root)!r}).report(); print('matplotlib' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split()[-1] == "False"
