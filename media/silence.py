"""What a recording says without being listened to: how long it is and how long it is silent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FACTS = ("duration_s", "leading_s", "trailing_s", "silent_share")

FRAME_SECONDS = 0.01
# Against the loudest 10 ms: quieter than any speech sound, louder than the noise floor of most recordings.
SILENT_BELOW_DB = -40.0


def silence_facts(parts: Sequence[NDArray[np.int16]], duration_s: float, sample_rate: int) -> tuple[float, ...]:
    """`FACTS` of one recording from its clips' samples, mono, in the order of time; NaN where it has no sound.

    A recording longer than its clips is known by its first and last clip, which hold its beginning and end.
    """
    return facts_of_levels([levels(part, sample_rate) for part in parts if len(part)], duration_s)


def facts_of_levels(levels: Sequence[NDArray[np.float64]], duration_s: float) -> tuple[float, ...]:
    """The same from the `levels` of each part."""
    if not levels:
        return (float("nan"),) * len(FACTS)
    limit = max(float(level.max()) for level in levels) * 10 ** (SILENT_BELOW_DB / 20)
    silent = [level <= limit for level in levels]
    leading, trailing = _run(silent[0]), _run(silent[-1][::-1])
    share = float(np.concatenate(silent).mean())
    return duration_s, leading * FRAME_SECONDS, trailing * FRAME_SECONDS, share


def levels(samples: NDArray[np.int16] | NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """(F,) root mean square of each 10 ms of (S,) samples, S > 0."""
    width = frame_width(sample_rate)
    whole = samples[: max(1, len(samples) // width) * width].astype(np.float64)
    frames = whole.reshape(-1, width) if len(whole) >= width else whole[None]
    level: NDArray[np.float64] = np.sqrt((frames**2).mean(axis=1))
    return level


def frame_width(sample_rate: int) -> int:
    """Samples in 10 ms."""
    return max(1, round(sample_rate * FRAME_SECONDS))


def _run(silent: NDArray[np.bool_]) -> int:
    """Frames before the first that is not silent."""
    return len(silent) if silent.all() else int(np.argmin(silent))
