"""Short forms of the problems with known answers, and the table that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.claims import cells as cells_module
from benchmarks.claims import command, problems, tokens
from benchmarks.claims.cells import Cell, Results, run_cells
from benchmarks.claims.problems import PROBLEMS
from benchmarks.claims.systems import CHOSEN, PROBE, SYSTEMS, make_config
from benchmarks.claims.table import choose_by_validation, describe_problem
from benchmarks.claims.tokens import TokenSource, draw_direction, hide
from unmask.core.errors import UsageError
from unmask.train.auto_size import SIZES, Size


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A narrow model, few test items, signals that few items show."""
    monkeypatch.setitem(SIZES, "small", Size(layers=2, heads=2, width=32, feedforward=64, max_batch=64))
    monkeypatch.setattr(problems, "TEST", 200)
    monkeypatch.setattr(problems, "CONTENT", 4.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "claims.jsonl")


def measure(results: Results, problem: str, size: int, systems: list[str], epochs: int) -> dict[str, Cell]:
    found = run_cells(problem, size, 0, systems, results, epochs=epochs, more={})
    return {cell.system: cell for cell in found}


def make_cell(system: str, seed: int, auc: float, hidden_auc: float | None = None, problem: str = "linear") -> Cell:
    return Cell(
        problem=problem, size=300, seed=seed, system=system, key=f"{system}{seed}", auc=auc, hidden_auc=hidden_auc,
        best_epoch=None, epochs=None, seconds=1.0,
    )  # fmt: skip


def test_tokens_have_the_statistics_of_an_encoder():
    random = np.random.default_rng(0)
    source = TokenSource.of(random)
    drawn = source.draw(random, np.zeros((2000, 1, 1)), 4).astype(np.float64)
    common, own = drawn.mean(axis=(0, 1)), drawn.mean(axis=1, keepdims=True)
    assert common @ common / (drawn**2).sum(axis=2).mean() == pytest.approx(tokens.COMMON, abs=0.01)
    variance = np.linalg.eigvalsh(np.cov(drawn.reshape(-1, tokens.WIDTH).T))[::-1]
    assert variance[0] / variance[:4] == pytest.approx([1, 2, 3, 4], rel=0.1)
    within = ((drawn - own) ** 2).sum() / ((drawn - common) ** 2).sum() * 4 / 3
    assert within == pytest.approx(1 - tokens.OF_ITEM, abs=0.02)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_has_both_classes_in_every_split_and_known_systems(name: str):
    items = PROBLEMS[name].draw(np.random.default_rng(0), 200)
    assert len(items.rows) == 400
    counts = {split: (items.split == split).sum() for split in ("train", "val", "test")}
    assert counts == {"train": 150, "val": 50, "test": 200}
    for split in counts:
        assert {row.label for row in items.rows if row.split == split} == {0, 1}
    asked = {system for question in PROBLEMS[name].questions for system in question}
    assert asked - {CHOSEN} <= set(PROBLEMS[name].systems) <= {PROBE, *SYSTEMS}
    assert set(PROBLEMS[name].choice) <= set(PROBLEMS[name].systems)


def test_in_skewed_training_alone_the_dataset_tells_the_label():
    def share_told(split: str) -> float:
        chosen = items.split == split
        return float(((items.dataset[chosen] == "two") == (items.label[chosen] == 1)).mean())

    for name, validation in (("skewed", 0.5), ("skewed-throughout", 0.95)):
        items = PROBLEMS[name].draw(np.random.default_rng(0), 2000)
        shares = [share_told(split) for split in ("train", "val", "test")]
        assert shares == pytest.approx([0.95, validation, 0.5], abs=0.08)


def test_wrong_labels_are_wrong_in_training_alone():
    right = PROBLEMS["linear"].draw(np.random.default_rng(0), 2000)
    wrong = PROBLEMS["wrong-labels-20"].draw(np.random.default_rng(0), 2000)
    differs, test = right.label != wrong.label, right.split == "test"
    assert not differs[test].any()
    assert differs[~test].mean() == pytest.approx(0.2, abs=0.03)


def test_image_and_audio_go_together_in_real_items_alone():
    items = PROBLEMS["time-shift"].draw(np.random.default_rng(0), 400)

    def coupling(label: int) -> float:
        image, audio = (part[items.label == label].astype(np.float64) for part in (items.image, items.audio))
        image, audio = (part - part.mean(axis=1, keepdims=True) for part in (image, audio))
        return float(np.linalg.svd(np.einsum("mtd,mte->de", image, audio) / len(image), compute_uv=False)[0])

    assert coupling(0) > 3 * coupling(1)


def test_audio_is_forged_under_a_genuine_image_in_test_alone():
    items = PROBLEMS["forged-audio"].draw(np.random.default_rng(0), 400)
    both = [row.split for row in items.rows if row.kind == "video" and row.audio_fake]
    assert set(both) == {"test"}
    assert all(not row.video_fake for row in items.rows if row.split == "test")
    assert {row.kind for row in items.rows if row.split != "test" and row.audio_fake} == {"audio"}


def test_modalities_are_hidden_in_turns_of_test_clips_alone(tmp_path: Path):
    _, data = PROBLEMS["missing"].draw(np.random.default_rng(0), 40).write(tmp_path)
    hidden = hide(data, ("image", "audio"))
    test = data.clips.split == "test"
    lengths = hidden.lengths(["eye", "ear"])
    assert lengths[~test].tolist() == [[problems.TOKENS] * 2] * 40
    assert lengths[test].tolist() == [[0, problems.TOKENS], [problems.TOKENS, 0]] * 100
    assert data.lengths(["eye", "ear"]).min() == problems.TOKENS


