"""Evaluate, report, predict and ablate on a work folder that went through every stage."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_chain import CPU, DAMAGED, Chain

from unmask.cache.encoders import make_encoder
from unmask.cache.stage import open_tokens
from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.core.terminal.wide_table import format_plain
from unmask.core.work_folder import WorkFolder
from unmask.demo.encoding import write_video
from unmask.evaluation.ablation.ablate import ablate
from unmask.evaluation.ablation.ablation_files import FORMS
from unmask.evaluation.ablation.ablation_table import render_ablation
from unmask.evaluation.evaluate import add_audit, evaluate, find_evaluation
from unmask.evaluation.open_run import check_split
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.report import report
from unmask.evaluation.results import Evaluation, read_evaluation
from unmask.evaluation.tables.spread import Spread
from unmask.evaluation.terminal_table import format_evaluation
from unmask.evaluation.token_reuse import store_uses
from unmask.evaluation.verdicts.predict import predict
from unmask.manifests.audit.audit import audit
from unmask.manifests.audit.known_shortcuts import write_audit
from unmask.manifests.manifest import from_rows, read_manifest, write_manifest
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.presets import make_preset
from unmask.train.run_choice import read_purpose
from unmask.train.run_folder import load_run


@pytest.fixture(scope="module")
def evaluation(chain: Chain) -> Evaluation:
    return evaluate(chain.run, chain.work, device=CPU)


def test_every_test_item_has_a_score_or_a_reason(chain: Chain, evaluation: Evaluation) -> None:
    of_split = [row for row in chain.manifest.rows() if row.split == "test"]
    assert evaluation.given == len(of_split)
    assert evaluation.scored + len(evaluation.failures) == evaluation.given
    named = [f"pictures/{row.path}" for row in of_split if row.path == DAMAGED]
    assert sorted(evaluation.failures) == named == [f"pictures/{DAMAGED}"]
    assert all(why.startswith("unreadable") for why in evaluation.failures.values())
    scored = set(read_predictions(chain.run).column("media_id").to_pylist())
    assert scored | {row.media_id for row in of_split if row.path == DAMAGED} == {row.media_id for row in of_split}


def test_all_controls_stand_beside_the_model(evaluation: Evaluation) -> None:
    names = [table.name for table in evaluation.controls]
    assert names == [
        "majority guess",
        "modality mask only",
        "metadata only",
        "silence and duration",
        "level and bandwidth",
        "linear probe",
    ]
    assert [one.control for one in evaluation.comparisons] == names
    scored = [row.name for row in evaluation.model.rows if row.name != "macro"]
    for table in evaluation.controls:
        for name in scored:
            ours, theirs = evaluation.model.row(name), table.row(name)
            assert (theirs.n_real, theirs.n_fake) == (ours.n_real, ours.n_fake)


def test_images_have_no_silence(evaluation: Evaluation) -> None:
    silence = evaluation.controls[3]
    assert silence.row("pictures").auc is None
    assert silence.row("sounds").auc == silence.row("macro").auc
    assert "0.500*" in format_evaluation(evaluation) or "1.000*" in format_evaluation(evaluation)
    assert evaluation.comparisons[3].datasets == ("sounds",)


def test_the_same_seed_gives_the_same_evaluation(chain: Chain, evaluation: Evaluation) -> None:
    assert evaluate(chain.run, chain.work, device=CPU) == evaluation
    assert read_evaluation(chain.run) == evaluation
    assert find_evaluation(chain.run) == evaluation


def test_an_evaluation_of_earlier_weights_does_not_count(chain: Chain, evaluation: Evaluation, tmp_path: Path) -> None:
    run = Path(shutil.copytree(chain.run, tmp_path / "run"))
    about = sealed_files.read_json(run / "inputs.json")
    (run / "inputs.json").write_text(json.dumps({**about, "best_epoch": about["best_epoch"] + 1}))
    assert find_evaluation(run) is None
    with pytest.raises(MissingInput, match="not been evaluated"):
        report(chain.work, run)


def test_another_split_is_refused(chain: Chain) -> None:
    rows = [replace(row, split="train" if row.split == "test" else row.split) for row in chain.manifest.rows()]
    moved = from_rows(rows, chain.manifest.roots)
    with pytest.raises(MissingInput, match="trained on split"):
        check_split(chain.run, load_run(chain.run, CPU).info, moved)


def test_tokens_by_other_weights_are_refused(chain: Chain, tmp_path: Path) -> None:
    run = Path(shutil.copytree(chain.run, tmp_path / "run"))
    about = sealed_files.read_json(run / "inputs.json")
    for stream in about["streams"].values():
        stream["spec"]["weights_hash"] = "0" * 16
        stream["fingerprint"] = "f" * 16
    (run / "inputs.json").write_text(json.dumps(about))
    with pytest.raises(MissingInput, match="weights_hash: 0000000000000000 then"):
        evaluate(run, chain.work, device=CPU)


def test_a_verdict_is_the_score_of_evaluate_and_no_file_is_lost(chain: Chain, evaluation: Evaluation) -> None:
    rows = {row.media_id: row for row in chain.manifest.rows()}
    table = read_predictions(chain.run).to_pylist()
    known = [next(one for one in table if one["dataset"] == name) for name in ("pictures", "sounds")]
    files = [chain.manifest.locate(rows[one["media_id"]]) for one in known]
    damaged, gone = chain.data_root / "pictures" / DAMAGED, chain.data_root / "gone.mp4"
    text = chain.data_root / "notes.txt"
    text.write_text("no media")
    given = [files[0], damaged, gone, files[1], text, files[0]]

    verdicts = predict(given, chain.run, device=CPU)

    assert [verdict.path for verdict in verdicts] == list(map(str, given))
    for verdict, one in ((verdicts[0], known[0]), (verdicts[3], known[1]), (verdicts[5], known[0])):
        assert verdict.score == pytest.approx(one["score"], abs=1e-3)
        assert verdict.verdict == one["verdict"]
        assert len(verdict.clips) == one["clips"]
        assert verdict.threshold == evaluation.model.threshold
    assert [verdicts[number].verdict for number in (1, 2, 4)] == ["unreadable", "unreadable", "unsupported"]
    assert (verdicts[1].reason or "").startswith("unreadable: ")
    assert (verdicts[2].reason or "").startswith("vanished")
    assert (verdicts[4].reason or "").startswith("its content is a text, not media")
    assert json.loads(json.dumps(verdicts[3].as_json()))["audio_score"] == verdicts[3].audio_score
    assert (verdicts[0].audio_score, verdicts[3].video_score) == (None, None)
    assert (verdicts[0].faces_found, verdicts[3].faces_found) == (0.0, None)
    assert f"{verdicts[0].score:.3f}" in str(verdicts[0])


def trained(chain: Chain, preset: str, run: Path) -> Path:
    config = make_preset(preset).changed({"epochs": 1})
    fit(TokenData.load(chain.manifest, open_tokens(chain.work, chain.manifest)), config, run, device=CPU)
    return run


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A video without an audio track."""
    write_video(tmp_path / "silent.mp4", [np.full((64, 64, 3), 90 + n, np.uint8) for n in range(25)], None, 30)
    return tmp_path / "silent.mp4"


