"""What a score is of, and why the rest of the file was not judged."""

from __future__ import annotations

from typing import Any

import pytest

from unmask.evaluation.verdicts.judged_parts import list_judged, list_not_judged
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome


def explain(
    kind: Any, judged: tuple[Any, ...], read: tuple[Any, ...], expects_text: bool = False, **about: Any
) -> tuple[str, ...]:
    codec = about.pop("audio_codec", None)
    row = MediaRow(
        media_id="a",
        dataset="files",
        domain_id=-1,
        path="a",
        kind=kind,
        label=None,
        method="unknown",
        audio_codec=codec,
    )
    outcome = Outcome(media_id="a", dataset="files", path="a", outcome="done", **{"faces": 8, **about})
    return list_not_judged(row, outcome, judged, read, min_seconds=0.25, expects_text=expects_text)


BOTH = ("image", "audio")


def test_the_modalities_of_the_bits_are_named():
    assert list_judged(0b0011) == ("image", "audio")
    assert list_judged(0b0110) == ("audio", "text")
    assert list_judged(0) == ()


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_nothing_is_missing_where_all_that_the_file_has_was_judged(kind: str):
    judged = BOTH if kind == "video" else (kind,)
    assert explain(kind, judged, BOTH, audio_codec="aac") == ()


def test_a_video_without_audio_and_one_whose_audio_is_silent_are_told_apart():
    assert explain("video", ("image",), BOTH) == ("audio: the file has none",)
    silent = explain("video", ("image",), BOTH, audio_codec="aac")
    assert silent == ("audio: silent, or shorter than 0.25 s",)
    known = explain("video", ("image",), BOTH, audio_codec="aac", problem="every sample is zero")
    assert known == ("audio: every sample is zero",)


def test_what_the_run_does_not_read_is_named():
    assert explain("video", ("image",), ("image",), audio_codec="aac") == ("audio: this run judges image only",)
    assert explain("video", ("image",), ("image",)) == ()
    assert explain("video", ("audio",), ("audio",), audio_codec="aac") == ("image: this run judges audio only",)


def test_an_image_without_a_face_and_a_file_without_a_transcript_are_named():
    assert explain("image", ("image",), BOTH, faces=1, fallback_faces=1) == (
        "face: none was found, so the middle of the image was judged instead",
    )
    assert explain("audio", ("audio",), (*BOTH, "text"), expects_text=True, faces=0) == (
        "text: there is no transcript beside the file",
    )
