"""`unmask cache`: ls, du, verify, gc, export and import on a small work folder that went through the stages."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from made_tokens import flip, truncate
from tiny_media import manifest_of
from typer.testing import CliRunner, Result

from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.inventory import list_store_folders
from unmask.cache.store.token_locks import LOCK
from unmask.cache.store.token_store import TokenStore
from unmask.cli.app import app
from unmask.core.errors import MachineFailed, MissingInput, UnmaskError, UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.files import sealed_files
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, read_manifest, write_manifest
from unmask.preprocess.profiles import tiny
from unmask.preprocess.stage import Limits, preprocess

ENCODERS = ["tiny_image", "tiny_audio", "tiny_text"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings with a text, their manifest, media and tokens, and a run trained on two of the encoders."""
    root = tmp_path_factory.mktemp("made")
    (root / "data").mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).normal(size=(number + 1) * 8_000) * 0.1
        soundfile.write(root / "data" / f"{number}.wav", noise, 16_000)
    work = WorkFolder(root / "work")
    manifest = manifest_of(root / "data", text="some words", split="train")
    write_manifest(work.manifest, manifest)
    preprocess(manifest, tiny().preprocess, work, Limits(workers=1))
    extract(manifest, tiny(), work, device=torch.device("cpu"))
    folders = json.loads((work.tokens / "latest.json").read_text())["streams"]
    streams = {name: {"fingerprint": folders[name].removeprefix(f"{name}-")} for name in ("tiny_audio", "tiny_text")}
    (work.runs / "full-s0").mkdir(parents=True)
    (work.runs / "full-s0" / "inputs.json").write_text(json.dumps({"streams": streams}))
    return root


@pytest.fixture
def work(made: Path, tmp_path: Path) -> WorkFolder:
    """A copy of it to spoil."""
    shutil.copytree(made / "work", tmp_path / "work")
    return WorkFolder(tmp_path / "work")


def call(work: WorkFolder, *arguments: str, answer: str = "") -> Result:
    result = CliRunner().invoke(app, ["cache", *arguments, "--work", str(work.root)], input=answer)
    if result.exception is not None and not isinstance(result.exception, UnmaskError | SystemExit):
        raise result.exception
    return result


def told(work: WorkFolder, *arguments: str) -> dict[str, Any]:
    result = call(work, *arguments, "--json")
    assert result.exit_code == 0, result.exception
    return dict(json.loads(result.stdout))


def store_of(work: WorkFolder, encoder: str) -> Path:
    (folder,) = work.tokens.glob(f"{encoder}-*")
    return folder


def shard_of(work: WorkFolder, encoder: str) -> Path:
    (shard,) = store_of(work, encoder).glob("shard-*")
    return shard


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def orphan(work: WorkFolder) -> Path:
    """A store that nothing refers to: the same encoder with other weights."""
    folder = work.tokens / "tiny_audio-0000000000000000"
    shutil.copytree(store_of(work, "tiny_audio"), folder)
    return folder


def test_ls_tells_size_use_and_users(work: WorkFolder):
    stores = {store["encoder"]: store for store in told(work, "ls")["stores"]}
    assert sorted(stores) == sorted(ENCODERS)
    audio = stores["tiny_audio"]
    assert (audio["shards"], audio["clips"]) == (1, 3)
    assert audio["tokens"] == open_store(work, "tiny_audio").tokens
    assert audio["runs"] == ["full-s0"]
    assert stores["tiny_image"]["runs"] == []
    assert [profile[:4] for profile in audio["profiles"]] == ["tiny"]
    assert audio["bytes"] == sum(map(len, files(store_of(work, "tiny_audio")).values()))


def open_store(work: WorkFolder, encoder: str) -> Any:
    return TokenStore(store_of(work, encoder))


def test_ls_is_a_table_for_people(work: WorkFolder):
    assert store_of(work, "tiny_audio").name in call(work, "ls").stdout


def test_last_used_is_when_a_run_last_did(work: WorkFolder):
    os.utime(work.runs / "full-s0" / "inputs.json", (2e9, 2e9))
    used = {store["encoder"]: store["last_used"] for store in told(work, "ls")["stores"]}
    assert used["tiny_audio"].startswith("2033-05")
    assert not used["tiny_image"].startswith("2033")


