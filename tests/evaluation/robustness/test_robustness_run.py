"""A run measured under corruptions: strength 0 is the evaluation, only changed streams are encoded, tokens are kept."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.encoder_runner import Runner
from unmask.core.errors import MissingInput, UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import evaluate, find_evaluation
from unmask.evaluation.report import report
from unmask.evaluation.robustness import cell_tokens, robustness
from unmask.evaluation.robustness.results import CSV, FILE, list_rows, read_robustness
from unmask.evaluation.robustness.robustness import find_robustness, measure_robustness
from unmask.manifests.manifest import write_manifest
from unmask.train.run_folder import INPUTS

CPU = torch.device("cpu")
FEW = ("blur", "audio-noise")


@pytest.fixture(scope="module")
def work(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> WorkFolder:
    """The chain's work folder with an evaluated run, as a copy of this module's own."""
    folder = tmp_path_factory.mktemp("robust") / "work"
    shutil.copytree(chain.work.root, folder)
    copied = WorkFolder(folder)
    evaluate(copied.runs / chain.run.name, copied, device=CPU)
    return copied


@pytest.fixture
def fresh(work: WorkFolder, tmp_path: Path) -> WorkFolder:
    shutil.copytree(work.root, tmp_path / "work")
    return WorkFolder(tmp_path / "work")


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Encoder -> inputs that its network was given."""
    counts: Counter[str] = Counter()
    whole = Runner.run_groups

    def run_groups(self: Runner, groups: Any, outputs: Any = None) -> Any:
        counts[self.encoder.spec.name] += sum(map(len, groups))
        return whole(self, groups, outputs)

    monkeypatch.setattr(Runner, "run_groups", run_groups)
    return counts


def find_run(work: WorkFolder) -> Path:
    (run,) = (path for path in work.runs.iterdir() if (path / INPUTS).is_file())
    return run


def measure(work: WorkFolder, *only: str, strengths: tuple[int, ...] = ()) -> Any:
    return measure_robustness(find_run(work), work, only=only, strengths=strengths, device=CPU)


def test_strength_0_is_the_evaluation_to_the_last_digit(fresh):
    test = robustness._Test.open(find_run(fresh), fresh, CPU)
    np.testing.assert_array_equal(test.clean, test.stored)
    found, evaluation = measure(fresh, "blur", strengths=(1,)), find_evaluation(find_run(fresh))
    for figure in found.clean:
        row = evaluation.model.row(figure.scope) if not figure.scope.startswith("kind") else None
        if row is not None:
            assert (figure.clean, figure.auc, figure.difference) == (row.auc, row.auc, row.auc and 0.0)
            assert figure.clean_interval == row.interval("auc")
    zero = found.cells[0]
    assert (zero.strength, zero.value) == (0, "clean")
    assert all(figure.auc == figure.clean for figure in zero.figures)
    assert not [note for note in found.notes if "differ" in note]


def test_only_encoders_of_the_changed_stream_run_and_only_on_test_items(fresh, encoded):
    measure(fresh, "blur", strengths=(1, 3))
    assert encoded == {"tiny_image": 2 * 6}  # six test images, at two strengths
    encoded.clear()
    measure(fresh, "audio-noise", strengths=(2,))
    assert encoded == {"tiny_audio": 6}


def test_the_second_call_only_scores(fresh, encoded):
    once = measure(fresh, *FEW)
    encoded.clear()
    again = measure(fresh, *FEW)
    assert encoded == {}
    assert once == again == read_robustness(find_run(fresh))


def test_a_call_adds_to_what_an_earlier_one_measured(fresh):
    measure(fresh, "audio-noise", strengths=(2,))
    found = measure(fresh, "blur", strengths=(1,))
    assert [(cell.corruption, cell.strength) for cell in found.cells] == [
        ("blur", 0),
        ("blur", 1),
        ("audio-noise", 0),
        ("audio-noise", 2),
    ]


