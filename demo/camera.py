"""Films a head in a scene: draws each state of the face once, then only moves it from frame to frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.demo.drawing import Field
from unmask.demo.head import BOTTOM, LEFT, RIGHT, TOP
from unmask.demo.identities import Person
from unmask.demo.scenes import Frame, Pose, Scene, body

# Steps of the mouth and the lids: few enough that a clip draws each state once and reuses it.
MOUTH_STEPS, LID_STEPS = 10, 4
# Cells of the grid by which the head is warped, along either side.
MESH = 5


class Actor(Protocol):
    """A head, true (faces.Head) or forged (forgeries.ForgedHead)."""

    flickers: int
    """How many versions of each state there are, shown in turn."""

    def layer(self, mouth: float, lids: float, flicker: int = 0) -> Field: ...


class Camera:
    """Films an actor in a scene; `who` wears the clothes, `alter` changes each picture before the sensor's grain."""

    def __init__(
        self,
        scene: Scene,
        actor: Actor,
        who: Person,
        rng: np.random.Generator,
        alter: Callable[[Frame], Frame] = lambda frame: frame,
    ) -> None:
        self._scene, self._actor, self._rng, self._alter = scene, actor, rng, alter
        self._layers: dict[tuple[int, int, int], Image.Image] = {}
        self._columns, self._rows = _mesh(scene)
        self._body = body(scene, who)
        noise = rng.standard_normal((scene.height + 31, scene.width + 31, 3), dtype=np.float32)
        self._noise = np.rint(noise * scene.grain).astype(np.int16)

    def film(self, times: NDArray[np.float64], mouth: Field) -> Iterator[Frame]:
        """One frame for each time (seconds into the recording) with the mouth opened as far as `mouth` says (0..1)."""
        for index, (t, opening) in enumerate(zip(times, mouth, strict=True)):
            yield self._frame(float(t), float(opening), index % self._actor.flickers)

    def _frame(self, t: float, opening: float, flicker: int) -> Frame:
        scene = self._scene
        head = self._warped(self._layer(opening, scene.lids(t), flicker), scene.pose(t)).convert("RGBA")
        top, shoulders = self._body
        picture = scene.background.copy()
        picture.paste(head, (int(self._columns[0]), int(self._rows[0])), head)
        picture.paste(shoulders, (0, top), shoulders)
        down, right = (int(offset) for offset in self._rng.integers(32, size=2))
        noise = self._noise[down : down + scene.height, right : right + scene.width]
        # The grain comes last, on true and forged pictures alike: how well a file compresses must not tell the label.
        frame: Frame = np.clip(self._alter(np.asarray(picture)) + noise, 0, 255).astype(np.uint8)
        return frame

    def _layer(self, opening: float, lids: float, flicker: int) -> Image.Image:
        key = round(opening * MOUTH_STEPS), round(lids * LID_STEPS), flicker
        if key not in self._layers:
            drawn = self._actor.layer(key[0] / MOUTH_STEPS, key[1] / LID_STEPS, flicker)
            pixels = np.rint(np.clip(drawn, 0, 1) * 255).astype(np.uint8)
            size = (pixels.shape[1], pixels.shape[0])
            self._layers[key] = Image.frombuffer("RGBa", size, pixels.tobytes(), "raw", "RGBa", 0, 1)
        return self._layers[key]

    def _warped(self, layer: Image.Image, pose: Pose) -> Image.Image:
        """The layer as the camera sees it: `RGBa`, the part of the frame that the mesh covers."""
        x, y = self._source(pose)
        across, down = (edges - edges[0] for edges in (self._columns, self._rows))
        mesh = []
        for i, j in np.ndindex(len(down) - 1, len(across) - 1):
            corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            box = (int(across[j]), int(down[i]), int(across[j + 1]), int(down[i + 1]))
            mesh.append((box, tuple(value for corner in corners for value in (x[corner], y[corner]))))
        return layer.transform((box[2], box[3]), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)

    def _source(self, pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Which pixel of the layer each corner of the mesh shows. What stands out (the nose) moves more with yaw."""
        scene = self._scene
        x = (self._columns[None, :] - scene.centre[0]) / (scene.scale * pose.size) - pose.x
        y = (self._rows[:, None] - scene.centre[1]) / (scene.scale * pose.size) - pose.y - 1.2
        cos, sin = np.cos(-pose.roll), np.sin(-pose.roll)
        x, y = cos * x - sin * y, sin * x + cos * y + 1.2  # turned about the base of the neck
        depth = np.clip(1 - (x / 0.95) ** 2 - (y / 1.15) ** 2, 0, 1)
        return (x - pose.yaw * depth - LEFT) * scene.scale, (y - pose.pitch * depth - TOP) * scene.scale


def _mesh(scene: Scene) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns and rows of the frame between which the head is warped: they bound all that it can reach."""
    left, right = (scene.centre[0] + x * scene.scale for x in (LEFT - 0.12, RIGHT + 0.12))
    top, bottom = (scene.centre[1] + y * scene.scale for y in (TOP - 0.12, BOTTOM - 0.1))
    columns = np.rint(np.linspace(left, right, MESH + 1)).astype(np.int64)
    rows = np.rint(np.linspace(top, bottom, MESH + 1)).astype(np.int64)
    return np.unique(np.clip(columns, 0, scene.width)), np.unique(np.clip(rows, 0, scene.height))
