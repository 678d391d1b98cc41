"""One folder of broken and odd files: each ends as its expected outcome, and the run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_media import click, manifest_of, numbered_video

from core.errors import BadMedia
from core.workfolder import WorkFolder
from manifests.item import from_rows
from preprocess import item
from preprocess.build import preprocess
from preprocess.outcomes import Outcome, read_outcomes
from preprocess.plan import media_folder
from preprocess.profiles import tiny
from preprocess.task import Task

SETTINGS = tiny().preprocess.changed({"max_seconds": 60, "max_pixels": 1_000_000})

EXPECTED = {
    "audio_only.mp4": "unreadable",
    "broken_sound.mp4": "done",
    "cmyk.jpg": "done",
    "cut.jpg": "unreadable",
    "cut.mp4": "unreadable",
    "empty.jpg": "unreadable",
    "empty.mp4": "unreadable",
    "empty.wav": "unreadable",
    "gone.jpg": "vanished",
    "grey16.png": "done",
    "header_only.wav": "too_short",
    "html.jpg": "unreadable",
    "huge.png": "refused",
    "link.jpg": "refused",
    "long.wav": "refused",
    "moving.gif": "done",
    "mute.mp4": "done",
    "nan.wav": "silent",
    "new\nline ünïcode 🎬.mp4": "done",
    "new\nline ünïcode 🎬.png": "done",
    "no_index.mp4": "unreadable",
    "one_frame.mp4": "done",
    "one_pixel.png": "done",
    "one_sample.wav": "too_short",
    "overwritten.png": "vanished",
    "palette.png": "done",
    "silent.wav": "silent",
    "silent_sound.mp4": "done",
    "strip.png": "done",
    "text.mp4": "unreadable",
    "text.wav": "unreadable",
    "a_folder.png": "unreadable",
    "ulaw.wav": "done",
    "unknown_picture.mp4": "unreadable",
    "unknown_sound.mp4": "done",
    "video.jpg": "unreadable",
    "wide.wav": "done",
}


def write_pictures(root: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    picture = Image.fromarray(noise)
    picture.convert("CMYK").save(root / "cmyk.jpg")
    picture.quantize(8).save(root / "palette.png")
    picture.save(root / "moving.gif", save_all=True, append_images=[picture.rotate(90)])
    picture.save(root / "new\nline ünïcode 🎬.png")
    picture.save(root / "overwritten.png")
    Image.fromarray(noise[..., 0].astype(np.uint16) * 257).save(root / "grey16.png")
    Image.new("RGB", (1, 1), "red").save(root / "one_pixel.png")
    Image.new("RGB", (3, 900), "red").save(root / "strip.png")
    Image.new("L", (2000, 1000)).save(root / "huge.png")
    picture.save(root / "cut.jpg")
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:900])
    (root / "empty.jpg").touch()
    (root / "html.jpg").write_text("<!doctype html><title>404</title>")
    (root / "a_folder.png").mkdir()
    picture.save(root.parent / "elsewhere.jpg")
    (root / "link.jpg").symlink_to(root.parent / "elsewhere.jpg")


def write_videos(root: Path) -> None:
    tone = click(16_000, 0.5, 1.0)
    numbered_video(root / "mute.mp4", 20)
    numbered_video(root / "one_frame.mp4", 1)
    numbered_video(root / "silent_sound.mp4", 20, sound=np.zeros(16_000, np.float32))
    numbered_video(root / "new\nline ünïcode 🎬.mp4", 20, sound=tone)
    (root / "video.jpg").write_bytes((root / "mute.mp4").read_bytes())
    whole = numbered_video(root.parent / "whole.mp4", 100, options={"movflags": "faststart"}).read_bytes()
    (root / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    index_last = numbered_video(root.parent / "index_last.mp4", 100).read_bytes()
    (root / "no_index.mp4").write_bytes(index_last[: index_last.index(b"moov")])
    with_sound = numbered_video(root.parent / "with_sound.mp4", 20, sound=tone)
    (root / "broken_sound.mp4").write_bytes(with_noise_for_sound(with_sound))
    unknown = numbered_video(root.parent / "with_sound.mkv", 20, sound=tone).read_bytes()
    (root / "unknown_sound.mp4").write_bytes(unknown.replace(b"A_AAC", b"A_XYZ"))
    (root / "unknown_picture.mp4").write_bytes(unknown.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/XYZ/XYZ"))
    soundfile.write(root / "audio_only.mp4", tone, 16_000, format="WAV")
    (root / "empty.mp4").touch()
    (root / "text.mp4").write_text("no video " * 500)


def with_noise_for_sound(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            if packet.size:
                content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    return bytes(content)


def write_sounds(root: Path) -> None:
    tone = click(16_000, 0.2, 1.0)
    soundfile.write(root / "ulaw.wav", tone, 16_000, subtype="ULAW")
    soundfile.write(root / "wide.wav", np.repeat(click(96_000, 0.2, 1.0)[:, None], 8, axis=1), 96_000, subtype="FLOAT")
    soundfile.write(root / "header_only.wav", np.zeros(0), 16_000)
    soundfile.write(root / "one_sample.wav", np.ones(1), 16_000)
    soundfile.write(root / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(root / "nan.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    soundfile.write(root / "long.wav", np.ones(8_000 * 61, np.int16), 8_000)
    (root / "empty.wav").touch()
    (root / "text.wav").write_text("no sound " * 500)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, Outcome]:
    root = tmp_path_factory.mktemp("malformed") / "files"
    root.mkdir()
    write_pictures(root)
    write_videos(root)
    write_sounds(root)
    manifest = manifest_of(root, sorted(EXPECTED))
    Image.new("RGB", (48, 48), "blue").save(root / "overwritten.png")
    work = WorkFolder(root.parent / "work")
    report = preprocess(manifest, SETTINGS, work, workers=2, timeout_s=30)
    assert report.given == len(EXPECTED) == report.done + len(report.failed)
    return {one.path: one for one in read_outcomes(media_folder(work, SETTINGS))}


@pytest.mark.parametrize("name", EXPECTED)
def test_it_ends_as_expected(outcomes, name):
    one = outcomes[name]
    assert (one.reason or one.outcome) == EXPECTED[name], one.problem
    if one.outcome == "failed":
        assert one.problem
        assert one.clips == one.faces == 0
    else:
        assert one.clips >= 1
        assert one.faces or one.audio_s


@pytest.mark.parametrize("name", ["broken_sound.mp4", "unknown_sound.mp4", "silent_sound.mp4"])
def test_a_video_without_usable_sound_keeps_its_picture_and_says_so(outcomes, name):
    one = outcomes[name]
    assert one.audio_s == 0
    assert "sound" in str(one.problem)


def test_what_a_viewer_sees_is_a_face_or_marked_as_none(outcomes):
    assert all(one.fallback_faces == one.faces for one in outcomes.values()), "these files show no face"


def test_a_file_that_may_not_be_read_is_unreadable(monkeypatch):
    def locked(path: Path) -> str:  # root, who runs many a container, may read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(item, "quick_content", locked)
    task = Task(media_id="m", content="", path=Path("locked.png"), kind="image", text=None, settings=SETTINGS)
    with pytest.raises(BadMedia, match="Permission denied") as caught:
        item.preprocess_item(task)
    assert caught.value.reason == "unreadable"


def test_a_row_that_the_scan_could_not_read_is_a_failure_with_its_reason(tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    Image.new("RGB", (48, 48)).save(root / "fine.png")
    Image.new("RGB", (48, 48)).save(root / "odd.png")
    manifest = manifest_of(root)
    fine, odd = manifest.rows()
    odd = replace(odd, status="failed", reason="timeout: probing took too long")
    report = preprocess(from_rows([fine, odd], manifest.roots), SETTINGS, WorkFolder(tmp_path / "work"), workers=1)
    assert (report.given, report.done, report.failed) == (2, 1, {"tiny/odd.png": "timeout: probing took too long"})
