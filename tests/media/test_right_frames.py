"""The frames that are asked for are those of a full decode, whatever the container, the codec and its structure."""

from __future__ import annotations

from itertools import islice, product
from pathlib import Path

import av
import numpy as np
import pytest
from numbered_films import COUNT, RATE, Comparison, Film, compare_with_full_decode, read_film, write_film
from rgb_readers import read_with_pyav
from tiny_media import numbered_frame, write_video

from unmask.media.timeline import read_timeline
from unmask.media.video_readers import select_readers
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.task import Task
from unmask.preprocess.worker import preprocess_item

# One film for each way in which a seek was seen to go astray.
SELECTION = (
    Film(codec="libx264", suffix="mp4"),
    Film(codec="libx264", suffix="mp4", kind="open_gop"),
    Film(codec="libx264", suffix="mp4", kind="intra_refresh"),
    Film(codec="libx264", suffix="mp4", kind="fragmented"),
    Film(codec="libx264", suffix="mkv", kind="cut"),
    Film(codec="libx264", suffix="ts", gop=50),
    Film(codec="libx264", suffix="ts", kind="joined"),
    Film(codec="libx264", suffix="avi", kind="copied"),
    Film(codec="libx264", suffix="h264"),
    Film(codec="libx265", suffix="ts", kind="cut"),
    Film(codec="mpeg2video", suffix="mpg", gop=50),
    Film(codec="mpeg2video", suffix="mpg", kind="joined"),
    Film(codec="mpeg4", suffix="avi"),
    Film(codec="mpeg4", suffix="mkv", kind="cut"),
)

# What the campaign tries: codec, containers, lengths of a group of pictures, B-frames, kinds.
PLANS = (
    ("libx264", ("mp4", "mov", "mkv", "ts", "mpg", "flv", "avi", "h264", "nut"), (12, 50), (0, 3), ("whole",)),
    ("libx264", ("mp4", "mkv", "ts"), (25,), (3,), ("open_gop", "intra_refresh", "intra_refresh_cut")),
    ("libx264", ("mp4", "mkv", "mov", "ts", "flv", "avi"), (25,), (2,), ("cut", "copied")),
    ("libx264", ("ts", "mpg", "mkv", "h264"), (25,), (2,), ("joined",)),
    ("libx264", ("mp4", "mov"), (12, 25), (2,), ("fragmented",)),
    ("libx265", ("mp4", "mkv", "ts", "h265"), (25,), (0, 3), ("whole",)),
    ("libx265", ("mp4", "mkv", "ts"), (25,), (3,), ("cut",)),
    ("libx265", ("ts",), (25,), (3,), ("joined",)),
    ("mpeg2video", ("mpg", "vob", "ts", "mkv", "m2v"), (12, 50), (0, 2), ("whole",)),
    ("mpeg2video", ("mpg", "vob", "ts"), (25,), (2,), ("cut", "joined")),
    ("mpeg1video", ("mpg",), (12, 50), (2,), ("whole", "cut", "joined")),
    ("mpeg4", ("avi", "mp4", "mkv", "m4v"), (25,), (0, 2), ("whole",)),
    ("mpeg4", ("avi", "mkv"), (25,), (2,), ("cut",)),
    ("libvpx", ("webm", "mkv"), (25,), (0,), ("whole",)),
    ("libvpx-vp9", ("webm", "mkv", "mp4"), (25,), (0,), ("whole",)),
    ("libsvtav1", ("mp4", "mkv"), (25,), (0,), ("whole",)),
    ("mjpeg", ("avi", "mov"), (1,), (0,), ("whole",)),
    ("ffv1", ("mkv",), (1,), (0,), ("whole",)),
    ("prores_ks", ("mov",), (1,), (0,), ("whole",)),
    ("wmv2", ("wmv",), (25,), (0,), ("whole",)),
    ("flv", ("flv",), (25,), (0,), ("whole",)),
)
CAMPAIGN = [
    Film(codec=codec, suffix=suffix, gop=gop, b_frames=b_frames, kind=kind)
    for codec, suffixes, gops, numbers, kinds in PLANS
    for suffix, gop, b_frames, kind in product(suffixes, gops, numbers, kinds)
]


@pytest.mark.parametrize("film", SELECTION, ids=lambda film: film.name)
def test_frames_are_those_of_a_full_decode(film, tmp_path):
    _skip_without_encoder(film)
    _check(film, compare_with_full_decode(write_film(tmp_path, film)))


@pytest.mark.campaign
def test_frames_are_those_of_a_full_decode_in_every_container(tmp_path):
    """Prints one line per film: `make frame-table`."""
    films = [film for film in CAMPAIGN if film.codec in av.codecs_available]
    assert len(films) >= 60
    failed = []
    print(f"\n{'film':44} {'frames':>6} {'first':>5} {'wrong':>5}  read")
    for film in films:
        found = compare_with_full_decode(write_film(tmp_path, film))
        print(f"{film.name:44} {len(found.numbers):6} {found.numbers[0]:5} {found.wrong:5}  {_describe(found)}")
        try:
            _check(film, found)
        except AssertionError as error:
            failed.append(f"{film.name}: {error}")
    print(f"{len(films)} films, {len(films) - len(failed)} right")
    assert not failed, "\n".join(failed)


