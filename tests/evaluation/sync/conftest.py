"""A run on videos whose mouths move with their audio, with a sync encoder learned on the same videos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from moving_mouths import FPS, label_videos, write_videos

from unmask.cache.stage import extract, open_tokens
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.stage import learn_sync
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.open_run import OpenRun, open_run
from unmask.manifests.manifest import write_manifest
from unmask.preprocess.profiles import Profile, tiny
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit, run_folder

CPU = torch.device("cpu")
SPLITS = ("train", "train", "train", "val", "test", "test")


@dataclass(frozen=True)
class Talking:
    work: WorkFolder
    profile: Profile
    run: Path

    def open(self) -> OpenRun:
        from unmask.manifests.manifest import read_manifest

        return open_run(self.run, self.work, read_manifest(self.work.manifest), CPU)


@pytest.fixture(scope="session")
def talking_run(tmp_path_factory: pytest.TempPathFactory) -> Talking:
    work = WorkFolder(tmp_path_factory.mktemp("talking"))
    settings = tiny().preprocess.model_copy(update={"mouth_fps": FPS})
    profile = tiny().model_copy(update={"preprocess": settings})
    manifest = label_videos(write_videos(work, profile, 36), SPLITS)
    write_manifest(work.manifest, manifest)
    quick = SyncSettings(steps=40, batch_size=8, seconds=1.2, width=16, augment=False)
    weights, _ = learn_sync(manifest, profile, work, quick, device=CPU)
    encoders = ["tiny_image", "tiny_audio", {"name": "sync", "weights": str(weights)}]
    profile = profile.changed({"encoders": encoders})
    extract(manifest, profile, work, device=CPU)
    data = TokenData.load(manifest, open_tokens(work, manifest))
    config = TrainConfig(size="small", epochs=20, fits_weight=1.0, lr=3e-3, ema=0.0)
    run = run_folder(work.runs, data, config)
    fit(data, config, run, device=CPU)
    return Talking(work, profile, run)
