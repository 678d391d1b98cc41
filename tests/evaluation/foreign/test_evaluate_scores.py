"""Another system's scores beside the controls, on a work folder without any run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tiny_chain import Chain

from unmask.cli.app import main
from unmask.core.errors import DamagedInput, MissingInput, UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.foreign.evaluate_scores import NO_SCORE, evaluate_scores
from unmask.evaluation.foreign.last_tokens import NO_TOKENS
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.results import read_evaluation
from unmask.manifests.manifest import MediaRow

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def work(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> WorkFolder:
    """The chain's manifest, media and tokens, but no run."""
    root = tmp_path_factory.mktemp("no_run") / "work"
    shutil.copytree(chain.work.root, root, ignore=shutil.ignore_patterns("runs"))
    return WorkFolder(root)


@pytest.fixture(scope="module")
def rows(chain: Chain) -> list[MediaRow]:
    return [row for row in chain.manifest.rows() if row.split in ("val", "test") and row.status == "ok"]


def draw(rows: list[MediaRow], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=len(rows)) + np.array([1.5 * (row.label or 0) for row in rows])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(name: str, ids: list[str], scores: Any, header: str = "") -> Path:
        separator = "," if name.endswith(".csv") else "\t"
        lines = [f"{key}{separator}{score!r}" for key, score in zip(ids, np.asarray(scores).tolist(), strict=True)]
        path = tmp_path / name
        path.write_text("\n".join([*([header] if header else []), *lines]) + "\n", encoding="utf-8")
        return path

    return make


def of_test(rows: list[MediaRow], scores: np.ndarray) -> tuple[ItemSet, np.ndarray]:
    chosen = np.array([row.split == "test" for row in rows])
    return ItemSet(tuple(rows)).only(chosen), scores[chosen]


def test_any_numbers_get_rank_metrics_a_threshold_and_the_controls(
    work: WorkFolder, rows: list[MediaRow], write: Write
):
    scores = draw(rows)
    path = write("their system".replace(" ", "-") + ".txt", [f"{row.dataset}/{row.path}" for row in rows], -scores)
    found = evaluate_scores(path, work)
    items, expected = of_test(rows, scores)
    pooled = found.model.row("pooled")
    assert (found.run, found.scored, found.best_epoch) == ("their-system", len(items), 0)
    assert pooled.auc == roc_auc_score(items.is_fake, expected)
    assert pooled["ece"] is None
    assert pooled["recall"] == np.mean(expected[items.is_fake] >= found.model.threshold)
    assert any("ECE, Brier: not defined" in note for note in found.notes)
    assert any("best balanced accuracy of the 12 validation items" in note for note in found.notes)
    names = {"majority guess", "metadata only", "silence and duration", "level and bandwidth", "linear probe"}
    assert names < {table.name for table in found.controls}
    assert {row.kind for row in found.slices} == {"media"}
    assert found.coverage < 1, "the damaged file has no score"
    assert not any(note == NO_TOKENS for note in found.notes)


def test_the_result_lies_in_a_folder_of_its_own(work: WorkFolder, rows: list[MediaRow], write: Write):
    scores = draw(rows)
    found = evaluate_scores(write("a.txt", [row.media_id for row in rows], -scores), work, name="theirs")
    folder = work.foreign / "theirs"
    assert read_evaluation(folder) == found
    table = read_predictions(folder)
    items, expected = of_test(rows, scores)
    assert table.column("media_id").to_pylist() == [row.media_id for row in items.rows]
    assert table.column("score").to_numpy().tolist() == expected.tolist(), "as they are"
    assert "control: linear probe" in table.column_names
    assert not work.runs.exists()