def _check(film: Film, found: Comparison) -> None:
    times, numbers = found.timeline.times, found.numbers
    assert found.wrong == 0
    assert numbers == list(range(numbers[0], COUNT)), "a full decode should show all numbers to the last one"
    assert 0 < numbers[0] < COUNT * 2 / 3 if "cut" in film.kind else numbers[0] == 0
    assert (np.diff(times) > 0).all()
    if "cut" in film.kind and film.suffix in ("mpg", "vob"):
        return  # FFmpeg reads the times of frames before the first whole block a frame too early
    np.testing.assert_allclose(np.diff(times), 1 / RATE, atol=2e-3)
    assert found.timeline.end_s - found.timeline.start_s == pytest.approx(len(numbers) / RATE, abs=0.01)


def _describe(found: Comparison) -> str:
    if found.timeline.numbers is not None:
        return "counted in a full decode"
    return "from key frames" if len(found.timeline.keyframes) > 1 else "from the start"


def _skip_without_encoder(film: Film) -> None:
    if film.codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {film.codec}")


def test_frames_of_old_444_streams_are_those_of_a_full_decode(tmp_path):
    path = _write_444(tmp_path / "old.mp4")
    timeline = read_timeline(path, max_pixels=10**8, max_seconds=10**4)
    expected = _decode_from(path, timeline.pts[0])
    key = 12
    astray = _decode_from(path, timeline.pts[key])
    assert np.abs(astray[0].astype(int) - expected[key]).mean() > 5, "a seek should lead this decoder astray"
    assert select_readers(timeline) == ["pyav"]
    for late in ([key], [key + 1, key + 5], [25, 38]):
        frames = list(read_with_pyav(path, timeline, np.array(late)))
        np.testing.assert_array_equal(frames, [expected[at] for at in late])


def _decode_from(path: Path, tick: int) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        film = container.streams.video[0]
        film.codec_context.thread_count = 1
        if tick:
            container.seek(int(tick), stream=film)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(film)]


def _write_444(path: Path) -> Path:
    """4:4:4 by an x264 of 2015, as its note in the first packet says."""
    rng = np.random.default_rng(0)
    # Detail of all sizes, so that blocks of both transform sizes lie side by side.
    detail = [(size, rng.normal(0, size**0.8, (192 // size, 240 // size, 3))) for size in (48, 24, 12, 6, 3, 1)]
    image = np.sum([np.kron(values, np.ones((size, size, 1))) for size, values in detail], axis=0)
    image = ((image - image.min()) / np.ptp(image) * 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"g": "12", "crf": "10", "bf": "0"})
        stream.height, stream.width, stream.pix_fmt = 192, 240, "yuv444p"
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.roll(image, 2 * number, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = path.read_bytes()
    start = content.index(b"x264 - core ") + len(b"x264 - core ")
    path.write_bytes(content[:start] + b"148" + content[start + 3 :])
    return path


def test_real_444_videos_give_the_frames_of_a_full_decode(corpus):
    paths = sorted((corpus / "FaceForensics++").rglob("*.mp4"))[:3]
    assert paths
    for path in paths:
        timeline = read_timeline(path, max_pixels=10**8, max_seconds=10**4)
        late = np.array([260, 290])
        with av.open(str(path)) as container:
            frames = islice(container.decode(video=0), 291)
            expected = [frame.to_ndarray(format="rgb24") for at, frame in enumerate(frames) if at in late]
        np.testing.assert_array_equal(list(read_with_pyav(path, timeline, late)), expected)


# Frames of the damaged film.
SHOWN = [*range(40), *range(60, COUNT)]


def _write_damaged(folder: Path) -> Path:
    """A film whose frames from 40 to 60, the next key frame, do not decode."""
    path = write_film(folder, Film(codec="libvpx-vp9", suffix="mp4", gop=60))
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in [packet for packet in container.demux(video=0) if packet.size][40:60]:
            content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    return path


def test_ticks_that_do_not_decode_are_no_frames(tmp_path):
    path = _write_damaged(tmp_path)
    timeline, numbers = read_film(path, slice(None))
    assert numbers == SHOWN
    np.testing.assert_allclose(timeline.times, np.array(SHOWN) / RATE, atol=1e-3)
    assert read_film(path, slice(37, 41))[1] == SHOWN[37:41]
    assert read_film(path, slice(0, 20))[1] == SHOWN[:20]


def test_a_broadcast_whose_clock_is_set_forward_by_hours_goes_on_after_its_last_frame(tmp_path):
    parts = []
    for hours in (0, 10):
        part = write_video(
            tmp_path / "part.ts",
            [numbered_frame(k) for k in range(20)],
            [3_600_000 * hours + 40 * k for k in range(20)],
        )
        parts.append(part.read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    found = compare_with_full_decode(tmp_path / "joined.ts")
    assert (found.wrong, found.numbers) == (0, [*range(20), *range(20)])
    np.testing.assert_allclose(found.timeline.times, np.arange(40) * 0.04, atol=2e-3)


@pytest.mark.parametrize("rate", [24, 30])
def test_a_raw_stream_has_the_frame_rate_that_it_tells(tmp_path, rate):
    path = tmp_path / "raw.h264"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width, stream.pix_fmt = 64, 160, "yuv420p"
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")))
        container.mux(stream.encode())
    timeline, numbers = read_film(path, slice(None))
    assert numbers == list(range(12))
    np.testing.assert_allclose(timeline.times, np.arange(12) / rate, atol=1e-4)


def test_preprocessing_leaves_out_ticks_that_do_not_decode(tmp_path):
    path = _write_damaged(tmp_path)
    settings = PreprocessSettings(detector="none", clip_seconds=COUNT / RATE, frames_per_clip=COUNT)
    item = preprocess_item(Task(media_id="a", content="", path=path, kind="video", text=None, settings=settings))
    assert (item.reason, item.reader) == (None, "pyav")
    np.testing.assert_allclose(item.clips[0].face_times, np.array(SHOWN) / RATE, atol=1e-3)
