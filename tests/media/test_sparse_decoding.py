"""Skipping non-reference frames changes no pixel of the other frames."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from rgb_readers import read_with_decord, read_with_pyav
from tiny_media import numbered_frame, numbered_video, read_number, write_video

from unmask.media import video_readers as readers
from unmask.media.timeline import Timeline, read_timeline
from unmask.preprocess.clip_frames import select_frames
from unmask.preprocess.clip_windows import Window


def timeline_of(path: Path) -> Timeline:
    return read_timeline(path, max_pixels=10**8, max_seconds=10**4)


@pytest.fixture(scope="module")
def ahead(tmp_path_factory) -> Path:
    return numbered_video(tmp_path_factory.mktemp("sparse") / "ahead.mp4", 100)


@pytest.fixture
def in_full(monkeypatch) -> list[int]:
    """How many frames were left to decoding in full, one number a call."""
    calls, decode = [], readers._decode

    def counted(path, timeline, ticks, *, sparsely=False, from_key=True):
        if not sparsely:
            calls.append(len(ticks))
        return decode(path, timeline, ticks, sparsely=sparsely, from_key=from_key)

    monkeypatch.setattr(readers, "_decode", counted)
    return calls


def test_the_test_video_has_non_reference_frames(ahead):
    with av.open(str(ahead)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONREF"
        assert sum(1 for _ in container.decode(video=0)) < 80


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 50])
def test_any_frames_equal_those_of_full_decoding(ahead, in_full, step):
    timeline = timeline_of(ahead)
    positions = np.arange(step - 1, 100, step)
    frames = list(read_with_pyav(ahead, timeline, positions))
    assert in_full == []
    assert [read_number(frame) for frame in frames] == positions.tolist()
    np.testing.assert_array_equal(frames, list(read_with_decord(ahead, timeline, positions)))


def test_the_first_and_the_last_frame_are_decoded_too(ahead, in_full):
    timeline = timeline_of(ahead)
    frames = read_with_pyav(ahead, timeline, np.array([0, 99]))
    assert ([read_number(frame) for frame in frames], in_full) == ([0, 99], [])


def test_decoding_begins_at_the_last_key_frame_before_a_late_clip(ahead, monkeypatch, in_full):
    timeline, seeks = timeline_of(ahead), []
    key, next_key = timeline.keyframes[-2:].tolist()
    positions = np.searchsorted(timeline.pts, [key, next_key]) + 1
    monkeypatch.setattr(readers, "open_container", lambda path: _Watched(av.open(str(path)), seeks))
    assert [read_number(frame) for frame in read_with_pyav(ahead, timeline, positions)] == positions.tolist()
    assert (seeks, in_full) == ([key, next_key], [])


class _Watched:
    """A container that notes where it is moved to."""

    def __init__(self, container, seeks):
        self._container, self._seeks = container, seeks

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._container.close()

    def __getattr__(self, name):
        return getattr(self._container, name)

    def seek(self, offset, **options):
        self._seeks.append(offset)
        self._container.seek(offset, **options)


def test_frames_that_fail_to_arrive_are_decoded_in_full(ahead, in_full, monkeypatch):
    decode, timeline = readers._decode_packets, timeline_of(ahead)

    def forgetful(packets, stream, only=None):
        return (frame for frame in decode(packets, stream, only) if only is None or frame.pts != timeline.pts[41])

    monkeypatch.setattr(readers, "_decode_packets", forgetful)
    positions = np.array([3, 20, 41, 60, 90])
    numbers = [read_number(frame) for frame in read_with_pyav(ahead, timeline, positions)]
    assert (numbers, in_full) == (positions.tolist(), [3])


@pytest.mark.parametrize(("name", "codec"), [("old.mp4", "mpeg4"), ("web.webm", "libvpx-vp9"), ("new.mp4", "libx265")])
def test_other_codecs_are_decoded_in_full(tmp_path, in_full, name, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = _written(tmp_path / name, codec)
    positions = np.array([4, 11, 23])
    numbers = [read_number(frame) for frame in read_with_pyav(path, timeline_of(path), positions)]
    assert (numbers, in_full) == ([4, 11, 23], [3])


def _written(path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = numbered_frame(0).shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_times_between_the_frames_do_not_matter(tmp_path, in_full):
    times = [100 * k for k in range(20)] + [2000 + 20 * k for k in range(60)]
    path = write_video(tmp_path / "variable.mp4", [numbered_frame(k) for k in range(80)], times)
    timeline = timeline_of(path)
    positions = np.array([1, 6, 19, 20, 33, 79])
    assert [read_number(frame) for frame in read_with_pyav(path, timeline, positions)] == positions.tolist()
    assert in_full == []


def test_real_videos_give_the_very_same_pixels_as_decord(corpus):
    tested = 0
    for path in sorted(corpus.rglob("*.mp4"))[2::6]:
        timeline = timeline_of(path)
        if timeline.width * timeline.height > 10**6:
            continue
        positions = select_frames(timeline, Window(timeline.start_s, timeline.end_s), 5)
        ours, theirs = (list(read(path, timeline, positions)) for read in (read_with_pyav, read_with_decord))
        np.testing.assert_array_equal(ours, theirs)
        tested += 1
    assert tested >= 5