def test_probabilities_have_a_calibration_error_and_a_threshold_of_one_half_without_validation(
    work: WorkFolder, rows: list[MediaRow], write: Write
):
    test = [row for row in rows if row.split == "test"]
    probability = 1 / (1 + np.exp(-draw(test)))
    header = "media_id,score"
    found = evaluate_scores(write("a.csv", [row.media_id for row in test], probability, header), work)
    pooled = found.model.row("pooled")
    assert pooled["ece"] is not None
    assert found.model.threshold == 0.5
    assert any("Threshold 0.5: the file has no validation items" in note for note in found.notes)
    turned = evaluate_scores(
        write("b.csv", [row.media_id for row in test], 1 - probability, header),
        work,
        higher_is="real",
        kind="probability",
    )
    assert turned.model.row("pooled").auc == pooled.auc
    assert turned.model.row("pooled")["ece"] == pytest.approx(pooled["ece"])


def test_numbers_without_validation_have_no_threshold_unless_they_are_log_odds(
    work: WorkFolder, rows: list[MediaRow], write: Write
):
    test = [row for row in rows if row.split == "test"]
    path = write("a.txt", [row.media_id for row in test], -draw(test))
    raw, logit = evaluate_scores(path, work), evaluate_scores(path, work, kind="logit")
    undefined = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "ece")
    assert [raw.model.row("pooled")[name] for name in undefined] == [None] * 6
    assert raw.slices[0]["recall"] is None
    assert any(note.startswith("No accuracy") for note in raw.notes)
    assert logit.model.threshold == 0
    assert logit.model.row("pooled")["recall"] is not None
    assert raw.model.row("pooled").auc == logit.model.row("pooled").auc


def test_missing_scores_lower_the_coverage_of_the_kinds_and_datasets_that_the_file_scores(
    work: WorkFolder, rows: list[MediaRow], write: Write, chain: Chain
):
    sounds = [row for row in rows if row.split == "test" and row.dataset == "sounds"]
    path = write("a.txt", [*(row.path for row in sounds[1:]), "nobody/knows.wav"], draw(rows)[: len(sounds)])
    found = evaluate_scores(path, work)
    assert found.failures == {f"sounds/{sounds[0].path}": NO_SCORE}
    assert found.coverage == (len(sounds) - 1) / len(sounds)
    pictures = [row for row in chain.manifest.rows() if row.split == "test" and row.dataset == "pictures"]
    assert found.out_of_scope == len(pictures)
    assert any("1 ids of no labeled media file" in note and "'nobody/knows.wav'" in note for note in found.notes)
    assert [row.name for row in found.model.datasets] == ["sounds"]