def test_a_stopped_call_is_continued(fresh, encoded, monkeypatch):
    whole = cell_tokens.write_tokens
    writes: list[Path] = []

    def stop(path: Path, *arguments: Any, **named: Any) -> None:
        if len(writes) == 2:
            raise KeyboardInterrupt
        writes.append(path)
        whole(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(cell_tokens, "write_tokens", stop)
        with pytest.raises(KeyboardInterrupt):
            measure(fresh, "jpeg", "blur")
    encoded.clear()
    measure(fresh, "jpeg", "blur")
    assert encoded["tiny_image"] == 6 * 6 - 6 * len(writes), "six images under three strengths of two corruptions"
    assert not (find_run(fresh) / FILE).with_suffix(".tmp").exists()


def test_figures_are_of_the_items_that_have_the_stream(fresh):
    blurred, noisy = (cell for cell in measure(fresh, *FEW, strengths=(3,)).cells if cell.strength == 3)
    assert (blurred.items, noisy.items) == (6, 6)
    assert {figure.scope for figure in blurred.figures} == {"pooled", "macro", "pictures"}
    assert {figure.scope for figure in noisy.figures} == {"pooled", "macro", "sounds"}
    for figure in (*blurred.figures, *noisy.figures):
        assert figure.difference == pytest.approx(figure.auc - figure.clean)


def test_corrupted_tokens_change_the_scores(fresh):
    test = robustness._Test.open(find_run(fresh), fresh, CPU)
    cells = [cell_tokens.Cell(one, 3) for one in robustness.choose_corruptions(FEW)]
    ids = {
        stream: [row.media_id for row in test.items.only(test.touched(stream)).rows] for stream in robustness.STREAMS
    }
    tokens = cell_tokens.encode_cells(test.opened, fresh, ids, cells, device=CPU, batch_size=4)
    for cell in cells:
        touched = test.touched(cell.corruption.stream)
        changed = replace(test.opened, data=robustness._replace_tokens(test.opened.data, tokens.stores[cell]))
        scores = robustness._score(changed, test.numbers, CPU)
        assert (scores[touched] != test.clean[touched]).all()
        np.testing.assert_allclose(scores[~touched], test.clean[~touched], atol=1e-6)


def test_the_files_hold_every_figure(fresh):
    found = measure(fresh, *FEW, strengths=(1,))
    run = find_run(fresh)
    with (run / CSV).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list_rows(found)) == 2 * 2 * 3
    assert [float(row["auc"]) for row in rows] == [row["auc"] for row in list_rows(found)]
    evaluation = find_evaluation(run)
    assert find_robustness(run, evaluation) == found
    assert find_robustness(run, replace(evaluation, best_epoch=evaluation.best_epoch + 1)) is None


def test_the_report_shows_it_once_it_was_measured(fresh):
    run = find_run(fresh)
    assert 'id="robustness"' not in report(fresh, run).read_text(encoding="utf-8")
    measure(fresh, *FEW)
    page = report(fresh, run).read_text(encoding="utf-8")
    assert 'id="robustness"' in page
    assert page.count("AUC under blur") == page.count("AUC under audio noise") == 1


def test_a_run_that_was_not_evaluated_is_refused(fresh):
    (find_run(fresh) / "evaluation.json").unlink()
    with pytest.raises(MissingInput, match="not been evaluated"):
        measure(fresh, *FEW)


def test_another_split_is_refused(fresh, chain):
    splits = {"test": "val", "val": "test"}
    column = [splits.get(split, split) for split in chain.manifest.table.column("split").to_pylist()]
    table = chain.manifest.table
    position = table.column_names.index("split")
    write_manifest(fresh.manifest, chain.manifest.with_table(table.set_column(position, "split", [column])))
    with pytest.raises(MissingInput, match="trained on split"):
        measure(fresh, *FEW)


def test_changed_media_are_refused(fresh):
    (media,) = fresh.media.iterdir()
    shard = next(iter(sorted(media.glob("shard-*.zarr"))))
    with (shard / "checksums.json").open("a") as file:
        file.write(" ")
    with pytest.raises(MissingInput, match="older media"):
        measure(fresh, *FEW)


def test_an_encoder_of_other_weights_is_refused(fresh, monkeypatch):
    whole = cell_tokens.make_encoder

    def make_other(choice: Any, device: torch.device) -> Any:
        encoder = whole(choice, device)
        encoder.spec = replace(encoder.spec, weights_hash="0" * 16)
        return encoder

    monkeypatch.setattr(cell_tokens, "make_encoder", make_other)
    with pytest.raises(MissingInput, match="tiny_image differ from those of its tokens"):
        measure(fresh, "blur")


def test_a_stream_that_the_run_does_not_read_is_refused(fresh, monkeypatch):
    monkeypatch.setattr(robustness._Test, "touched", lambda self, stream: np.zeros(len(self.items), np.bool_))
    with pytest.raises(UsageError, match="no evaluated item has a stream"):
        measure(fresh, *FEW)
