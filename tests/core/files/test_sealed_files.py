"""JSON, JSON lines and archives are read as they were written, or refused: no flipped bit becomes another value."""

from __future__ import annotations

import errno
import io
import json
import random
import zipfile

import numpy as np
import pytest
import torch

from unmask.core.errors import MissingInput
from unmask.core.files import sealed_arrays, sealed_files
from unmask.core.files.damage import Damaged, as_missing_input
from unmask.core.files.sealed_arrays import write_arrays
from unmask.core.files.sealed_files import KEY

VALUE = {"auc": 0.9134, "name": "ü", "rows": [{"n": 12, "value": None}, {"n": 7, "value": True}], "zz": {}}
LINES = [{"epoch": number, "loss": 1 / number, "of": {"a": [number]}} for number in range(1, 5)]


ARRAYS = {"matrix": np.arange(12.0).reshape(3, 4), "names": np.array(["a", "bc"])}


def make_archive() -> bytes:
    content = io.BytesIO()
    np.savez(content, **ARRAYS)
    return content.getvalue()


def read_arrays(path) -> dict[str, list]:
    return {name: array.tolist() for name, array in sealed_arrays.read_arrays(path).items()}


FORMS = {
    "json": (lambda path: sealed_files.write_json(path, VALUE), sealed_files.read_json),
    "lines": (lambda path: sealed_files.write_lines(path, LINES), sealed_files.read_lines),
    "archive": (lambda path: write_arrays(path, ARRAYS), read_arrays),
}


@pytest.fixture(params=FORMS)
def form(request, tmp_path):
    write, read = FORMS[request.param]
    path = tmp_path / "file"
    write(path)
    return path, read


def test_every_flipped_bit_is_refused_or_changes_no_value(form):
    path, read = form
    whole, content = read(path), path.read_bytes()
    refused = 0
    for place in range(len(content)):
        for bit in (place % 8, 5):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            try:
                assert read(path) == whole, (place, bit)
            except Damaged:
                refused += 1
    assert refused >= 2 * len(content) - 8


def test_every_truncation_is_refused_or_an_earlier_state(form):
    path, read = form
    whole, content = read(path), path.read_bytes()
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        try:
            found = read(path)
        except Damaged:
            continue
        assert isinstance(found, list), length
        assert found == whole[: len(found)]
        assert len(found) < len(whole)


def test_many_changed_bytes_are_refused(form):
    path, read = form
    content, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(content)
        start = int(random.integers(len(content) - 16))
        changed[start : start + 16] = random.bytes(16)
        path.write_bytes(changed)
        with pytest.raises(Damaged, match=str(path)):
            read(path)


def test_the_same_value_gives_the_same_bytes_and_any_json_reader_reads_them(form):
    path, _ = form
    first = path.read_bytes()
    write = next(write for write, read in FORMS.values() if read is form[1])
    write(path)
    assert path.read_bytes() == first


def test_other_readers_see_the_content_and_one_more_entry(tmp_path):
    digest = sealed_files.write_json(tmp_path / "a.json", VALUE)
    assert json.loads((tmp_path / "a.json").read_text()) == VALUE | {KEY: digest}
    sealed_files.write_lines(tmp_path / "a.jsonl", LINES)
    texts = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [{**json.loads(text), KEY: ""} for text in texts] == [{**line, KEY: ""} for line in LINES]
    sealed_files.write_archive(tmp_path / "a.npz", make_archive())
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(KEY.encode())


def test_files_without_a_checksum_are_read_as_they_are(tmp_path):
    path = tmp_path / "old"
    path.write_text(json.dumps(VALUE, indent=2, sort_keys=True) + "\n")
    assert sealed_files.read_json(path) == VALUE
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    assert sealed_files.read_lines(path) == LINES
    path.write_text("")
    assert sealed_files.read_lines(path) == []
    path.write_bytes(make_archive())
    assert read_arrays(path)["names"] == ["a", "bc"]


def test_a_line_removed_from_the_middle_is_seen(tmp_path):
    sealed_files.write_lines(tmp_path / "a", LINES)
    lines = (tmp_path / "a").read_text().splitlines(keepends=True)
    (tmp_path / "a").write_text("".join(lines[:1] + lines[2:]))
    with pytest.raises(Damaged):
        sealed_files.read_lines(tmp_path / "a")


def test_torch_opens_a_sealed_state_by_its_path_and_from_memory(tmp_path):
    content, state = io.BytesIO(), {"weight": torch.arange(5.0), "epoch": 3}
    torch.save(state, content)
    sealed_files.write_archive(tmp_path / "a.pth", content.getbuffer())
    for source in (tmp_path / "a.pth", sealed_files.read_archive(tmp_path / "a.pth")[0]):
        found = torch.load(source, weights_only=True)
        assert found["epoch"] == 3
        assert torch.equal(found["weight"], state["weight"])


def test_a_line_of_a_growing_file_is_whole_or_not():
    line, rng = sealed_files.seal_line(json.dumps({"score": 0.25, "name": "a"})).encode(), random.Random(0)
    assert json.loads(line)["score"] == 0.25
    assert sealed_files.is_whole_line(line)
    assert sealed_files.is_whole_line(b'{"score": 0.25}'), "of an earlier version"
    for place in range(len(line)):
        changed = bytearray(line)
        changed[place] ^= 1
        assert not sealed_files.is_whole_line(bytes(changed)) or json.loads(changed) == json.loads(line), place
        for _ in range(20):
            for at in range(place, min(place + 16, len(line))):
                changed[at] = line[at] ^ 1 << rng.randrange(8)
            assert not is_taken(bytes(changed)), changed


def is_taken(line: bytes) -> bool:
    try:
        return sealed_files.is_whole_line(line) and bool(json.loads(line))
    except ValueError:
        return False


def test_only_an_archive_without_a_comment_is_sealed(tmp_path):
    sealed_files.write_archive(tmp_path / "a", make_archive())
    for content in (b"no archive at all, no archive at all", (tmp_path / "a").read_bytes()):
        with pytest.raises(ValueError, match="not a zip archive without a comment"):
            sealed_files.write_archive(tmp_path / "b", content)
    with pytest.raises(ValueError, match="without content"):
        sealed_files.write_json(tmp_path / "b", {})


def test_damage_is_named_and_a_failed_disk_is_none(tmp_path):
    assert "damaged" in as_missing_input(Damaged("a: damaged"), "a: not readable", "again").problem
    assert as_missing_input(FileNotFoundError(), "a: not readable", "again").problem == "a: not readable"
    for number in (errno.EIO, errno.ESTALE):
        with pytest.raises(OSError, match="disk"):
            as_missing_input(OSError(number, "disk"), "a: not readable", "again")
    assert isinstance(as_missing_input(ValueError(), "a", "b"), MissingInput)
