"""The content of a file decides whether it is an image, audio or video, not its suffix."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from unmask.core.errors import BadMedia
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.custom_folder import scan as scan_folder
from unmask.manifests.datasets.custom_table import scan as scan_table
from unmask.manifests.manifest import MediaRow
from unmask.manifests.scan.probe import probe_rows
from unmask.manifests.scan.single_files import make_file_manifest
from unmask.media.file_type import explain_type, identify, identify_file

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8))
TONE = np.sin(np.arange(8000) / 8).astype(np.float32) / 2


def write_stream(path: Path, form: str, *, video: str | None = None, audio: str | None = None) -> None:
    with av.open(str(path), "w", format=form) as container:
        if video:
            film = container.add_stream(video, rate=25)
            film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        if audio:
            sound = container.add_stream(audio, rate=16_000, layout="mono")
        if video:
            for number in range(10):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8))
                container.mux(film.encode(frame.reformat(format="yuv420p")))
            container.mux(film.encode(None))
        if audio:
            frame = av.AudioFrame.from_ndarray(TONE[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
            resampler = av.AudioResampler(sound.format, sound.layout, sound.rate, frame_size=sound.frame_size or 1024)
            for piece in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))


IMAGES = ("jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", "jpeg2000", "ppm")
SOUND_FILES = ("WAV", "AIFF", "FLAC", "OGG", "MP3", "CAF", "AU", "W64")
SOUND_STREAMS = {
    "m4a": ("mp4", "aac"),
    "m4b": ("ipod", "aac"),
    "mka": ("matroska", "aac"),
    "weba": ("webm", "libopus"),
    "opus": ("ogg", "libopus"),
    "wma": ("asf", "libmp3lame"),
    "aac": ("adts", "aac"),
    "sound.mp4": ("mp4", "aac"),
    "sound.webm": ("webm", "libopus"),
    "sound.mkv": ("matroska", "aac"),
    "sound.ts": ("mpegts", "aac"),
    "sound.flv": ("flv", "aac"),
}
FILMS = {
    "mp4": ("mp4", "libx264"),
    "mov": ("mov", "libx264"),
    "mkv": ("matroska", "libx264"),
    "webm": ("webm", "libvpx"),
    "avi": ("avi", "mpeg4"),
    "3gp": ("3gp", "mpeg4"),
    "flv": ("flv", "flv"),
    "ts": ("mpegts", "libx264"),
    "m2ts": ("mpegts", "mpeg2video"),
    "mpg": ("mpeg", "mpeg2video"),
    "wmv": ("asf", "wmv2"),
}


def write_every_format(folder: Path) -> dict[str, str]:
    """Name of each file, without a suffix -> its kind."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {}
    for name in IMAGES:
        PICTURE.save(folder / f"image_{name}", format=name)
        kinds[f"image_{name}"] = "image"
    for name in SOUND_FILES:
        soundfile.write(folder / f"sound_{name}", TONE, 16_000, format=name)
        kinds[f"sound_{name}"] = "audio"
    for name, (form, codec) in SOUND_STREAMS.items():
        write_stream(folder / f"stream_{name.replace('.', '_')}", form, audio=codec)
        kinds[f"stream_{name.replace('.', '_')}"] = "audio"
    for name, (form, codec) in FILMS.items():
        write_stream(folder / f"film_{name}", form, video=codec)
        kinds[f"film_{name}"] = "video"
    # 20 ms of silence per frame of 31 bytes and its mode.
    (folder / "sound_amr").write_bytes(b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50)
    return {**kinds, "sound_amr": "audio"}


