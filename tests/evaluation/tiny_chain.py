"""A small work folder that went through every stage: images, audio files and one damaged file, the tiny profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from unmask.cache.stage import extract, open_tokens
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, write_manifest
from unmask.manifests.scan.scan import scan
from unmask.preprocess.profiles import tiny
from unmask.preprocess.stage import Limits, preprocess
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.presets import make_preset
from unmask.train.run_folder import run_folder

CPU = torch.device("cpu")
COUNTS = {"train": 4, "val": 3, "test": 3}
RATE = 16_000
DAMAGED = "test/real/<damaged>.png"


@dataclass(frozen=True)
class Chain:
    data_root: Path
    work: WorkFolder
    run: Path
    manifest: Manifest


def config() -> TrainConfig:
    return make_preset("full").changed({"epochs": 2, "patience": 2})


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root, work = tmp_path_factory.mktemp("data"), WorkFolder(tmp_path_factory.mktemp("work"))
    _write_media(root)
    profile = tiny()
    manifest, _ = scan(root, workers=1, say=lambda line: None)
    write_manifest(work.manifest, manifest)
    preprocess(manifest, profile.preprocess, work, Limits(workers=1))
    extract(manifest, profile, work, device=CPU)
    data = TokenData.load(manifest, open_tokens(work, manifest, profile))
    run = run_folder(work.runs, data, config())
    fit(data, config(), run, device=CPU)
    return Chain(root, work, run, manifest)


def _write_media(root: Path) -> None:
    random = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for label in ("real", "fake"):
            for number in range(count):
                _write_image(root / "pictures" / split / label / f"{number}.png", random, bright=label == "fake")
                _write_audio(root / "sounds" / split / label / f"{number}.wav", random, hum=label == "fake")
    (root / "pictures" / DAMAGED).write_bytes(b"\x89PNG\r\n\x1a\n but no picture")


def _write_image(path: Path, random: np.random.Generator, *, bright: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = random.integers(0, 128, (48, 48, 3)) + (100 if bright else 0)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def _write_audio(path: Path, random: np.random.Generator, *, hum: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * random.normal(size=RATE // 2)
    tone = 0.2 * np.sin(np.arange(RATE // 2) * 0.1) if hum else 0
    soundfile.write(path, np.concatenate([np.zeros(RATE // 10), noise + tone]), RATE)
