"""The swap control in words."""

from __future__ import annotations

from made_evaluation import make_swap


def test_a_loss_names_both_scores():
    assert make_swap("audio", -0.141).meaning == (
        "A genuine image hides fake audio: AUC 0.900 alone, 0.759 beside it (-0.141, 95 % interval -0.204 to -0.078). "
        "The audio score goes from 0.900 to 0.900: look at it where a file has both."
    )


def test_a_small_change_is_a_pass_only_if_its_interval_is_small():
    passed = make_swap("image", -0.01, (-0.02, 0.01))
    assert passed.meaning.startswith(
        "Genuine audio does not hide a fake image: AUC 0.900 alone, 0.890 beside it (-0.010"
    )
    open_ = make_swap("image", -0.01, (-0.08, 0.03))
    assert open_.meaning.startswith("Not shown that genuine audio does not hide a fake image: AUC 0.900 alone")
    assert make_swap("image", -0.01, None).meaning.endswith("too few groups to tell.")
    assert not passed.loses
    assert make_swap("image", -0.031).loses


def test_partners_that_shift_all_scores_alike_do_not_hide_anything():
    blurred = make_swap("image", -0.08, (-0.12, -0.04), beside_same=0.002)
    assert blurred.loses
    assert blurred.meaning.startswith(
        "Genuine audio blurs a fake image: AUC 0.900 alone, 0.820 beside it (-0.080, 95 %"
    )
    assert "but beside the same audio the order stays (0.900, 0.902)" in blurred.meaning