def test_du_adds_up(work: WorkFolder):
    found = told(work, "du")
    assert found["total"] == sum(map(len, files(work.root).values()))
    assert {"manifest.parquet", f"tokens/{store_of(work, 'tiny_text').name}", "runs/full-s0"} <= set(found["bytes"])


def test_an_empty_work_folder_is_no_error(tmp_path: Path):
    assert told(WorkFolder(tmp_path / "none"), "ls") == {"stores": []}
    assert told(WorkFolder(tmp_path / "none"), "du")["total"] == 0
    assert told(WorkFolder(tmp_path / "none"), "verify") == {"damaged": []}


def test_gc_removes_what_nobody_refers_to_and_nothing_else(work: WorkFolder):
    folder, before = orphan(work), files(work.root)
    assert [store["folder"] for store in told(work, "gc", "--dry-run")["unreferenced"]] == [folder.name]
    assert files(work.root) == before
    assert told(work, "gc", "--yes")["removed"] == [folder.name]
    gone = {name for name in before if folder.name in name}
    assert {n: c for n, c in files(work.root).items() if "locks/" not in n} == {
        name: content for name, content in before.items() if name not in gone and "locks/" not in name
    }


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_gc_asks_first(work: WorkFolder, answer: str, removed: bool):
    folder = orphan(work)
    call(work, "gc", answer=answer)
    assert folder.exists() is not removed


def test_gc_with_json_cannot_ask(work: WorkFolder):
    folder = orphan(work)
    assert isinstance(call(work, "gc", "--json").exception, UsageError)
    assert folder.exists()


def test_a_store_that_only_a_run_refers_to_stays(work: WorkFolder):
    image = store_of(work, "tiny_image").name
    for path in work.tokens.glob("*.json"):
        path.unlink()
    assert told(work, "gc", "--yes")["removed"] == [image]


@pytest.mark.parametrize("named", [lambda name: {"views": {"tiny_audio": [name]}}, lambda name: {"others": [name]}])
def test_views_and_what_was_projected_from_stay(work: WorkFolder, named: Any):
    folder, (path,) = orphan(work), [path for path in work.tokens.glob("*.json") if path.name != "latest.json"]
    path.write_text(json.dumps(sealed_files.read_json(path) | named(folder.name)))
    assert told(work, "gc", "--yes")["removed"] == []


def test_ls_of_a_store_that_goes_meanwhile(work: WorkFolder, monkeypatch: pytest.MonkeyPatch):
    gone = orphan(work)
    listed = list_store_folders(work)
    monkeypatch.setattr("unmask.cache.store.inventory.list_store_folders", lambda _: listed)
    shutil.rmtree(gone)
    assert sorted(store["encoder"] for store in told(work, "ls")["stores"]) == sorted(ENCODERS)


def test_gc_waits_for_extract(work: WorkFolder):
    folder = orphan(work)
    with hold_lock(work.locks / LOCK, "a test"):
        assert isinstance(call(work, "gc", "--yes").exception, UsageError)
    assert folder.exists()


@pytest.mark.parametrize("path", ["runs/full-s0/inputs.json", "tokens/latest.json"])
def test_gc_refuses_to_guess(work: WorkFolder, path: str):
    folder = orphan(work)
    (work.root / path).write_text("{}")
    assert isinstance(call(work, "gc", "--yes").exception, MissingInput)
    assert folder.exists()


def test_verify_of_whole_shards_is_quiet(work: WorkFolder):
    assert told(work, "verify") == {"damaged": []}


def damaged(work: WorkFolder) -> list[str]:
    result = call(work, "verify", "--json")
    assert isinstance(result.exception, MissingInput)
    assert "--repair" in result.exception.hint
    return [one["path"] for one in json.loads(result.stdout)["damaged"]]


def test_verify_names_every_damaged_shard(work: WorkFolder):
    flip(shard_of(work, "tiny_audio") / "tokens/c/0/0")
    truncate(next(work.media.glob("*/shard-*/audio/c/0")))
    shutil.rmtree(shard_of(work, "tiny_text"))
    (store_of(work, "tiny_image") / "spec.json").write_text("{}")
    found = damaged(work)
    assert [Path(path).parts[0] for path in found] == ["media", "tokens", "tokens", "tokens"]
    assert [Path(path).parts[1].split("-")[0] for path in found[1:]] == ["tiny_audio", "tiny_image", "tiny_text"]


