"""Facts are measured once per key, in worker processes, and a bad file costs only its own row."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from unmask.core.errors import BadMedia, MissingInput
from unmask.core.fact_table import Completed, Facts, FactTable, complete_table


def measure_length(path: Path) -> Facts:
    """Runs in a worker, as a decoder would; the content of the file decides what happens."""
    text = path.read_text()
    with (path.parent / "read.log").open("a") as log:
        log.write(path.name + "\n")
    match text:
        case "bad":
            raise BadMedia(path, "unreadable", "it is damaged", "Get it again")
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            time.sleep(600)
    return {"length": len(text)}


SPEC = FactTable(
    name="lengths",
    format="unmask-test",
    about={"version": 1},
    key=("media_id", "content"),
    columns=(("length", pa.int64()), ("problem", pa.string())),
    measure=measure_length,
    chunk=3,
    timeout_s=5.0,
    save_every=2,
)


def complete(folder: Path, spec: FactTable = SPEC, **contents: str) -> Completed:
    """The table of these files; the name of a file is its media_id, its text its content."""
    for name, text in contents.items():
        (folder / name).write_text(text)
    wanted = pa.table({"media_id": list(contents), "content": list(contents.values())})

    def locate(missing: pa.Table):
        for name in missing.column("media_id").to_pylist():
            yield MissingInput("leads out", "keep it inside") if name == "outside" else (folder / name,)

    (folder / "read.log").unlink(missing_ok=True)
    return complete_table(spec, folder / "lengths.parquet", wanted, locate, workers=1)


def read_files(folder: Path) -> list[str]:
    log = folder / "read.log"
    return log.read_text().split() if log.is_file() else []


def test_each_file_gets_its_facts_in_the_order_asked_for(tmp_path: Path):
    completed = complete(tmp_path, b="22", a="1", c="333")
    assert completed.facts.column("length").to_pylist() == [2, 1, 3]
    assert (completed.measured, completed.failed) == (3, {})


def test_what_is_known_is_not_measured_again(tmp_path: Path):
    complete(tmp_path, a="1", b="22")
    before = (tmp_path / "lengths.parquet").read_bytes()
    completed = complete(tmp_path, a="1", b="22")
    assert (completed.measured, read_files(tmp_path)) == (0, [])
    assert (tmp_path / "lengths.parquet").read_bytes() == before
    assert complete(tmp_path, a="1", c="333").facts.column("length").to_pylist() == [1, 3]
    assert read_files(tmp_path) == ["c"]


def test_another_content_replaces_the_row_of_the_file(tmp_path: Path):
    complete(tmp_path, a="1", b="22")
    assert complete(tmp_path, a="4444", b="22").facts.column("length").to_pylist() == [4, 2]
    assert read_files(tmp_path) == ["a"]
    assert complete(tmp_path, a="4444", b="22").measured == 0


def test_another_version_or_a_damaged_file_is_measured_anew(tmp_path: Path):
    complete(tmp_path, a="1")
    assert complete(tmp_path, replace(SPEC, about={"version": 2}), a="1").measured == 1
    (tmp_path / "lengths.parquet").write_text("not Parquet")
    assert complete(tmp_path, a="1").facts.column("length").to_pylist() == [1]


def test_a_bad_file_is_a_row_with_its_problem_that_is_kept(tmp_path: Path):
    completed = complete(tmp_path, a="1", b="bad", outside="22")
    assert completed.facts.column("problem").to_pylist() == [
        None,
        "unreadable: it is damaged. Get it again",
        "refused: leads out",
    ]
    assert completed.failed.keys() == {("b", "bad"), ("outside", "22")}
    assert complete(tmp_path, a="1", b="bad", outside="22").measured == 0


def test_a_worker_that_dies_costs_one_row_which_is_tried_again(tmp_path: Path):
    completed = complete(tmp_path, a="1", b="dies", c="333")
    assert completed.facts.column("length").to_pylist() == [1, None, 3]
    assert completed.facts.column("problem").to_pylist()[1].startswith("crashed: ")
    complete(tmp_path, a="1", b="dies", c="333")
    assert set(read_files(tmp_path)) == {"b"}


def test_a_file_that_hangs_costs_one_row(tmp_path: Path):
    completed = complete(tmp_path, replace(SPEC, timeout_s=2.0), a="1", b="hangs")
    assert completed.facts.column("length").to_pylist() == [1, None]
    assert completed.facts.column("problem").to_pylist()[1].startswith("timeout: ")


def test_without_a_column_for_problems_failures_are_tried_by_every_call(tmp_path: Path):
    spec = replace(SPEC, columns=(("length", pa.int64()),))
    assert complete(tmp_path, spec, a="1", b="bad").failed.keys() == {("b", "bad")}
    assert complete(tmp_path, spec, a="1", b="bad").measured == 1
    assert read_files(tmp_path) == ["b"]


def test_a_stopped_call_ends_with_the_same_bytes_as_an_undisturbed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    contents = {name: name * 3 for name in "dbeac"}
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    complete(whole, **contents)
    from unmask.core import fact_table

    class StopsAtThree(fact_table.Progress):
        def advance(self, count: int = 1, *, failed: int = 0) -> None:
            super().advance(count, failed=failed)
            if self.done == 3:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fact_table, "Progress", StopsAtThree)
        with pytest.raises(KeyboardInterrupt):
            complete(torn, **contents)
    assert 0 < complete(torn, **contents).measured < 5
    assert (torn / "lengths.parquet").read_bytes() == (whole / "lengths.parquet").read_bytes()
