"""Media that no dataset of faces or voices holds, made by code: images, sounds, and other codecs of given files.

Everything is drawn from a seed, so that two runs judge the same files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 512
RATE = 16_000
SECONDS = 6
Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Wave = NDArray[np.float64]
"""(A,); full scale is 1."""


def draw_shapes(random: np.random.Generator) -> Picture:
    """A flat drawing of rectangles, ellipses and lines."""
    image = Image.new("RGB", (SIDE, SIDE), _draw_color(random))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(6, 14))):
        x, y = random.integers(0, SIDE, 2).tolist()
        width, height = random.integers(40, SIDE // 2, 2).tolist()
        kind = int(random.integers(3))
        box = (x - width, y - height, x, y)
        if kind == 2:
            pen.line(box, fill=_draw_color(random), width=int(random.integers(2, 12)))
        else:
            (pen.rectangle if kind else pen.ellipse)(box, fill=_draw_color(random), outline=(0, 0, 0), width=3)
    return np.asarray(image)


def draw_landscape(random: np.random.Generator) -> Picture:
    """Sky, ridges of random midpoints, and a textured ground."""
    top, low = random.uniform(90, 200, 3), random.uniform(180, 255, 3)
    rows = np.linspace(0, 1, SIDE)[:, None, None]
    image = np.broadcast_to(top * (1 - rows) + low * rows, (SIDE, SIDE, 3)).copy()
    for layer in range(4):
        ridge = _draw_ridge(random) * 60 + SIDE * (0.4 + 0.14 * layer)
        below = np.arange(SIDE)[:, None] >= ridge[None]
        texture = random.normal(0, 6 + 4 * layer, (SIDE, SIDE, 1))
        image = np.where(below[..., None], random.uniform(20, 120, 3) + texture, image)
    return np.clip(image, 0, 255).astype(np.uint8)


def cut_photograph(random: np.random.Generator) -> Picture:
    """A piece of a photograph without people: the temple or the flower that scikit-learn ships."""
    from sklearn.datasets import load_sample_image

    photo = load_sample_image(("china.jpg", "flower.jpg")[int(random.integers(2))])
    side = int(random.integers(256, 420))
    y, x = int(random.integers(photo.shape[0] - side)), int(random.integers(photo.shape[1] - side))
    return np.asarray(photo[y : y + side, x : x + side], np.uint8)


def draw_noise(random: np.random.Generator) -> Picture:
    return random.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def play_music(random: np.random.Generator) -> Wave:
    """Chords of harmonic tones with a beat of noise."""
    times = np.arange(RATE * SECONDS) / RATE
    wave = np.zeros_like(times)
    root, beat = float(random.uniform(110, 220)), float(random.uniform(0.25, 0.5))
    for number, start in enumerate(np.arange(0, SECONDS, 2 * beat)):
        since = times - start
        envelope = np.exp(-3 * np.clip(since, 0, None)) * (since >= 0)
        for step in (*(0, 4, 7)[: 1 + number % 3], int(random.integers(0, 12))):
            tone = root * 2 ** ((step + (0, 5, 7, 2)[number % 4]) / 12)
            wave += sum(np.sin(2 * np.pi * tone * k * since) / k for k in range(1, 6)) * envelope
    drum = np.exp(-40 * (times % beat)) * random.normal(0, 1, len(times))
    return _normalize(wave + drum * wave.std())


def keep_silence(random: np.random.Generator) -> Wave:
    """Digital silence with one bit of dither."""
    return random.normal(0, 2e-5, RATE * SECONDS)


def play_noise(random: np.random.Generator) -> Wave:
    return _normalize(random.normal(0, 1, RATE * SECONDS))


PICTURES: dict[str, Callable[[np.random.Generator], Picture]] = {
    "drawings": draw_shapes,
    "drawn landscapes": draw_landscape,
    "photographs without people": cut_photograph,
    "noise images": draw_noise,
}
SOUNDS: dict[str, Callable[[np.random.Generator], Wave]] = {
    "music": play_music,
    "silence": keep_silence,
    "noise": play_noise,
}


def write_made(folder: Path, count: int, seed: int) -> dict[str, list[Path]]:
    """Kind -> `count` files of each of PICTURES and SOUNDS, in `folder`."""
    found: dict[str, list[Path]] = {}
    for place, (kind, make) in enumerate({**PICTURES, **SOUNDS}.items()):
        found[kind] = []
        for number in range(count):
            made = make(np.random.default_rng([seed, place, number]))
            stem = f"{kind.replace(' ', '-')}-{number:02d}"
            path = folder / f"{stem}.{'jpg' if made.ndim == 3 else 'wav'}"
            if made.ndim == 3:
                Image.fromarray(made).save(path, quality=90)
            else:
                soundfile.write(path, made, RATE, subtype="PCM_16")
            found[kind].append(path)
    return found


def recode(path: Path, folder: Path) -> Path:
    """The content of `path` in a codec that few datasets use: WebP, Opus at 12 kbit/s, or VP9 with Opus."""
    if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
        target = folder / f"{path.stem}.webp"
        Image.open(path).convert("RGB").save(target, quality=20)
        return target
    target = folder / f"{path.stem}.webm"
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        pairs = []
        for stream in source.streams:
            if stream.type == "video":
                video = container.add_stream(
                    "libvpx-vp9", rate=stream.average_rate, options={"cpu-used": "8", "crf": "45"}
                )
                video.width, video.height, video.pix_fmt = stream.width // 2 * 2, stream.height // 2 * 2, "yuv420p"
                pairs.append((stream, video))
            elif stream.type == "audio":
                audio = container.add_stream("libopus", rate=48_000)
                audio.bit_rate = 12_000
                pairs.append((stream, audio))
        for stream, out in pairs:
            source.seek(0)
            for frame in source.decode(stream):
                frame.pts = frame.pts if stream.type == "video" else None
                container.mux(out.encode(frame))
            container.mux(out.encode(None))
    return target


def _draw_color(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3).tolist()
    return red, green, blue


def _draw_ridge(random: np.random.Generator) -> NDArray[np.float64]:
    """(SIDE,) about -1 to 1: octaves of interpolated random heights."""
    place = np.linspace(0, 1, SIDE)
    octaves = (2.0**-k * np.interp(place, np.linspace(0, 1, 3 * 2**k), random.normal(0, 1, 3 * 2**k)) for k in range(6))
    return np.asarray(sum(octaves), np.float64)


def _normalize(wave: Wave) -> Wave:
    return 0.5 * wave / np.abs(wave).max()
