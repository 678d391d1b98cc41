"""Tensors with their checksum inside: any reader reads them, and no change of a bit goes unseen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from unmask.core.files.damage import Damaged
from unmask.core.files.damaged_files import find_damaged_files
from unmask.core.files.sealed_tensors import check_tensors, write_tensors

TENSORS = {"a.weight": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5, dtype=torch.float16)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_tensors(tmp_path / "model.safetensors", save(TENSORS, metadata={"format": "pt"}))
    return tmp_path / "model.safetensors"


def test_the_library_reads_the_same_tensors(path: Path):
    found = load_file(path)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], values) for name, values in TENSORS.items())
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["format"] == "pt"
    check_tensors(path)


def test_the_same_tensors_are_the_same_file(path: Path, tmp_path: Path):
    digest = write_tensors(tmp_path / "again.safetensors", save(TENSORS, metadata={"format": "pt"}))
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert digest.encode() in path.read_bytes()


def is_seen(path: Path, content: bytes | bytearray) -> bool:
    """Is this content of the file called damaged, or no safetensors file by the library?"""
    path.write_bytes(content)
    try:
        check_tensors(path)
        load_file(path)
    except (Damaged, SafetensorError):
        return True
    return False


def test_every_flipped_bit_and_every_cut_is_seen(path: Path):
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            assert is_seen(path, content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
    for length in range(len(content)):
        assert is_seen(path, content[:length])
    path.write_bytes(content[:-1])
    assert find_damaged_files([path]) == [path]


def test_sixteen_changed_bytes_are_seen(path: Path):
    content, rng = path.read_bytes(), random.Random(0)
    for start in range(len(content)):
        changed = bytearray(content)
        for place in range(start, min(start + 16, len(content))):
            changed[place] ^= 1 << rng.randrange(8)
        assert is_seen(path, changed)


def test_files_of_others_are_read_as_they_are(tmp_path: Path):
    (tmp_path / "theirs.safetensors").write_bytes(save(TENSORS, metadata={"format": "pt"}))
    check_tensors(tmp_path / "theirs.safetensors")
    with pytest.raises(ValueError, match="other metadata"):
        write_tensors(tmp_path / "a.safetensors", save(TENSORS, metadata={"format": "pt", "by": "them"}))
