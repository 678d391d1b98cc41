"""An evaluated ensemble with a fitted projection and local encoder weights, and its bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_chain import CPU, Chain, config

from unmask.api import Work
from unmask.cache.stage import extract
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import tiny
from unmask.run import Run
from unmask.train.bundles.opening import open_bundle


@dataclass(frozen=True)
class Bundled:
    run: Run
    folder: Path
    """The bundle."""
    model: Path
    """The folder of the local encoder weights."""
    files: list[Path]
    """An image and an audio file."""


def save_vit(folder: Path) -> Path:
    """A small ViT with random weights, as timm saves it."""
    import timm
    import torch
    from timm.models import save_for_hf

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        save_for_hf(timm.create_model("test_vit", num_classes=3), str(folder), safe_serialization=True)
    return folder


@pytest.fixture(scope="session")
def bundled(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    root = tmp_path_factory.mktemp("bundled")
    folder = Path(shutil.copytree(chain.work.root, root / "work"))
    model = save_vit(root / "models" / "my-vit")
    encoders = [
        {"name": "tiny_image", "projection": "pca"},
        {"name": "vit_b16", "weights": str(model), "as": "vit"},
        "tiny_audio",
    ]
    extract(chain.manifest, tiny().changed({"encoders": encoders}), WorkFolder(folder), device=CPU)
    run = Work(folder).train(config(), ensemble=2, epochs=1, device="cpu")
    run.evaluate(device="cpu")
    run.bundle(root / "bundle")
    rows = list(chain.manifest.rows())
    kinds = ("image", "audio")
    files = [next(chain.manifest.locate(row) for row in rows if (row.kind, row.split) == (k, "test")) for k in kinds]
    return Bundled(run, root / "bundle", model, [path for path in files if path.stat().st_size > 100])


@pytest.fixture
def copied(bundled: Bundled, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may change."""
    return Path(shutil.copytree(bundled.folder, tmp_path / "copy"))


@pytest.fixture
def flip(copied: Path) -> Callable[[str, int], None]:
    """flip(name, position): change one bit of a byte, and change it back at the next call."""
    changed: list[tuple[Path, bytes]] = []

    def change(name: str, position: int) -> None:
        for path, content in changed:
            path.write_bytes(content)
        changed.clear()
        path = copied / name
        content = path.read_bytes()
        changed.append((path, content))
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])

    assert open_bundle(copied) is not None
    return change
