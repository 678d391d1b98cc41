"""docs/add-a-dataset.md is executed as it stands."""

from __future__ import annotations

import numpy as np
import pytest
from guides import code_blocks, execute_block
from PIL import Image

from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.base import Layout
from unmask.manifests.manifest import DATASETS
from unmask.manifests.scan.scan import scan


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Both code blocks of the guide, as if the first were a file and the second a line of LAYOUTS."""
    source, line = code_blocks("add-a-dataset.md")
    ((key, layout),) = eval(f"{{{line}}}", {"parlour": execute_block(source, "parlour")}).items()
    monkeypatch.setitem(LAYOUTS, key, layout)
    return layout


TREE = (
    "real/ann/1.mp4",
    "real/bob/1.mp4",
    "swap/SimSwap/ann+bob/1.mp4",
    "swap/simswap/nobody/1.mp4",
    "masks/simswap/1.mp4",
    "about.pdf",
    "1.mp4",
)


def test_the_guide_is_one_file_and_one_line():
    blocks = code_blocks("add-a-dataset.md")
    assert len(blocks) == 2
    assert blocks[1].strip().count("\n") == 0


def test_the_example_reads_the_tree_that_it_draws(registered, make_tree):
    scanned = registered.scan(make_tree(*TREE, root="Parlour"))
    read = {row.path: (row.label, row.method, row.people, row.sources) for row in scanned.rows}
    assert read == {
        "real/ann/1.mp4": (0, "none", ("parlour:ann",), ("parlour:ann/1",)),
        "real/bob/1.mp4": (0, "none", ("parlour:bob",), ("parlour:bob/1",)),
        "swap/SimSwap/ann+bob/1.mp4": (1, "simswap", ("parlour:ann", "parlour:bob"), ("parlour:bob/1",)),
    }
    assert scanned.reasons == {
        "mask": 1,
        "not media": 1,
        "not in real/ or swap/": 1,
        "swap whose folder is not <face>+<body>": 1,
    }
    assert [conflict.path for conflict in scanned.conflicts] == ["swap/simswap/nobody/1.mp4"]


def test_a_registered_layout_is_found_numbered_after_the_nine_and_split_without_leaks(registered, make_tree):
    root = make_tree(*(f"PARLOUR/{path}" for path in TREE), "mine/real/a.png")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(root / "mine/real/a.png")
    lines: list[str] = []
    manifest, report = scan(root, workers=1, say=lines.append)
    rows = list(manifest.rows())
    assert {(row.dataset, row.domain_id) for row in rows} == {
        ("parlour", len(DATASETS)),
        ("mine", len(DATASETS) + 1),
    }
    assert len({row.group for row in rows if row.dataset == "parlour"}) == 1  # the swap ties ann to bob
    assert any(line.startswith("parlour: 3 files, 2 real + 1 fake") for line in lines)
    assert report.given == 4
