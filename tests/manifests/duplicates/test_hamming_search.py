"""The index finds all near words that comparing all with all finds, and few files become few pairs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.manifests.duplicates import hamming_search as hamming
from unmask.manifests.duplicates.hamming_search import REACH, pairs_between, pairs_within
from unmask.manifests.duplicates.near_duplicates import PAIRS, cluster_near_duplicates, find_near_duplicates


def flipped(word: int, bits: list[int]) -> int:
    for bit in bits:
        word ^= 1 << bit
    return word


words = st.integers(0, 2**64 - 1)
families = st.lists(
    st.tuples(words, st.lists(st.lists(st.integers(0, 63), max_size=9, unique=True), max_size=5)), max_size=6
)


@settings(max_examples=60, deadline=None)
@given(families=families, distance=st.integers(0, REACH))
def test_no_pair_within_reach_is_missed_and_none_beyond_is_found(families, distance):
    made = [flipped(word, bits) for word, copies in families for bits in [[], *copies]]
    array = np.array(made, np.uint64)
    found = {
        (min(i, j), max(i, j))
        for first, second in pairs_within(array, distance)
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    }
    assert found == {(i, j) for j in range(len(made)) for i in range(j) if (made[i] ^ made[j]).bit_count() <= distance}


def test_between_two_lists_all_up_to_three_bits_are_found():
    chance = np.random.default_rng(0)
    base = chance.integers(0, 2**64, 500, dtype=np.uint64)
    near = [flipped(int(word), chance.choice(64, 3, replace=False).tolist()) for word in base]
    found = {
        (i, j)
        for first, second in pairs_between(np.array(near, np.uint64), base, REACH)
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    }
    assert found == {(n, n) for n in range(500)}


def test_few_of_all_pairs_are_looked_at(monkeypatch):
    looks = []
    count = np.bitwise_count
    monkeypatch.setattr(hamming.np, "bitwise_count", lambda words: looks.append(len(words)) or count(words))
    total = 30_000
    list(pairs_within(np.random.default_rng(0).integers(0, 2**64, total, dtype=np.uint64), REACH))
    assert 0 < sum(looks) < total**2 / 2 / 500


def test_thousands_of_equal_words_are_connected_without_all_their_pairs(monkeypatch):
    monkeypatch.setattr(hamming, "MOST_LOOKS", 10)
    seen = list(pairs_within(np.full(3_000, 7, np.uint64), 0))
    first, second = (np.concatenate([pair[end] for pair in seen]) for end in (0, 1))
    assert len(first) <= 4 * 10 * 3_000
    assert set(range(1, 3_000)) <= set(np.maximum(first, second).tolist())


def pairs(*listed: tuple[str, str, int]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"first": a, "second": b, "kind": "picture", "distance": d} for a, b, d in listed], schema=PAIRS
    )


def clusters(table: pa.Table) -> dict[str, str]:
    return dict(zip(table.column("media_id").to_pylist(), table.column("cluster").to_pylist(), strict=True))


def test_what_pairs_connect_is_a_cluster_named_after_its_first_file():
    assert clusters(cluster_near_duplicates(pairs(("c", "d", 4), ("a", "b", 0), ("b", "e", 8)))) == {
        "a": "a",
        "b": "a",
        "e": "a",
        "c": "c",
        "d": "c",
    }
    assert cluster_near_duplicates(pairs()).num_rows == 0


def test_a_chain_falls_apart_at_its_least_alike_links_and_copies_stay_together():
    chain = [(f"{n:02}", f"{n + 1:02}", 20 if n % 4 == 3 else 2) for n in range(19)]
    whole = cluster_near_duplicates(pairs(*chain), max_size=20)
    assert set(clusters(whole).values()) == {"00"}
    parts = clusters(cluster_near_duplicates(pairs(*chain), max_size=6))
    assert sorted(set(parts.values())) == ["00", "04", "08", "12", "16"]
    equal = pairs(*[("a", f"b{n}", 0) for n in range(30)])
    assert set(clusters(cluster_near_duplicates(equal, max_size=5)).values()) == {"a"}


def test_only_the_cluster_that_is_too_big_is_cut():
    chain = [(f"x{n:02}", f"x{n + 1:02}", 10) for n in range(9)]
    found = clusters(cluster_near_duplicates(pairs(*chain, ("a", "b", 10)), max_size=5))
    assert found == {"a": "a", "b": "a"}


@pytest.mark.parametrize("max_distance", [0, 4, REACH])
def test_a_table_without_a_fingerprint_has_only_its_equal_contents(max_distance):
    table = pa.table(
        {
            "media_id": ["3", "1", "2"],
            "content": ["same", "same", "other"],
            "kind": ["picture"] * 3,
            "whole": pa.nulls(3, pa.binary()),
            "inner": pa.nulls(3, pa.binary()),
            "problem": ["flat"] * 3,
        }
    )
    assert find_near_duplicates(table, max_distance).to_pylist() == [
        {"first": "1", "second": "3", "kind": "content", "distance": 0}
    ]