def test_verify_names_damaged_files_of_runs_and_leaves_them(work: WorkFolder):
    run = work.runs / "full-s0"
    sealed_files.write_json(run / "config.json", {"preset": "full", "seed": 0})
    assert told(work, "verify") == {"damaged": []}
    flip(run / "config.json")
    content = (run / "config.json").read_bytes()
    for repair in ([], ["--repair"]):
        result = call(work, "verify", *repair, "--json")
        assert isinstance(result.exception, MissingInput)
        assert json.loads(result.stdout)["damaged_files"] == ["runs/full-s0/config.json"]
        assert "unmask train" in result.exception.hint
        assert (run / "config.json").read_bytes() == content


@pytest.mark.parametrize("name", ["zarr.json", "tokens/zarr.json", "tokens/c/0/0"])
@pytest.mark.parametrize("damage", [truncate, Path.unlink])
def test_a_list_names_shards_that_are_cut_or_lack_a_file(work: WorkFolder, name: str, damage: Callable[[Path], object]):
    """Tokens are counted from what shards say of themselves."""
    before = told(work, "ls")["stores"]
    assert all(not store["problem"] for store in before)
    path = shard_of(work, "tiny_audio") / name
    damage(path)
    after = told(work, "ls")["stores"]
    (store,) = [store for store in after if store["problem"]]
    assert str(path) in store["problem"]
    if name.endswith("0"):
        assert [one["tokens"] for one in after] == [one["tokens"] for one in before]
    result = call(work, "ls")
    assert "(damaged)" in result.stdout
    assert str(path) in result.stderr.replace("\n", "")


def test_verify_names_damaged_outcomes(work: WorkFolder):
    (outcomes,) = work.media.glob("*/outcomes.parquet")
    truncate(outcomes)
    result = call(work, "verify", "--json")
    assert isinstance(result.exception, MissingInput)
    assert json.loads(result.stdout)["damaged_files"] == [str(outcomes.relative_to(work.root))]


def test_repair_makes_tokens_again_to_the_byte(work: WorkFolder):
    before = files(work.tokens)
    flip(shard_of(work, "tiny_audio") / "tokens/c/0/0")
    shutil.rmtree(shard_of(work, "tiny_text"))
    (store_of(work, "tiny_image") / "spec.json").unlink()
    assert told(work, "verify", "--repair")["still_damaged"] == []
    assert files(work.tokens) == before


def test_repair_makes_media_again_to_the_byte_and_keeps_their_tokens(work: WorkFolder):
    media, tokens = files(work.media), files(work.tokens)
    flip(next(work.media.glob("*/shard-*/audio/c/0")))
    assert told(work, "verify", "--repair")["still_damaged"] == []
    assert (files(work.media), files(work.tokens)) == (media, tokens)


@pytest.mark.parametrize("kind", ["media", "tokens"])
def test_a_damaged_shard_stays_until_its_successor_is_whole(
    work: WorkFolder, kind: str, monkeypatch: pytest.MonkeyPatch
):
    before = files(work.root / kind)
    shard = next(work.media.glob("*/shard-*")) if kind == "media" else shard_of(work, "tiny_audio")
    flip(shard / ("audio/c/0" if kind == "media" else "tokens/c/0/0"))
    harmed = files(shard)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "/disk")

    stage = "unmask.preprocess.stage._write_shards" if kind == "media" else "unmask.cache.fill_stores.write_store_shard"
    with monkeypatch.context() as patch:
        patch.setattr(stage, fail)
        result = call(work, "verify", "--repair")
    assert isinstance(result.exception, OSError | MachineFailed)
    assert files(shard.with_name(f"damaged-{shard.name}")) == harmed
    assert not shard.exists()
    assert isinstance(call(work, "verify").exception, MissingInput)
    assert told(work, "verify", "--repair")["still_damaged"] == []
    assert files(work.root / kind) == before