def test_two_names_of_one_file_are_refused_with_their_lines(work: WorkFolder, rows: list[MediaRow], write: Write):
    path = write("a.txt", [rows[0].media_id, rows[1].media_id, rows[0].path], [1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match=rf"a\.txt, lines 1 and 3: {rows[0].dataset}/{rows[0].path} has two scores"):
        evaluate_scores(path, work)


def test_a_probability_beyond_1_is_refused_with_its_line(work: WorkFolder, rows: list[MediaRow], write: Write):
    path = write("a.csv", [row.media_id for row in rows[:2]], [0.5, 1.5], "id,score")
    with pytest.raises(UsageError, match=r"a\.csv, line 3: 1\.5 is no probability"):
        evaluate_scores(path, work, kind="probability")


def test_scores_of_other_files_alone_are_missing_input(work: WorkFolder, rows: list[MediaRow], write: Write):
    with pytest.raises(MissingInput, match="no score of a file of the test split"):
        evaluate_scores(write("a.txt", ["x", "y"], [1.0, 2.0]), work)
    with pytest.raises(UsageError, match="not a name for a folder"):
        evaluate_scores(write("a.txt", [rows[0].media_id], [1.0]), work, name="../runs")


def test_scores_the_wrong_way_round_are_noticed(work: WorkFolder, rows: list[MediaRow], write: Write):
    perfect = np.array([100.0 * (row.label or 0) for row in rows]) + draw(rows)
    path = write("a.txt", [row.media_id for row in rows], perfect)
    wrong, right = evaluate_scores(path, work), evaluate_scores(path, work, higher_is="fake")
    assert (wrong.model.row("pooled").auc, right.model.row("pooled").auc) == (0, 1)
    assert any("is --higher-is the other class?" in note for note in wrong.notes)
    assert not any("is --higher-is the other class?" in note for note in right.notes)


def test_without_tokens_the_controls_on_headers_remain(
    work: WorkFolder, rows: list[MediaRow], write: Write, tmp_path: Path
):
    bare = WorkFolder(tmp_path / "bare")
    bare.root.mkdir()
    shutil.copy(work.manifest, bare.manifest)
    found = evaluate_scores(write("a.txt", [row.media_id for row in rows], draw(rows)), bare)
    assert [table.name for table in found.controls] == ["majority guess", "metadata only"]
    assert found.notes[-1] == NO_TOKENS
    assert found.profile == "none"


def call(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return stopped.value.code


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        ("media/*/plan.json", "run `unmask preprocess`"),
        ("media/*/shard-*/checksums.json", "unmask cache verify --repair"),
        ("tokens/latest.json", "unmask extract"),
        ("tokens/*-*/spec.json", "unmask cache verify --repair"),
        ("tokens/*-*/shard-*/zarr.json", "unmask cache verify --repair"),
        ("tokens/*-*/shard-*/offsets/c/0", "unmask cache verify --repair"),
    ],
)
@pytest.mark.parametrize("cut", [True, False])
def test_damaged_media_and_tokens_do_not_count_as_absent(
    work: WorkFolder, rows: list[MediaRow], write: Write, pattern: str, remedy: str, cut: bool
):
    path = write("theirs.txt", [row.media_id for row in rows], -draw(rows))
    harmed = sorted(work.root.glob(pattern))[0]
    content = harmed.read_bytes()
    middle = len(content) // 2
    changed = bytes(byte ^ 1 for byte in content[middle : middle + 16])
    harmed.write_bytes(content[:middle] if cut else content[:middle] + changed + content[middle + 16 :])
    try:
        with pytest.raises(DamagedInput) as caught:
            evaluate_scores(path, work)
        shard = next((one for one in harmed.parents if one.name.startswith("shard-")), harmed)
        assert str(shard) in caught.value.problem
        assert remedy in caught.value.hint
        assert caught.value.exit_code == 4
    finally:
        harmed.write_bytes(content)


def test_the_command_prints_the_tables_and_exits_3_below_the_coverage(
    work: WorkFolder, rows: list[MediaRow], write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path, out = write("a.txt", [row.media_id for row in rows], -draw(rows)), tmp_path / "out.txt"
    command = ["evaluate", "--work", str(work.root), "--scores", str(path), "--json", "--export", str(out)]
    assert call(*command) == 3
    value = json.loads(capsys.readouterr().out)
    assert "coverage" in value["error"]
    assert len(out.read_text().splitlines()) == value["scored"], "everything is written before"
    assert (work.foreign / "a" / "evaluation.json").is_file()
    assert call(*command, "--min-coverage", "0.9") == 0
    assert call(*command, "--run", "x") == 2
    assert call(*command[:3], "--name", "x") == 2


def test_controls_leave_out_scored_files_without_tokens(work: WorkFolder, chain: Chain, write: Write, tmp_path: Path):
    everything = [row for row in chain.manifest.rows() if row.split in ("val", "test")]
    lost = [row for row in everything if row.status != "ok" or "damaged" in row.path]
    found = evaluate_scores(write("a.txt", [row.media_id for row in everything], draw(everything)), work)
    assert len(lost) == 1
    assert found.coverage == 1
    probe = next(table for table in found.controls if table.name == "linear probe")
    assert probe.row("pooled").auc is not None
    assert replace(found, notes=()).scored == sum(row.split == "test" for row in everything)
