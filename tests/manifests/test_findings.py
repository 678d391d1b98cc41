"""What a scan left out and could not make agree, as data."""

from __future__ import annotations

import json

import pytest
from small_media import picture

from unmask.core.errors import MissingInput
from unmask.manifests.findings import (
    Conflict,
    Ignored,
    ScanReport,
    escape_non_utf8,
    escape_unprintable,
    read_findings,
    write_findings,
)
from unmask.manifests.scan.scan import scan

REPORT = ScanReport(
    stage="scan",
    given=3,
    done=1,
    skipped=1,
    failed={"zoo/x": "unreadable: no"},
    ignored=[Ignored("zoo", "a\nb.pdf", "not media"), Ignored("zoo", "c.pdf", "not media"), Ignored("", "d", "hidden")],
    conflicts=[Conflict("zoo", "1.png", 'says "real"', "Move it")],
)


def test_findings_survive_their_file_whatever_is_in_the_names(tmp_path):
    write_findings(tmp_path / "findings.parquet", REPORT)
    assert read_findings(tmp_path / "findings.parquet") == (REPORT.ignored, REPORT.conflicts)


def test_a_report_without_findings_is_a_table_without_rows(tmp_path):
    write_findings(tmp_path / "findings.parquet", ScanReport(stage="scan"))
    assert read_findings(tmp_path / "findings.parquet") == ([], [])


def test_what_is_no_table_of_findings_is_missing_input(tmp_path):
    with pytest.raises(MissingInput, match="findings of the scan are missing"):
        read_findings(tmp_path / "findings.parquet")
    (tmp_path / "findings.parquet").write_bytes(b"nothing")
    with pytest.raises(MissingInput, match="not a readable Parquet file"):
        read_findings(tmp_path / "findings.parquet")


def test_json_counts_what_is_ignored_and_lists_every_conflict():
    told = json.loads(json.dumps(REPORT.as_json()))
    assert told["ignored"] == {"": {"hidden": 1}, "zoo": {"not media": 2}}
    assert told["conflicts"] == [{"dataset": "zoo", "path": "1.png", "problem": 'says "real"', "remedy": "Move it"}]
    assert (told["given"], told["failed"]) == (3, 1)


def test_names_are_shown_on_one_line_of_utf8():
    assert escape_unprintable("a\nb\udcff\x1b[31m é") == "a\\nb\\udcff\\x1b[31m é"
    assert escape_non_utf8(b"caf\xe9 \xc3\xa9".decode("utf-8", "surrogateescape")) == "caf\\xe9 é"


def test_a_few_conflicts_are_said_and_all_are_reported(tmp_path):
    for number in range(8):
        picture(tmp_path / f"dfd_faces/train/real/{number}.png", number)
    (tmp_path / "dfd_faces/notes.txt").write_text("about")
    lines: list[str] = []
    _, report = scan(tmp_path, workers=1, say=lines.append)
    assert len(report.conflicts) == 8
    assert len([line for line in lines if "is not one of DFD's" in line]) == 5
    assert "dfd_faces: warning: 3 more conflicts, all listed in findings.parquet" in lines
    assert report.ignored == [Ignored("dfd_faces", "notes.txt", "not media")]
