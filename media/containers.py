"""How a recording is opened, by every stage."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
from av.container import InputContainer

# A text file in one of these formats names other files, and FFmpeg would play those: also such as lie outside the
# data's folder, or on another machine.
PLAYLISTS = {"concat", "dash", "hls", "imf", "rtsp", "sdp"}


def opened(path: Path) -> InputContainer:
    """The file itself, never others that it names. `av.FFmpegError` or ValueError when it is no recording.

    Titles and comments in unknown encodings do not make a file unreadable.
    """
    return av.open(str(path), metadata_errors="ignore", container_options={"format_whitelist": _whitelist()})


@cache
def _whitelist() -> str:
    return ",".join(sorted(av.formats_available - PLAYLISTS))
