"""The stage on real media in all nine layouts and one folder of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from casts import leaks

from unmask.manifests.findings import ScanReport
from unmask.manifests.manifest import DATASETS, Manifest, MediaRow
from unmask.manifests.scan.scan import scan
from unmask.manifests.splits.schemes import assign

pytestmark = pytest.mark.corpus

# dataset -> real, fake
EXPECTED = {
    "deepfake_images": (80, 53),
    "archive": (100, 80),
    "faceforensics": (3, 5),
    "celeb_df": (9, 6),
    "deepvoice": (8, 16),
    "deepvoice_demo": (1, 1),
    "fakeavceleb": (17, 8),
    "dfd_faces": (42, 42),
    "dff": (3, 3),
    "own_speech": (50, 50),
}


@dataclass(frozen=True)
class Result:
    manifest: Manifest
    report: ScanReport
    rows: list[MediaRow]
    lines: list[str]


@pytest.fixture(scope="module")
def scanned(corpus: Path) -> Result:
    lines: list[str] = []
    manifest, report = scan(corpus, workers=2, say=lines.append)
    return Result(manifest, report, list(manifest.rows()), lines)


def test_all_nine_and_the_own_folder_are_found_with_every_file(scanned):
    found = Counter((row.dataset, row.label) for row in scanned.rows)
    assert {name: (found[name, 0], found[name, 1]) for name in dict(found.keys())} == EXPECTED
    assert set(EXPECTED) == {*DATASETS, "own_speech"}
    assert not any("not found" in line for line in scanned.lines)


def test_all_that_is_wrong_with_it_is_one_fake_in_another_compression(scanned):
    assert [line.partition(": warning: ")[::2] for line in scanned.lines if "warning" in line] == [
        (
            "faceforensics",
            ".: real files are c23, but fakes are c23 and c40: the compression level gives the label away. "
            "Choose one with --compression c23",
        )
    ]
    assert {one.path for one in scanned.report.ignored} == {"README.md", "PROVENANCE.csv"}


def test_the_chosen_compression_leaves_that_fake_out(corpus: Path):
    manifest, report = scan(corpus / "FaceForensics++", compression="c23", workers=2, say=lambda line: None)
    assert {row.compression for row in manifest.rows()} == {"c23"}
    (left_out,) = report.ignored
    assert (left_out.path.rpartition("/")[2], left_out.reason) == ("003_000.mp4", "compression c40, not c23")
    assert report.conflicts == []


def test_a_second_scan_of_it_probes_nothing(corpus: Path, scanned):
    manifest, report = scan(corpus, previous=scanned.manifest, say=lambda line: None)
    assert report.skipped == report.given == len(scanned.rows)
    assert manifest.table.equals(scanned.manifest.table)


def test_every_row_is_readable_and_has_the_fields_of_its_kind(scanned):
    assert scanned.report.failed == {}
    for row in scanned.rows:
        assert row.status == "ok"
        assert row.bytes > 0
        assert len(row.content) == 32
        if row.kind != "audio":
            assert row.width
            assert row.height
        if row.kind != "image":
            assert row.duration_s
            assert row.duration_s > 0
        if row.kind == "video":
            assert row.video_codec
            assert row.fps


@pytest.mark.parametrize("scheme", ["default", "grouped"])
@pytest.mark.parametrize("seed", range(3))
def test_no_scheme_leaks_and_each_dataset_has_both_classes_everywhere(scanned, scheme, seed):
    rows = assign(scanned.rows, scheme, seed)
    assert leaks(rows) == {}
    found = Counter((row.dataset, row.label, row.split) for row in rows)
    # The demonstration's two files share one speaker: only one split can have them.
    for dataset in set(EXPECTED) - {"deepvoice_demo"}:
        for label in (0, 1):
            assert all(found[dataset, label, split] for split in ("train", "val", "test")), (dataset, label)


def test_default_keeps_the_published_tests(scanned):
    for row in scanned.rows:
        if row.official_split == "test" and row.dataset != "dfd_faces":
            assert row.split == "test"


def test_one_video_under_two_datasets_is_in_one_split(scanned):
    twins = [row for row in scanned.rows if "J9K0L1M2.mp4" in row.path or "00021_faceswap" in row.path]
    assert {row.dataset for row in twins} == {"dff", "fakeavceleb"}
    assert len({row.content for row in twins}) == len({row.split for row in twins}) == 1


def test_faces_and_videos_of_dfd_share_their_split(scanned):
    splits: dict[str, set[str | None]] = {}
    for row in scanned.rows:
        for person in row.people:
            if person.startswith("dfd:"):
                splits.setdefault(person, set()).add(row.split)
    assert len(splits) == 6
    assert all(len(found) == 1 for found in splits.values())
