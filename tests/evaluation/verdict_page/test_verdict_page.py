"""The page of verdicts: what it says, in which order, and that nothing of a file becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_verdicts import HOSTILE, make_bare, make_custody, make_evidence, make_full, make_jpeg, make_pictures

from unmask.evaluation.verdict_page import page
from unmask.evaluation.verdict_page.page import render_page, render_verdict, write_page
from unmask.evaluation.verdicts.findings import Neighbor, Scope

VOID = {"meta", "img", "br", "path", "rect"}


class Outline(HTMLParser):
    """Elements and attributes of a page; the text without tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("verdict", [make_full(), make_bare(), make_bare(score=None)], ids=["full", "bare", "unscored"])
def test_a_page_is_one_closed_document_that_loads_and_runs_nothing(verdict):
    outline = Outline(render_page([verdict]))
    assert outline.open == []
    assert not {tag for tag, _ in outline.tags} & {"script", "link", "iframe", "object"}
    assert all(
        (attributes["src"] or "").startswith("data:image/jpeg;base64,")
        for tag, attributes in outline.tags
        if tag == "img"
    )
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    (policy,) = [one["content"] for tag, one in outline.tags if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_a_full_verdict_shows_every_part():
    verdict = make_full()
    outline = Outline(render_page([verdict]))
    for words in (
        "Moderate evidence of fake",
        "13 times as likely from a fake file",
        "strong evidence of fake",
        "text: there is no transcript beside the file",
        "audio 80 ms early",
        "Face 2",
        "image: ",
        "strongest: row",
        "whisper_tiny has no grid",
        verdict.custody.sha256 if verdict.custody else "",
        "signed by a camera",
        "Claims of their signer",
        "synthetic as a whole",
        "demo data",
    ):
        assert words in outline.text
    pictures = make_pictures()
    faces_and_maps = 2 + 2
    assert sum(tag == "img" for tag, _ in outline.tags) == len(pictures.frames) + len(pictures.faces) + faces_and_maps
    assert sum(one.get("class") == "clip" for _, one in outline.tags) == len(verdict.clips)
    assert sum(one.get("class") == "signed-bar" for _, one in outline.tags) == 24


def test_hostile_names_and_claims_are_shown_and_never_markup():
    markup = "<img src=x onerror=alert(1)>\u202e\u0007"
    neighbor = Neighbor(media_id="x", dataset=markup, path=markup, label="fake", start_s=0, similarity=1)
    full = make_full(HOSTILE)
    assert full.explanation is not None
    verdict = replace(
        full,
        not_judged=(markup,),
        judged=(markup,),
        reason=markup,
        run=markup,
        explanation=replace(full.explanation, neighbors=(neighbor,), notes=(markup,)),
        custody=replace(make_custody(claims=(markup,)), program=markup, settings=((markup, markup),)),
    )
    text = render_page([verdict, make_bare(markup), replace(make_bare(score=None), reason=markup)])
    outline = Outline(text)
    assert "alert(1)</script>\"'&\\u202egpj.exe\\x00\\n\\udcff.mp4" in outline.text
    assert not [tag for tag, one in outline.tags if tag == "script" or "onerror" in one]
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
    text.encode("utf-8")  # no half of a surrogate pair


def test_a_score_alone_is_called_not_evaluated_and_no_percentage():
    outline = Outline(str(render_verdict(make_bare())))
    assert "Score 0.91, not evaluated" in outline.text
    assert "%" not in outline.text


def test_an_unreliable_file_has_no_verdict_but_its_reasons():
    verdict = replace(make_full(), scope=Scope(reliable=False, reasons=("no face was found",)))
    text = Outline(str(render_verdict(verdict))).text
    assert "No verdict: unlike what this run was tested on" in text
    assert "No face was found. The score of 0.83 is not reliable." in text
    assert "evidence of fake" not in text


def test_a_batch_has_the_most_suspicious_first_and_anchors_that_exist():
    verdicts = [
        make_bare("unreadable.mp4", None),
        replace(make_full("unlike.mp4"), scope=Scope(reliable=False, reasons=("music",))),
        replace(make_full("little.mp4"), evidence=make_evidence(0.2, "neither", "none")),
        replace(make_full("much.mp4"), evidence=make_evidence(3.2, strength="strong")),
    ]
    outline = Outline(render_page(verdicts))
    places = [outline.text.index(name) for name in ("much.mp4", "little.mp4", "unlike.mp4", "unreadable.mp4")]
    assert places == sorted(places)
    ids = {one["id"] for _, one in outline.tags if "id" in one}
    links = {(one["href"] or "")[1:] for tag, one in outline.tags if tag == "a"}
    assert links == {"guide", "file-1", "file-2", "file-3", "file-4"}
    assert links <= ids


def test_a_page_of_thousands_keeps_its_table_and_limits_its_sections_and_pictures(monkeypatch):
    picture = make_pictures()
    few = replace(picture, frames=picture.frames[:1], faces=(), waveform=())
    monkeypatch.setattr(page, "MOST_PICTURE_BYTES", 5 * len(few.frames[0][1]))
    verdicts = [replace(make_bare(f"{number}.wav", number / 3_000), pictures=few) for number in range(3_000)]
    outline = Outline(render_page(verdicts))
    assert sum(one.get("class") == "verdict" for _, one in outline.tags) == page.MOST_SECTIONS
    assert sum(tag == "img" for tag, _ in outline.tags) == 5
    assert "2999.wav" in outline.text
    assert "0.wav" in outline.text
    assert "The first 200 files have a section below. For one of the other 2,800" in " ".join(outline.text.split())
    assert "The last 195 sections are without pictures" in outline.text


def test_the_page_is_written_whole(tmp_path: Path):
    path = tmp_path / "verdict.html"
    write_page(path, [make_bare()])
    assert path.read_text(encoding="utf-8") == render_page([make_bare()])


def test_an_image_has_no_time_axis():
    pictures = replace(make_pictures(), frames=((0.0, make_jpeg(320, 240)),), waveform=(), end_s=0.0)
    outline = Outline(str(render_verdict(replace(make_bare(), pictures=pictures, faces_found=1.0))))
    assert "Over time" not in outline.text
    assert sum(tag == "img" for tag, _ in outline.tags) == 1 + len(pictures.faces)
