"""Nothing of a bundle is read after a byte of it has changed, and a hostile one reaches no file outside it."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import unmask
from unmask.api import Work
from unmask.cli import app
from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.core.hashing import hash_file
from unmask.train.bundles.listing import BUNDLE, COPIED, format_listing, hash_listing
from unmask.train.run_folder import load_run
from unmask.train.run_info import RunInfo

POSITIONS = 12


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def seal(folder: Path, **changes: object) -> None:
    """Write bundle.json again, as someone would who makes a hostile bundle: sizes and hashes are right."""
    about = json.loads((folder / BUNDLE).read_text(encoding="utf-8"))
    about["files"] = {
        name: {"size": (folder / name).stat().st_size, "sha256": hash_file(folder / name)}
        for name in list_files(folder)
        if name != BUNDLE
    } | about.pop("more", {})
    about |= changes
    (folder / BUNDLE).write_text(format_listing(about | {"sha256": hash_listing(about)}), encoding="utf-8")


def change_json(path: Path, change) -> None:
    value = sealed_files.read_json(path)
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_a_flipped_bit_anywhere_in_any_file_is_refused(copied, flip):
    draw = random.Random(0)
    for name in list_files(copied):
        size = (copied / name).stat().st_size
        for position in {0, size - 1, *(draw.randrange(size) for _ in range(POSITIONS))}:
            flip(name, position)
            with pytest.raises(MissingInput, match=r"damaged|not the listing|format version") as refused:
                unmask.open_bundle(copied)
            assert name in refused.value.problem


def test_every_byte_of_the_listing_counts(copied, flip):
    for position in range(0, (copied / BUNDLE).stat().st_size, 7):
        flip(BUNDLE, position)
        with pytest.raises(MissingInput):
            unmask.open_bundle(copied)


def test_no_bundle_is_made_of_a_damaged_run(bundled, tmp_path):
    """Its listing would call the damage whole."""
    work = Path(shutil.copytree(bundled.run.folder.parents[1], tmp_path / "work"))
    run = work / "runs" / bundled.run.name
    present = [run / name for name in COPIED if (run / name).is_file()]
    assert len(present) >= 4
    for path in present:
        content = path.read_bytes()
        for position in (len(content) // 3, len(content) // 2):
            path.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
            with pytest.raises(MissingInput, match="damaged") as refused:
                Work(work).run(run.name).bundle(tmp_path / "bundle")
            assert path.name in refused.value.problem
            assert not (tmp_path / "bundle").exists()
        path.write_bytes(content)
    Work(work).run(run.name).bundle(tmp_path / "bundle")
    assert unmask.open_bundle(tmp_path / "bundle").about


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(copied, kept):
    for name in list_files(copied):
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(content[: int(len(content) * kept)])
        with pytest.raises(MissingInput, match="damaged"):
            unmask.open_bundle(copied)
        (copied / name).write_bytes(content)
    assert unmask.open_bundle(copied).about


def test_a_renamed_missing_or_added_file_is_refused(copied):
    for name in list_files(copied):
        if name == BUNDLE:
            continue
        (copied / name).rename(copied / f"{name}.old")
        with pytest.raises(MissingInput, match=r"not a file of this bundle"):
            unmask.open_bundle(copied)
        os.link(copied / f"{name}.old", copied / name)
        (copied / f"{name}.old").unlink()
    (copied / "config.json").unlink()
    with pytest.raises(MissingInput, match=r"config\.json: missing from the bundle"):
        unmask.open_bundle(copied)


def test_a_licence_and_what_the_hub_adds_may_lie_beside_the_files(copied):
    (copied / "LICENSE").write_text("terms")
    (copied / ".gitattributes").write_text("*.safetensors filter=lfs")
    (copied / ".cache/huggingface").mkdir(parents=True)
    (copied / ".cache/huggingface/x.metadata").write_text("1")
    assert unmask.open_bundle(copied).about


def test_links_are_refused(copied, tmp_path):
    moved = tmp_path / "config.json"
    (copied / "config.json").rename(moved)
    (copied / "config.json").symlink_to(moved)
    with pytest.raises(MissingInput, match="a link or device"):
        unmask.open_bundle(copied)
    (copied / "config.json").unlink()
    moved.rename(copied / "config.json")
    (copied / "members").rename(tmp_path / "members")
    (copied / "members").symlink_to(tmp_path / "members")
    with pytest.raises(MissingInput, match="a link or device"):
        unmask.open_bundle(copied)


OUTSIDE = ["../secret", "/etc/hostname", "a/../../b", "./config.json", "a//b", "a\\b", "", "a\n"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_leave_the_folder_are_refused(copied, name):
    about = json.loads((copied / BUNDLE).read_text(encoding="utf-8"))
    about["files"][name] = {"size": 1, "sha256": "0" * 64}
    seal(copied, files=about["files"])
    with pytest.raises(MissingInput, match="names a file outside the bundle"):
        unmask.open_bundle(copied)


@pytest.mark.parametrize("size", [-1, 2**80, 1e30, "9", None])
def test_hostile_sizes_are_refused(copied, size):
    about = json.loads((copied / BUNDLE).read_text(encoding="utf-8"))
    about["files"]["config.json"]["size"] = size
    seal(copied, files=about["files"])
    with pytest.raises(MissingInput, match="damaged"):
        unmask.open_bundle(copied)


def test_a_listing_of_another_kind_is_told(copied):
    seal(copied, version=2)
    with pytest.raises(MissingInput, match="a newer unmask made it"):
        unmask.open_bundle(copied)
    (copied / BUNDLE).write_text("[" * 100_000)
    with pytest.raises(MissingInput, match="damaged"):
        unmask.open_bundle(copied)
    (copied / BUNDLE).write_bytes(b" " * (17 * 1024**2))
    with pytest.raises(MissingInput, match="more than any listing has"):
        unmask.open_bundle(copied)


@pytest.mark.parametrize("weights", ["/etc", "../outside", "~/models", "./encoders/../../x", "./encoders/none"])
def test_encoder_weights_outside_the_bundle_are_refused(copied, weights):
    change_json(copied / "inputs.json", lambda one: one["profile"]["encoders"][1].update(weights=weights))
    seal(copied)
    with pytest.raises(MissingInput, match="names encoder weights outside the bundle"):
        unmask.open_bundle(copied)


@pytest.mark.parametrize("name", ["../../other", "/tmp", "absent", "."])
def test_a_member_outside_the_bundle_is_refused(copied, cpu, name):
    change_json(copied / "inputs.json", lambda one: one["members"][0].update(run=name))
    seal(copied)
    with pytest.raises(MissingInput, match="is not inside"):
        load_run(copied, cpu)


def test_safetensors_that_lie_about_their_content_are_refused(copied, cpu):
    weights = next(copied.glob("members/*/model.safetensors"))
    content = weights.read_bytes()
    length = int.from_bytes(content[:8], "little")
    for lie in (
        (2**62).to_bytes(8, "little") + content[8:],
        content[:8] + b"{" * length + content[8 + length :],
        content[: 8 + length],
        b"",
    ):
        weights.write_bytes(lie)
        seal(copied)
        with pytest.raises(MissingInput, match="not a complete safetensors file"):
            load_run(copied, cpu)


def test_users_own_code_is_named_and_never_taken_from_the_bundle(copied, cpu, monkeypatch):
    change_json(copied / "inputs.json", lambda one: one["shape"].update(fusion="absent_module:Fusion"))
    (copied / "absent_module.py").write_text("raise SystemExit('executed')")
    seal(copied)
    monkeypatch.chdir(copied.parent)
    with pytest.raises(MissingInput, match="fusion absent_module:Fusion: no module"):
        load_run(copied, cpu)
    change_json(copied / "inputs.json", lambda one: one["shape"].update(fusion="yaml:dump"))
    seal(copied)
    with pytest.raises(MissingInput, match="the source of fusion yaml:dump has changed"):
        load_run(copied, cpu)


def test_an_own_encoder_is_checked_before_it_is_imported(copied, cpu):
    change_json(copied / "inputs.json", lambda one: one["profile"]["encoders"][1].update(name="yaml:dump"))
    seal(copied)
    with pytest.raises(MissingInput, match="source of encoder yaml:dump is not the one"):
        load_run(copied, cpu)


def test_no_module_of_python_itself_is_an_encoder_or_a_fusion(copied, cpu):
    """Its source is the same everywhere, so that a bundle could know its hash."""
    change_json(copied / "inputs.json", lambda one: one["profile"]["encoders"][1].update(name="antigravity:fly_out"))
    seal(copied)
    with pytest.raises(UsageError, match="antigravity is a module of Python itself"):
        load_run(copied, cpu)


@pytest.mark.parametrize(
    "shape",
    [
        {"layers": 10**9},
        {"width": 10**6, "feedforward": 10**6},
        {"heads": 3},
        {"layers": -1},
        {"widths": [10**12] * 2},
        {"dropout": 5.0},
        {"streams": ["a"] * 100_000, "widths": [1] * 100_000},
    ],
)
def test_a_shape_that_would_take_all_memory_is_no_run(copied, cpu, shape: dict[str, object]):
    change_json(copied / "inputs.json", lambda one: one["shape"].update(shape))
    seal(copied)
    with pytest.raises(MissingInput, match="damaged run"):
        load_run(copied, cpu)


def test_arrays_that_would_take_all_memory_are_no_bundle(copied, cpu):
    """A megabyte of compressed zeros is a gigabyte; a header may claim any size."""
    path = copied / "verdict-models.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**15,)})
    objects = io.BytesIO()
    np.save(objects, np.array([{}], object), allow_pickle=True)
    for name, content in {"header": header.getvalue(), "objects": objects.getvalue(), "text": b"not an array"}.items():
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.npy", content)
        seal(copied)
        with pytest.raises(MissingInput, match="not arrays of a bundle"):
            load_run(copied, cpu)


def test_the_command_line_ends_with_exit_code_4_and_a_hint(copied, capsys, tmp_path, flip):
    flip("config.json", 3)
    with pytest.raises(SystemExit) as stopped:
        app.main(["predict", "x.png", "--run", str(copied), "--work", str(tmp_path / "none"), "--device", "cpu"])
    error = capsys.readouterr().err
    assert stopped.value.code == 4
    assert "config.json: damaged" in error
    assert "hint: copy or download the bundle again" in error


@pytest.fixture
def cpu():
    import torch

    return torch.device("cpu")


def test_the_listing_keeps_what_the_run_has(copied):
    about = sealed_files.read_json(copied / "inputs.json")
    assert RunInfo.model_validate(about).members
