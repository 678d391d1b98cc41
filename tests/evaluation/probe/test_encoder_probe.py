"""The probe: what it measures, what it never reads, and what it recommends."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probe_media import DATASETS, make_profile, write_media

from unmask import Work
from unmask.cache.encoders import make_encoder
from unmask.cache.stage import extract, open_tokens
from unmask.cli import app
from unmask.core.errors import UsageError
from unmask.core.settings import apply
from unmask.evaluation.probe.features import compute_candidates
from unmask.evaluation.probe.measure import list_problems
from unmask.evaluation.probe.probe import Probe, probe
from unmask.evaluation.probe.probe_files import YAML, format_html, write_probe
from unmask.evaluation.probe.recommend import choose_greedily
from unmask.evaluation.probe.sample import Sample
from unmask.manifests.manifest import write_manifest
from unmask.preprocess.profiles import EncoderChoice
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

CPU = torch.device("cpu")
BOTH = ({"name": "tiny_image"}, {"name": "tiny_audio"}, {"name": "tiny_text"})


def run(folder: Path, *encoders: dict[str, Any], media: dict[str, Any] | None = None, **options: Any) -> Probe:
    work, manifest = write_media(folder, **(media or {}))
    return probe(manifest, make_profile(*(encoders or BOTH)), work, device=CPU, **options)


def test_every_layer_pooling_and_dataset_has_a_cell(tmp_path: Path):
    found = run(tmp_path, poolings=("mean", "cls", "cls+mean"))
    image, audio = found.modalities
    names = {cell.candidate for cell in image.cells}
    assert names == {f"tiny_image, layer {n}, {p}" for n in (1, 2) for p in ("mean", "cls", "cls+mean")}
    assert {cell.candidate for cell in audio.cells} == {f"tiny_audio, layer {n}" for n in (0, 1, 2)}
    for part in (image, audio):
        columns = Counter((cell.scope, cell.dataset) for cell in part.cells)
        assert set(columns) == {(s, d) for s in ("within", "across") for d in (*DATASETS, "mean")}
        assert len(set(columns.values())) == 1
        assert all(cell.low is not None and cell.low <= cell.auc <= cell.high for cell in part.cells)
        assert {cell.real for cell in part.cells if cell.dataset != "mean"} == {6}


def test_a_signal_is_found_and_noise_is_not(tmp_path: Path):
    for name, signal in (("signal", True), ("noise", False)):
        (part,) = run(tmp_path / name, {"name": "tiny_image"}, media={"count": 20, "signal": signal}).modalities
        means = [cell.auc for cell in part.cells if cell.dataset == "mean"]
        assert (min(means) > 0.95) if signal else (min(means) > 0.25 and max(means) < 0.75)


def test_other_splits_are_never_looked_at(tmp_path: Path):
    found, changed = (
        run(tmp_path / str(held_out), items=20, media={"held_out": held_out}).as_json() for held_out in (0, 1)
    )
    assert found == changed
    assert {cell["dataset"] for cell in found["modalities"][0]["cells"]} == {*DATASETS, "mean"}


def test_a_sample_is_balanced_and_of_the_training_split(tmp_path: Path):
    work, manifest = write_media(tmp_path, count=12)
    shards = find_shards(get_media_folder(work, make_profile(*BOTH).preprocess), manifest)
    sample = Sample.draw(manifest, shards, "image", 16, seed=3)
    assert set(Counter(zip(sample.dataset.tolist(), sample.is_fake.tolist(), strict=True)).values()) == {4}
    assert all("train" in group for group in sample.group.tolist())
    again, other = (Sample.draw(manifest, shards, "image", 16, seed=seed) for seed in (3, 4))
    assert again.draws == sample.draws != other.draws


def test_features_are_the_mean_tokens_of_the_encoder(tmp_path: Path):
    work, manifest = write_media(tmp_path)
    shards = find_shards(get_media_folder(work, make_profile(*BOTH).preprocess), manifest)
    for name, kind in (("tiny_image", "image"), ("tiny_audio", "audio")):
        sample = Sample.draw(manifest, shards, kind, 8, seed=0)
        options: dict[str, Any] = {"device": CPU, "batch_size": 4}
        for one in compute_candidates(EncoderChoice(name=name), sample, None, ["mean", "cls"], **options):
            encoder = make_encoder(one.choice, CPU)
            media = sample.load(2)
            batch = media if kind == "image" else media[None].float() / 32768
            expected = encoder.encode(batch).flatten(0, 1).mean(dim=0).numpy()
            np.testing.assert_allclose(one.values[2], expected, rtol=5e-3, atol=2e-3)


def test_nobody_is_in_training_and_scored():
    group = np.array(["a", "b", "c", "d", "e", "f", "a", "g", "h", "i", "j", "k"])
    dataset = np.array(["one"] * 6 + ["two"] * 6)
    problems = list_problems(np.arange(12) % 2 == 1, group, dataset, seed=0)
    assert [(one.scope, one.dataset) for one in problems] == [
        *(("within", "one"), ("within", "two")),
        *(("across", "one"), ("across", "two")),
    ]
    assert all(not set(group[one.rows]) & set(group[one.train]) for one in problems[2:])
    assert 6 not in problems[2].train, "a second file of a"


def test_the_smallest_set_within_one_error_of_the_best_is_taken():
    random, is_fake = np.random.default_rng(0), np.arange(60) % 2 == 1
    problems = list_problems(is_fake, np.arange(60).astype(str), np.array(["one"] * 60), seed=0)
    (folds,) = [one.folds for one in problems]
    assert folds is not None

    def noisy(strength: float) -> list[Any]:
        return [np.tile(strength * is_fake + random.normal(size=60), (len(folds.fold), 1))]

    one, steps = choose_greedily(problems, [noisy(0.0), noisy(5.0), noisy(0.0)], ["x", "good", "y"], seed=0)
    assert one == [1]
    assert steps[0].added == "good"
    halves = [noisy(1.0) for _ in range(6)]
    several, steps = choose_greedily(problems, halves, list("abcdef"), seed=0)
    assert 1 < len(several) <= len(steps) == 4
    assert steps[1].auc > steps[0].auc


def test_what_it_recommends_is_extracted_as_it_is(tmp_path: Path):
    work, manifest = write_media(tmp_path / "work")
    profile = make_profile({"name": "tiny_image", "layer": [1, 2], "layers": "apart"}, {"name": "tiny_text"})
    found = probe(manifest, profile, work, device=CPU)
    write_probe(tmp_path / "out", found)
    chosen = apply(profile, tmp_path / "out" / YAML, [])
    assert "tiny_text" in [choice.name for choice in chosen.encoders], "encoders of other modalities stay"
    assert {choice.name for choice in chosen.encoders} == {"tiny_image", "tiny_text"}
    extract(manifest, chosen, work, device=CPU)
    assert len(open_tokens(work, manifest).stores) == len(chosen.encoders)
    rows = list(csv.DictReader((tmp_path / "out" / "probe.csv").read_text().splitlines()))
    assert len(rows) == sum(len(part.cells) for part in found.modalities)
    assert json.loads((tmp_path / "out" / "probe.json").read_text())["encoders"] == found.encoders
    assert format_html(found).count('class="heat"') == len(rows)


def test_layers_and_poolings_of_one_network_get_names_of_their_own(tmp_path: Path):
    work, manifest = write_media(tmp_path)
    profile = make_profile({"name": "tiny_image"})
    shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
    sample = Sample.draw(manifest, shards, "image", 8, seed=0)
    options: dict[str, Any] = {"device": CPU, "batch_size": 4}
    every = compute_candidates(EncoderChoice(name="tiny_image"), sample, None, ["mean", "cls"], **options)
    from unmask.evaluation.probe.recommend import write_encoders

    entries = write_encoders(profile, [every[0], every[2], every[1]], ["tiny_image"])
    assert entries == [
        {"name": "tiny_image", "pooling": "mean", "layers": "apart", "layer": [1, 2], "as": "tiny_image-mean"},
        {"name": "tiny_image", "layer": 1, "pooling": "cls", "as": "tiny_image-cls"},
    ]
    assert len(make_profile(*entries).encoders) == 3


def test_problems_are_told_with_the_remedy(tmp_path: Path):
    with pytest.raises(UsageError, match="no image or audio encoder"):
        run(tmp_path / "a", {"name": "tiny_text"})
    with pytest.raises(UsageError, match="none of the layers 7") as refused:
        run(tmp_path / "b", {"name": "tiny_image"}, layers=[7])
    assert "1 to 2" in refused.value.hint
    with pytest.raises(UsageError, match="too few groups"):
        run(tmp_path / "c", {"name": "tiny_image"}, media={"count": 2})


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    work, manifest = write_media(tmp_path / "work")
    write_manifest(work.manifest, manifest)
    call = ["probe", "--work", str(work.root), "--profile", "tiny", "--layers", "1,2", "--items", "24"]
    with pytest.raises(SystemExit) as ended:
        app.main([*call, "--encoders", "tiny_image,lfcc"])
    shown = capsys.readouterr().out
    assert not ended.value.code, shown
    assert "recommended: " in shown
    assert "lfcc" in shown
    assert {path.name for path in work.probe.iterdir()} == {"probe.html", "probe.csv", "probe.json", YAML}
    assert not work.tokens.exists(), "nothing is stored"
    assert not work.profile.exists(), "the profile of the work folder stays what it was"
    with pytest.raises(SystemExit) as ended:
        app.main([*call, "--pooling", "max"])
    assert ended.value.code == 2


def test_the_python_api_gives_the_same_table(tmp_path: Path):
    work, manifest = write_media(tmp_path / "work")
    write_manifest(work.manifest, manifest)
    table = Work(work.root).probe(["tiny_image"], layers=[1], items=24, profile="tiny", out=tmp_path / "out")
    expected = probe(manifest, make_profile({"name": "tiny_image"}), work, layers=[1], items=24, device=CPU)
    assert [row["AUC"] for row in table.as_rows()] == [cell.auc for cell in expected.modalities[0].cells]
    assert table.settings == tmp_path / "out" / YAML
    assert table.settings.is_file()
    assert "recommended: tiny_image, layer 1" in table.as_text()
    assert not work.profile.exists()


@pytest.mark.parametrize("poolings", [("mean", "max"), ()])
def test_a_pooling_that_does_not_exist_is_refused_however_it_is_asked_for(tmp_path: Path, poolings):
    with pytest.raises(UsageError, match="no such pooling") as refused:
        run(tmp_path, poolings=poolings)
    assert "cls+mean" in refused.value.hint
