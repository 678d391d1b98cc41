"""What a file's header says, as a token."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.metadata import CATEGORIES, FACTS, RANGES, WIDTH, read_header_fields
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.profiles import EncoderChoice

ENCODER = make_encoder(EncoderChoice(name="metadata"), torch.device("cpu"))

ROW = MediaRow(
    media_id="m",
    dataset="archive",
    domain_id=1,
    path="real/ann.mp4",
    kind="video",
    label=0,
    people=("ann",),
    bytes=1_000_000,
    width=362,
    height=362,
    fps=25.0,
    video_codec="h264",
    container="mov,mp4,m4a,3gp,3g2,mj2",
    text="words",
)


def token(**facts: Any) -> torch.Tensor:
    return ENCODER.encode([facts])[0, 0]


def number(name: str, value: Any) -> tuple[float, float]:
    """The number and its flag."""
    at = sum(len(values) + 2 for values in CATEGORIES.values()) + 2 * list(RANGES).index(name)
    return tuple(token(**{name: value})[at : at + 2].tolist())


def place(name: str, value: Any) -> int:
    before = list(CATEGORIES)[: list(CATEGORIES).index(name)]
    start = sum(len(CATEGORIES[earlier]) + 2 for earlier in before)
    return int(token(**{name: value})[start : start + len(CATEGORIES[name]) + 2].argmax())


def test_numbers_worked_by_hand():
    # From 16 to 8192 are nine doublings: 362 is the middle, 4.5 of them.
    assert number("width", 16 * 2**4.5) == pytest.approx((0, 0), abs=1e-6)
    assert number("width", 8192) == pytest.approx((1, 0))
    assert number("width", 16) == pytest.approx((-1, 0))
    assert number("width", 1) == pytest.approx((-1, 0)), "cut off at the low end"
    assert number("bytes", 10**12) == pytest.approx((1, 0)), "and at the high end"
    assert number("bytes", 10**6) == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize("value", [None, 0, 0.0, -3, math.nan, math.inf, "25"])
def test_what_is_no_number_above_zero_is_missing(value: Any):
    assert number("fps", value) == (0, 1)


def test_each_category_has_its_place_and_one_for_others_and_one_for_none():
    kinds = CATEGORIES["kind"]
    assert [place("kind", kind) for kind in (*kinds, "hologram", None)] == [0, 1, 2, 3, 4]
    assert place("container", "PNG") == place("container", "png")
    assert place("container", "") == place("container", None)


def test_only_facts_of_the_file_are_taken_from_a_row():
    assert set(read_header_fields(ROW)) == set(FACTS)
    changed = replace(
        ROW,
        **{"media_id": "n", "dataset": "dff", "domain_id": 8, "path": "fake/bob.mp4", "label": 1, "video_fake": True},
        **{"audio_fake": True, "method": "swap", "people": ("bob",), "sources": ("s",), "official_split": "test"},
        **{"compression": "c40", "group": "g", "split": "test", "split_scheme": "x", "content": "c", "sha256": "s"},
        **{
            "mask": "masks/bob.mp4",
            "mask_content": "m",
            "mtime_ns": 5,
            "text": None,
            "status": "failed",
            "reason": "unreadable: x",
        },
    )
    untouched = {entry.name for entry in fields(MediaRow) if getattr(changed, entry.name) == getattr(ROW, entry.name)}
    assert untouched == set(FACTS), "all else of the row is different"
    torch.testing.assert_close(
        ENCODER.encode([read_header_fields(changed)]), ENCODER.encode([read_header_fields(ROW)]), rtol=0, atol=0
    )


@pytest.mark.parametrize("name", ["label", "dataset", "path", "split", "people", "method", "text", "content"])
def test_anything_else_is_refused(name: str):
    assert name not in FACTS
    with pytest.raises(ValueError, match=f"not a header field: {name}"):
        token(**{name: "x"})


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_changes_the_token(name: str):
    assert (token(**{name: "video" if name in CATEGORIES else 20}) - token()).abs().max() > 0


@example({"sample_rate": 5e-324})
@given(
    st.fixed_dictionaries({}, optional={name: st.none() | st.text() | st.integers() | st.floats() for name in FACTS})
)
def test_whatever_the_facts_the_token_is_between_minus_one_and_one(facts: dict[str, Any]):
    made = ENCODER.encode([facts])
    assert made.shape == (1, 1, WIDTH)
    assert torch.isfinite(made).all()
    assert made.abs().max() <= 1


def test_no_items_have_no_tokens():
    assert ENCODER.encode([]).shape == (0, 1, WIDTH)
