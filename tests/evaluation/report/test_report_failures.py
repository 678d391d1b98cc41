"""The failures' part of the contact sheet: what was lost, why, and what can still be seen of it."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_evaluation import face_uri
from made_report import done, item_without_face, jpeg, lost, lost_item, made_row, write_media

from unmask.core.html.pages import escape_invisible
from unmask.evaluation.report.failed_files import SHOWN, LostFile, LostGroup, find_lost_rows, group_lost
from unmask.evaluation.report.missing_faces import Missed, find_missed_faces, find_shards
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.stage_counts import FailureLine

NASTY = "a\"b'><script>alert(1)</script>\n写真\u202egpj.exe"


def section(html: str, name: str) -> str:
    return html.split(f'<section id="{name}">')[1].split("</section>")[0]


def json_of(html: str) -> dict[str, object]:
    (text,) = re.findall(r'<script type="application/json" id="unmask-data">(.*?)</script>', html, re.DOTALL)
    found: dict[str, object] = json.loads(text)
    return found


def group(*shown: LostFile, files: int = 0) -> LostGroup:
    return LostGroup("archive", "unreadable", 0, files or len(shown), shown)


def test_a_failed_file_is_shown_with_what_its_shard_keeps_of_it(tmp_path: Path) -> None:
    rows = [made_row(0), made_row(1), made_row(2)]
    media = write_media(tmp_path, rows, [lost_item(rows[0]), lost_item(rows[1], jpeg()), item_without_face(rows[2])])
    outcomes = {rows[0].media_id: lost(rows[0]), rows[1].media_id: lost(rows[1]), rows[2].media_id: done(rows[2])}
    found = find_lost_rows(rows, outcomes)
    (only,) = group_lost(found, outcomes, find_shards(media, found))
    assert (only.reason, only.files) == ("unreadable", 2)
    seen, unseen = only.shown
    assert (seen.path, seen.problem) == ("001.png", "cut short")
    assert seen.thumbnail == "data:image/jpeg;base64," + base64.b64encode(jpeg()).decode()
    assert (unseen.path, unseen.thumbnail) == ("000.png", None)


def test_a_file_that_the_scan_could_not_read_is_among_the_lost_ones() -> None:
    row = made_row(0, kind="audio", status="failed", reason="unreadable: the file is empty")
    (only,) = group_lost(find_lost_rows([row], {}), {}, [])
    assert only.shown == (LostFile("000.png", "audio", "the file is empty", None),)


def test_groups_are_of_one_dataset_and_reason_and_count_both_labels() -> None:
    rows = [made_row(n, label=n % 2, dataset="d" if n < 6 else "e") for n in range(8)]
    outcomes = {row.media_id: lost(row, "timeout" if n == 5 else "unreadable") for n, row in enumerate(rows)}
    found = [(one.dataset, one.reason, one.real, one.fake) for one in group_lost(rows, outcomes, [])]
    assert found == [("d", "unreadable", 3, 2), ("d", "timeout", 0, 1), ("e", "unreadable", 1, 1)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 30))
def test_no_more_are_shown_than_asked_for_no_group_before_its_turn_and_all_are_counted(
    kinds: list[int], most: int
) -> None:
    rows = [made_row(number, dataset=f"d{kind}") for number, kind in enumerate(kinds)]
    outcomes = {row.media_id: lost(row) for row in rows}
    found = group_lost(rows, outcomes, [], most)
    assert {one.dataset: one.files for one in found} == Counter(row.dataset for row in rows)
    assert sum(len(one.shown) for one in found) == min(most, len(rows))
    unfinished = [len(one.shown) for one in found if len(one.shown) < one.files]
    assert all(len(one.shown) <= min(unfinished, default=most) + 1 for one in found)


def test_thumbnails_of_many_failures_are_capped(tmp_path: Path) -> None:
    rows = [made_row(number) for number in range(SHOWN + 10)]
    media = write_media(tmp_path, rows, [lost_item(row, jpeg(number)) for number, row in enumerate(rows)])
    outcomes = {row.media_id: lost(row) for row in rows}
    (only,) = group_lost(rows, outcomes, find_shards(media, rows))
    assert (only.files, len(only.shown)) == (SHOWN + 10, SHOWN)
    assert all(file.thumbnail for file in only.shown)


def test_the_page_shows_a_thumbnail_or_names_the_kind(page_data: PageData) -> None:
    files = (
        LostFile("a.png", "image", "cut", face_uri(0)),
        LostFile("b.png", "image", "cut", None),
        LostFile("c.wav", "audio", "cut", None),
        LostFile("d.mp4", "video", None, None),
    )
    html = section(render(replace(page_data, lost=[group(*files)])), "failures")
    assert html.count("<img") == 1
    assert f'src="{face_uri(0)}"' in html
    assert re.findall(r'class="blank">(\w+)<', html) == ["image", "audio", "video"]


def test_a_name_is_text_and_what_cannot_be_seen_in_it_is_spelled_out(page_data: PageData) -> None:
    groups = [group(LostFile(NASTY, "image", f"cannot read {NASTY}", face_uri(0)))]
    failures = [FailureLine("preprocess", NASTY, NASTY)]
    html = render(replace(page_data, lost=groups, failures=failures))
    assert html.count("<script") == 1
    written = "a&#34;b&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\n写真\\u202egpj.exe"
    assert (
        section(html, "failures").count(written) == 7
    )  # title, alt, name, problem; the reason counted; item and reason of the table
    assert "\u202e" not in html
    assert json_of(html)["failures"] == [{"stage": "preprocess", "item": NASTY, "reason": NASTY}]


def test_names_that_can_be_seen_stay_as_they_are() -> None:
    assert escape_invisible("Ünïcödé 写真 (2).png") == "Ünïcödé 写真 (2).png"
    assert escape_invisible("half\udce9") == "half\\udce9"  # a byte that is no UTF-8, as Python keeps it


def test_how_many_are_not_shown_is_said_and_the_json_has_them_all(page_data: PageData) -> None:
    failures = [FailureLine("preprocess", f"archive/{n}.png", "unreadable: cut short") for n in range(300)]
    shown = [LostFile(f"{n}.png", "image", "cut short", None) for n in range(24)]
    html = render(replace(page_data, lost=[group(*shown, files=300)], failures=failures))
    assert "276 more not shown" in html
    assert "24 of them are shown here, the other 276 are in the table below and in this page's JSON" in html
    assert len(json_of(html)["failures"]) == 300  # type: ignore[arg-type]


def test_without_failures_there_is_no_sheet_of_them(page_data: PageData) -> None:
    html = section(render(replace(page_data, lost=[], failures=[])), "failures")
    assert "None: every file gave clips" in html
    assert not re.search("<figure|<h3|<img|gave no clips", html)


def test_files_without_any_face_are_counted_and_a_few_shown(tmp_path: Path) -> None:
    rows = [made_row(number, label=int(number >= 4)) for number in range(12)]
    media = write_media(tmp_path, rows, [item_without_face(row) for row in rows])
    # One real file in four has no face; of the fakes all. A face in one frame of two is a face.
    outcomes = {
        row.media_id: done(row, faces=2, fallback_faces=2 if number == 0 or number >= 4 else 1)
        for number, row in enumerate(rows)
    }
    real, fake = find_missed_faces(media, rows, outcomes)
    assert (real.label, real.files, real.given, real.items) == ("real", 1, 4, ("000.png",))
    assert (fake.label, fake.files, fake.given, len(fake.items)) == ("fake", 8, 8, 8)
    assert (len(real.faces), len(fake.faces)) == (1, 6)
    assert all(face.confidence is None for face in (*real.faces, *fake.faces))


def test_audio_and_failed_files_miss_no_face(tmp_path: Path) -> None:
    rows = [made_row(0, kind="audio"), made_row(1)]
    assert find_missed_faces(tmp_path, rows, {rows[0].media_id: done(rows[0]), rows[1].media_id: lost(rows[1])}) == []


def test_the_page_counts_find_missed_faces_per_label_and_its_json_names_every_file(page_data: PageData) -> None:
    html = render(page_data)
    assert "archive, real: 3 of 30 files" in html
    assert "archive, fake: 25 of 50 files" in html
    assert "no face was found in 10.0 % of the real files and 50.0 % of the fake ones" in html
    named = json_of(html)["without_face"]
    assert named == {"archive/real": ["1.mp4", "2.mp4", "3.mp4"], "archive/fake": [f"{n}.mp4" for n in range(25)]}


@pytest.mark.parametrize(
    ("missed", "said"), [([], "a face was found in at least one frame"), (None, "The profile uses no face detector")]
)
def test_no_missing_face_and_no_face_detector_are_told_apart(
    page_data: PageData, missed: list[Missed] | None, said: str
) -> None:
    html = section(render(replace(page_data, missed=missed, differences=[])), "faces")
    assert said in html
    assert "predict the label" not in html
