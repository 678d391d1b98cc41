"""The Python API on the work folder that the guide's own code made."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from guides import DOCS
from notebook_runner import execute_notebook, output_types, read_notebook
from torch.utils.data import DataLoader

import unmask
from unmask import tables

ROOT = Path(unmask.__file__).parents[1]
SHOWN = ("ManifestTable AuditTable StageTable EvaluationTable AblationTable RunTable EpochTable VerdictTable").split()


@pytest.fixture(scope="module")
def results(guide) -> dict[str, unmask.Table]:
    names, work = guide.names, guide.work
    stages = unmask.StageTable(work.extract())
    found = [work.manifest, stages, names["result"], names["table"], work.runs(), guide.run.metrics, names["verdicts"]]
    return {type(result).__name__: result for result in [*found, work.audit(workers=2)]}


def test_every_public_name_is_documented_and_exists():
    guide = (DOCS / "python-api.md").read_text(encoding="utf-8")
    assert [name for name in unmask.__all__ if name not in guide] == []
    assert [name for name in unmask.__all__ if not hasattr(unmask, name)] == []
    assert unmask.__version__ == version("unmask")


def test_type_checkers_see_every_public_name():
    source = Path(unmask.__file__).read_text(encoding="utf-8")
    names = set(unmask.__all__) - {"__version__"}
    assert [name for name in sorted(names) if f"import {name} as {name}\n" not in source] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Wrok'"):
        _ = unmask.Wrok  # type: ignore[attr-defined]


def test_the_api_needs_no_command_line():
    program = "import sys, unmask; unmask.Work('w'); print(sorted({'typer', 'click', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", SHOWN)
def test_a_result_prints_shows_as_html_and_converts(results, name: str):
    result = results[name]
    assert str(result).strip()
    assert result._repr_html_().count("<tr>") == min(len(result.as_rows()), tables.ROWS_SHOWN) + 1
    assert result.to_arrow().num_rows == len(result.table) > 0


@pytest.mark.parametrize("name", SHOWN)
def test_without_pandas_the_table_is_a_pyarrow_table(results, name: str, monkeypatch):
    monkeypatch.setattr(tables, "find_spec", lambda package: None)
    assert isinstance(results[name].table, pa.Table)


def test_html_escapes_what_comes_from_files():
    class Hostile(unmask.Table):
        title = "<b>"

        def as_rows(self):
            return [{"<i>": "<script>alert(1)</script>"}]

        def notes(self):
            return ["a & b"]

    page = Hostile()._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &amp; b" in page
    assert not [part for part in ("<script", "<i>", "<b><b>") if part in page]


def test_a_keyword_is_a_setting_of_the_training(guide):
    assert guide.run.config.domain_loss == "cdan"
    assert guide.run.summary.epochs == 2
    assert [row["epoch"] for row in guide.run.metrics.as_rows()] == [1, 2]


def test_the_same_training_is_the_same_run(guide):
    again = guide.work.train("full", seed=0, epochs=2, domain_loss="cdan")
    assert again.name == guide.run.name
    assert again.summary.reused


def test_runs_are_listed_newest_first(guide):
    guide.work.train("full", seed=0, epochs=2, domain_loss="cdan")
    runs = guide.work.runs()
    assert runs[0].name == guide.run.name == guide.work.run().name
    assert len(runs) == 4, "the run of the guide, and the three of its table"
    assert runs.as_rows()[0]["macro_auc"] == guide.run.evaluation.details.model.row("macro").auc


def test_the_table_of_an_evaluation_has_the_controls_beside_the_model(guide):
    rows = guide.run.evaluation.as_rows()
    assert [row["dataset"] for row in rows][-3:] == ["macro", "macro 5+", "pooled"]
    assert {"auc", "auc_low", "auc of linear probe", "auc of majority guess"} <= set(rows[0])


def test_mean_tokens_fit_scikit_learn(guide):
    X, y = guide.work.mean_tokens("tiny_image", split="train")
    assert X.dtype == np.float32
    assert X.shape == (len(y), 512)
    assert np.isfinite(X).all()
    assert set(y.tolist()) == {0, 1}
    everything, _ = guide.work.mean_tokens("tiny_image", split=None, per="clip")
    assert len(everything) > len(X)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_reads_ragged_batches(guide, workers: int):
    data = guide.work.dataset(split="train")
    loader = DataLoader(data, batch_size=8, collate_fn=unmask.collate_clips, num_workers=workers)
    batches = list(loader)
    assert [name for batch in batches for name in batch["media_id"]] == [data[i]["media_id"] for i in range(len(data))]
    for batch in batches:
        for encoder in data.encoders:
            tokens, offsets = batch["tokens"][encoder], batch["offsets"][encoder]
            assert tokens.shape == (offsets[-1], 512)
            assert tokens.dtype == torch.float16
            assert len(offsets) == len(batch["label"]) + 1
    torch.testing.assert_close(
        batches[0]["tokens"]["tiny_image"][: len(data[0]["times"]["tiny_image"])], data[0]["tokens"]["tiny_image"]
    )


def test_an_unknown_encoder_is_a_usage_error_that_lists_those_here(guide):
    for call in (lambda: guide.work.mean_tokens("vit_b16"), lambda: guide.work.dataset(encoders=["vit_b16"])):
        with pytest.raises(unmask.UsageError, match="encoders here: tiny_audio, tiny_image"):
            call()


def test_too_many_failures_raise_after_the_stage_has_finished(tmp_path: Path):
    (tmp_path / "data" / "train" / "real").mkdir(parents=True)
    (tmp_path / "data" / "train" / "fake").mkdir(parents=True)
    for number in range(2):
        for label in ("real", "fake"):
            (tmp_path / "data" / "train" / label / f"{number}.png").write_text("no image")
    work = unmask.Work(tmp_path / "work")
    with pytest.raises(unmask.ItemsFailed):
        work.scan(tmp_path / "data", workers=1, split="official")
    found = work.scan(tmp_path / "data", workers=1, split="official", max_failures=1)
    assert len(found.reports[0].failed) == 4
    assert "unsupported" in str(found)


def test_settings_are_given_by_their_dotted_names(guide, tmp_path: Path):
    from unmask.arguments import choose_profile
    from unmask.core.work_folder import WorkFolder

    profile = choose_profile(WorkFolder(tmp_path), "tiny", {"preprocess.face_size": 96}, say=lambda line: None)
    assert profile.preprocess.face_size == 96
    with pytest.raises(unmask.UsageError, match="face_sise"):
        choose_profile(WorkFolder(tmp_path), "tiny", {"preprocess.face_sise": 96}, say=lambda line: None)


def test_the_notebook_runs_on_the_work_folder_of_the_guide(guide, demo_corpus: Path, tmp_path: Path):
    (tmp_path / "data").symlink_to(demo_corpus)
    shutil.copytree(guide.folder / "work", tmp_path / "work")
    notebook = read_notebook("quickstart.ipynb")
    execute_notebook(notebook, tmp_path, {"PROFILE": "tiny", "SEED": 7, "SCALE": 0.15, "EPOCHS": 1})
    assert output_types(notebook) == output_types(read_notebook("quickstart.ipynb"))
    assert ["display_data"] in output_types(notebook)
