"""A read that fails in the middle of a media file is neither damage nor the end of the file."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import read_on_failing_disk
import soundfile
from PIL import Image

from benchmarks.chaos.media import write_audio, write_image, write_video
from benchmarks.chaos.shim import compile_shim, find_compiler

SOUNDS = ("flac", "ogg", "mp3")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file per library and container, and damaged ones."""
    folder, random = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    write_image(folder / "a.png", random, is_fake=False)
    write_audio(folder / "a.wav", random, is_fake=False)
    write_video(folder / "a.avi", random, is_fake=False)
    picture = Image.fromarray(random.integers(0, 255, (200, 200, 3), dtype=np.uint8))
    for suffix in ("jpg", "webp", "tif", "bmp"):
        picture.save(folder / f"b.{suffix}")
    picture.save(folder / "packed.tif", compression="tiff_lzw")
    (folder / "cut.jpg").write_bytes((folder / "b.jpg").read_bytes()[:-2])
    samples = (0.1 * random.normal(size=32_000)).astype(np.float32)
    for suffix in SOUNDS:
        soundfile.write(folder / f"c.{suffix}", samples, 16_000)
    for suffix in ("mp4", "mkv"):
        write_film(folder / f"d.{suffix}", random)
    (folder / "cut.mp4").write_bytes((folder / "d.mp4").read_bytes()[:2_000])
    return folder


def write_film(path: Path, random: np.random.Generator) -> None:
    with av.open(str(path), "w") as container:
        stream, sound = container.add_stream("mpeg4", rate=10), container.add_stream("aac", rate=16_000)
        stream.width = stream.height = 64
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(random.integers(0, 255, (64, 64, 3), dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        samples = (0.1 * random.normal(size=(1, 32_000))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(sound.encode(frame))
        container.mux(stream.encode())
        container.mux(sound.encode())


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_no_failed_read_becomes_a_verdict_about_the_file(media: Path, tmp_path: Path, number: int):
    environment = os.environ | {"LD_PRELOAD": str(compile_shim(tmp_path)), "OMP_NUM_THREADS": "1", "PYTHONPATH": "."}
    command = [sys.executable, read_on_failing_disk.__file__, str(media), str(tmp_path / "control"), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["name"] for one in found} == {path.name for path in media.iterdir()}
    assert [one for one in found if one["wrong"]] == []
    assert all(one["told"] >= 5 for one in found), found
