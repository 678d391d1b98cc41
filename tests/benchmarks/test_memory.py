"""Long runs: what a process holds does not grow with the items that it has worked on."""

from __future__ import annotations

import pytest

from benchmarks.memory import KINDS, compute_growth, measure

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]
BLOCKS = 8


@pytest.mark.parametrize("name", KINDS)
def test_memory_is_flat(name: str):
    curve, items = measure(name, BLOCKS)
    assert items >= 50
    assert compute_growth(curve) <= 1.10, curve


def test_growth_is_seen():
    assert compute_growth([100, 101, 108, 112, 115]) > 1.10
    assert compute_growth([100, 101, 100, 101, 100]) <= 1.10
