"""How the header of a file differs from those of the training files."""

from __future__ import annotations

from scope_parts import make_row

from unmask.evaluation.verdict_models.header_ranges import describe_differences, fit_header_ranges


def make_audio(number: int, **about):
    values = {"kind": "audio", "container": "wav", "audio_codec": "pcm_16", "sample_rate": 16_000, "bytes": 320_000}
    return make_row(number, **{**values, "duration_s": 10.0, "width": None, "height": None, **about})


def test_a_file_like_those_of_the_training_differs_in_nothing():
    ranges = fit_header_ranges([make_audio(0), make_audio(1, duration_s=12.0)])
    assert list(describe_differences(make_audio(2, duration_s=6.0), ranges)) == []


def test_codec_container_rate_and_length_are_named():
    ranges = fit_header_ranges([make_audio(0)])
    other = make_audio(1, container="ogg", audio_codec="opus", sample_rate=48_000, duration_s=600.0)
    assert list(describe_differences(other, ranges)) == [
        "container ogg",
        "audio codec opus",
        "sample rate 48000",
        "600 s long (training: 10 to 10)",
        "533 bytes per second (training: 32,000 to 32,000)",
    ]


def test_kinds_are_compared_with_their_own_kind():
    ranges = fit_header_ranges([make_row(0), make_audio(1)])
    assert list(describe_differences(make_row(2, container="wav"), ranges)) == ["container wav"]
    assert list(describe_differences(make_row(3, kind="video"), ranges)) == []
