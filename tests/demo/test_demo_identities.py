"""What the synthetic corpus shows and says: faces a detector finds, mouths in step with voices, fakes that differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from PIL import Image

from unmask.demo.drawing import Face
from unmask.demo.identities import make_person, make_rng
from unmask.demo.items import Item
from unmask.demo.layouts import list_items
from unmask.demo.manipulations import SWAPS, delay_mouth, swap_face, upsample, vocode
from unmask.demo.render import draw_frames, draw_image, follow_speech, make_audio
from unmask.demo.scenes import Scene
from unmask.demo.speech import RATE

SEED = 7
FPS = 25


@pytest.fixture(scope="module")
def talking() -> list[Item]:
    return [item for item in list_items(SEED, 1.0) if item.dataset == "fakeavceleb"]


def _shown(corpus: Path) -> Iterator[NDArray[np.uint8]]:
    """Every picture of the small corpus and two frames of each of its clips, as decoded; pictures of other seeds."""
    for path in sorted(corpus.rglob("*.[jp][pn]g")):
        yield np.asarray(Image.open(path).convert("RGB"))
    for path in sorted(corpus.rglob("*.mp4")):
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        yield from frames[::40]
    for seed in (1, 2, 3):
        pictures = [item for item in list_items(seed, 1.0) if item.kind == "image"]
        yield from (draw_image(seed, item) for item in pictures[::20])


def test_mtcnn_finds_at_least_98_percent_of_the_faces(demo_corpus):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        detector = MTCNN(keep_all=True, device="cpu")
        shown = list(_shown(demo_corpus))
        best = []
        for picture in shown:
            _, [found] = detector.detect([picture])
            best.append(max((float(p) for p in found if p is not None), default=0.0))
    finally:
        torch.set_num_threads(threads)
    assert len(best) >= 100
    assert np.mean(np.array(best) > 0.9) >= 0.98


def _loudness(sound: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    """RMS of each frame's 40 ms."""
    size = RATE // FPS
    return np.array([np.sqrt(np.mean(sound[k * size : (k + 1) * size] ** 2)) for k in range(frames)])


def _in_step(item: Item) -> float:
    """Correlation of mouth and loudness."""
    mouth = follow_speech(SEED, item)
    return float(np.corrcoef(mouth, _loudness(make_audio(SEED, item), len(mouth)))[0, 1])


def test_the_mouth_follows_the_voice_in_true_clips_and_not_in_dubbed_or_late_ones(talking):
    true = [_in_step(item) for item in talking if not item.fake][:6]
    out_of_step = [_in_step(item) for item in talking if item.dubbed or item.late_mouth][:10]
    assert min(true) > 0.6
    assert np.mean(out_of_step) < 0.3
    assert np.mean([value < min(true) for value in out_of_step]) > 0.8


def test_a_swapped_face_keeps_its_own_audio_in_step(talking):
    swapped = [item for item in talking if item.fake and not item.dubbed and not item.late_mouth]
    assert {"FakeVideo-RealAudio" in item.path for item in swapped} == {True}
    assert min(_in_step(item) for item in swapped[:4]) > 0.6


def test_audio_and_video_start_together_in_the_written_file(demo_corpus):
    item = next(i for i in list_items(SEED, 0.15) if i.dataset == "fakeavceleb" and not i.fake)
    with av.open(str(demo_corpus / item.path)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    mouth = follow_speech(SEED, item)
    steps = range(-6, 7)
    loud = _loudness(np.pad(sound, (RATE, RATE)), len(mouth) + 2 * FPS)
    match = [np.corrcoef(mouth, loud[FPS + k : FPS + k + len(mouth)])[0, 1] for k in steps]
    assert abs(steps[int(np.argmax(match))]) <= 2


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(SEED, "test", width=256, height=256)


def test_the_mouth_opens_and_the_eyes_shut_where_they_are(scene):
    who = make_person(SEED, "test")
    face = Face(who, scene.light, scene.scale)
    calm = face.draw(0.0, 1.0)
    rows = face.y[:, 0]
    mouth = np.abs(face.draw(1.0, 1.0) - calm).sum(axis=(1, 2))
    lids = np.abs(face.draw(0.0, 0.0) - calm).sum(axis=(1, 2))
    assert who.mouth_y - 0.1 < rows[mouth.argmax()] < who.mouth_y + 0.4
    assert abs(rows[lids.argmax()] - who.eye_y) < 0.1
    assert lids[rows > 0.2].sum() == 0


@pytest.mark.parametrize("recipe", SWAPS)
def test_a_manipulation_changes_the_face_and_leaves_the_rest(scene, recipe):
    who, donor = make_person(SEED, "test"), make_person(SEED, "donor")
    face = Face(who, scene.light, scene.scale)
    fake = swap_face(recipe, face, donor, make_rng(SEED, recipe))
    change = np.abs(fake(0.2, 1.0) - face.draw(0.2, 1.0))
    x, y = np.broadcast_arrays(face.x, face.y)
    around_the_mouth = (np.abs(x) < 0.2) & (np.abs(y - who.mouth_y) < 0.1)
    hair_and_neck = (y < -0.9) | (y > 1.3)
    assert change[around_the_mouth].mean() > 0.01
    assert change[hair_and_neck].max() < 1e-6


def test_a_generated_image_lacks_the_finest_detail():
    picture = draw_image(SEED, next(item for item in list_items(SEED, 1.0) if item.dataset == "archive"))
    made = upsample(make_rng(SEED, "generated"), picture)

    def finest(image: NDArray[np.uint8]) -> float:
        power = np.abs(np.fft.fft2(image.mean(axis=-1))) ** 2
        return float(power[118:138, 118:138].sum())

    assert made.shape == picture.shape
    assert finest(made) < 0.5 * finest(picture)


def test_a_vocoded_voice_is_as_long_and_as_loud_but_no_longer_the_same_wave(talking):
    true = make_audio(SEED, next(item for item in talking if not item.fake))
    made = vocode(true, make_rng(SEED, "vocoder"))
    assert made.shape == true.shape
    assert np.sqrt(np.mean(made**2)) == pytest.approx(np.sqrt(np.mean(true**2)), rel=1e-3)
    assert abs(np.corrcoef(made, true)[0, 1]) < 0.9
    first, second = (_loudness(sound, len(sound) // (RATE // FPS)) for sound in (true, made))
    assert np.corrcoef(first, second)[0, 1] > 0.9


def test_a_late_mouth_moves_as_it_would_but_later(talking):
    mouth = follow_speech(SEED, next(item for item in talking if not item.fake))
    late = delay_mouth(mouth, make_rng(SEED, "late"))
    shifts = [np.corrcoef(np.roll(mouth, k), late)[0, 1] for k in range(25)]
    assert 0.3 <= int(np.argmax(shifts)) / FPS <= 0.72
    assert max(shifts) == pytest.approx(1.0)


def test_a_person_looks_and_sounds_the_same_wherever_named():
    assert make_person(3, "dff", "01") == make_person(3, "dff", "01")
    assert make_person(3, "dff", "01") != make_person(3, "dff", "02")
    assert make_person(3, "dff", "01") != make_person(4, "dff", "01")


def test_frames_of_a_recording_show_its_person_before_its_wall(talking):
    items = list_items(SEED, 1.0)
    film = next(item for item in items if item.dataset == "dff" and not item.fake)
    picture = next(item for item in items if item.dataset == "dfd_faces" and item.scene == film.scene)
    assert (picture.who, picture.first_second) == (film.who, film.first_second)
    assert picture.frame is not None
    assert picture.frame < len(list(draw_frames(SEED, replace(film, length=0.0))))
