"""`unmask compare` and `Work.compare` on trained runs: names, folders of other work folders, and stale evaluations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_chain import CPU, Chain, config

from unmask import MissingInput, UsageError, Work
from unmask.cache.stage import open_tokens
from unmask.cli import app
from unmask.core.files import sealed_files
from unmask.core.files.sealed_tables import write_table
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.predictions import FILE
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.run_folder import run_folder


@pytest.fixture(scope="module")
def compared(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A work folder with two evaluated runs, and a third one without an evaluation."""
    folder = tmp_path_factory.mktemp("compared") / "work"
    work = WorkFolder(Path(shutil.copytree(chain.work.root, folder)))
    data = TokenData.load(chain.manifest, open_tokens(work, chain.manifest))
    names = [chain.run.name]
    for seed in (1, 2):
        other = config().changed({"seed": seed, "epochs": 1})
        run = run_folder(work.runs, data, other)
        fit(data, other, run, device=CPU)
        names.append(run.name)
    for name in names[:2]:
        evaluate(work.runs / name, work, device=CPU)
    return folder, names


def call(capsys: pytest.CaptureFixture[str], work: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON object, and stderr."""
    with pytest.raises(SystemExit) as ended:
        app.main(["compare", *arguments, "--work", str(work), "--json"])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(out), err


def test_the_command_and_python_say_the_same(capsys, compared, tmp_path: Path):
    work, (first, second, _) = compared
    code, found, err = call(capsys, work, first, second, "--out", str(tmp_path / "out"))
    assert code == 0
    assert (found["base"], [run["name"] for run in found["runs"]]) == (first, [second])
    assert found["runs"][0]["meaning"] in err
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["runs"] == found["runs"]
    table = Work(work).compare([first, second])
    assert json.loads(json.dumps(table.details.as_json()))["runs"] == found["runs"]
    assert table.notes()[0] == found["runs"][0]["meaning"]
    rows = table.as_rows()
    assert {row["run"] for row in rows} == {second}
    assert all(row.keys() == rows[0].keys() for row in rows)
    auc = next(row for row in rows if (row["dataset"], row["metric"]) == ("pooled", "auc"))
    assert auc["difference"] == pytest.approx(auc["run value"] - auc["base value"])


def test_another_base_turns_the_sign(capsys, compared):
    work, (first, second, _) = compared
    forward, backward = (
        call(capsys, work, first, second, *more)[1]["runs"][0]["rows"][-1]["metrics"][0]
        for more in ((), ("--base", second))
    )
    assert backward["difference"] == -forward["difference"]


def test_runs_of_two_work_folders_are_told_apart(compared, tmp_path: Path):
    work, (first, *_) = compared
    other = Path(shutil.copytree(work, tmp_path / "other"))
    found = Work(work).compare([first, other / "runs" / first]).details
    assert (found.base, found.runs[0].name) == (str(work / "runs" / first), str(other / "runs" / first))
    assert {one.difference for row in found.runs[0].rows for one in row.metrics} <= {0, None}


def test_a_run_without_an_evaluation_of_its_weights_is_exit_4(capsys, compared):
    work, (first, _, third) = compared
    code, found, _ = call(capsys, work, first, third)
    assert (code, found["error"]) == (4, f"{third}: no evaluation of its present weights")
    assert found["hint"] == f"unmask evaluate --work {work} --run {third}"
    assert call(capsys, work, first, "full-s9-none")[0] == 4
    assert call(capsys, work, first)[0] == 2


def test_predictions_that_do_not_belong_to_the_evaluation_are_refused(compared, tmp_path: Path):
    work, (first, second, _) = compared
    other = Path(shutil.copytree(work, tmp_path / "other"))
    path = other / "runs" / second / FILE
    write_table(path, pq.read_table(path).slice(1))
    with pytest.raises(MissingInput, match=r"predictions.parquet: of another evaluation"):
        Work(other).compare([first, second])


def test_other_items_are_exit_2_with_a_hint(capsys, compared, tmp_path: Path):
    work, (first, second, _) = compared
    other = Path(shutil.copytree(work, tmp_path / "other"))
    path = other / "runs" / second / FILE
    table = pq.read_table(path)
    renamed = pa.array(["f" * 32, *table.column("media_id").to_pylist()[1:]])
    digest = write_table(path, table.set_column(table.column_names.index("media_id"), "media_id", renamed))
    evaluation = sealed_files.read_json(path.parent / "evaluation.json")
    sealed_files.write_json(
        path.parent / "evaluation.json", evaluation | {"files": evaluation["files"] | {FILE: digest}}
    )
    code, found, _ = call(capsys, other, first, second)
    assert (code, "--common" in found["hint"]) == (2, True)
    assert f"1 of the {len(table)} items of {first} are missing in {second}" in found["error"]
    with pytest.raises(UsageError):
        Work(other).compare([first, second])
    assert Work(other).compare([first, second], common=True).details.items == len(table) - 1
