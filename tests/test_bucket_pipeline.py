"""The whole pipeline in a bucket: the bytes of a local work folder, on machines that share nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from bucket_server import KEY, SECRET, Machine
from bucket_server import bucket as bucket
from bucket_server import credentials as credentials
from bucket_server import machine as machine
from bucket_server import server as server
from guides import code_blocks, execute_block

import unmask
from unmask.cli.app import main
from unmask.core.buckets.addresses import parse_address
from unmask.core.buckets.bucket import Bucket
from unmask.core.buckets.commits import SUFFIX
from unmask.preprocess.shards import shard_plan

TRAINING = ("train", "--preset", "linear", "--set", "train.epochs=2")
STAGES = (("preprocess", "--profile", "tiny", "--workers", "1"), ("extract",), TRAINING, ("evaluate",))
TIMED = ("metrics.jsonl", "summary.json")
"""Files of a run with seconds in them; the names of TensorBoard's have the time too."""


def run(*arguments: object, work: object, code: int = 0) -> str:
    """What a command prints on stdout."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as errors, pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--work", str(work)])
    assert ended.value.code == code, out.getvalue() + errors.getvalue()
    return out.getvalue()


@pytest.fixture(scope="module", autouse=True)
def small_shards(server: str) -> Iterator[None]:
    """Several shards of few files. Without a server nothing is made at all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_plan, "ITEMS_PER_SHARD", 10)
        yield


@pytest.fixture(scope="module")
def local(demo_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a local folder."""
    work = tmp_path_factory.mktemp("local")
    for stage in (("scan", *list_data(demo_corpus)), *STAGES):
        run(*stage, work=work)
    return work


def list_data(corpus: Path) -> list[Path]:
    """Videos with sound, images and recordings: few files, all modalities."""
    return [corpus / "FakeAVCeleb_v1.2", corpus / "archive (2)"]


def read_bucket(address: str) -> dict[str, bytes]:
    """Every file of a work folder in a bucket by its path in one."""
    store = Bucket(parse_address(address))
    found: dict[str, bytes] = {}
    for name in store.list_objects(without="objects"):
        content = read(store, name)
        if name.endswith(SUFFIX):
            files = json.loads(content)["files"]
            found |= {f"{name.removesuffix(SUFFIX)}/{path}": read(store, one["object"]) for path, one in files.items()}
        else:
            found[name] = content
    return found


def read(store: Bucket, name: str) -> bytes:
    found = store.read(name)
    assert found is not None
    return found[0]


def read_local(work: Path) -> dict[str, bytes]:
    paths = (path for path in work.rglob("*") if path.is_file())
    found = {path.relative_to(work).as_posix(): path.read_bytes() for path in paths}
    return {
        name: content for name, content in found.items() if not name.startswith("locks/") and not name.endswith("/lock")
    }


def leave_out_times(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.endswith(TIMED) and "tfevents" not in name}


def test_each_stage_on_another_machine_gives_the_bytes_of_one_local_folder(
    local: Path, demo_corpus: Path, bucket: str, machine: Machine, capfd: pytest.CaptureFixture[str], tmp_path: Path
):
    work = f"{bucket}/team/work"
    said = run("scan", *list_data(demo_corpus), work=work)
    for number, stage in enumerate(STAGES):
        machine(f"machine-{number}")
        said += run(*stage, work=work)
    mine, stored = read_local(local), read_bucket(work)
    assert leave_out_times(mine) == leave_out_times(stored)
    assert len(leave_out_times(mine)) > 150
    assert {name for name in mine if name.endswith(TIMED)} <= stored.keys()

    machine("another")
    said += run("cache", "verify", work=work)
    assert "no shard and no file is damaged" in said
    with unmask.Work(work) as opened:
        again = opened.extract()
        assert sum(report.done for report in again) == 0
        x, y = opened.mean_tokens("tiny_audio", split=None)
        assert len(x) == len(y) > 0
        assert opened.run().evaluation is not None

    said += "".join(capfd.readouterr())
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (KEY, SECRET):
        assert secret not in said
        assert secret.encode() not in written + b"".join(stored.values())
    assert str(tmp_path) not in run("runs", "ls", work=work)


def damage_shard(address: str, work: Path, kind: str) -> str:
    """Change an object of the first shard of a kind ("media", "tokens"); the shard's name."""
    store = Bucket(parse_address(address))
    commit = min(name for name in store.list_objects(without="objects") if name.startswith(kind) and SUFFIX in name)
    files = json.loads(read(store, commit))["files"]
    (work / "damaged").write_bytes(b"damaged")
    store.upload(max(files.values(), key=lambda one: one["bytes"])["object"], work / "damaged")
    return commit.removesuffix(SUFFIX)


def test_damage_in_the_bucket_is_found_and_repaired(
    local: Path, demo_corpus: Path, bucket: str, machine: Machine, tmp_path: Path
):
    for stage in (("scan", *list_data(demo_corpus)), *STAGES[:2]):
        run(*stage, work=bucket)
    before = read_bucket(bucket)
    names = [damage_shard(bucket, tmp_path, kind) for kind in ("media", "tokens")]
    machine("another")
    said = run("cache", "verify", work=bucket, code=4)
    assert [name for name in names if f"damaged: {name}" not in said] == [], said
    run("cache", "verify", "--repair", work=bucket)
    assert read_bucket(bucket) == before
    run("cache", "verify", work=bucket)


def test_zarr_and_pyarrow_read_the_bucket_without_this_program(demo_corpus: Path, bucket: str):
    for stage in (("scan", *list_data(demo_corpus)), *STAGES[:2]):
        run(*stage, work=f"{bucket}/work")
    (block,) = code_blocks("buckets.md")
    module = execute_block(block.replace('"team"', repr(bucket.removeprefix("s3://"))), "reading")
    assert module.tokens.shape[1] == 512
    assert module.tokens.dtype == "float16"


def test_parts_on_two_machines_are_merged_through_the_bucket(
    local: Path, demo_corpus: Path, bucket: str, machine: Machine
):
    run("scan", *list_data(demo_corpus), work=bucket)
    for part in ("1/2", "2/2"):
        machine(part.replace("/", "-"))
        run("preprocess", "--profile", "tiny", "--workers", "1", "--shard", part, work=bucket)
        run("extract", "--shard", part, work=bucket)
    machine("merging")
    run("merge", work=bucket)
    mine = {name: content for name, content in read_local(local).items() if not name.startswith("runs/")}
    assert mine == read_bucket(bucket)
