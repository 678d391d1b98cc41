"""A few files of every kind: images, audio files and videos, with a damaged one among them."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
from PIL import Image

COUNTS = {"train": 3, "val": 2, "test": 2}
RATE = 16_000
DAMAGED = "pictures/train/real/damaged.png"
# Files whose change lies within the same tick of the clock as the scan are probed again.
OLD_S = 1_700_000_000


def write_media(root: Path) -> None:
    random = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for label in ("real", "fake"):
            for number in range(count):
                write_image(_open_folder(root, "pictures", split, label) / f"{number}.png", random, label == "fake")
                write_audio(_open_folder(root, "sounds", split, label) / f"{number}.wav", random, label == "fake")
            write_video(_open_folder(root, "films", split, label) / "0.avi", random, label == "fake")
    (root / DAMAGED).write_bytes(b"\x89PNG\r\n\x1a\n but no picture")
    for path in root.rglob("*"):
        os.utime(path, (OLD_S, OLD_S))


def _open_folder(root: Path, *parts: str) -> Path:
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_image(path: Path, random: np.random.Generator, is_fake: bool) -> None:
    pixels = random.integers(0, 128, (48, 48, 3)) + (100 if is_fake else 0)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_audio(path: Path, random: np.random.Generator, is_fake: bool) -> None:
    noise = 0.1 * random.normal(size=RATE // 2)
    tone = 0.2 * np.sin(np.arange(RATE // 2) * 0.1) if is_fake else 0
    samples = np.concatenate([np.zeros(RATE // 10), noise + tone])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def write_video(path: Path, random: np.random.Generator, is_fake: bool) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width = stream.height = 48
        stream.pix_fmt = "yuvj420p"
        for _ in range(12):
            pixels = (random.integers(0, 128, (48, 48, 3)) + (100 if is_fake else 0)).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
