"""A whole evaluation made of drawn scores: nine items' worth of every case that a table or a page has to show."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from unmask.evaluation.controls import score_headers, score_majority
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.likelihood.measure import measure_likelihood
from unmask.evaluation.predictions import Predictions, read_predictions, write_predictions
from unmask.evaluation.report.class_differences import Difference, LabelLine
from unmask.evaluation.report.contact_sheet import Face
from unmask.evaluation.report.failed_files import LostFile, LostGroup
from unmask.evaluation.report.missing_faces import Missed
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.stage_counts import DatasetLine, FailureLine, StageLine
from unmask.evaluation.results import Evaluation
from unmask.evaluation.score_tables import Scorer, compare, measure
from unmask.evaluation.swap_control.results import Part, SwapControl, SwapFigure
from unmask.evaluation.swap_control.sentences import describe_swap
from unmask.manifests.audit.results import Shortcut
from unmask.manifests.manifest import MediaRow

HOSTILE = "<script>alert(1)</script>.mp4"
DATASETS = {"archive": 0.92, "celeb_df": 0.7, "fakeavceleb": 0.85, "only_fakes": 0.9}


@dataclass(frozen=True)
class Made:
    items: ItemSet
    scores: Predictions
    evaluation: Evaluation
    predictions: pa.Table


def row(number: int, dataset: str, domain: int, label: int) -> MediaRow:
    return MediaRow(
        media_id=f"{number:032x}",
        dataset=dataset,
        domain_id=domain,
        path=HOSTILE if number == 0 else f"videos/{number:04d}.mp4",
        kind="video",
        label=label,
        method="swap" if label else "none",
        group=f"g{number // 2}",
        split="test" if number % 2 else "train",
        split_scheme="default",
        bytes=1000 + 37 * number % 211,
    )


def drawn(seed: int = 0, each: int = 80) -> tuple[ItemSet, Predictions]:
    random = np.random.default_rng(seed)
    rows, logits = [], []
    for domain, (dataset, skill) in enumerate(DATASETS.items()):
        for number in range(each):
            label = 1 if dataset == "only_fakes" else int(random.random() < 0.6)
            rows.append(row(domain * each + number, dataset, domain, label))
            logits.append(random.normal() + (3 * skill - 1) * (label - 0.4))
    logit = np.array(logits)
    score = 1 / (1 + np.exp(-logit))
    nothing = np.full(len(rows), np.nan)
    return ItemSet(tuple(rows)), Predictions(logit, score, score, nothing, np.ones(len(rows), np.int64))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_evaluation(tmp_path_factory.mktemp("run"))


def make_evaluation(run: Path) -> Made:
    """Evaluation of drawn scores; its predictions are written into `run`."""
    known, scored = drawn()
    test = known.split == "test"
    items, scores = known.only(test), scored.only(test)
    model = Scorer("model", "fusion", scores.score, 0.5)
    controls = [
        Scorer(control.name, control.about, control.score[test], control.threshold, cues=control.cues)
        for control in (score_majority(known), score_headers(known, seed=0))
    ]
    ours, theirs = measure(items, model, seed=0), [measure(items, control, seed=0) for control in controls]
    fitted_on = known.only(~test), scored.only(~test).logit
    likelihood, llr = measure_likelihood(*fitted_on, items, scores.logit, temperature=1.0, prior_log_odds=0.0, seed=0)
    few = {"part": "image", "n_real": 40, "n_fake": 3, "groups": 43, "partners": 9, "draws": 3}
    evaluation = Evaluation(
        run="full-s0-0123abcd",
        key="0123abcd",
        best_epoch=7,
        split="test",
        split_scheme="default",
        split_hash="00ff",
        profile="tiny",
        seed=0,
        given=len(items) + 2,
        scored=len(items),
        out_of_scope=1,
        failures={f"archive/{HOSTILE}": "unreadable: no reader understands it"},
        model=ours.table,
        controls=tuple(found.table for found in theirs),
        comparisons=tuple(
            compare(items, ours, found, control) for found, control in zip(theirs, controls, strict=True)
        ),
        notes=("One class only in only_fakes.",),
        machine={"device": "CPU", "torch": "2.11.0"},
        shortcuts=(
            Shortcut(dataset="celeb_df", classifier="length", verdict="flagged", auc=1.0, text="length: AUC 1.000"),
            Shortcut(dataset="archive", classifier="length", verdict="suspect", auc=0.7, text="length: AUC 0.700"),
        ),
        audit="audit",
        swaps=(make_swap("audio", -0.141), SwapControl(**few, figures=(), meaning="too few files")),
        likelihood=likelihood,
    )
    write_predictions(run, items, scores, 0.5, controls, llr=llr)
    return Made(items, scores, evaluation, read_predictions(run))


def make_swap(
    part: Part,
    difference: float,
    interval: tuple[float, float] | None = (-0.204, -0.078),
    *,
    beside_same: float | None = None,
) -> SwapControl:
    """Of 30 real and 20 fake files: only the joint score changes beside genuine partners, by `difference`."""
    same_change = difference if beside_same is None else beside_same
    figures = tuple(
        SwapFigure(
            score=score,
            same_partner=same,
            alone=0.9,
            swapped=0.9 + change,
            difference=change,
            interval=interval if change else (0.0, 0.0),
        )
        for same in (False, True)
        for score, change in (("joint", same_change if same else difference), ("part", 0.0))
    )
    counts = {"n_real": 30, "n_fake": 20, "partners": 12}
    meaning = describe_swap(part, figures, **counts)
    return SwapControl(part=part, groups=50, draws=3, figures=figures, meaning=meaning, **counts)


@pytest.fixture(scope="session")
def page_data(made: Made) -> PageData:
    return make_page_data(made)


def make_page_data(made: Made) -> PageData:
    lines = [
        {
            "epoch": epoch,
            "train": {"fake": 1 / epoch},
            "validation": {
                "loss": 0.4 + 1 / epoch,
                "macro": {"auc": 1 - 0.4 / epoch},
                "pooled": {"auc": None if epoch == 3 else 1 - 0.5 / epoch},
                "domain_accuracy": 0.3,
                "domain_chance": 0.25,
            },
            "criterion": "calibrated_loss",
            "deciding": 0.3 + 0.01 * abs(epoch - 7),
            "best_epoch": min(epoch, 7),
        }
        for epoch in range(1, 10)
    ]
    return PageData(
        evaluation=made.evaluation,
        headline=[("preset", "full"), ("profile", "tiny")],
        synthetic=True,
        datasets=[
            DatasetLine(name, "video", 30, 50, (40, 0, 40, 0), int(name == "archive"), 100, 7) for name in DATASETS
        ],
        stages=[StageLine("scan", "files", 321, 320, 1)],
        failures=[FailureLine("scan", f"archive/{HOSTILE}", "unreadable: <b>no</b> reader understands it")],
        predictions=made.predictions,
        training=lines,
        by_label=[
            LabelLine("archive", "real", 30, {"failed": 0.0, "frames_with_face": 0.9, "without_face": 0.1}),
            LabelLine("archive", "fake", 50, {"failed": 0.02, "frames_with_face": 0.5, "without_face": 0.5}),
        ],
        differences=[Difference("archive", "without_face", 0.1, 0.5, 0.7)],
        missed=[
            Missed("archive", "real", 3, 30, ("1.mp4", "2.mp4", "3.mp4"), ()),
            Missed(
                "archive", "fake", 25, 50, tuple(f"{n}.mp4" for n in range(25)), (Face(HOSTILE, face_uri(2), None),)
            ),
        ],
        lost=[LostGroup("archive", "unreadable", 0, 1, (LostFile(HOSTILE, "video", "<b>no</b> reader", face_uri(3)),))],
        faces={("archive", 0): [Face(HOSTILE, face_uri(0), 0.99), Face("b.mp4", face_uri(1), None)]},
    )


def face_uri(seed: int) -> str:
    noise = np.random.default_rng(seed).integers(0, 255, (4, 4, 3)).astype(np.uint8)
    memory = io.BytesIO()
    Image.fromarray(noise).resize((88, 88)).save(memory, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode("ascii")