def test_encoders_of_other_media_than_the_given_files_are_not_loaded(chain: Chain, monkeypatch) -> None:
    made = []

    def record(choice, device):
        made.append(choice.name)
        return make_encoder(choice, device)

    monkeypatch.setattr("unmask.cache.extraction_plan.make_encoder", record)
    image = next(row for row in chain.manifest.rows() if row.kind == "image" and row.status == "ok")
    (verdict,) = predict([chain.manifest.locate(image)], chain.run, device=CPU)
    assert verdict.score is not None
    streams = load_run(chain.run, CPU).info.streams
    of_audio = {name for name, stream in streams.items() if stream.spec.modality == "audio"}
    assert of_audio
    assert made
    assert not of_audio & set(made)


def test_a_media_kind_that_the_run_was_not_trained_on_is_named_and_not_called_unreadable(
    chain: Chain, silent: Path, tmp_path: Path
) -> None:
    run = trained(chain, "image-baseline", tmp_path / "run")
    image, video, audio = predict(
        [chain.data_root / "pictures/test/real/0.png", silent, chain.data_root / "sounds/test/real/0.wav"],
        run,
        device=CPU,
    )
    assert image.score is not None
    for verdict, kind in ((video, "a video"), (audio, "an audio file")):
        assert (verdict.verdict, verdict.score) == ("unjudged", None)
        assert verdict.reason == f"this run was trained on images, and this is {kind}"
    assert str(video) == f"{silent}: unjudged (this run was trained on images, and this is a video)"


