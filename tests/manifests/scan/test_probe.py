"""Headers of small real files, and files that are broken in every way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from deadly_probe import probe_deadly_chunk
from PIL import Image
from raised_errors import RAISED, raise_named

from unmask.core.hashing import hash_quickly
from unmask.manifests.manifest import MediaRow, from_rows
from unmask.manifests.scan import probe
from unmask.manifests.scan.probe import probe_file, probe_rows


def write_video(path: Path, *, frames: int = 12, sound: bool = True) -> None:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for _ in range(frames):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8))))
        container.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


def row(path: str, kind: str = "image") -> MediaRow:
    return MediaRow(
        media_id=path,
        dataset="mine",
        domain_id=9,
        path=path,
        kind=kind,
        label=0,  # type: ignore[arg-type]
    )


def test_a_videos_header_tells_both_streams(tmp_path):
    write_video(tmp_path / "a.mp4")
    found = probe_file(tmp_path / "a.mp4", "video")
    assert (found.width, found.height, found.fps, found.frames) == (64, 48, 25.0, 12)
    assert (found.video_codec, found.audio_codec, found.sample_rate, found.channels) == ("h264", "aac", 16_000, 1)
    assert found.duration_s == pytest.approx(0.48, abs=0.05)
    assert "mp4" in (found.container or "")
    assert (found.bytes, found.content) == ((tmp_path / "a.mp4").stat().st_size, hash_quickly(tmp_path / "a.mp4"))
    assert found.reason is None


def test_a_silent_video_has_no_audio_fields(tmp_path):
    write_video(tmp_path / "a.mkv", sound=False)
    found = probe_file(tmp_path / "a.mkv", "video")
    assert (found.audio_codec, found.sample_rate, found.channels) == (None, None, None)
    assert found.frames is None  # Matroska's header does not say, and counting would mean reading it all


@pytest.mark.parametrize(("name", "container", "codec"), [("a.wav", "wav", "pcm_16"), ("a.flac", "flac", "pcm_16")])
def test_a_recordings_header_tells_rate_channels_and_duration(tmp_path, name, container, codec):
    soundfile.write(tmp_path / name, np.zeros((4_000, 2), np.int16), 8_000)
    found = probe_file(tmp_path / name, "audio")
    assert (found.sample_rate, found.channels, found.duration_s) == (8_000, 2, 0.5)
    assert (found.container, found.audio_codec, found.width) == (container, codec, None)


def test_audio_that_libsndfile_cannot_read_is_read_by_ffmpeg(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_384), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    found = probe_file(tmp_path / "a.m4a", "audio")
    assert (found.audio_codec, found.sample_rate, found.video_codec) == ("aac", 16_000, None)


def test_an_images_header_tells_size_and_format_whatever_its_suffix(tmp_path):
    Image.new("RGB", (31, 17)).save(tmp_path / "a.jpg", format="PNG")
    found = probe_file(tmp_path / "a.jpg", "image")
    assert (found.width, found.height, found.container) == (31, 17, "png")


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "image"), ("a.wav", "audio"), ("a.mp4", "video")])
@pytest.mark.parametrize(
    "content", [b"", b"not media at all", np.random.default_rng(0).bytes(5_000)], ids=["empty", "text", "noise"]
)
def test_what_is_no_media_has_a_reason_and_a_problem(tmp_path, name, kind, content):
    (tmp_path / name).write_bytes(content)
    found = probe_file(tmp_path / name, kind)
    assert found.reason is not None
    assert found.reason.startswith("unsupported: its content is " if content else "unreadable: the file is empty")
    assert found.bytes == len(content)


def test_a_file_with_audio_alone_is_audio_unless_video_was_asked_for(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(800, np.int16), 8_000)
    (tmp_path / "a.wav").rename(tmp_path / "a.mp4")
    found = probe_file(tmp_path / "a.mp4", "video")
    assert (found.kind, found.container, found.reason) == ("audio", "wav", None)
    assert "its content is audio, not video" in (probe_file(tmp_path / "a.mp4", "video", is_fixed=True).reason or "")


def test_a_missing_file_has_vanished(tmp_path):
    reason = probe_file(tmp_path / "a.jpg", "image").reason
    assert reason is not None
    assert reason.startswith("vanished: ")


def test_rows_keep_their_order_over_many_chunks(tmp_path):
    names = [f"{n:03}.png" for n in range(probe.CHUNK * 2 + 5)]
    for number, name in enumerate(names):
        if number % 7:
            Image.new("L", (number + 1, 1)).save(tmp_path / name)
    found = list(probe_rows(((row(name), tmp_path / name) for name in names), total=len(names), workers=2))
    assert [r.path for r in found] == names
    assert [r.width for r in found] == [n + 1 if n % 7 else None for n in range(len(names))]
    assert [r.status for r in found] == ["ok" if n % 7 else "failed" for n in range(len(names))]


def _read_with_crashes(chunk: probe.Chunk) -> list[probe.Probe]:
    """`probe_chunk` in a worker whose image reader raises the exception that a file is called after."""
    read = probe.READERS["image"]

    def reader(path: Path) -> dict[str, object]:
        raise_named(path.name)
        return {"width": 2**40} if path.name == "huge.png" else read(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(probe.READERS, "image", reader)
        return probe.probe_chunk(chunk)


def test_whatever_a_reader_raises_costs_one_file(tmp_path, monkeypatch):
    names = ["huge.png", *(name for raised in RAISED for name in (raised, f"after {raised}.png"))]
    for name in names:
        Image.new("L", (2, 2)).save(tmp_path / name, format="png")
    monkeypatch.setattr(probe, "probe_chunk", _read_with_crashes)
    pairs = ((row(name), tmp_path / name) for name in names)
    found = list(probe_rows(pairs, total=len(names), workers=2))
    assert [r.path for r in found] == names
    for r in found:
        assert r.status == ("failed" if r.path in {*RAISED, "huge.png"} else "ok")
        assert r.status == "ok" or str(r.reason).startswith(("crashed: ", "unreadable: "))
    from_rows(found, {"mine": str(tmp_path)})  # every reason and number can be stored


def test_a_crash_and_a_hang_cost_one_file_each(tmp_path, monkeypatch):
    names = ["a.png", "b.png", "crash.png", "d.png", "hang.png", "f.png"]
    for name in names:
        Image.new("L", (2, 2)).save(tmp_path / name)
    monkeypatch.setattr(probe, "probe_chunk", probe_deadly_chunk)
    monkeypatch.setattr(probe, "CHUNK", 3)
    monkeypatch.setattr(probe, "TIMEOUT_S", 5.0)
    found = list(probe_rows(((row(name), tmp_path / name) for name in names), total=6, workers=2))
    reasons = {r.path: (r.reason or "ok").partition(":")[0] for r in found}
    assert reasons == dict.fromkeys(names, "ok") | {"crash.png": "crashed", "hang.png": "timeout"}