@pytest.fixture(scope="module")
def formats(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("formats") / "mine"
    return folder, write_every_format(folder / "fake")


def probe(rows: list[MediaRow], root: Path) -> dict[str, MediaRow]:
    found = probe_rows([(row, root / row.path) for row in rows], total=len(rows), workers=1)
    return {row.path.rpartition("/")[2]: row for row in found}


def test_files_without_a_suffix_are_known_by_their_content(formats):
    root, kinds = formats
    rows = probe(scan_folder(root, "mine", 9).rows, root)
    assert {name: row.kind for name, row in rows.items()} == kinds
    assert {name: row.reason for name, row in rows.items() if row.reason} == {}
    for row in rows.values():
        flags = {"image": (True, None), "audio": (None, True), "video": (None, None)}[row.kind]
        assert (row.video_fake, row.audio_fake) == flags


@pytest.mark.parametrize("suffix", [".jpg", ".mp3", ".mp4"])
def test_a_wrong_suffix_changes_nothing(formats, tmp_path, suffix):
    root, kinds = formats
    (tmp_path / "real").mkdir()
    for name in kinds:
        (tmp_path / "real" / f"{name}{suffix}").write_bytes((root / "fake" / name).read_bytes())
    rows = probe(scan_folder(tmp_path, "mine", 9).rows, tmp_path)
    assert {name.removesuffix(suffix): row.kind for name, row in rows.items()} == kinds
    assert {row.reason for row in rows.values()} == {None}


def test_text_and_other_files_without_a_suffix_are_no_rows(tmp_path):
    (tmp_path / "real").mkdir()
    others = {
        "README": b"ID3 is what MP3 files call their tags.\n",
        "LICENSE": b"MAC and BM are no signatures here, P6 either.\n",
        "labels": b"a.png,1\nb.png,0\n",
        "archive": b"PK\x03\x04" + bytes(100),
        "weights.bin": np.random.default_rng(0).bytes(5000),
        "index.ts": b"export const frames: number[] = []\n",
        "short": b"\xff\xd8",
        "video.mp4.part": b"\0\0\0\x18ftypisom" + bytes(100),
        "notes.txt": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    for name, content in others.items():
        (tmp_path / "real" / name).write_bytes(content)
    PICTURE.save(tmp_path / "real" / "a.png")
    scanned = scan_folder(tmp_path, "mine", 9)
    assert [row.path for row in scanned.rows] == ["real/a.png"]
    assert scanned.reasons == {"not media": len(others) - 1, "incomplete download": 1}


def test_a_file_without_a_suffix_has_its_sidecar(tmp_path):
    (tmp_path / "real").mkdir()
    for name in ("plain", "take_1.5_final"):
        soundfile.write(tmp_path / "real" / name, TONE, 16_000, format="WAV")
        (tmp_path / "real" / f"{name}.txt").write_text(f"words of {name}")
    rows = scan_folder(tmp_path, "mine", 9).rows
    assert [row.text for row in rows] == ["words of plain", "words of take_1.5_final"]
    files = make_file_manifest([tmp_path / "real" / "plain", tmp_path / "real" / "take_1.5_final"])
    assert [row.text for row in files.rows()] == ["words of plain", "words of take_1.5_final"]


def test_a_known_suffix_is_listed_without_opening_the_file(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    PICTURE.save(tmp_path / "real" / "a.png")
    (tmp_path / "real" / "a.txt.bak").write_text("words")
    monkeypatch.setattr("unmask.media.media_kind.identify_file", lambda path: pytest.fail(f"opened {path}"))
    (tmp_path / "real" / "a.txt.bak").unlink()
    assert len(scan_folder(tmp_path, "mine", 9).rows) == 1


OTHERS = {
    "page.jpg": (b"<!doctype html><html></html>" + b" " * 50, "unsupported: its content is an HTML page"),
    "pointer.mp4": (
        b"version https://git-lfs.github.com/spec/v1\n" + b"x" * 50,
        "unsupported: its content is a Git",
    ),
    "picture.jxl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "unsupported: JPEG XL"),
    "noise.mp4": (bytes([1, 2, 3, 250] * 500), "unsupported: its content is of no known"),
    "noise.wav": (bytes([1, 2, 3, 250] * 500), "unsupported: its content is of no known"),
    "zeros.wav": (bytes(5000), "unreadable: "),
    "cut.png": (b"\x89PNG\r\n\x1a\n\0\0", "unreadable: "),
    "cut.wav": (b"RIFF\xff\0\0\0WAVEfmt ", "unreadable: "),
    "cut.mkv": (b"\x1a\x45\xdf\xa3" + bytes(60), "unreadable: "),
    "empty.mp4": (b"", "unreadable: the file is empty"),
}


def test_an_unknown_format_is_unsupported_and_a_damaged_file_unreadable(tmp_path):
    (tmp_path / "real").mkdir()
    for name, (content, _) in OTHERS.items():
        (tmp_path / "real" / name).write_bytes(content)
    rows = probe(scan_folder(tmp_path, "mine", 9).rows, tmp_path)
    for name, (_, reason) in OTHERS.items():
        assert rows[name].status == "failed"
        assert (rows[name].reason or "").startswith(reason), rows[name].reason


def test_published_datasets_keep_their_kind(tmp_path, make_tree):
    root = make_tree("Celeb-real/id1_0000.mp4", "Celeb-real/id2_0000.mp4")
    write_stream(root / "Celeb-real/id1_0000.mp4", "mp4", audio="aac")
    write_stream(root / "Celeb-real/id2_0000.mp4", "matroska", video="libx264", audio="aac")
    rows = probe(LAYOUTS["celeb_df"].scan(root).rows, root)
    assert rows["id1_0000.mp4"].reason == "unreadable: its content is audio, not video. Get the file again or remove it"
    assert (rows["id2_0000.mp4"].kind, rows["id2_0000.mp4"].reason) == ("video", None)


def test_a_label_counts_for_the_part_that_a_file_has(tmp_path):
    for number in range(4):
        write_stream(tmp_path / f"{number}.mp4", "mp4", audio="aac")
    lines = ["path,label,video_fake,audio_fake", "0.mp4,1,1,1", "1.mp4,1,1,0", "2.mp4,0,,", "3.mp4,1,1,"]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    rows = probe(scan_table(tmp_path / "mine.csv", "mine", 9).rows, tmp_path)
    assert [row.kind for row in rows.values()] == ["audio", "video", "audio", "audio"]
    assert [row.audio_fake for row in rows.values()] == [True, False, False, None]
    assert "its label does not describe" in (rows["1.mp4"].reason or "")


def test_a_table_may_list_files_of_any_suffix(tmp_path):
    PICTURE.save(tmp_path / "picture", format="PNG")
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7" + bytes(50))
    (tmp_path / "mine.csv").write_text("path,label\npicture,0\npaper.pdf,1\nmissing.xyz,1\n")
    rows = probe(scan_table(tmp_path / "mine.csv", "mine", 9).rows, tmp_path)
    reasons = {name: (row.reason or "ok").partition(":")[0] for name, row in rows.items()}
    assert reasons == {"picture": "ok", "paper.pdf": "unsupported", "missing.xyz": "vanished"}


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "podcast.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 48, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for piece in cover.encode(av.VideoFrame.from_image(PICTURE).reformat(format="yuvj420p")):
            container.mux(piece)
        frame = av.AudioFrame.from_ndarray(TONE[None, :1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert [(row.kind, row.reason) for row in make_file_manifest([path]).rows()] == [("audio", None)]


def test_a_later_scan_keeps_the_kind(formats):
    root, _ = formats
    rows = [row for row in scan_folder(root, "mine", 9).rows if row.path == "fake/stream_sound_mp4"]
    assert [row.kind for row in rows] == ["video"]  # what the first bytes say
    assert [row.kind for row in probe(rows, root).values()] == ["audio"]


@pytest.mark.parametrize("text", ["P6 or BM, said the ID3 tag", "RIFF and WAVE", "GIF89a is older than PNG", "caff"])
def test_text_is_text(text):
    found = identify((text + ", and so on\n").encode() * 20)
    assert found is not None
    assert found.kind is None


def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path):
    assert identify_file(tmp_path / "missing") is None
    error = explain_type(tmp_path / "missing", None)
    assert isinstance(error, BadMedia)
    assert error.reason == "unreadable"
