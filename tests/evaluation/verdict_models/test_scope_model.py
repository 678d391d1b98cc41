"""When there is no verdict, and what is told without taking it away."""

from __future__ import annotations

import math

import pytest
from scope_parts import draw_means, make_outcome, make_row, make_scope

NEAR = {"lite0": 0.5}


def test_few_files_like_the_validation_files_are_refused():
    scope = make_scope(validation=40)
    space = scope.spaces[0]
    assert scope.share == 0.05
    new = space.measure(draw_means(2000, 2))
    assert (new > scope.limit).mean() < 0.12  # 5 % on average over validation sets of 40
    far = scope.judge(make_row(), make_outcome(), {"lite0": scope.limit * 1.01})
    assert (far.reliable, far.reasons) == (False, ("its image is unlike those of the training files",))
    assert far.distances[0].limit == scope.limit
    assert scope.judge(make_row(), make_outcome(), NEAR).reliable


def test_a_file_without_a_face_is_refused_where_the_run_was_fitted_on_faces():
    judged = make_scope().judge(make_row(), make_outcome(faces=8, missing=8), NEAR)
    assert judged.reasons == ("no face was found",)
    some = make_scope().judge(make_row(), make_outcome(faces=8, missing=6), NEAR)
    assert some.reasons == ("a face was found in only 25% of the frames",)
    assert make_scope().judge(make_row(), make_outcome(faces=8, missing=3), NEAR).reliable
    audio = make_row(kind="audio", container="wav", width=None, height=None)
    assert "no face was found" not in make_scope().judge(audio, make_outcome(faces=0), {}).reasons


def test_faces_are_no_condition_where_many_validation_files_have_none():
    scope = make_scope(faceless=20)
    assert scope.fewest_faces is None
    assert scope.judge(make_row(), make_outcome(faces=1, missing=1), NEAR).reliable


def test_files_without_a_face_are_part_of_the_share_that_is_refused():
    assert make_scope(faceless=1).limit >= make_scope(faceless=0).limit


def test_a_kind_that_was_not_tested_has_no_verdict():
    video = make_row(kind="video", container="mov", duration_s=4.0)
    assert make_scope().judge(video, make_outcome(), NEAR).reasons == ("the run was tested on no videos",)
    one_class = make_scope(tested=1).judge(make_row(), make_outcome(), NEAR)
    assert one_class.reasons == ("the run was tested on no fake images",)
    few = make_scope(tested=6).judge(make_row(), make_outcome(), NEAR)
    assert (few.reliable, few.notes[0]) == (True, "the run was tested on only 3 real and 3 fake images")


def test_too_few_validation_groups_set_no_limit_and_say_so():
    scope = make_scope(validation=9)
    assert scope.limit == math.inf
    judged = scope.judge(make_row(), make_outcome(), {"lite0": 1e6})
    assert judged.reliable
    assert judged.notes[0] == "too few training or validation files to say whether this one is like them"
    assert make_scope(validation=12).share == pytest.approx(1 / 13)


def test_headers_unlike_the_training_are_told_and_take_no_verdict_away():
    row = make_row(container="webp", width=4000, height=3000)
    judged = make_scope().judge(row, make_outcome(), NEAR)
    assert judged.reliable
    assert judged.notes == ("no training file had container webp, 12,000,000 pixels (training: 65,536 to 65,536)",)
    assert make_scope().judge(make_row(width=300), make_outcome(), NEAR).notes == ()
