"""Shortcuts that evaluate shows: those of the last audit, or those in the headers of the evaluated files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unmask.manifests.audit.counts import count_duplicates
from unmask.manifests.audit.cross_validation import make_folds
from unmask.manifests.audit.known_shortcuts import MOST_FILES, find_header_shortcuts, read_shortcuts, write_audit
from unmask.manifests.audit.results import Audit, DatasetAudit, ProbeLine, Shortcut
from unmask.manifests.audit.shortcut_probes import probe
from unmask.manifests.manifest import MediaRow, from_rows
from unmask.manifests.splits.leaks import find_manifest_leaks


def make_rows(dataset: str, count: int, *, leak: bool, groups: int = 1000) -> list[MediaRow]:
    """Half of them fake; fakes have odd numbers of bytes more if they `leak`."""
    random = np.random.default_rng(len(dataset))
    return [
        MediaRow(
            media_id=f"{dataset}-{number}",
            dataset=dataset,
            domain_id=0,
            path=f"{number}.mp4",
            kind="video",
            label=number % 2,
            method="swap" if number % 2 else "none",
            group=f"{dataset}{number % groups}",
            split="test",
            bytes=int(random.integers(90_000, 99_000)) + 20_000 * (leak and number % 2),
        )
        for number in range(count)
    ]


def test_a_header_that_gives_the_label_away_is_found_without_opening_a_file():
    rows = make_rows("clean", 40, leak=False) + make_rows("leaking", 40, leak=True)
    (found,) = find_header_shortcuts(rows, 0)
    assert (found.dataset, found.verdict, found.auc) == ("leaking", "flagged", pytest.approx(1.0, abs=0.02))
    assert "most by bytes" in found.text


def test_sizes_of_which_only_some_are_of_fakes_are_found_by_trees():
    sizes = np.arange(120) * 1000 + 50_000
    rows = [
        replace(row, bytes=int(size), label=label, method="swap" if label else "none")
        for row, size in zip(make_rows("a", 120, leak=False), sizes, strict=True)
        for label in [int(size // 20_000 % 2)]
    ]
    (found,) = find_header_shortcuts(rows, 0)
    assert (found.verdict, found.auc > 0.8) == ("flagged", True)


def test_few_groups_are_suspect_and_too_few_files_are_nothing():
    (found,) = find_header_shortcuts(make_rows("a", 40, leak=True, groups=8), 0)
    assert found.verdict == "suspect"
    assert find_header_shortcuts(make_rows("a", 4, leak=True), 0) == ()
    assert find_header_shortcuts(make_rows("a", 1, leak=True), 0) == ()
    assert find_header_shortcuts([], 0) == ()


def test_headers_that_are_all_the_same_are_no_shortcut():
    assert find_header_shortcuts([replace(row, bytes=9) for row in make_rows("a", 40, leak=True)], 0) == ()


def test_a_large_dataset_is_sampled(monkeypatch):
    from unmask.manifests.audit import known_shortcuts

    sizes = []
    encode = known_shortcuts.encode_headers
    monkeypatch.setattr(
        known_shortcuts, "encode_headers", lambda rows, known: sizes.append(len(rows)) or encode(rows, known)
    )
    monkeypatch.setattr(known_shortcuts, "probe", lambda name, about, *_: ProbeLine(name=name, about=about))
    monkeypatch.setattr(known_shortcuts, "FAMILIES", known_shortcuts.FAMILIES[:1])
    find_header_shortcuts(make_rows("a", 4 * MOST_FILES, leak=False, groups=9999), 0)
    assert sizes == [2 * MOST_FILES]


def make_audit(manifest) -> Audit:
    flagged = ProbeLine(name="length", about="", auc=1.0, interval=(0.9, 1.0), verdict="flagged", splits={"test": 0.9})
    clear = ProbeLine(name="file size", about="", auc=0.5, interval=(0.4, 0.6), verdict="clear")
    one = DatasetAudit(
        name="a",
        kinds={},
        real=2,
        fake=2,
        failed=0,
        groups=4,
        methods={},
        splits={},
        prior_accuracy=0.5,
        probed=4,
        probes=(flagged, clear),
        features=(),
        spreads=(),
        small_cells=(),
        problems={},
    )
    return Audit(
        files=8,
        split_scheme="default",
        split_hash=manifest.split_hash,
        seed=0,
        datasets=(one, replace(one, name="b")),
        collection=(),
        leaks=find_manifest_leaks(manifest),
        duplicates=count_duplicates(manifest),
        near=None,
    )


def test_an_audit_is_read_for_the_asked_datasets_and_for_these_files_only(tmp_path: Path):
    rows = make_rows("a", 4, leak=True) + make_rows("b", 4, leak=True)
    manifest, path = from_rows(rows, {}), tmp_path / "audit.json"
    assert read_shortcuts(path, manifest, {"a"}) is None
    write_audit(path, make_audit(manifest), manifest)
    expected = Shortcut(
        dataset="a",
        classifier="length",
        verdict="flagged",
        auc=1.0,
        text="length: AUC 1.000 [0.900, 1.000]",
        splits={"test": 0.9},
    )
    assert read_shortcuts(path, manifest, {"a"}) == (expected,)
    assert read_shortcuts(path, manifest, {"c"}) == ()
    resplit = from_rows([replace(row, split="train") for row in rows], {})
    assert read_shortcuts(path, resplit, {"a"}) == (replace(expected, splits={}),), "another split of the same files"
    assert read_shortcuts(path, from_rows(rows[:6], {}), {"a"}) is None, "other files"
    path.write_text(json.dumps({"version": 0}))
    assert read_shortcuts(path, manifest, {"a"}) is None
    path.write_text("[]")
    assert read_shortcuts(path, manifest, {"a"}) is None


def test_a_shortcut_of_the_training_files_alone_is_told_from_one_of_the_test_files():
    random = np.random.default_rng(0)
    is_fake = np.arange(240) % 2 == 1
    split = np.where(np.arange(240) < 160, "train", "test").astype(np.str_)
    split[:20] = ""
    value = random.normal(size=240) + 5 * (is_fake & (split == "train"))
    folds = make_folds(is_fake, np.arange(240), 0, split)
    assert folds
    line = probe("made up", "", is_fake, folds, lambda _, test: value[test], None, 0)
    assert line.verdict == "flagged"
    assert line.splits.keys() == {"train", "test"}
    assert line.splits["train"] > 0.99
    assert abs(line.splits["test"] - 0.5) < 0.15
    assert make_folds(is_fake, np.arange(240), 0).auc_by_split(folds.fold) == {}  # type: ignore[union-attr]


def test_a_split_of_one_class_has_no_figure_of_its_own():
    is_fake = np.arange(60) % 2 == 1
    folds = make_folds(is_fake, np.arange(60), 0, np.where(is_fake, "train", "test").astype(np.str_))
    assert folds
    line = probe("made up", "", is_fake, folds, lambda _, test: is_fake[test].astype(float), None, 0)
    assert line.splits == {}
