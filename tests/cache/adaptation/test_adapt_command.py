"""`unmask adapt`, `unmask extract --weights`, and what `train` says on another split."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labeled_media import make_manifest, use

from unmask.cli import app
from unmask.core.atomic_files import write_json
from unmask.manifests.manifest import Manifest, write_manifest

ENCODER = "timm:test_vit"


def call(capsys: pytest.CaptureFixture[str], work: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        app.main([*arguments, "--work", str(work), "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_adapt_then_extract_then_train_on_a_split_that_holds_out_what_was_seen(
    media: Any,
    labeled: Callable[[str], Manifest],
    local_models: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = media.work.root
    write_manifest(media.work.manifest, labeled("image"))
    profile = use(media.profile, ENCODER, local_models["vit_b16"])
    write_json(media.work.profile, profile.model_dump(mode="json"))
    fast = [f"--set=adapt.{setting}" for setting in ("batch_size=4", "draws=8", "frames=1")]
    code, adapted = call(capsys, work, "adapt", ENCODER, "--epochs", "1", "--seed", "3", "--device", "cpu", *fast)
    assert code == 0
    assert adapted["settings"]["seed"] == 3
    assert [line["epoch"] for line in adapted["epochs"]] == [0, 1]
    assert Path(adapted["folder"]).parent == media.work.adapted
    assert json.loads(media.work.profile.read_text())["encoders"][0]["weights"] == local_models["vit_b16"]
    code, done = call(capsys, work, "extract", "--weights", f"{ENCODER}={adapted['folder']}", "--device", "cpu")
    assert (code, done["stages"][0]["done"]) == (0, 16)
    used = json.loads(media.work.profile.read_text())["encoders"][0]["weights"]
    assert used == str(Path(adapted["folder"]).resolve())
    swapped = {"train": "test", "test": "train"}
    rows = [replace(row, split=swapped.get(row.split, row.split), split_scheme="b") for row in media.rows]
    write_manifest(media.work.manifest, make_manifest(rows))
    code, refused = call(capsys, work, "train", "--preset", "linear")
    assert code == 4
    assert refused["error"].startswith(f"the weights of {ENCODER.replace(':', '-')} were adapted on 8 test files")
    assert refused["hint"].startswith("unmask adapt")
    code, wrong = call(capsys, work, "extract", "--weights", "vit_b61=/nowhere")
    assert (code, wrong["error"]) == (2, "profile tiny has no encoder 'vit_b61'")
