"""Sidecars and lists are read by the scan's own process: whatever their reader raises costs that one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from raised_errors import RAISED
from small_media import picture

from unmask.core.errors import MissingInput
from unmask.manifests.datasets import LAYOUTS, celeb_df, custom_folder, fakeavceleb, sidecars
from unmask.manifests.datasets.tables import transcripts
from unmask.manifests.findings import ScanReport
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.scan import scan

EXCEPTIONS = [name for name in RAISED if name not in ("SystemExit", "Panic")]
"""Without those that are no `Exception`: in this process they are a request to stop it."""
CELEB = "Celeb-DF-v2/List_of_testing_videos.txt"
AV = "FakeAVCeleb/meta_data.csv"
READERS = {
    "sidecar": (sidecars, "read_text", "zoo", "real/0.txt"),
    "transcripts": (transcripts, "read_columns", "zoo", "transcripts.csv"),
    "Celeb-DF's list": (celeb_df, "_parse_line", "celeb_df", "List_of_testing_videos.txt"),
    "FakeAVCeleb's list": (fakeavceleb, "_read_lines", "fakeavceleb", "meta_data.csv"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(4):
        picture(tmp_path / f"zoo/{'fake' if number % 2 else 'real'}/{number}.png", number)
    texts = {
        "zoo/real/0.txt": "said",
        "zoo/transcripts.csv": "path,text\nreal/2.png,listed",
        "Celeb-DF-v2/Celeb-real/id1_0000.mp4": "no video",
        CELEB: "1 Celeb-real/id1_0000.mp4",
        "FakeAVCeleb/RealVideo-RealAudio/African/men/id00001/00001.mp4": "no video",
        AV: "source,target1,target2,method,category,type,race,gender,path,\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(root: Path) -> tuple[Manifest, ScanReport]:
    return scan(root, workers=1, say=lambda line: None)


def raising(name: str) -> Callable[..., object]:
    return lambda *args, **settings: RAISED[name]()


@pytest.mark.parametrize("name", EXCEPTIONS)
@pytest.mark.parametrize("reader", READERS)
def test_whatever_a_reader_raises_is_a_finding_of_its_file(root, monkeypatch, reader, name):
    module, function, dataset, path = READERS[reader]
    # Headers are not the subject: probing every file would take most of the time.
    monkeypatch.setattr("unmask.manifests.scan.scan.probe_rows", lambda pairs, **settings: (row for row, _ in pairs))
    whole = {row.media_id for row in run(root)[0].rows()}
    monkeypatch.setattr(module, function, raising(name))
    manifest, report = run(root)
    assert {row.media_id for row in manifest.rows()} == whole, "no row is lost"
    (found,) = [one for one in report.conflicts if (one.dataset, one.path) == (dataset, path)]
    assert "so " in found.problem
    if name not in ("TimeoutError", "UnicodeDecodeError", "UnicodeEncodeError"):  # a drive's, or a table's encoding
        assert found.problem.startswith("crashed: ")
        assert report.list_crashes() == [found.problem]


@pytest.mark.parametrize("name", ["IndexError", "Speechless", "RecursionError"])
def test_a_name_that_its_dataset_cannot_take_costs_one_file(root, monkeypatch, name):
    def read(file: object, listed: object) -> object:
        return RAISED[name]()

    monkeypatch.setattr(celeb_df, "_read", read)
    manifest, report = run(root)
    assert {row.dataset for row in manifest.rows()} == {"zoo", "fakeavceleb"}
    assert [one.path for one in report.ignored if one.reason.startswith("crashed: ")] == ["Celeb-real/id1_0000.mp4"]
    assert len(report.list_crashes()) == 1


@pytest.mark.parametrize("name", ["IndexError", "Speechless", "RecursionError"])
def test_a_dataset_whose_reader_raises_is_left_out_alone(root, monkeypatch, name):
    monkeypatch.setattr(custom_folder, "walk", raising(name))
    manifest, report = run(root)
    assert {row.dataset for row in manifest.rows()} == {"celeb_df", "fakeavceleb"}
    (crash,) = report.list_crashes()
    assert crash.startswith(f"crashed: {name}")
    with pytest.raises(MissingInput, match=f"zoo looks like zoo; crashed: {name}"):
        run(root / "zoo")


def test_a_dataset_that_cannot_look_at_a_folder_does_not_recognize_it(root, monkeypatch, caplog):
    monkeypatch.setitem(LAYOUTS, "dff", replace(LAYOUTS["dff"], fits=raising("ZeroDivisionError")))
    assert {row.dataset for row in run(root)[0].rows()} == {"zoo", "celeb_df", "fakeavceleb"}
    assert "ZeroDivisionError" in caplog.text
