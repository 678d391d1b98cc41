"""Sampling is even over the whole window, times are the container's, and both readers give the same frames."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from rgb_readers import VIDEO_READERS
from tiny_media import numbered_frame, numbered_video, read_number, turn_in_header, write_video

from unmask.core.errors import BadMedia
from unmask.media.timeline import Timeline, read_timeline
from unmask.media.video_readers import ReaderFailed, select_readers
from unmask.preprocess import clip_frames as video
from unmask.preprocess.clip_frames import read_clips, select_frames
from unmask.preprocess.clip_windows import Window, plan_windows


def timeline_of(path: Path, *, max_pixels: int = 10**8, max_seconds: float = 10**4) -> Timeline:
    return read_timeline(path, max_pixels=max_pixels, max_seconds=max_seconds)


@pytest.fixture(params=VIDEO_READERS)
def reader(request):
    return VIDEO_READERS[request.param]


@pytest.fixture(scope="module")
def hundred(tmp_path_factory) -> Path:
    """100 numbered frames at 25 a second: four seconds."""
    return numbered_video(tmp_path_factory.mktemp("video") / "hundred.mp4", 100)


def test_both_readers_are_tested():
    assert list(VIDEO_READERS) == ["pyav", "decord"]


def test_frames_are_sampled_evenly_over_the_whole_clip_not_from_its_beginning(hundred, reader):
    timeline = timeline_of(hundred)
    positions = select_frames(timeline, Window(timeline.start_s, timeline.end_s), 8)
    numbers = [read_number(frame) for frame in reader(hundred, timeline, positions)]
    # Centres of eight parts of 4 s are 0.25, 0.75, ... 3.75 s; 25 frames a second.
    assert numbers == [6, 18, 31, 43, 56, 68, 81, 93]
    assert timeline.times[positions] == pytest.approx(np.array(numbers) * 0.04, abs=1e-3)
    assert timeline.end_s == pytest.approx(4.0, abs=1e-3)


def test_a_late_window_has_its_own_frames(hundred, reader):
    timeline = timeline_of(hundred)
    positions = select_frames(timeline, Window(3.0, 4.0), 5)
    assert [read_number(frame) for frame in reader(hundred, timeline, positions)] == [77, 82, 87, 92, 97]


def test_every_frame_can_be_requested(hundred, reader):
    timeline = timeline_of(hundred)
    frames = reader(hundred, timeline, np.arange(100))
    assert [read_number(frame) for frame in frames] == list(range(100))


def test_times_hold_for_a_variable_frame_rate(tmp_path, reader):
    # Two seconds at 10 frames a second, then two at 50: positions are not proportional to time.
    times = [100 * k for k in range(20)] + [2000 + 20 * k for k in range(100)]
    path = write_video(tmp_path / "variable.mp4", [numbered_frame(k) for k in range(120)], times)
    timeline = timeline_of(path)
    positions = select_frames(timeline, Window(0, 4), 4)
    # Moments 0.5, 1.5, 2.5, 3.5 s: frames 5 and 15 of the slow part, 25 and 75 of the fast one.
    assert [read_number(frame) for frame in reader(path, timeline, positions)] == [5, 15, 45, 95]
    assert timeline.times[positions] == pytest.approx([0.5, 1.5, 2.5, 3.5], abs=1e-3)


def test_video_that_starts_late_keeps_its_times(tmp_path, reader):
    sound = np.zeros(16_000 * 2, np.float32)
    path = write_video(
        tmp_path / "late.mp4", [numbered_frame(k) for k in range(25)], [500 + 40 * k for k in range(25)], sound=sound
    )
    timeline = timeline_of(path)
    assert timeline.start_s == pytest.approx(0.5, abs=0.002)
    assert read_number(next(reader(path, timeline, np.array([3])))) == 3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_very_short_clip_gives_each_of_its_frames_once(tmp_path, reader, count):
    path = numbered_video(tmp_path / "short.mp4", count)
    timeline = timeline_of(path)
    positions = select_frames(timeline, Window(timeline.start_s, timeline.end_s), 8)
    assert [read_number(frame) for frame in reader(path, timeline, positions)] == list(range(count))


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_rotation_in_the_header_is_applied(hundred, tmp_path, clockwise):
    turned = turn_in_header(hundred, tmp_path / "turned.mp4", clockwise)
    timeline = timeline_of(turned)
    assert select_readers(timeline) == ["pyav"]
    frame = next(VIDEO_READERS["pyav"](turned, timeline, np.array([37])))
    assert frame.shape[:2] == (timeline.height, timeline.width)
    assert read_number(np.rot90(frame, clockwise // 90)) == 37
    by_decord = next(VIDEO_READERS["decord"](turned, timeline, np.array([37])))
    np.testing.assert_array_equal(frame, by_decord)


@pytest.mark.parametrize(
    ("name", "pixels", "size"),
    [
        ("odd.mp4", "yuv444p", (63, 47)),
        ("full.mp4", "yuv444p", (64, 160)),
        ("film.mkv", "yuv420p", (64, 160)),
    ],
)
def test_both_readers_give_the_same_pixels(tmp_path, name, pixels, size):
    rng = np.random.default_rng(0)
    frames = [np.kron(rng.integers(0, 255, (8, 8, 3)), np.ones((30, 30, 1)))[: size[0], : size[1]] for _ in range(30)]
    path = tmp_path / name
    write_video(path, [frame.astype(np.uint8) for frame in frames], [40 * k for k in range(30)], pixels=pixels)
    timeline = timeline_of(path)
    positions = np.array([0, 7, 13, 29])
    one, two = (list(VIDEO_READERS[name](path, timeline, positions)) for name in ("decord", "pyav"))
    assert np.abs(np.stack(one).astype(int) - np.stack(two)).max() <= 1


def test_ten_bit_video_is_read_by_pyav_alone(tmp_path):
    path = numbered_video(tmp_path / "ten.mp4", 30, pixels="yuv420p10le")
    timeline = timeline_of(path)
    assert select_readers(timeline) == ["pyav"]
    frames = list(VIDEO_READERS["pyav"](path, timeline, np.array([3, 21])))
    assert [read_number(frame) for frame in frames] == [3, 21]
    assert np.abs(frames[1].astype(int) - numbered_frame(21)).mean() < 3


def test_clips_are_decoded_in_one_pass_even_if_they_overlap(hundred):
    timeline = timeline_of(hundred)
    picks = [select_frames(timeline, window, 10) for window in plan_windows(0, 4, clip_seconds=1.5, max_clips=4)]
    clips, name = read_clips(hundred, timeline, picks, lambda frames, _: [read_number(frame) for frame in frames])
    assert name == "pyav"
    assert clips == [pick.tolist() for pick in picks]
    assert clips[0][-1] > clips[1][0], "the windows of this test should overlap"


def test_the_second_reader_is_used_when_the_first_fails(hundred, monkeypatch):
    def broken(*_):
        raise ReaderFailed("it is having a bad day")
        yield

    monkeypatch.setitem(video.DECODERS, "pyav", broken)
    timeline = timeline_of(hundred)
    clips, name = read_clips(hundred, timeline, [np.array([1, 50])], lambda frames, _: list(map(read_number, frames)))
    assert (clips, name) == ([[1, 50]], "decord")


def test_a_file_that_no_reader_decodes_is_unreadable_and_all_reasons_are_listed(hundred, monkeypatch):
    def broken(*_):
        raise ReaderFailed("no")
        yield

    for name in VIDEO_READERS:
        monkeypatch.setitem(video.DECODERS, name, broken)
    with pytest.raises(BadMedia, match="no; no") as caught:
        read_clips(hundred, timeline_of(hundred), [np.array([1])], lambda frames, _: len(frames))
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("limits", "told"), [({"max_pixels": 100}, "160 x 64 pixels"), ({"max_seconds": 3.0}, "4 s long")]
)
def test_a_video_over_the_limits_is_refused_before_it_is_decoded(hundred, limits, told):
    with pytest.raises(BadMedia, match=told) as caught:
        timeline_of(hundred, **limits)
    assert caught.value.reason == "refused"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_truncated_video_is_unreadable(tmp_path, share):
    # The index comes first here, so the file opens and promises all its frames.
    whole = numbered_video(tmp_path / "whole.mp4", 200, options={"movflags": "faststart"})
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    with pytest.raises(BadMedia) as caught:
        timeline_of(cut)
    assert caught.value.reason == "unreadable"


def test_real_videos_give_the_same_frames_in_both_readers(corpus):
    for path in sorted(corpus.rglob("*.mp4"))[::9]:
        with av.open(str(path)) as container:
            if container.streams.video[0].codec_context.width > 1000:
                continue
        timeline = timeline_of(path)
        positions = select_frames(timeline, Window(timeline.start_s, timeline.end_s), 3)
        one, two = (list(VIDEO_READERS[name](path, timeline, positions)) for name in ("decord", "pyav"))
        assert np.abs(np.stack(one).astype(int) - np.stack(two)).max() <= 1, path
