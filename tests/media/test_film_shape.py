"""The film is the track that a player shows, upright, unmirrored and in its shape."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from rgb_readers import read_with_pyav
from tiny_media import numbered_frame, numbered_video, read_number, set_matrix

from unmask.core.errors import BadMedia
from unmask.media.orientation import scale_to_square_pixels
from unmask.media.timeline import Timeline, read_timeline
from unmask.media.video_readers import select_readers

# Where the corner that was top left is shown, for each matrix: (a, b, c, d) of x' = a x + c y, y' = b x + d y.
CORNERS = {
    (1, 0, 0, 1): (0, 0),
    (-1, 0, 0, 1): (0, -1),
    (1, 0, 0, -1): (-1, 0),
    (-1, 0, 0, -1): (-1, -1),
    (0, 1, -1, 0): (0, -1),
    (0, -1, 1, 0): (-1, 0),
    (0, 1, 1, 0): (0, 0),
    (0, -1, -1, 0): (-1, -1),
}


def timeline_of(path: Path) -> Timeline:
    return read_timeline(path, max_pixels=10**8, max_seconds=10**4)


@pytest.mark.parametrize("matrix", CORNERS)
def test_a_display_matrix_mirrors_and_turns_as_a_player_does(tmp_path, matrix):
    image = np.zeros((32, 64, 3), np.uint8)
    image[:8, :8] = 255
    path = set_matrix(_write(tmp_path / "film.mp4", image), tmp_path / "turned.mp4", matrix)
    timeline = timeline_of(path)
    frame = next(read_with_pyav(path, timeline, np.array([0])))
    row, column = CORNERS[matrix]
    expected = (64, 32) if matrix[0] == 0 else (32, 64)
    assert frame.shape[:2] == expected == (timeline.height, timeline.width)
    block = frame[slice(0, 6) if row == 0 else slice(-6, None), slice(0, 6) if column == 0 else slice(-6, None)]
    assert block.mean() > 200
    assert frame.mean() < 40
    assert select_readers(timeline) == (["pyav", "decord"] if matrix == (1, 0, 0, 1) else ["pyav"])


@pytest.mark.parametrize(("aspect", "size"), [("2/1", (32, 128)), ("1/2", (64, 64)), ("1/1", (32, 64))])
def test_pixels_are_made_square(tmp_path, aspect, size):
    path = _write(tmp_path / "film.mkv", np.zeros((32, 64, 3), np.uint8), aspect=Fraction(aspect))
    timeline = timeline_of(path)
    assert next(read_with_pyav(path, timeline, np.array([0]))).shape[:2] == size == (timeline.height, timeline.width)
    assert ("decord" in select_readers(timeline)) == (aspect == "1/1")


@pytest.mark.parametrize("aspect", [None, Fraction(0), Fraction(1, 100), Fraction(100), Fraction(1001, 1000)])
def test_an_aspect_that_is_unknown_broken_or_rounded_changes_nothing(aspect):
    assert scale_to_square_pixels(720, 576, aspect) == (720, 576)


def test_cover_art_is_no_video(tmp_path):
    path = tmp_path / "podcast.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        cover = _add_still(container)
        cover.disposition = av.stream.Disposition.attached_pic
        _encode_still(container, cover)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        block.sample_rate, block.pts = 16_000, 0
        container.mux(sound.encode(block))
        container.mux(sound.encode())
    with pytest.raises(BadMedia, match="no video track in it"):
        timeline_of(path)


def test_the_video_is_the_default_track_even_after_a_still(tmp_path):
    path = tmp_path / "two_tracks.mkv"
    with av.open(str(path), "w") as container:
        still = _add_still(container)
        still.disposition = av.stream.Disposition(0)
        film = container.add_stream("libx264", rate=25)
        film.height, film.width, film.pix_fmt = 64, 160, "yuv420p"
        film.disposition = av.stream.Disposition.default
        _encode_still(container, still)
        for number in range(20):
            container.mux(film.encode(av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")))
        container.mux(film.encode())
    timeline = timeline_of(path)
    numbers = [read_number(frame) for frame in read_with_pyav(path, timeline, np.arange(20))]
    assert numbers == list(range(20))
    assert select_readers(timeline) == ["pyav"]


def test_plain_videos_have_a_second_reader(tmp_path):
    assert select_readers(timeline_of(numbered_video(tmp_path / "plain.mp4", 5))) == ["pyav", "decord"]


def _write(path: Path, image: np.ndarray, *, aspect: Fraction | None = None) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def _add_still(container: av.container.OutputContainer) -> av.video.stream.VideoStream:
    still = container.add_stream("mjpeg", rate=25)
    still.height, still.width, still.pix_fmt = 64, 160, "yuvj420p"
    return still


def _encode_still(container: av.container.OutputContainer, still: av.video.stream.VideoStream) -> None:
    container.mux(still.encode(av.VideoFrame.from_ndarray(np.full((64, 160, 3), 99, np.uint8), format="rgb24")))
    container.mux(still.encode())