def test_a_silent_video_is_not_scored_by_its_audio(chain: Chain, silent: Path, tmp_path: Path) -> None:
    run = trained(chain, "audio-baseline", tmp_path / "run")
    zeros = tmp_path / "zeros.mp4"
    write_video(zeros, [np.full((64, 64, 3), 90 + n, np.uint8) for n in range(25)], np.zeros(16_000), 30)
    for beside in ([], [chain.data_root / "sounds/test/real/0.wav"]):
        mute, quiet, *heard = predict([silent, zeros, *beside], run, device=CPU)
        assert (mute.verdict, mute.score) == (quiet.verdict, quiet.score) == ("unjudged", None)
        assert mute.reason == "it has no audio, and this run was trained on audio"
        assert (quiet.reason or "").startswith("it has no audio (every sample")
        assert all(verdict.score is not None for verdict in heard)


def test_the_report_is_written_with_the_damaged_file_escaped(chain: Chain, evaluation: Evaluation) -> None:
    path = report(chain.work, chain.run)
    html = path.read_text(encoding="utf-8")
    assert path == chain.work.report
    assert "&lt;damaged&gt;" in html
    assert "<damaged>" not in html
    assert "Synthetic data" not in html
    # Noise has no face: the same crops are on the contact sheet and among the files without any face.
    assert html.count("data:image/jpeg;base64,") == 24
    assert html.count('class="fallback"') == 24


def test_the_report_shows_an_audit_that_was_made_after_the_evaluation(chain: Chain, evaluation: Evaluation) -> None:
    assert evaluation.audit == "headers"
    assert add_audit(evaluation, chain.work.audit_results, chain.manifest) == evaluation
    write_audit(chain.work.audit_results, audit(chain.manifest, chain.work.root, workers=1, say=str), chain.manifest)
    known = add_audit(evaluation, chain.work.audit_results, chain.manifest)
    assert known.audit == "audit"
    assert {one.dataset for one in known.shortcuts} <= {"pictures", "sounds"}
    chain.work.audit_results.unlink()


