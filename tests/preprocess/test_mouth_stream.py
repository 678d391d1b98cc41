"""The mouth stream: on the clock of the audio whatever the film's frame rate, and only where it is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import zarr
from drawn_faces import drawn_face, group_photo
from numpy.typing import NDArray
from PIL import Image
from spoken_audio import item_of, spoken
from tiny_media import manifest_of, write_video

from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.preprocess import clip_faces
from unmask.preprocess.clip_frames import TOLERANCE_S
from unmask.preprocess.dry_run import estimate
from unmask.preprocess.faces import mouth
from unmask.preprocess.faces.mtcnn import Refined
from unmask.preprocess.faces.types import Detections
from unmask.preprocess.outcomes import read_outcomes
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MOUTH_SIDE
from unmask.preprocess.shards.media_shard import MediaShard, write_shard
from unmask.preprocess.shards.shard_plan import REVISION, SHARD_VERSION, find_shards, get_media_folder
from unmask.preprocess.stage import Limits, preprocess

OFF = PreprocessSettings(face_size=64, frames_per_clip=4, clip_seconds=2.0, detect_side=160)
ON = OFF.changed({"mouth_fps": 25})
DARKEST, PER_FRAME = 20, 3
SIZE = 64
# Fractions of the box: eyes, nose, mouth corners.
POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)


def film(path: Path, ticks: Sequence[int], base: Fraction) -> Path:
    """Gray frames that show their number, DARKEST + PER_FRAME * number, at `ticks` of `base` seconds."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "4"})
        video.width = video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = base
        for number, tick in enumerate(ticks):
            image = np.full((SIZE, SIZE, 3), DARKEST + PER_FRAME * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = tick, base
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def read_numbers(crops: NDArray[np.uint8]) -> list[int]:
    return np.round((crops.mean(axis=(1, 2)) - DARKEST) / PER_FRAME).astype(int).tolist()


@pytest.fixture
def face_everywhere(monkeypatch):
    """The detector and the network that finds landmarks see one upright face in the middle of every frame."""
    box = np.array([[16, 16, 48, 48]], np.float32)
    seen = Detections(boxes=box, landmarks=16 + 32 * POINTS[None], confidence=np.ones(1, np.float32))

    class Network:
        def refine(self, crops):
            count = len(crops)
            whole = np.tile(np.array([0, 0, 1, 1], np.float32), (count, 1))
            return Refined(whole, np.tile(POINTS, (count, 1, 1)), np.ones(count, np.float32))

    monkeypatch.setattr(clip_faces, "detect", lambda frames, _: [seen] * len(frames))
    monkeypatch.setattr(mouth, "load_mtcnn", Network)


VARIABLE = np.cumsum(np.random.default_rng(3).integers(15, 90, 45)) - 15
RATES = {
    "10": ([100 * k for k in range(15)], Fraction(1, 1000)),
    "24": (list(range(36)), Fraction(1, 24)),
    "25": (list(range(38)), Fraction(1, 25)),
    "29.97": (list(range(45)), Fraction(1001, 30000)),
    "30": ([round(1000 * k / 30) for k in range(45)], Fraction(1, 1000)),
    "50": (list(range(75)), Fraction(1, 50)),
    "variable": ([int(tick) for tick in VARIABLE if tick < 1900], Fraction(1, 1000)),
}


@pytest.mark.parametrize("rate", RATES)
def test_crop_k_shows_the_frame_of_the_windows_start_plus_k_periods(rate, tmp_path, face_everywhere):
    ticks, base = RATES[rate]
    (clip,) = item_of(film(tmp_path / "film.mp4", ticks, base), ON).clips
    times = np.array([float(tick * base) for tick in ticks]) - float(ticks[0] * base)
    clock = np.arange(len(clip.mouth)) / 25
    expected = np.searchsorted(times, clock + TOLERANCE_S, side="right") - 1
    assert read_numbers(clip.mouth) == expected.tolist()
    assert len(clip.mouth) == pytest.approx((clip.end_s - clip.start_s) * 25, abs=1)
    assert clip.mouth_found.all()


def test_the_windows_of_mouths_are_those_of_faces_and_audio_which_stay_as_they_are(tmp_path):
    frames = [np.roll(drawn_face(0), round(20 * np.sin(k / 10)), axis=1) for k in range(125)]
    path = write_video(tmp_path / "talk.mp4", frames, [40 * k for k in range(125)], sound=spoken(0, 5.0, 0))
    plain, with_mouth = item_of(path, OFF).clips, item_of(path, ON).clips
    assert len(plain) == len(with_mouth) == 2
    for one, two in zip(plain, with_mouth, strict=True):
        assert (one.start_s, one.end_s, len(one.mouth)) == (two.start_s, two.end_s, 0)
        for name in ("faces", "face_times", "boxes", "landmarks", "confidence", "audio"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert two.mouth.shape == (50, MOUTH_SIDE, MOUTH_SIDE)
        assert two.mouth_found.mean() > 0.9
    again = item_of(path, ON).clips
    np.testing.assert_array_equal(again[1].mouth, with_mouth[1].mouth)


def test_the_crops_follow_a_moving_mouth(tmp_path):
    frames = [np.roll(drawn_face(0), 2 * k, axis=1) for k in range(25)]
    (clip,) = item_of(write_video(tmp_path / "moving.mp4", frames, [40 * k for k in range(25)]), ON).clips
    moved = np.abs(np.diff(clip.mouth.astype(int), axis=0)).mean()
    still = np.abs(np.roll(clip.mouth.astype(int), 4, axis=2) - clip.mouth).mean()  # off by one frame's move
    assert moved < still / 2


def test_each_tracked_face_has_its_own_mouth(tmp_path):
    path = write_video(tmp_path / "two.mp4", [group_photo(0, 1)] * 25, [40 * k for k in range(25)])
    one, two = item_of(path, ON.changed({"max_faces": 2})).clips
    assert len(one.mouth) == len(two.mouth) == 25
    assert np.abs(one.mouth.astype(int) - two.mouth).mean() > 5


def test_images_audio_and_videos_without_a_face_have_no_mouths(tmp_path):
    Image.fromarray(drawn_face(0)).save(tmp_path / "face.png")
    soundfile.write(tmp_path / "talk.wav", spoken(0, 2.0, 0), 16_000)
    film(tmp_path / "gray.mp4", range(25), Fraction(1, 25))
    for name in ("face.png", "talk.wav", "gray.mp4"):
        (clip,) = item_of(tmp_path / name, ON).clips
        assert clip.mouth.shape == (0, MOUTH_SIDE, MOUTH_SIDE)
        assert len(clip.mouth_found) == 0


def test_without_mouths_settings_and_folders_are_those_of_before_they_existed():
    written = OFF.model_dump(mode="json")
    assert "mouth_fps" not in written
    assert get_media_folder(WorkFolder(Path("w")), OFF).name == fingerprint("media", SHARD_VERSION, REVISION, written)
    assert ON.model_dump(mode="json") == written | {"mouth_fps": 25.0}
    assert PreprocessSettings.model_validate(ON.model_dump(mode="json")) == ON


def test_mouths_without_a_detector_are_refused():
    with pytest.raises(UsageError, match=r"mouth_fps=25.*detector is none"):
        OFF.changed({"mouth_fps": 25, "detector": "none"})


def test_shards_with_and_without_mouths_give_back_their_items(tmp_path):
    path = write_video(tmp_path / "face.mp4", [drawn_face(0)] * 50, [40 * k for k in range(50)])
    for settings in (OFF, ON):
        item = item_of(path, settings)
        written = settings.model_dump(mode="json")
        write_shard(tmp_path / "shard", [item, item], face_size=settings.face_size, settings=written)
        shard = MediaShard(tmp_path / "shard")
        assert shard.has_mouth == ("mouth" in zarr.open_group(tmp_path / "shard", mode="r")) == (settings is ON)
        assert shard.mouth_offsets.tolist() == ([0, 50, 100] if settings is ON else [0, 0, 0])
        (clip,) = shard.item(1).clips
        np.testing.assert_array_equal(clip.mouth, item.clips[0].mouth)
        np.testing.assert_array_equal(clip.mouth_found, item.clips[0].mouth_found)
        shutil.rmtree(tmp_path / "shard")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("mouths") / "files"
    root.mkdir()
    for number in range(2):
        frames = [drawn_face(number)] * 50
        write_video(root / f"{number}.mp4", frames, [40 * k for k in range(50)], sound=spoken(number, 2.0, 0))
    Image.fromarray(drawn_face(2)).save(root / "2.png")
    return manifest_of(root)


def test_the_stage_says_in_how_many_mouth_frames_there_are_landmarks(manifest, tmp_path):
    work, again = WorkFolder(tmp_path / "one"), WorkFolder(tmp_path / "two")
    expected = estimate(manifest, ON, work, Limits(workers=1))
    for each in (work, again):
        assert preprocess(manifest, ON, each, Limits(workers=1)).done == 3
    shares = {one.path: one.mouth_share for one in read_outcomes(get_media_folder(work, ON))}
    assert shares["2.png"] is None
    assert min(shares["0.mp4"] or 0, shares["1.mp4"] or 0) > 0.9
    (one,), (two,) = (find_shards(get_media_folder(each, ON), manifest) for each in (work, again))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)
    assert expected.bytes == pytest.approx(sum((one / file).stat().st_size for file in files), rel=0.25)


def test_without_the_stream_outcomes_have_no_share(manifest, tmp_path):
    preprocess(manifest, OFF, WorkFolder(tmp_path), Limits(workers=1))
    assert {one.mouth_share for one in read_outcomes(get_media_folder(WorkFolder(tmp_path), OFF))} == {None}
