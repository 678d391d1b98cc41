"""Rows of equal content are found, whatever the contents look like."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from unmask.manifests.splits.identity_graph import SAME_FILE, _find_equal_files

DIGESTS = [f"{number:032x}" for number in (0, 1, 2**64, 2**64 + 1, 2**127)]


def find(contents: list[str | None]) -> dict[int, str]:
    """Row -> key."""
    rows, keys = _find_equal_files(pa.table({"content": pa.array(contents, pa.string())}))
    return dict(zip(rows.tolist(), keys.to_pylist(), strict=True))


def expect(contents: list[str | None]) -> dict[int, str]:
    count = Counter(contents)
    return {row: f"{SAME_FILE}{one}" for row, one in enumerate(contents) if one and count[one] > 1}


@given(st.lists(st.none() | st.sampled_from(["", "a", "same", "ä", *DIGESTS])))
def test_those_with_a_copy_are_found(contents):
    assert find(contents) == expect(contents)


@given(st.lists(st.sampled_from(DIGESTS), max_size=12), st.integers(0, 3))
def test_digests_alone_and_parts_of_a_table(contents, first):
    whole = pa.table({"content": pa.array(contents, pa.string())})
    rows, _ = _find_equal_files(whole.slice(first))
    assert set(rows.tolist()) == set(expect(contents[first:]))


def test_a_few_copies_among_many_files():
    numbers = np.random.default_rng(0).integers(0, 2**32, 20_000)
    contents: list[str | None] = [f"{number:032x}" for number in numbers]
    contents[17] = contents[19_000]
    assert find(contents) == expect(contents)
    assert {17, 19_000} <= set(find(contents))
