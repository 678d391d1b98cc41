"""Who looks for faces in this process: its own networks, or a service (service.py) that has a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Client, Connection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import DetectorGone

if TYPE_CHECKING:  # it loads the networks' libraries, which nobody needs who asks a service
    from unmask.preprocess.faces.mtcnn import Cascade

Views = list[NDArray[np.uint8]]
"""(F, H, W, 3) RGB each: frames, then the same frames in every size of the pyramid, the largest first."""

# A batch takes well under a second: who waits so long, waits for a service that hangs.
ANSWER_WITHIN_S = 60.0

HINT = "Run the same command again: finished shards are kept. `--device cpu` looks for faces without the service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All faces of one frame, the largest first."""

    boxes: NDArray[np.float32]
    """(K, 4) x0, y0, x1, y1 in pixels."""
    landmarks: NDArray[np.float32]
    """(K, 5, 2) eyes, nose, mouth corners, in pixels."""
    confidence: NDArray[np.float32]
    """(K,) 0..1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for. Requests of equal search and frame size are answered in one batch."""

    smallest: float
    """Pixels of the smallest face."""
    thresholds: tuple[float, float, float]
    """Of the three networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a service listens, and the key that it wants to see."""

    path: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """What a service answers when it cannot."""

    text: str


_service: Address | None = None


def use_service(address: Address | None) -> None:
    """From now on faces are looked for there; None: in this process."""
    global _service
    _service = address
    _connection.cache_clear()


def find_faces(frames: NDArray[np.uint8], search: Search) -> list[Found]:
    """Faces of each of `frames` (F, H, W, 3) uint8 RGB. `DetectorGone` when the service is in use and not there."""
    from unmask.preprocess.faces.image_pyramid import views_of  # not at the top: it loads torch

    views = views_of(frames, search.smallest)
    if _service is None:
        found: list[Found] = _own().find(views, search)
        return found
    try:
        connection = _connection(_service)
        connection.send((views, search))
        if not connection.poll(ANSWER_WITHIN_S):
            raise DetectorGone(f"no answer from the face detection service within {ANSWER_WITHIN_S:g} s", HINT)
        answer: list[Found] | Problem = connection.recv()
    except (OSError, EOFError) as error:
        raise DetectorGone(f"the face detection service is gone ({type(error).__name__}: {error})", HINT) from error
    if isinstance(answer, Problem):
        raise DetectorGone(f"the face detection service failed: {answer.text}", HINT)
    return answer


@cache
def _own() -> Cascade:
    from unmask.preprocess.faces.mtcnn import Cascade

    return Cascade("cpu")


@cache
def _connection(address: Address) -> Connection:
    return Client(address.path, "AF_UNIX", authkey=address.key)
