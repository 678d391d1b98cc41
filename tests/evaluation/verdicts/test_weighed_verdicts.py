"""Evidence and scope of predicted files, with the verdict models that `evaluate` left in the run's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_chain import CPU, Chain

from unmask.core.errors import MissingInput
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.likelihood.results import CHOSEN
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.verdict_models.verdict_models import ARRAYS, FACTS
from unmask.evaluation.verdicts.predict import predict
from unmask.evaluation.verdicts.verdict import Verdict


def list_files(chain: Chain) -> dict[str, Path]:
    """media_id -> file of two test items."""
    rows = {row.media_id: row for row in chain.manifest.rows() if row.split == "test" and row.status == "ok"}
    chosen = [next(row for row in rows.values() if row.kind == kind) for kind in ("image", "audio")]
    return {row.media_id: chain.manifest.locate(row) for row in chosen}


@pytest.fixture
def run(chain: Chain, tmp_path: Path) -> Path:
    """An evaluated run, copied away from its work folder."""
    evaluate(chain.run, chain.work, device=CPU)
    return Path(shutil.copytree(chain.run, tmp_path / chain.run.name))


def test_the_evidence_is_the_likelihood_ratio_of_the_evaluation(chain: Chain, run: Path):
    assert CHOSEN == "platt"
    files = list_files(chain)
    known = {row["media_id"]: row["llr"] for row in read_predictions(run).to_pylist()}
    for media_id, verdict in zip(files, predict(list(files.values()), run, device=CPU), strict=True):
        assert verdict.evidence is not None
        assert verdict.evidence.llr == pytest.approx(known[media_id], abs=1e-2)
        assert verdict.evidence.validation_items == 12
        assert verdict.evidence_note == ""


def test_what_the_run_was_tested_on_and_what_was_judged_are_told(chain: Chain, run: Path):
    image, audio = predict(list(list_files(chain).values()), run, device=CPU)
    for verdict, kind in ((image, "images"), (audio, "audio files")):
        assert verdict.scope is not None
        assert verdict.scope.reliable  # noise without a face, like all images of this training
        assert verdict.scope.notes[0] == f"the run was tested on only 3 real and 3 fake {kind}"
    assert (image.judged, audio.judged) == (("image",), ("audio",))
    assert image.not_judged == ("face: none was found, so the middle of the image was judged instead",)
    assert image.audio_evidence is None
    # 3 real and 3 fake validation images are too few for an LR of the image alone.
    assert image.image_evidence is None


def test_half_of_its_models_is_told_as_damage(chain: Chain, run: Path):
    (run / ARRAYS).unlink()
    with pytest.raises(MissingInput, match=f"{ARRAYS}: missing"):
        predict(list(list_files(chain).values())[:1], run, device=CPU)


def test_a_run_that_was_not_evaluated_has_scores_without_weight(chain: Chain, run: Path):
    (run / FACTS).unlink()
    verdict: Verdict = predict(list(list_files(chain).values())[:1], run, device=CPU)[0]
    assert verdict.score is not None
    assert (verdict.evidence, verdict.scope) == (None, None)
    assert "(not evaluated: run `unmask evaluate`)" in str(verdict)


def test_no_test_item_is_used_to_fit_them(chain: Chain, run: Path, monkeypatch: pytest.MonkeyPatch):
    seen: set[str] = set()
    from unmask.evaluation import evaluate as module

    def record(opened, train, validation, clips, tested, *, seed):
        seen.update(row.split for row in (*train.rows, *validation.rows))
        return fit(opened, train, validation, clips, tested, seed=seed)

    fit = module.fit_verdict_models
    monkeypatch.setattr(module, "fit_verdict_models", record)
    evaluate(chain.run, chain.work, device=CPU)
    assert seen == {"train", "val"}
