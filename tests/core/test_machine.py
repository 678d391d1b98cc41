"""The memory that a process may use: of the machine, of control groups, of ulimit."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from unmask.core.machine import GIB, read_available_memory, read_cgroups, read_memory_gib


def _write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


def test_each_group_of_version_2_up_to_the_root_limits_it(tmp_path: Path):
    groups, own = tmp_path / "groups", tmp_path / "own"
    own.write_text("0::/user/job\n")
    _write(groups / "user", memory__max="max", memory__current="700")
    stat = "anon 300\ninactive_file 150"
    _write(groups / "user" / "job", memory__max="1000", memory__current="600", memory__stat=stat)
    assert list(read_cgroups(groups, own)) == [(1000 - 600 + 150, 1000)]
    _write(groups / "user", memory__max="800")
    assert list(read_cgroups(groups, own)) == [(550, 1000), (100, 800)]


def test_a_container_of_version_1_finds_its_limit_where_its_path_is_that_of_the_host(tmp_path: Path):
    groups, own = tmp_path / "groups", tmp_path / "own"
    own.write_text("9:cpu:/\n4:memory:/docker/123\n0::/\n")
    _write(groups / "memory", memory__limit_in_bytes="1000", memory__usage_in_bytes="100")
    assert list(read_cgroups(groups, own)) == [(900, 1000)]
    own.write_text("9:cpu:/docker/123\n")
    assert list(read_cgroups(groups, own)) == []


def test_a_system_without_control_groups_has_the_memory_of_the_machine(tmp_path: Path):
    assert list(read_cgroups(tmp_path, tmp_path / "missing")) == []
    available, total = read_available_memory()
    assert 0 < available <= total
    assert read_memory_gib()[1] == total / GIB


@pytest.mark.parametrize("which", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_ulimit_counts(which: str):
    program = (
        "import resource, sys; from unmask.core.machine import read_available_memory\n"
        f"resource.setrlimit(resource.{which}, (1 << 30, 1 << 30))\n"
        "available, total = read_available_memory(); print(available, total)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    available, total = map(int, ran.stdout.split())
    assert total == 1 << 30
    assert 0 < available < total
    assert resource.getrlimit(getattr(resource, which))[0] != 1 << 30, "the limit is the other process's"
