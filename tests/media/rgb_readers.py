"""The decoders with every frame in RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.media.timeline import Timeline
from unmask.media.video_readers import DECODERS, Decoder, Frame

Reader = Callable[[Path, Timeline, NDArray[np.int64]], Iterator[Frame]]


def read_rgb(decode: Decoder, path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    return (decoded.rgb() for decoded in decode(path, timeline, positions))


VIDEO_READERS: dict[str, Reader] = {name: partial(read_rgb, decode) for name, decode in DECODERS.items()}
read_with_pyav, read_with_decord = VIDEO_READERS["pyav"], VIDEO_READERS["decord"]
