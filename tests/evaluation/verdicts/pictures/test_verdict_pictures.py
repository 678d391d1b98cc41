"""Frames, waveform and face crops for the page of a verdict."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_chain import CPU, DAMAGED, Chain
from tiny_media import click, manifest_of, numbered_frame, numbered_video, read_number, write_video

from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.pictures import collect, read_file
from unmask.evaluation.verdicts.pictures.collect import choose_crops, read_all_pictures
from unmask.evaluation.verdicts.pictures.jpeg import encode_within
from unmask.evaluation.verdicts.pictures.read_file import FRAME_BYTES, FRAME_SIDE, IMAGE_BYTES, IMAGE_SIDE, SPANS
from unmask.evaluation.verdicts.predict import predict
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.stage import Limits, make_task

SETTINGS = PreprocessSettings()


def read(path: Path, **settings: Any) -> Any:
    manifest = manifest_of(path.parent, [path.name])
    return read_file.read_pictures(make_task(manifest, next(manifest.rows()), SETTINGS.model_copy(update=settings)))


def decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def test_a_video_has_the_frame_in_the_middle_of_each_eighth(tmp_path):
    pictures = read(numbered_video(tmp_path / "a.mp4", 80))  # 3.2 s, 40 ms per frame
    numbers = [read_number(decode(jpeg)) for _, jpeg in pictures.frames]
    assert numbers == [5, 15, 25, 35, 45, 55, 65, 75]
    np.testing.assert_allclose([at for at, _ in pictures.frames], [0.04 * number for number in numbers])
    assert pictures.end_s == pytest.approx(3.2)
    assert pictures.waveform == ()


def test_a_video_of_one_frame_has_it(tmp_path):
    assert len(read(numbered_video(tmp_path / "a.mp4", 1)).frames) == 1


def test_frames_keep_their_places_where_the_audio_is_longer(tmp_path):
    frames = [numbered_frame(number) for number in range(50)]  # 2 s
    path = write_video(tmp_path / "a.mp4", frames, [40 * n for n in range(50)], sound=click(16_000, 3.0, 4.0))
    pictures = read(path)
    assert pictures.end_s == pytest.approx(4.0, abs=0.1)
    assert [round(at, 1) for at, _ in pictures.frames] == [0.2, 0.7, 1.2, 1.7]
    loudest = max(pictures.waveform, key=lambda span: span[2])
    assert loudest[0] == pytest.approx(3.0, abs=0.08)


@pytest.mark.parametrize("seconds", [0.02, 1.0, 25.0])
def test_the_waveform_has_the_extremes_of_every_span(tmp_path, seconds):
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, round(seconds * 16_000)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    pictures = read(tmp_path / "a.wav")
    assert 1 <= len(pictures.waveform) <= SPANS
    assert pictures.end_s == pytest.approx(seconds)
    assert min(low for _, low, _ in pictures.waveform) == pytest.approx(samples.min())
    assert max(high for _, _, high in pictures.waveform) == pytest.approx(samples.max())
    steps = np.diff([at for at, _, _ in pictures.waveform])
    np.testing.assert_allclose(steps, seconds / len(pictures.waveform))


def test_pictures_are_small_whatever_the_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (900, 2000, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    ((_, jpeg),) = read(tmp_path / "a.png").frames
    assert len(jpeg) <= IMAGE_BYTES
    assert decode(jpeg).shape[1] <= IMAGE_SIDE
    small = encode_within(noise, FRAME_SIDE, FRAME_BYTES)
    assert len(small) <= FRAME_BYTES
    assert len(encode_within(noise, FRAME_SIDE, 2_000)) <= 2_000


def test_a_file_over_the_limits_or_damaged_has_no_pictures(tmp_path):
    path = numbered_video(tmp_path / "a.mp4", 50)
    assert read(path, max_pixels=100).frames == ()
    (tmp_path / "b.mp4").write_bytes(path.read_bytes()[:500])
    (tmp_path / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n but no picture")
    (tmp_path / "d.wav").write_bytes(b"RIFF")
    for name in ("b.mp4", "c.png", "d.wav"):
        pictures = read(tmp_path / name)
        assert (pictures.frames, pictures.waveform) == ((), ())


def test_a_file_that_crashes_its_worker_costs_its_own_pictures(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    manifest = manifest_of(tmp_path)

    def run(function, tasks, limits):
        for task in tasks:
            failure = collect.Failure("crashed", "died")
            yield task, failure if task.path.name == "a.png" else read_file.read_pictures(task)

    monkeypatch.setattr(collect, "run_in_workers", run)
    crashed, whole = read_all_pictures(manifest, SETTINGS, Limits(workers=1)).values()
    assert (len(crashed.frames), len(whole.frames)) == (0, 1)


def test_the_crops_that_a_map_is_of_are_among_the_chosen():
    times = np.arange(100, dtype=np.float32)
    assert choose_crops(times, []).tolist() == [0, 14, 28, 42, 57, 71, 85, 99]
    assert {33, 34} <= set(choose_crops(times, [33.2, 33.9]).tolist())
    assert len(choose_crops(times, times.tolist())) <= collect.MOST_FACES
    assert choose_crops(times[:0], [1.0]).tolist() == []


def test_predict_fills_the_pictures_only_where_they_are_asked_for(chain: Chain):
    root = chain.data_root
    files = [root / "pictures/test/fake/0.png", root / "sounds/test/fake/0.wav", root / "pictures" / DAMAGED]
    image, audio, damaged = predict(files, chain.run, device=CPU, options=PredictOptions(pictures=True))
    assert image.pictures is not None
    assert (len(image.pictures.frames), len(image.pictures.faces)) == (1, 1)
    assert audio.pictures is not None
    assert audio.pictures.waveform
    assert audio.pictures.end_s == pytest.approx(0.6)
    assert damaged.score is None
    plain = predict(files[:1], chain.run, device=CPU)[0]
    assert plain.pictures is None
    assert plain.score == image.score