def test_presets_are_trained_once_and_compared(chain: Chain, tmp_path: Path) -> None:
    work = WorkFolder(Path(shutil.copytree(chain.work.root, tmp_path / "work")))
    presets = {name: make_preset(name) for name in ("image-baseline", "video-baseline")}
    first = ablate(work, presets, [0, 0], device=CPU)
    assert first.seeds == (0,), "the same seed twice has no deviation"
    image, video = first.rows
    assert first.controls_of == "image-baseline"
    assert image.items == 6
    assert set(image.datasets) == {"pictures"}
    assert video.runs == ()
    assert "video" in (video.problem or "")
    weights = (work.runs / image.runs[0] / "best_multimodal_all_datasets.pth").stat().st_mtime_ns
    again = ablate(work, presets, [0], device=CPU)
    assert again == first
    assert (work.runs / image.runs[0] / "best_multimodal_all_datasets.pth").stat().st_mtime_ns == weights
    folder = work.ablations / first.name
    assert first.name.startswith("image-baseline+video-baseline-")
    assert {path.name for path in folder.iterdir()} == {"ablation.json", *FORMS}
    assert json.loads((folder / "ablation.json").read_text())["rows"][0]["preset"] == "image-baseline"
    assert f"| image-baseline | {image.items} |" in (folder / "table.md").read_text()
    assert read_purpose(work.runs / image.runs[0]) == "ablation"
    (store,) = first.stores
    assert (store.runs, store.computed) == (1, 0)
    assert image.train_seconds
    printed = format_plain(render_ablation(first))
    assert f"{image.train_seconds:,.1f} s" in printed
    assert "shared by the 1 runs of this table; clips encoded for it: 0." in printed
    assert "video-baseline: not trained: " in printed
    assert "unmask audit" in printed, "nobody has looked at the silence of these files"
    assert image.figures["macro 5+ AUC"] is None
    assert f"{image.figures['macro AUC']}" in printed
    baseline = read_evaluation(work.runs / image.runs[0])
    assert baseline.out_of_scope == sum(row.split == "test" and row.kind != "image" for row in chain.manifest.rows())


def test_the_report_shows_an_ablation_with_its_differences(chain: Chain, tmp_path: Path) -> None:
    work = WorkFolder(Path(shutil.copytree(chain.work.root, tmp_path / "work")))
    presets = {name: make_preset(name).changed({"epochs": 2}) for name in ("linear", "early-fusion")}
    found = ablate(work, presets, [0], device=CPU)
    assert found.base == "linear"
    page = report(work, work.runs / found.rows[1].runs[0]).read_text(encoding="utf-8")
    section = page[page.index('id="ablation"') : page.index('id="run"')]
    assert "early-fusion" in section
    assert "minus linear" in section


def test_tokens_computed_while_a_table_is_made_are_counted(chain: Chain, tmp_path: Path) -> None:
    work = WorkFolder(Path(shutil.copytree(chain.work.root, tmp_path / "work")))
    began = time.time()
    extracted = store_uses(work, {chain.run.name}, began)
    assert extracted
    assert {use.computed for use in extracted} == {0}
    for shard in (work.tokens / extracted[0].store).glob("shard-*.zarr"):
        os.utime(shard, (began + 1, began + 1))
    again = store_uses(work, {chain.run.name}, began)
    assert again[0].computed == again[0].clips > 0


def test_one_seed_has_no_deviation() -> None:
    assert str(Spread(mean=0.5, deviation=None, seeds=1)) == "0.500"
    assert str(Spread(mean=0.5, deviation=0.25, seeds=3)) == "0.500 ± 0.250"


def test_an_empty_ablation_is_wrong_usage(chain: Chain) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        ablate(chain.work, {}, [0], device=CPU)


def test_a_table_that_is_stopped_leaves_the_earlier_one(chain: Chain, tmp_path: Path, monkeypatch) -> None:
    work = WorkFolder(Path(shutil.copytree(chain.work.root, tmp_path / "work")))
    presets = {"image-baseline": make_preset("image-baseline")}
    ablate(work, presets, [0], device=CPU)
    before = [path.read_bytes() for path in sorted(work.ablations.rglob("*.*"))]
    assert before

    def stops(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("unmask.train.fit.validate", stops)
    assert ablate(work, presets, [1], device=CPU).stopped
    assert [path.read_bytes() for path in sorted(work.ablations.rglob("*.*"))] == before


def test_a_manifest_of_another_split_stops_evaluate(chain: Chain, tmp_path: Path) -> None:
    work = WorkFolder(Path(shutil.copytree(chain.work.root, tmp_path / "work")))
    manifest = read_manifest(work.manifest)
    rows = [replace(row, split_scheme="another") for row in manifest.rows()]
    write_manifest(work.manifest, from_rows(rows, manifest.roots))
    with pytest.raises(MissingInput, match="train again"):
        evaluate(work.runs / chain.run.name, work, device=CPU)