def test_what_a_killed_repair_left_goes_with_the_next_one(work: WorkFolder):
    before = files(work.tokens)
    shard = shard_of(work, "tiny_audio")
    shutil.copytree(shard, shard.with_name(f"damaged-{shard.name}"))
    assert told(work, "verify")["damaged"] == []
    assert files(work.tokens) != before
    assert told(work, "verify", "--repair")["damaged"] == []
    assert files(work.tokens) == before


def test_damaged_media_stay_when_their_files_are_gone(work: WorkFolder, tmp_path: Path):
    table = read_manifest(work.manifest).table
    write_manifest(work.manifest, Manifest(table, {"tiny": str(tmp_path / "nowhere")}))
    flip(next(work.media.glob("*/shard-*/audio/c/0")))
    result = call(work, "verify", "--repair", "--json")
    assert isinstance(result.exception, MissingInput)
    assert len(json.loads(result.stdout)["kept"]) == 1
    assert list(work.media.glob("*/shard-*"))


def test_exported_tokens_come_back_to_the_byte(work: WorkFolder, tmp_path: Path):
    out = tmp_path / "all.h5"
    assert told(work, "export", str(out))["rows"] == 3
    other = WorkFolder(tmp_path / "other")
    stages = told(other, "import", str(out))["stages"]
    assert [(stage["done"], stage["skipped"]) for stage in stages] == [(3, 0)] * 3
    assert files(other.tokens) == files(work.tokens)
    again = told(other, "import", str(out))["stages"]
    assert [(stage["done"], stage["skipped"]) for stage in again] == [(0, 3)] * 3


def test_imported_tokens_are_opened_beside_their_media(work: WorkFolder, tmp_path: Path):
    told(work, "export", str(tmp_path / "all.h5"))
    shutil.rmtree(work.tokens)
    told(work, "import", str(tmp_path / "all.h5"))
    assert list(open_tokens(work, read_manifest(work.manifest)).stores) == sorted(ENCODERS)


def test_damaged_shards_are_not_exported(work: WorkFolder, tmp_path: Path):
    flip(shard_of(work, "tiny_audio") / "tokens/c/0/0")
    result = call(work, "export", str(tmp_path / "all.h5"))
    assert isinstance(result.exception, MissingInput)
    assert shard_of(work, "tiny_audio").name in result.exception.problem
    assert not (tmp_path / "all.h5").exists()


def test_an_edited_export_is_not_imported(work: WorkFolder, tmp_path: Path):
    told(work, "export", str(tmp_path / "all.h5"))
    with h5py.File(tmp_path / "all.h5", "r+") as file:
        file["tiny_audio/tokens"][0, 0] = 7
    other = WorkFolder(tmp_path / "other")
    assert isinstance(call(other, "import", str(tmp_path / "all.h5")).exception, MissingInput)
    assert not other.tokens.exists()


def test_tokens_of_other_media_are_not_replaced(work: WorkFolder, tmp_path: Path):
    told(work, "export", str(tmp_path / "all.h5"))
    path = shard_of(work, "tiny_audio") / "zarr.json"
    path.write_text(path.read_text().replace('"source": "', '"source": "other'))
    assert isinstance(call(work, "import", str(tmp_path / "all.h5")).exception, UsageError)


@pytest.mark.parametrize("per", ["item", "clip"])
@pytest.mark.parametrize("form", ["parquet", "npz"])
def test_means_for_scikit_learn(work: WorkFolder, tmp_path: Path, form: str, per: str):
    out = tmp_path / f"means.{form}"
    assert told(work, "export", str(out), "--format", form, "--per", per)["rows"] == 3
    if form == "parquet":
        table = pq.read_table(out)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        assert columns["tiny_image"] == [None] * 3
    else:
        arrays = np.load(out, allow_pickle=False)
        columns = {name: arrays[name].tolist() for name in arrays}
        assert np.isnan(arrays["tiny_image"]).all()
    assert (columns["label"], columns["split"], columns["dataset"]) == ([0] * 3, ["train"] * 3, ["tiny"] * 3)
    assert ("clip" in columns) == (per == "clip")
    store = open_store(work, "tiny_audio")
    assert columns["media_id"] == [media_id for media_id, _ in store.keys]
    for clip, mean in enumerate(columns["tiny_audio"]):
        expected = store.gather(np.array([clip]))[0].astype(np.float32).mean(axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)
