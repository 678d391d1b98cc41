from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.preprocess.clip_windows import Window, plan_windows

seconds = st.floats(0.02, 20_000)


@given(start=st.floats(0, 100), length=seconds, clip=st.floats(0.1, 60), most=st.integers(1, 12))
def test_clips_are_inside_the_recording_in_order_and_at_most_the_maximum(start, length, clip, most):
    found = plan_windows(start, start + length, clip_seconds=clip, max_clips=most)
    assert 1 <= len(found) <= most
    assert found[0].start_s >= start
    assert found[-1].end_s <= start + length
    assert all(one.start_s < two.start_s and one.end_s < two.end_s for one, two in pairwise(found))
    assert all(one.seconds == pytest.approx(min(clip, length), abs=1e-6) for one in found)


@given(length=seconds, clip=st.floats(0.1, 60), most=st.integers(2, 12))
def test_several_clips_reach_from_the_start_to_the_end_evenly(length, clip, most):
    found = plan_windows(0, length, clip_seconds=clip, max_clips=most)
    if len(found) > 1:
        assert found[0].start_s == 0
        assert found[-1].end_s == pytest.approx(length)
        steps = np.diff([one.start_s for one in found])
        assert steps == pytest.approx(steps[0])
        assert steps[0] >= clip / 2 - 1e-6, "neighbours overlap by more than half"


def test_a_short_recording_is_one_clip_of_its_whole_length():
    assert plan_windows(0.2, 3.0, clip_seconds=4, max_clips=4) == (Window(0.2, 3.0),)


def test_a_little_over_one_clip_gives_the_middle():
    assert plan_windows(0, 5, clip_seconds=4, max_clips=4) == (Window(0.5, 4.5),)


def test_a_long_recording_gives_clips_spaced_over_all_of_it():
    found = plan_windows(0, 100, clip_seconds=4, max_clips=4)
    assert found == (Window(0, 4), Window(32, 36), Window(64, 68), Window(96, 100))


def test_with_a_hop_one_clip_begins_at_every_hop():
    found = plan_windows(1, 9, clip_seconds=4, hop_seconds=2, max_clips=9)
    assert found == (Window(1, 5), Window(3, 7), Window(5, 9))


def test_too_many_hops_are_sampled_evenly():
    found = plan_windows(0, 44, clip_seconds=4, hop_seconds=1, max_clips=3)
    assert [one.start_s for one in found] == [0, 20, 40]


def test_a_single_clip_of_too_many_hops_is_the_middle_one():
    assert plan_windows(0, 44, clip_seconds=4, hop_seconds=1, max_clips=1) == (Window(20, 24),)


@given(length=seconds, clip=st.floats(0.1, 60), hop=st.floats(0.04, 90), most=st.integers(1, 12))
def test_clips_at_hops_are_inside_the_recording_and_a_whole_number_of_hops_apart(length, clip, hop, most):
    found = plan_windows(0, length, clip_seconds=clip, hop_seconds=hop, max_clips=most)
    assert 1 <= len(found) <= most
    assert found[-1].end_s <= length
    if len(found) > 1:
        hops = np.array([one.start_s for one in found]) / hop
        assert hops == pytest.approx(np.rint(hops), abs=1e-6)
        assert (np.diff(np.rint(hops)) >= 1).all()


@given(start=st.floats(0, 100), length=seconds, count=st.integers(1, 32))
def test_sample_times_are_centers_of_equal_sections(start, length, count):
    moments = Window(start, start + length).sample_times(count)
    assert moments[0] - start == pytest.approx(length / count / 2, abs=1e-6)
    assert start + length - moments[-1] == pytest.approx(length / count / 2, abs=1e-6)
    assert np.diff(moments) == pytest.approx(np.full(count - 1, length / count), abs=1e-6)


def test_a_recording_without_length_is_refused():
    with pytest.raises(ValueError, match="no length"):
        plan_windows(1.0, 1.0, clip_seconds=4, max_clips=1)
