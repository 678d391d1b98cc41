"""Words and positions of the verdict page, worked by hand."""

from __future__ import annotations

import pytest
from made_verdicts import make_evidence

from unmask.evaluation.verdict_page.drawings import describe_strongest, draw_map, draw_waveform, list_contributions
from unmask.evaluation.verdict_page.headline import describe_evidence, format_times
from unmask.evaluation.verdict_page.time_axis import TimeAxis, find_style, format_time, list_bars
from unmask.evaluation.verdicts.findings import Contribution, FaceMap
from unmask.evaluation.verdicts.verdict import ClipVerdict


def clip(start_s: float, end_s: float, score: float) -> ClipVerdict:
    return ClipVerdict(start_s=start_s, end_s=end_s, score=score)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (1.54, "1.5 s"), (12, "12 s"), (65, "1:05"), (3661, "1:01:01")]
)
def test_times_are_short(seconds, shown):
    assert format_time(seconds) == shown


@pytest.mark.parametrize("end_s", [0.04, 0.7, 4, 59.5, 61, 3600, 100_000])
def test_ticks_begin_at_0_stay_on_the_axis_and_fit_a_phone(end_s):
    ticks = TimeAxis(end_s).list_ticks()
    assert ticks[0] == (0, "0 s")
    assert all(0 <= at <= 100 for at, _ in ticks)
    assert len(ticks) <= 7


def test_clips_that_overlap_lie_in_lanes():
    bars = list_bars([clip(0, 4, 0.9), clip(3, 7, 0.1), clip(6, 10, 0.5)], 0.5, TimeAxis(10))
    assert [bar.lane for bar in bars] == [0, 1, 0]
    assert [(bar.left, bar.width) for bar in bars] == [(0, 40), (30, 40), (60, 40)]
    assert [bar.style for bar in bars] == ["fake", "real", "fake"]


def test_the_waveform_has_the_color_of_the_most_suspicious_clip_at_each_time():
    clips = [clip(0, 4, 0.9), clip(3, 7, 0.1)]
    assert [find_style(clips, at, 0.5) for at in (1, 3.5, 6, 8)] == ["fake", "fake", "real", "blank"]
    drawn = draw_waveform([(0, -0.5, 0.5), (3, 0, 0), (6, -1, 1), (8, 0, 0)], clips, 0.5, TimeAxis(11))
    assert all(f'class="wave {style}"' in drawn for style in ("fake", "real", "blank"))


def test_contributions_stand_above_and_below_one_line_on_one_scale():
    parts = [
        Contribution(modality="image", start_s=0, end_s=1, logit=2.0),
        Contribution(modality="audio", start_s=0, end_s=1, logit=-1.0),
    ]
    image, audio = list_contributions(parts, TimeAxis(2))
    assert (image.bars[0].top, image.bars[0].height, image.bars[0].style) == (2, 48, "fake")
    assert (audio.bars[0].top, audio.bars[0].height, audio.bars[0].style) == (50, 24, "real")


def test_strong_cells_of_a_map_have_their_sign_and_are_named():
    one = FaceMap(time_s=0, stream="vit", rows=((0.0, 2.0), (-1.5, 0.3)))
    drawn = draw_map(one)
    assert drawn.count("<rect") == 3
    assert drawn.count('class="sign"') == 2
    assert describe_strongest(one) == "strongest: row 1, column 2 (+2.00, fake)"
    empty = FaceMap(time_s=0, stream="vit", rows=())
    assert describe_strongest(empty) == "empty"
    assert "<rect" not in draw_map(empty)


@pytest.mark.parametrize(
    ("llr", "shown"), [(0.0, "1"), (2.565, "13"), (-1.35, "0.26"), (7.3, "1,500"), (1000, "1e+304"), (1.163, "3.2")]
)
def test_ratios_have_two_digits(llr, shown):
    assert format_times(llr) == shown


def test_evidence_of_real_is_told_as_times_as_likely_from_a_real_file():
    told = describe_evidence(make_evidence(-2.6, "real"))
    assert "13 times as likely from a real file as from a fake one (95 %: 5 to 37)" in told
    assert "60 validation files support at most 30 times" in told
