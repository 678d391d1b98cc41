"""Opens media containers, for every stage."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
from av.container import InputContainer

DECODING_ERRORS = (av.FFmpegError, ValueError)
"""Raised by PyAV for a file that it cannot read."""

# Text files of these formats name other files, and FFmpeg would read those, even outside the dataset's folder or on
# another machine.
PLAYLISTS = {"concat", "dash", "hls", "imf", "rtsp", "sdp"}


def open_container(path: Path) -> InputContainer:
    """The container of `path`, never of files that it names. Raises one of `DECODING_ERRORS`.

    Metadata in unknown encodings is ignored.
    """
    return av.open(str(path), metadata_errors="ignore", container_options={"format_whitelist": _list_formats()})


@cache
def _list_formats() -> str:
    return ",".join(sorted(av.formats_available - PLAYLISTS))
