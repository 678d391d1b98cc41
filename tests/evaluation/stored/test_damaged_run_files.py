"""One flipped bit or a cut-off end in any file that is read later: an error that names it, or the same values.

And a disk that does not give a file: an error of the machine, exit 4, with every file as it was.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from read_faults import fail_reads, read_folder
from tiny_chain import CPU, Chain

from unmask.cache.profile_choice import read_stored_profile
from unmask.cache.projections.projection import Projection
from unmask.cache.store.profile_index import open_tokens
from unmask.cache.store.token_store import read_spec
from unmask.core.errors import MissingInput, as_user_error
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.compare.paired_items import read_scored_run
from unmask.evaluation.evaluate import evaluate, find_evaluation
from unmask.evaluation.explanation.training_features import read_training_features
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.verdict_models.verdict_models import read_verdict_models
from unmask.manifests.manifest import read_manifest
from unmask.preprocess.shards.shard_plan import read_plan
from unmask.train.resume.earlier_training import load_finished, load_last
from unmask.train.run_choice import find_run
from unmask.train.run_folder import load_run, read_inputs, read_metrics, read_summary

BEST = "best_multimodal_all_datasets.pth"


@dataclass(frozen=True)
class Place:
    work: WorkFolder
    run: Path

    def find(self, pattern: str) -> Path:
        return next(path for path in sorted(self.work.root.glob(pattern)) if path.is_file())

    @property
    def info(self) -> Any:
        return load_run(self.run, CPU).info


def read_weights(place: Place) -> Any:
    state = load_run(place.run, CPU).model.state_dict()
    return {name: tensor.tolist() for name, tensor in state.items()}


def read_state(place: Place) -> Any:
    found = load_last(place.run, read_inputs(place.run)["key"], CPU)
    return found and found["standing"]


def read_features(place: Place) -> Any:
    found = read_training_features(place.run, place.info)
    return found and found.features.tolist()


def read_tokens(place: Place) -> Any:
    tokens = open_tokens(place.work, read_manifest(place.work.manifest))
    return {name: [array.tolist() for array in store.load()] for name, store in tokens.stores.items()}


def read_fitted(place: Place) -> Any:
    return Projection.read(place.find("tokens/projections/*.npz")).matrix.tolist()


READERS: dict[str, Callable[[Place], Any]] = {
    f"runs/*/{BEST}": read_weights,
    "runs/*/config.json": lambda place: load_run(place.run, CPU).config,
    "runs/*/inputs.json": lambda place: load_run(place.run, CPU).info,
    "runs/*/summary.json": lambda place: read_summary(place.run),
    "runs/*/metrics.jsonl": lambda place: read_metrics(place.run),
    "runs/*/last.pth": read_state,
    "runs/*/purpose.json": lambda place: find_run(place.work.runs, None).name,
    "runs/*/evaluation.json": lambda place: find_evaluation(place.run),
    "runs/*/predictions.parquet": lambda place: read_predictions(place.run).to_pydict(),
    "runs/*/verdict-models.json": lambda place: repr(read_verdict_models(place.run, place.info)),
    "runs/*/verdict-models.npz": lambda place: repr(read_verdict_models(place.run, place.info)),
    "runs/*/training_features.npz": read_features,
    "profile.json": lambda place: read_stored_profile(place.work),
    "manifest.parquet": lambda place: read_manifest(place.work.manifest).table.to_pydict(),
    "media/*/plan.json": lambda place: read_plan(place.find("media/*/plan.json").parent),
    "tokens/latest.json": lambda place: repr(open_tokens(place.work, read_manifest(place.work.manifest)).profile),
    "tokens/*/spec.json": lambda place: read_spec(place.find("tokens/*/spec.json").parent),
    "tokens/*/shard-*/tokens/c/0/0": read_tokens,
    "tokens/*/shard-*/zarr.json": read_tokens,
    "tokens/*/shard-*/checksums.json": read_tokens,
    "tokens/projections/*.npz": read_fitted,
}
"""Kind of file -> what is read of it."""
PARTS = (0.1, 0.4, 0.6, 0.9)
"""Where a file is damaged, of its length."""
MADE_AGAIN = ("runs/*/last.pth", "runs/*/training_features.npz")
"""None with a warning: the training starts over, evaluate writes the features again."""


@pytest.fixture(scope="module")
def made(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Place:
    from unmask.cache.profile_choice import resolve_profile
    from unmask.train.run_choice import record_purpose

    root = tmp_path_factory.mktemp("damaged") / "work"
    shutil.copytree(chain.work.root, root)
    work, run = WorkFolder(root), root / "runs" / chain.run.name
    evaluate(run, work, device=CPU)
    resolve_profile(work, "tiny", None, [], say=lambda line: None)
    numbers = np.random.default_rng(0).normal(size=(8, 512)).astype(np.float32)
    Projection(np.zeros(8, np.float32), numbers).write(work.tokens / "projections" / "pca-0123456789abcdef.npz")
    newer = work.runs / "of-an-ablation"
    record_purpose(newer, "ablation")
    shutil.copyfile(run / "inputs.json", newer / "inputs.json")
    os.utime(newer / "inputs.json", (4e9, 4e9))
    return Place(work, run)


@pytest.mark.parametrize("pattern", READERS)
@pytest.mark.parametrize("how", ["bit", "bytes", "half"])
def test_damage_is_told_or_changes_nothing(made: Place, pattern: str, how: str, caplog):
    path, read = made.find(pattern), READERS[pattern]
    whole, content = repr(read(made)), path.read_bytes()
    errors, other, random = [], [], np.random.default_rng(0)
    try:
        for part in PARTS:
            damaged = bytearray(content)
            place = int(len(content) * part)
            if how == "bit":
                damaged[place] ^= 1 << int(random.integers(8))
            elif how == "bytes":
                damaged[place : place + 16] = random.bytes(16)
            path.write_bytes(damaged[:place] if how == "half" else damaged)
            try:
                other.append(repr(read(made)))
            except MissingInput as error:
                errors.append(error)
    finally:
        path.write_bytes(content)
    # No reader looks at every bit, and at every byte of Parquet.
    least = len(PARTS) - (how == "bit")
    if path.suffix == ".parquet" and how != "half":
        least = 1
    again = ["None"] * (pattern in MADE_AGAIN and path.name in caplog.text)
    assert set(other) <= {whole, *again}
    assert len(errors) + len(again) * other.count("None") >= least, "nothing reads it"
    named = path.parent.parent.name if path.name == "0" else path.name
    for error in errors:
        assert named in error.problem or path.parent.name in error.problem
        assert error.hint
        assert error.exit_code == 4
    assert repr(read(made)) == whole


PYTHON_READS = [pattern for pattern in READERS if not pattern.endswith("/0")]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("pattern", PYTHON_READS)
def test_a_disk_that_fails_is_no_damage_and_nothing_is_removed(made: Place, pattern: str, number: int):
    path, before = made.find(pattern), read_folder(made.work.root)
    with pytest.MonkeyPatch.context() as patch:
        fail_reads(patch, path.name, number)
        with pytest.raises(OSError) as failed:  # noqa: PT011 - compared below
            READERS[pattern](made)
    error = as_user_error(failed.value)
    assert error is not None
    assert (failed.value.errno, error.exit_code) == (number, 4)
    assert read_folder(made.work.root) == before


def test_an_evaluation_that_was_killed_between_its_files_is_told(made: Place, monkeypatch):
    """Of another split, before its last file: the predictions are of val, and evaluation.json is of test."""
    files = [made.run / name for name in ("predictions.parquet", "evaluation.json", "verdict-models.json")]
    kept = {path: path.read_bytes() for path in files}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        with monkeypatch.context() as patch:
            patch.setattr("unmask.evaluation.evaluate.write_evaluation", stop)
            with pytest.raises(KeyboardInterrupt):
                evaluate(made.run, made.work, device=CPU, split="val")
        for read in (
            lambda: find_evaluation(made.run),
            lambda: read_scored_run(made.run, "ours"),
        ):
            with pytest.raises(MissingInput, match=r"of another evaluation than evaluation\.json") as told:
                read()
            assert told.value.hint == "unmask evaluate"
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert find_evaluation(made.run) is not None
    evaluate(made.run, made.work, device=CPU)
    assert files[1].read_bytes() == kept[files[1]]
    assert load_finished(made.run, made.info.key) is not None


def test_scores_that_are_no_numbers_are_no_verdict(made: Place, monkeypatch):
    from unmask.evaluation import open_run
    from unmask.evaluation.verdicts.predict import predict

    real = open_run.compute_probability

    def spoil(logit: Any, *given: Any) -> Any:
        return real(logit, *given) * np.nan

    monkeypatch.setattr(open_run, "compute_probability", spoil)
    with pytest.raises(MissingInput, match=r"of 12 scores are no finite numbers \(.*\)"):
        evaluate(made.run, made.work, device=CPU)
    manifest = read_manifest(made.work.manifest)
    row = next(row for row in manifest.rows() if row.split == "test" and row.status == "ok")
    (verdict,) = predict([manifest.locate(row)], made.run, device=CPU)
    assert (verdict.verdict, verdict.score) == ("unreadable", None)
    assert "no finite number" in (verdict.reason or "")