def test_one_trained_layer_finds_weak_traces_as_the_probe_does(results: Results):
    more = {"one layer": ("linear", ["train.lr=5e-3"])}
    probe, layer = run_cells("linear", 300, 0, [PROBE, "one layer"], results, epochs=8, more=more)
    assert probe.auc > 0.85
    assert layer.auc == pytest.approx(probe.auc, abs=0.04)


def test_a_fusion_finds_what_no_mean_token_tells(results: Results):
    found = measure(results, "xor", 600, [PROBE, "early"], epochs=12)
    assert found[PROBE].auc == pytest.approx(0.5, abs=0.1)
    assert found["early"].auc > 0.85


def test_what_is_hidden_is_measured_too(results: Results):
    more = {"one layer": ("linear", ["train.lr=5e-3"])}
    found = run_cells("missing", 160, 0, [PROBE, "one layer"], results, epochs=6, more=more)
    assert [(cell.system, cell.hidden_auc is not None) for cell in found] == [(PROBE, True), ("one layer", True)]
    assert all(0.5 < (cell.hidden_auc or 0) < cell.auc for cell in found)


def test_finished_cells_are_not_trained_again(results: Results, monkeypatch: pytest.MonkeyPatch):
    first = measure(results, "linear", 60, [PROBE, "early"], epochs=1)
    with results.path.open("a") as file:
        file.write('\n{"problem": "linear", "si')
    monkeypatch.setattr(cells_module, "fit", None)
    again = Results(results.path)
    assert measure(again, "linear", 60, [PROBE, "early"], epochs=1) == first
    assert make_config("early", 0, 2, {}) != make_config("early", 0, 1, {})
    with pytest.raises(TypeError):
        measure(again, "linear", 60, [PROBE, "early"], epochs=2)


def test_systems_of_equal_settings_share_a_cell(results: Results):
    more = {"same": ("early-fusion", []), "other": ("early-fusion", ["train.lr=1e-3"])}
    found = run_cells("linear", 60, 0, ["early", "same", "other"], results, epochs=1, more=more)
    assert [cell.system for cell in found] == ["early", "same", "other"]
    assert [cell.key == found[0].key for cell in found] == [True, True, False]


def test_unknown_systems_and_problems_are_answered_with_those_there_are(tmp_path: Path):
    with pytest.raises(UsageError, match="no system 'liner'") as error:
        make_config("liner", 0, 1, {})
    assert "did you mean linear" in str(error.value.hint)
    with pytest.raises(UsageError, match="no problem 'xr'"):
        command.main(["--problem", "xr", "--out", str(tmp_path / "none")])


def test_the_table_has_means_intervals_and_differences_paired_by_seed():
    scores = {PROBE: (0.8, 0.9), "full": (0.7, 0.8), "joint": (0.75, 0.9)}
    cells = [make_cell(name, seed, auc) for name, pair in scores.items() for seed, auc in enumerate(pair)]
    text = describe_problem("linear", cells)
    # Half of the interval of two values is 12.706 / sqrt(2) x their deviation: 12.706 / 2 x their difference.
    assert "| linear probe | .850 ± .635 |  |" in text
    assert "| full | .750 ± .635 | -.100 ± .000 |" in text
    assert "- `full` against `linear probe`: -.100 ± .000 at 300 (worse)." in text
    assert "- `joint` against `linear probe`: -.025 ± .318 at 300 (not shown to differ)." in text
    assert "early" not in text, "what was not measured is not in the table"
    assert describe_problem("xor", cells).endswith("Not measured.")


def test_per_seed_the_system_that_is_best_on_validation_is_chosen():
    judged = [("linear", 0, 0.8, 0.9), ("erm", 0, 0.9, 0.7), ("linear", 1, 0.7, 0.6), ("erm", 1, 0.6, 0.8)]
    cells = [replace(make_cell(name, seed, auc), validation_auc=own) for name, seed, auc, own in judged]
    alone = replace(make_cell("linear", 2, 0.5), validation_auc=0.5)
    chosen = choose_by_validation([*cells, alone], ("linear", "erm"))
    assert [(cell.system, cell.seed, cell.auc) for cell in chosen] == [(CHOSEN, 0, 0.8), (CHOSEN, 1, 0.6)]


def test_the_table_says_what_hiding_costs():
    text = describe_problem("missing", [make_cell("full", 0, 0.9, 0.7, "missing")])
    assert "| full | .900 | .700 |  |" in text
    assert "- `full`, hidden minus whole: -.200 at 300." in text


def test_the_table_is_put_between_its_markers():
    document = f"before\n{command.BEGIN}\nold\n{command.END}\nafter\n"
    assert command.put_table(document, "new\n") == document.replace("old", "new")
    with pytest.raises(UsageError, match="git checkout"):
        command.put_table("no markers", "new")


def test_the_document_has_every_problem():
    document = command.DOCUMENT.read_text(encoding="utf-8")
    assert command.BEGIN in document
    assert [name for name in PROBLEMS if f"(`{name}`)" not in document] == []


def test_signals_lie_along_the_given_axes():
    direction = draw_direction(np.random.default_rng(0), 16)
    assert np.linalg.norm(direction) == pytest.approx(1)
    assert not direction[16:].any()
