"""Effect of each preprocessing setting."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_faces import drawn_face, group_photo
from PIL import Image
from spoken_audio import item_of, spoken
from tiny_media import numbered_video, write_video

from unmask.core.errors import UsageError
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.profiles import PreprocessSettings

SETTINGS = PreprocessSettings(face_size=96, frames_per_clip=4, clip_seconds=2.0)


def test_a_group_photo_gives_one_clip_per_face_up_to_max_faces(tmp_path):
    Image.fromarray(group_photo(0, 1, 2)).save(tmp_path / "group.png")
    for most, expected in ((1, 1), (2, 2), (8, 3)):
        item = item_of(tmp_path / "group.png", SETTINGS.changed({"max_faces": most}))
        assert [clip.track for clip in item.clips] == list(range(expected))
    middles = sorted(float(clip.boxes[0, ::2].mean()) for clip in item.clips)
    assert middles == pytest.approx([128, 384, 640], abs=40)


def test_two_people_in_a_video_are_two_clips_with_the_same_window_and_audio(tmp_path):
    frames = [group_photo(0, 1)] * 50
    path = write_video(tmp_path / "two.mp4", frames, [40 * k for k in range(50)], sound=spoken(0, 2.0, 0))
    one, two = item_of(path, SETTINGS.changed({"max_faces": 2})).clips
    assert (one.start_s, one.end_s, one.track) == (two.start_s, two.end_s, 0)
    assert two.track == 1
    np.testing.assert_array_equal(one.audio, two.audio)
    assert np.abs(one.faces.astype(int) - two.faces).mean() > 10


def test_without_a_detector_the_center_is_cropped_and_marked_as_no_detection(tmp_path):
    Image.fromarray(group_photo(0, 1)).save(tmp_path / "wide.png")
    (clip,) = item_of(tmp_path / "wide.png", SETTINGS.changed({"detector": "none", "no_face": "skip"})).clips
    assert clip.boxes.tolist() == [[128, 0, 384, 256]]
    assert np.isnan(clip.confidence).all()


def test_the_face_of_an_image_that_is_a_face_crop_is_detected(tmp_path):
    (found,) = detect(drawn_face(0)[None], SETTINGS)
    x0, y0, x1, y1 = found.boxes[0].astype(int)
    Image.fromarray(drawn_face(0)[max(y0, 0) : y1, max(x0, 0) : x1]).save(tmp_path / "crop.png")
    (clip,) = item_of(tmp_path / "crop.png", SETTINGS).clips
    assert np.isfinite(clip.confidence).all()


def test_clips_begin_at_every_hop(tmp_path):
    path = numbered_video(tmp_path / "long.mp4", 150)  # six seconds
    clips = item_of(path, SETTINGS.changed({"hop_seconds": 1.0, "max_clips": 9})).clips
    assert [clip.start_s for clip in clips] == pytest.approx([0, 1, 2, 3, 4], abs=0.01)


def test_the_margin_shows_more_around_the_face(tmp_path):
    Image.fromarray(drawn_face(0)).save(tmp_path / "face.png")
    tight, wide = (item_of(tmp_path / "face.png", SETTINGS.changed({"margin": m})).clips[0].faces for m in (0.0, 0.5))
    (tight_face,), (wide_face,) = detect(tight, SETTINGS), detect(wide, SETTINGS)
    widths = [float(face.boxes[0, 2] - face.boxes[0, 0]) for face in (tight_face, wide_face)]
    assert widths[0] / widths[1] == pytest.approx(1.5, rel=0.15)


def test_audio_has_the_sample_rate_of_the_settings(tmp_path):
    path = numbered_video(tmp_path / "sound.mp4", 50, sound=spoken(0, 2.0, 0))
    (clip,) = item_of(path, SETTINGS.changed({"sample_rate": 8000})).clips
    assert len(clip.audio) == pytest.approx(16_000, abs=400)


@pytest.mark.parametrize(
    "change",
    [
        {"face_sise": 96},
        {"face_size": 1},
        {"hop_seconds": 0},
        {"max_faces": 0},
        {"detector": "yolo"},
        {"silence_db": 3},
    ],
)
def test_an_invalid_setting_is_refused(change):
    with pytest.raises(UsageError, match="settings"):
        SETTINGS.changed(change)
