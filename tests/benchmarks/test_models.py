"""The comparison of presets and variants with the linear probe on repeated splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.__main__ import main
from benchmarks.models import command, measure
from benchmarks.models.measure import SWAPS, Line
from benchmarks.models.plan import parse_plan, parse_seeds
from benchmarks.models.table import compare_splits, write_tables
from unmask.cache.spec import TOKEN_WIDTH, EncoderSpec, Modality
from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens
from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation import open_run
from unmask.manifests.manifest import DATASETS, MediaRow, from_rows, write_manifest
from unmask.preprocess.profiles import tiny
from unmask.train.auto_size import SIZES, Size
from unmask.train.config import TrainConfig
from unmask.train.presets import make_preset


def line(variant: str, split_seed: int, auc: float, *, seed: int = 0, probe: float = 0.7, code: str = "a") -> Line:
    facts = {"work": "made", "train_items": 80, "test_items": 20, "best_epoch": 3, "train_seconds": 2.0, "code": code}
    figures = {"auc": auc, "macro5": None, "probe_auc": probe, "probe_macro5": None, "audio_alone": 0.6}
    found = {"image_alone": None, "validation": {"auc": 0.75}}
    swaps = {f"{name}_{when}": value for name in SWAPS for when, value in (("alone", 0.6), ("swapped", 0.55))}
    return facts | figures | found | swaps | {"variant": variant, "split_seed": split_seed, "seed": seed}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkFolder:
    """A work folder of 100 videos with random tokens: fake pictures and fake sounds lie apart from genuine ones."""
    folder, random = WorkFolder(tmp_path / "made"), np.random.default_rng(0)
    fakes = random.random((100, 2)) < 0.3
    rows = [make_row(number, bool(video), bool(audio)) for number, (video, audio) in enumerate(fakes)]
    write_manifest(folder.manifest, from_rows(rows, {row.dataset: "/nowhere" for row in rows}))
    stores = {
        "eye": make_store(folder.tokens / "eye", "eye", "image", rows, fakes[:, 0], random),
        "ear": make_store(folder.tokens / "ear", "ear", "audio", rows, fakes[:, 1], random),
    }
    tokens = ProfileTokens(tiny(), "media", ["shard-0.zarr"], stores)
    for module in (measure, open_run):
        monkeypatch.setattr(module, "open_tokens", lambda *given: tokens)
    monkeypatch.setitem(SIZES, "small", Size(layers=1, heads=2, width=16, feedforward=16, max_batch=64))
    return folder


def make_row(number: int, video_fake: bool, audio_fake: bool) -> MediaRow:
    fake = video_fake or audio_fake
    return MediaRow(
        media_id=f"{number:032x}",
        dataset="fakeavceleb",
        domain_id=DATASETS.index("fakeavceleb"),
        path=f"{number}.mp4",
        kind="video",
        label=int(fake),
        video_fake=video_fake,
        audio_fake=audio_fake,
        method="unknown" if fake else "none",
        people=(f"p{number}",),
    )


def make_store(
    folder: Path,
    name: str,
    modality: Modality,
    rows: list[MediaRow],
    fake: NDArray[np.bool_],
    random: np.random.Generator,
) -> TokenStore:
    """Four tokens per row."""
    spec = EncoderSpec(name=name, modality=modality, weights="seed-0", weights_hash="0" * 16, native_dim=TOKEN_WIDTH)
    create_store(folder, spec, "media")
    tokens = random.standard_normal((len(rows), 4, TOKEN_WIDTH)) + fake[:, None, None]
    write_tokens(
        folder / "shard-0.zarr",
        spec.fingerprint("media"),
        [(row.media_id, 0) for row in rows],
        tokens.reshape(-1, TOKEN_WIDTH).astype(np.float16),
        np.tile(np.arange(4, dtype=np.float32), len(rows)),
        [4] * len(rows),
    )
    return TokenStore(folder)


def make_options(work: WorkFolder, out: Path, *more: str) -> list[str]:
    rows = ["--presets", "full", "--variant", "flat:preset=linear", "--variant", "flat:train.lr=3e-3"]
    splits = ["--split-seeds", "0,1", "--epochs", "2", "--base", "full"]
    return ["--work", str(work.root), "--out", str(out), *rows, *splits, *more]


def test_rows_are_measured_on_new_splits_and_the_work_folder_stays_as_it_is(
    work: WorkFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    before = {path: path.stat().st_mtime_ns for path in work.root.rglob("*")}
    out = tmp_path / "new" / "found.jsonl"
    assert main(["models", *make_options(work, out)]) == 0
    shown = capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in work.root.rglob("*")} == before
    lines = measure.read_lines(out)
    assert [(one["variant"], one["split_seed"]) for one in lines] == [
        (name, seed) for seed in (0, 1) for name in ("full", "flat")
    ]
    for one in lines:
        assert one["split"] == f"grouped-v2-seed{one['split_seed']}"
        assert one["test_items"] + one["train_items"] + one["validation"]["items"] == 100
        assert one["probe_auc"] == one["probe_macro5"] > 0.9
        assert all(0 <= one[key] <= 1 for key in ("auc", "macro5", "audio_alone", "image_alone"))
    assert "| flat |" in shown
    assert out.with_suffix(".md").read_text() == shown


def test_a_stopped_comparison_goes_on_with_the_rows_that_are_missing(
    work: WorkFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, measured = tmp_path / "found.jsonl", list[str]()

    def note(split: measure.SplitData, config: TrainConfig, *more: Any) -> Line:
        measured.append(f"{config.preset} {split.seed}")
        return line(config.preset, split.seed, 0.5)

    monkeypatch.setattr(measure, "measure_run", note)
    command.main(make_options(work, out))
    assert len(measured) == 4
    text = out.read_text()
    out.write_text(text[:-40])  # stopped in the middle of a line
    command.main(make_options(work, out))
    command.main(make_options(work, out))
    assert measured[4:] == ["flat 1"]
    command.main(make_options(work, out, "--set", "train.weight_decay=0"))
    assert len(measured) == 5 + 4


def test_a_part_that_is_fake_is_found_when_it_is_heard_or_seen_alone(work: WorkFolder, tmp_path: Path):
    out = tmp_path / "found.jsonl"
    command.main(
        make_options(work, out, "--presets", "linear", "--base", "flat", "--epochs", "8", "--split-seeds", "0")
    )
    flat = [one for one in measure.read_lines(out) if one["variant"] == "flat"]
    assert all(one[key] > 0.9 for one in flat for key in ("audio_alone", "image_alone", "auc"))


def test_differences_are_paired_by_split_and_averaged_over_training_seeds():
    lines = [line("full", 0, 0.8), line("full", 0, 0.9, seed=1), line("full", 1, 0.9, probe=0.8)]
    found = compare_splits(lines, lines, "auc", "probe_auc")
    assert found is not None
    assert found.mean == pytest.approx((0.15 + 0.1) / 2)
    assert compare_splits(lines, lines, "macro5", "probe_macro5") is None


def test_the_table_marks_what_excludes_zero_and_what_is_not_comparable():
    lines = [line("full", seed, 0.8 + seed / 1000) for seed in range(4)]
    lines += [line("linear", seed, 0.7 + (-1) ** seed / 10, code="b") for seed in range(3)]
    text = write_tables(lines, base="full")
    full, linear = (
        next(row for row in text.splitlines() if row.startswith(f"| {name} |")) for name in ("full", "linear")
    )
    assert "**+0.10" in full
    assert "**" not in linear.split("|")[4]
    assert "made: linear has 3 of 4 splits." in text
    assert "Lines of different training code" in text


def test_settings_of_every_row_come_before_those_of_a_variant(tmp_path: Path):
    (tmp_path / "manifest.parquet").touch()
    options = ["--work", str(tmp_path), "--out", "x.jsonl", "--epochs", "3", "--set", "train.ema=0.5"]
    plan = parse_plan([*options, "--variant", "long:train.epochs=9", "--variant", "long:preset=early-fusion"])
    assert {name: (one.epochs, one.ema, one.fusion) for name, one in plan.configs.items()} == {
        "full": (3, 0.5, make_preset("full").fusion),
        "linear": (3, 0.5, "linear"),
        "long": (9, 0.5, "early"),
    }
    with pytest.raises(UsageError, match="--base other"):
        parse_plan([*options, "--base", "other"])
    with pytest.raises(UsageError, match="compared too"):
        parse_plan([*options, "--variant", "full:train.lr=1e-4"])


def test_seeds_are_numbers_and_ranges():
    assert parse_seeds("0-2,7,1") == (0, 1, 2, 7)
    with pytest.raises(UsageError, match="not whole numbers"):
        parse_seeds("a")
    with pytest.raises(UsageError, match="none"):
        parse_seeds("3-1")


def test_wrong_options_end_with_a_hint(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["models", "--work", str(tmp_path), "--out", str(tmp_path / "x.jsonl")]) == 2
    assert "hint: unmask scan" in capsys.readouterr().err
