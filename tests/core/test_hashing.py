from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.checksums import find_damage, write_checksums
from unmask.core.hashing import QUICK_BLOCK, fingerprint, fingerprint_rows, hash_file, hash_quickly, make_media_id

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), values, max_size=4))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]):
    assert fingerprint(value) == fingerprint(dict(reversed(list(value.items()))))


@given(st.lists(st.lists(values, max_size=3), max_size=4))
def test_rows_in_blocks_have_the_fingerprint_of_all_of_them(blocks: list[list[object]]):
    assert fingerprint_rows(blocks) == fingerprint([row for block in blocks for row in block])


def test_parts_are_not_run_together():
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert make_media_id("ab", "c") != make_media_id("a", "bc")


def test_what_has_no_written_form_is_refused():
    with pytest.raises(TypeError):
        fingerprint({1, 2})
    with pytest.raises(ValueError, match="Out of range float"):
        fingerprint(float("nan"))


def test_quick_content_sees_size_head_middle_and_tail(tmp_path: Path):
    size = 10 * QUICK_BLOCK
    names = set()
    for place in (None, 0, size // 2, size - 1):
        data = bytearray(size)
        if place is not None:
            data[place] = 1
        (tmp_path / "f").write_bytes(data)
        names.add(hash_quickly(tmp_path / "f"))
    (tmp_path / "f").write_bytes(bytes(size + 1))
    assert len(names | {hash_quickly(tmp_path / "f")}) == 5


def test_full_content_sees_every_byte(tmp_path: Path):
    size = 10 * QUICK_BLOCK
    (tmp_path / "a").write_bytes(bytes(size))
    changed = bytearray(size)
    changed[3 * QUICK_BLOCK] = 1
    (tmp_path / "b").write_bytes(changed)
    assert hash_quickly(tmp_path / "a") == hash_quickly(tmp_path / "b")
    assert hash_file(tmp_path / "a") != hash_file(tmp_path / "b")


def test_a_sealed_folder_tells_which_file_changed(tmp_path: Path):
    for name in ("a", "b", "sub/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    write_checksums(tmp_path)
    assert find_damage(tmp_path) == []
    (tmp_path / "b").write_text("B")
    (tmp_path / "sub/c").unlink()
    (tmp_path / "d").write_text("new")
    assert find_damage(tmp_path) == ["b", "d", "sub/c"]


def test_a_folder_without_checksums_is_damaged(tmp_path: Path):
    assert find_damage(tmp_path) == ["checksums.json"]
