"""A verdict in words: the evidence first, the score behind it, and no word where there is no verdict."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from unmask.evaluation.verdict_models.evidence_model import describe_evidence
from unmask.evaluation.verdicts.findings import Evidence, FaceVerdict, Scope, TokenDistance
from unmask.evaluation.verdicts.verdict import ClipVerdict, Verdict
from unmask.tables import VerdictTable


def weigh(ratio: float, low: float, high: float) -> Evidence:
    llr, interval = math.log(ratio), (math.log(low), math.log(high))
    return describe_evidence(llr, interval, lowest=-math.log(30), highest=math.log(21), items=60)


SCOPE = Scope(
    reliable=True,
    distances=(TokenDistance(stream="lite0", distance=0.8, limit=1.2),),
    notes=("no training file had container webp",),
)
VIDEO = Verdict(
    path="x.mp4",
    verdict="fake",
    threshold=0.4,
    score=0.912,
    video_score=0.4,
    audio_score=0.95,
    clips=(ClipVerdict(start_s=0, end_s=4, score=0.25), ClipVerdict(start_s=4, end_s=8, score=0.98)),
    faces_found=0.96,
    evidence=weigh(14, 5, 40),
    image_evidence=weigh(1.2, 0.5, 3),
    audio_evidence=weigh(18, 7, 21),
    scope=SCOPE,
    judged=("image", "audio"),
    not_judged=("text: there is no transcript beside the file",),
)


def test_the_words_come_first_and_the_score_last():
    assert str(VIDEO) == (
        "x.mp4: moderate evidence of fake (LR 14, 95 % 5.0 to 40, at most 21 with this run's 60 validation files); "
        "judged: image, audio; not judged: text: there is no transcript beside the file; "
        "image alone: no evidence either way, LR 1.2, score 0.400; "
        "audio alone: moderate evidence of fake, LR 18, score 0.950; "
        "2 clips: 0.250 (0 to 4 s) to 0.980 (4 to 8 s); face in 96% of frames; "
        "note: no training file had container webp; score 0.912, threshold 0.400: fake"
    )


def test_evidence_of_real_names_its_own_bound():
    real = replace(VIDEO, verdict="real", score=0.03, evidence=weigh(1 / 4, 1 / 12, 1 / 2))
    told = "weak evidence of real (LR 1/4.0, 95 % 1/12 to 1/2.0, at least 1/30 with this run's 60 validation files)"
    assert str(real).startswith(f"x.mp4: {told}; ")


def test_an_unreliable_score_has_no_word_and_no_call_but_its_evidence_in_the_json():
    scope = Scope(reliable=False, reasons=("no face was found", "its audio is unlike that of the training files"))
    text = str(replace(VIDEO, scope=scope))
    assert text.startswith(
        "x.mp4: no verdict, the score is not reliable: no face was found, "
        "its audio is unlike that of the training files; judged: image, audio; "
    )
    assert text.endswith("score 0.912, threshold 0.400")
    assert "evidence" not in text
    written = json.loads(json.dumps(replace(VIDEO, scope=scope).as_json()))
    assert (written["evidence"]["strength"], written["scope"]["reliable"]) == ("moderate", False)


def test_a_run_that_was_not_evaluated_says_so():
    alone = replace(
        VIDEO,
        evidence=None,
        image_evidence=None,
        audio_evidence=None,
        scope=None,
        evidence_note="not evaluated: run `unmask evaluate`",
    )
    text = str(alone)
    assert text.startswith("x.mp4: fake by its score, of unknown weight (not evaluated: run `unmask evaluate`); ")
    assert "image alone: score 0.400" in text


def test_a_file_without_a_score_says_why():
    verdict = Verdict(path="a.txt", verdict="unsupported", threshold=0.5, reason="a text, not media")
    assert (str(verdict), verdict.words) == ("a.txt: unsupported (a text, not media)", "unsupported")


def test_the_faces_of_a_file_are_told_apart():
    def face(number: int, score: float) -> FaceVerdict:
        return FaceVerdict(face=number, start_s=0, end_s=4, score=score, clips=1, thumbnail=b"jpeg")

    verdict = replace(VIDEO, faces=(face(0, 0.12), face(1, 0.97)))
    assert "; 2 faces, each alone: score 0.120, 0.970; " in str(verdict)
    assert "thumbnail" not in json.dumps(verdict.as_json())


def test_a_reason_is_told_once():
    problem = "audio: every sample of it is zero"
    verdict = replace(VIDEO, reason="every sample of it is zero", not_judged=(problem,))
    assert str(verdict).count("every sample") == 1
    assert "; a damaged end; " in str(replace(VIDEO, reason="a damaged end"))


def test_a_table_of_verdicts_has_flat_rows_with_the_same_columns():
    unread = Verdict(path="a.txt", verdict="unsupported", threshold=0.5, reason="a text, not media")
    table = VerdictTable([VIDEO, unread, replace(VIDEO, scope=None, evidence=None)])
    rows = table.as_rows()
    assert [set(row) for row in rows] == [set(rows[0])] * 3
    assert not [value for row in rows for value in row.values() if isinstance(value, dict | list | tuple)]
    assert (rows[0]["words"], rows[0]["reliable"], rows[0]["clips"]) == ("moderate evidence of fake", True, 2)
    assert rows[0]["llr"] == math.log(14)
    assert (rows[1]["words"], rows[1]["llr"], rows[1]["reliable"]) == ("unsupported", None, None)
    assert table.to_arrow().num_rows == 3
