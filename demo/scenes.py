"""A recording: background, light, motion of the head, and the frames that show a drawn face in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.demo.drawing import BOTTOM, LEFT, RIGHT, TOP, Field, cover, edge, make_noise, ramp
from unmask.demo.identities import Person, make_rng

Frame = NDArray[np.uint8]
"""uint8 (H, W, 3), red, green, blue."""
Draw = Callable[[float, float], Field]
"""Layer of a face for an opening of the mouth and of the lids (Face.draw, or a manipulated one)."""
Alter = Callable[[Frame], Frame]

# A clip draws every state of the face once: steps of the mouth and of the lids.
MOUTH_STEPS, LID_STEPS = 6, 2


class Scene:
    """Everything in a recording but the face. The same keys give the same place, light and motion.

    `width` and `height` are pixels; `zoom` above 1 enlarges the head.
    """

    def __init__(self, seed: int, *keys: object, width: int, height: int, zoom: float = 1.0) -> None:
        rng = make_rng(seed, "scene", *keys)
        self.width, self.height = width, height
        self.light = (rng.uniform(-0.75, 0.75), rng.uniform(-0.8, -0.1))
        self.scale = height * zoom * rng.uniform(0.225, 0.285)
        self.centre = (width * rng.uniform(0.42, 0.58), height * rng.uniform(0.45, 0.52))
        # Two slow waves for each of x and y (head units), roll (radians) and size.
        self._reach = np.array([[0.06], [0.04], [0.09], [0.02]]) * rng.uniform(0.3, 0.9, (4, 2))
        self._hertz, self._phase = rng.uniform(0.08, 0.75, (4, 2)), rng.uniform(0, 2 * np.pi, (4, 2))
        reach = np.array([LEFT - 0.2, TOP - 0.1]), np.array([RIGHT + 0.2, BOTTOM])
        first, last = (np.clip(self.centre + self.scale * end, 0, (width, height)).astype(int) for end in reach)
        self._corner, self._size = (int(first[0]), int(first[1])), (int(last[0] - first[0]), int(last[1] - first[1]))
        self._blinks = np.cumsum(rng.uniform(0.9, 3.4, 40)) - rng.uniform(0, 1.5)
        self._grain = rng.uniform(0.8, 2.6)
        self._background = self._paint_background(rng)

    def film(
        self, who: Person, draw: Draw, alter: Alter, times: Sequence[float], mouth: Field, rng: np.random.Generator
    ) -> Iterator[Frame]:
        """One frame per time (seconds into the recording); `mouth` is its opening (0..1) in each."""
        still = self._dress(who)
        grain = rng.standard_normal((self.height + 31, self.width + 31, 3), dtype=np.float32)
        grain = np.rint(grain * self._grain).astype(np.int16)
        layers: dict[tuple[int, int], Image.Image] = {}
        for t, opening in zip(times, mouth, strict=True):
            state = round(float(opening) * MOUTH_STEPS), round(self._open_lids(t) * LID_STEPS)
            if state not in layers:
                layers[state] = _as_premultiplied(draw(state[0] / MOUTH_STEPS, state[1] / LID_STEPS))
            head, frame = self._place(layers[state], t).convert("RGBA"), still.copy()
            frame.paste(head, self._corner, head)
            # Added last to real and fake frames alike: compressibility must not predict the label.
            down, right = (int(offset) for offset in rng.integers(32, size=2))
            noisy = alter(np.asarray(frame)) + grain[down : down + self.height, right : right + self.width]
            yield np.clip(noisy, 0, 255).astype(np.uint8)

    def _open_lids(self, t: float) -> float:
        """0 shut .. 1 open: a blink takes about 0.25 s."""
        return min(1.0, max(0.0, (float(np.min(np.abs(self._blinks - t))) - 0.03) / 0.10))

    def _place(self, layer: Image.Image, t: float) -> Image.Image:
        """The layer at its position of time `t`, in the part of the frame that the head reaches."""
        x, y, roll, size = (self._reach * np.sin(2 * np.pi * self._hertz * t + self._phase)).sum(axis=1)
        cos, sin = np.cos(roll) / (1 + size), np.sin(roll) / (1 + size)
        # From pixels of the frame to pixels of the layer, turned around the base of the neck (0, 1.2).
        centre = np.subtract(self.centre, self._corner) + self.scale * np.array([x, y + 1.2])
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = self.scale * np.array([-LEFT, 1.2 - TOP]) - turn @ centre
        affine = (turn[0, 0], turn[0, 1], shift[0], turn[1, 0], turn[1, 1], shift[1])
        return layer.transform(self._size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)

    def _paint_background(self, rng: np.random.Generator) -> Field:
        """float32 (H, W, 3): a room out of focus."""
        shape = (self.height, self.width)
        tone = rng.uniform(0.2, 0.8) * rng.uniform(0.7, 1.3, 3)
        blobs = np.stack([make_noise(rng, shape, rng.uniform(30, 90)) for _ in tone], axis=-1)
        fine = 0.03 * make_noise(rng, shape, 12)[..., None]
        return np.asarray(np.clip(tone * (1 + 0.2 * blobs + fine), 0, 1), np.float32)

    def _dress(self, who: Person) -> Image.Image:
        """The background with the neck and the shoulders of `who`."""
        y, x = np.ogrid[0 : self.height, 0 : self.width]
        x = ((x - self.centre[0]) / self.scale).astype(np.float32)
        y = ((y - self.centre[1]) / self.scale).astype(np.float32)
        image, pixel = self._background.copy(), 3 / self.scale
        round_shade = 1 - 0.5 * x * (x - self.light[0])
        shadow = 0.85 - 0.4 * ramp(1.35 - y, 0.0, 0.4)
        neck = edge(0.55 * who.width + 0.16 * ramp(y, 1.1, 1.9) - np.abs(x), pixel) * (y > 0.4)
        cover(image, np.asarray(who.skin) * np.clip(round_shade * shadow, 0.1, 1.1)[..., None], neck)
        neckline = 1 - np.sqrt((x / 0.46) ** 2 + ((y - 1.30) / 0.26) ** 2)
        shoulders = edge(y - 1.34 - 0.22 * np.abs(x) ** 1.6, pixel) * edge(-neckline, 0.1)
        folds = 0.05 * make_noise(make_rng(who.texture, "clothes"), shoulders.shape, 26)
        cover(image, np.asarray(who.clothes) * (1 + folds - 0.12 * np.abs(x))[..., None], shoulders)
        return Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))


def _as_premultiplied(layer: Field) -> Image.Image:
    pixels = np.rint(np.clip(layer, 0, 1) * 255).astype(np.uint8)
    return Image.frombuffer("RGBa", (pixels.shape[1], pixels.shape[0]), pixels.tobytes(), "raw", "RGBa", 0, 1)
