"""Which genuine partner each file gets."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unmask.evaluation.swap_control.partners import draw_partners


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2), st.lists(st.integers(0, 6)), st.integers(0))
def test_no_partner_shares_a_group_with_a_file_of_its_block(files, partner_groups, seed):
    is_fake, group = np.array([fake for fake, _ in files]), np.array([number for _, number in files])
    partner_group = np.array(partner_groups, np.int64)
    draw = draw_partners(is_fake, group, partner_group, np.random.default_rng(seed))
    for block in np.unique(draw.block):
        here = draw.block == block
        (partner,) = set(draw.partner[here].tolist())
        if partner < 0:
            assert set(partner_groups) <= set(group[here].tolist())
        else:
            assert partner_group[partner] not in group[here]


def test_every_block_has_both_classes_and_partners_are_used_evenly():
    is_fake = np.arange(40) < 8
    draw = draw_partners(is_fake, np.arange(40), np.arange(40, 44), np.random.default_rng(0))
    for block in range(8):
        assert is_fake[draw.block == block].sum() == 1
        assert (~is_fake[draw.block == block]).sum() == 4
    used = [int(draw.partner[draw.block == block][0]) for block in range(8)]
    assert np.bincount(used).tolist() == [2, 2, 2, 2]
