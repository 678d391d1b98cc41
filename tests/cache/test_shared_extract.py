"""Extraction in parts, or by several processes in one folder, gives the bytes of one process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.cache.extraction_plan import plan_stores, prepare_stores
from unmask.cache.merge import has_parts, merge_tokens
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store import token_store
from unmask.cache.store.extraction_parts import list_parts
from unmask.cache.store.inventory import list_stores, remove_unused_stores
from unmask.cache.store.profile_index import hash_media
from unmask.cache.store.token_locks import hold_tokens
from unmask.core import atomic_files
from unmask.core.checksums import write_checksums
from unmask.core.errors import MissingInput
from unmask.core.file_lock import Held
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import write_manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.shard_plan import get_media_folder

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def use_one_thread(keep_threads: None) -> None:
    """As in RUN: sums are rounded as the threads divide them."""
    torch.set_num_threads(1)


RUN = """
import json, sys
from pathlib import Path
import torch
from unmask.cache.stage import extract
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import read_manifest
from unmask.preprocess.profiles import Profile

torch.set_num_threads(1)
work = WorkFolder(Path(sys.argv[1]))
profile = Profile.model_validate_json(sys.argv[2])
reports = extract(read_manifest(work.manifest), profile, work, device=torch.device("cpu"))
print(json.dumps([report.as_json() for report in reports]))
"""


@pytest.fixture
def shards(media: Any) -> Any:
    """Seven media shards."""
    for number in range(0, 14, 2):
        media.add(f"image-{number}", f"video-{number + 1}")
    return media


@pytest.fixture
def projected(shards: Any) -> Profile:
    """One of the encoders projected to principal components of the train split, which no part can fit."""
    encoders = [one.model_dump(mode="json") for one in shards.profile.encoders]
    encoders[0]["projection"] = "pca"
    shards.rows = [row_in_train(row) for row in shards.rows]
    return shards.profile.changed({"encoders": encoders})


def row_in_train(row: Any) -> Any:
    from dataclasses import replace

    return replace(row, split="train", split_scheme="default", group=row.media_id)


def copy(media: Any, root: Path) -> WorkFolder:
    shutil.copytree(media.work.media, root / "media")
    return WorkFolder(root)


def tokens(work: WorkFolder) -> dict[str, bytes]:
    found = {str(path.relative_to(work.tokens)): path for path in work.tokens.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items()}


def run(media: Any, work: WorkFolder, profile: Profile, part: str | None = None) -> Any:
    return extract(media.manifest, profile, work, device=CPU, partition=Partition.parse(part))


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_parts_on_three_machines_merge_to_the_bytes_of_one(shards, projected, tmp_path, order):
    run(shards, shards.work, projected)
    machines = [copy(shards, tmp_path / f"machine{number}") for number in order]
    for number, machine in zip(order, machines, strict=True):
        run(shards, machine, projected, f"{number}/3")
    together = copy(shards, tmp_path / "together")
    assert has_parts(projected, machines)
    reports = merge_tokens(shards.manifest, projected, together, machines)
    assert tokens(together) == tokens(shards.work)
    assert all(report.done + report.skipped + len(report.failed) == report.given > 0 for report in reports)


def test_parts_in_one_folder_merge_to_the_same_bytes_and_leave_no_note(shards, projected, tmp_path):
    run(shards, shards.work, projected)
    work = copy(shards, tmp_path / "shared")
    for number in (2, 1, 3):
        reports = run(shards, work, projected, f"{number}/3")
        assert sum(report.given for report in reports) < 7 * 3 * len(reports)
    assert [str(part.partition) for part in list_parts(work)] == ["1/3", "2/3", "3/3"]
    with pytest.raises(MissingInput, match="no tokens of this profile"):
        open_tokens(work, shards.manifest)
    merge_tokens(shards.manifest, projected, work)
    assert list_parts(work) == []
    assert tokens(work) == tokens(shards.work)


def test_a_machine_needs_the_media_of_its_own_part_alone(shards, tmp_path):
    folder = get_media_folder(shards.work, shards.profile.preprocess)
    mine = {path.name for path in Partition(1, 3).select(shards_in_order(shards))}
    work = copy(shards, tmp_path / "machine1")
    for path in (work.media / folder.name).glob("shard-*"):
        if path.name not in mine:
            shutil.rmtree(path)
    reports = run(shards, work, shards.profile, "1/3")
    assert reports[0].done > 0
    with pytest.raises(MissingInput, match="shards unfinished"):
        run(shards, work, shards.profile, "2/3")


def shards_in_order(media: Any) -> list[Path]:
    from unmask.preprocess.shards.shard_plan import find_shards

    return find_shards(get_media_folder(media.work, media.profile.preprocess), media.manifest)


def test_a_merge_names_what_is_missing_and_refuses_damage(shards, tmp_path):
    profile = shards.profile
    machine, together = copy(shards, tmp_path / "machine"), copy(shards, tmp_path / "together")
    run(shards, machine, profile, "1/3")
    with pytest.raises(MissingInput, match="4 of 7 shards of tiny_image are not encoded"):
        merge_tokens(shards.manifest, profile, together, [machine])
    run(shards, machine, profile)
    shutil.rmtree(together.tokens)
    chunk = next(machine.tokens.glob("tiny_image-*/shard-*/tokens/c/0/0"))
    chunk.write_bytes(b"\0" * chunk.stat().st_size)
    with pytest.raises(MissingInput, match="damaged"):
        merge_tokens(shards.manifest, profile, together, [machine])


def test_tokens_of_other_media_are_not_merged(shards, tmp_path):
    other, together = copy(shards, tmp_path / "other"), copy(shards, tmp_path / "together")
    run(shards, other, shards.profile)
    for path in together.media.glob("*/shard-*/checksums.json"):
        path.write_text(path.read_text() + " ")
    with pytest.raises(MissingInput, match="7 of 7 shards"):
        merge_tokens(shards.manifest, shards.profile, together, [other])


def test_two_calls_on_one_folder_share_the_shards(shards, projected, tmp_path):
    run(shards, shards.work, projected)
    work = copy(shards, tmp_path / "shared")
    write_manifest(work.manifest, shards.manifest)
    command = [sys.executable, "-c", RUN, work.root, projected.model_dump_json()]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [json.loads(process.communicate(timeout=300)[0].splitlines()[-1]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert tokens(work) == tokens(shards.work)
    for ours, theirs in zip(*found, strict=True):
        assert ours["given"] == theirs["given"] == ours["done"] + ours["skipped"]
        assert ours["done"] + theirs["done"] == ours["given"], "every clip was encoded by one of them"
    assert not list(work.locks.glob("claims/*/*"))


def test_a_call_that_begins_leaves_the_projections_that_another_writes(shards, projected, tmp_path, monkeypatch):
    """As if the other were on another machine, whose processes nobody here knows."""
    run(shards, shards.work, projected)
    work = copy(shards, tmp_path / "shared")
    versions = {path.name: hash_media(path) for path in shards_in_order(shards)}
    begun: list[str] = []

    def begin_another(folder: Path) -> None:
        if token_store.read_spec(folder.parent)[0].projection.startswith("pca"):
            jobs = plan_stores(shards.manifest, projected, work, versions, CPU)
            prepare_stores(jobs, projected, work, len(versions), WHOLE)
            begun.append(folder.name)
        write_checksums(folder)

    monkeypatch.setattr(atomic_files, "is_alive", lambda mark: False)
    monkeypatch.setattr(token_store, "write_checksums", begin_another)
    run(shards, work, projected)
    assert len(begun) >= 7
    assert tokens(work) == tokens(shards.work)


def test_a_claimed_shard_is_left_to_its_holder(shards, tmp_path):
    """The other process is a claim, held until its tokens lie there."""
    import threading

    run(shards, shards.work, shards.profile)
    work = copy(shards, tmp_path / "shared")
    first = shards_in_order(shards)[0].name
    claim = claim_shards(work, get_media_folder(work, shards.profile.preprocess)).take(first)
    assert claim is not None

    def finish() -> None:
        while len(list(work.tokens.glob("*/shard-*"))) < 6 * 3:
            threading.Event().wait(0.02)
        for store in shards.work.tokens.glob("*-*"):
            if store.is_dir():
                shutil.copytree(store / first, work.tokens / store.name / first)
        claim.release(remove=True)

    thread = threading.Thread(target=finish)
    thread.start()
    reports = run(shards, work, shards.profile)
    thread.join()
    assert all(report.skipped > 0 and report.done > 0 for report in reports)
    assert tokens(work) == tokens(shards.work)


def test_gc_and_extract_keep_each_other_out_and_say_who(shards):
    run(shards, shards.work, shards.profile)
    (store,) = (one.folder for one in list_stores(shards.work, []) if one.encoder == "tiny_text")
    with hold_tokens(shards.work), pytest.raises(Held, match="process"):
        remove_unused_stores(shards.work, [store], list)
    with hold_tokens(shards.work, alone=True), pytest.raises(Held, match="process"):
        run(shards, shards.work, shards.profile)


def test_gc_looks_again_at_what_was_unused_when_it_asked(shards):
    """`extract` refers to a store after the question, and its tokens stay; a part protects its stores too."""
    run(shards, shards.work, shards.profile)
    names = [one.folder for one in list_stores(shards.work, [])]
    for path in shards.work.tokens.glob("*.json"):
        path.unlink()
    run(shards, shards.work, shards.profile, "1/2")
    assert remove_unused_stores(shards.work, names, list) == []
    for part in list_parts(shards.work):
        part.path.unlink()
    run(shards, shards.work, shards.profile.changed({"encoders": [{"name": "tiny_image"}]}))
    assert remove_unused_stores(shards.work, names, list) == [name for name in names if "tiny_image" not in name]


def test_import_keeps_gc_out(shards, tmp_path):
    from unmask.cache.export.transfer import export_hdf5, import_hdf5

    run(shards, shards.work, shards.profile)
    export_hdf5(shards.work, tmp_path / "all.h5")
    work = WorkFolder(tmp_path / "new")
    with hold_tokens(work, alone=True), pytest.raises(Held):
        import_hdf5(work, tmp_path / "all.h5")
    with hold_tokens(work):
        import_hdf5(work, tmp_path / "all.h5")
    assert not list(work.locks.glob("claims/*/*"))
