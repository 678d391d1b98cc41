"""Pages of files that a run scored: by the command, by Python, and of a real video."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import find_chromium, lay_out
from made_verdicts import make_bare, make_full
from tiny_chain import CPU, Chain

from unmask.cli import app
from unmask.evaluation.verdict_page.page import render_page
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.pictures.read_file import read_pictures
from unmask.evaluation.verdicts.predict import predict
from unmask.manifests.scan.single_files import make_file_manifest
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.stage import make_task
from unmask.run import Run
from unmask.tables import VerdictTable


def test_predict_writes_a_page_of_all_files(chain: Chain, tmp_path: Path, monkeypatch, capsys):
    run, page = Run(chain.run, chain.work), tmp_path / "page.html"
    monkeypatch.setattr("unmask.cli.options.Call.choose_run", lambda self, *named: run)
    folder = chain.data_root / "pictures/test/fake"
    with pytest.raises(SystemExit) as stopped:
        app.main(["predict", str(folder), "--work", str(tmp_path), "--device", "cpu", "--html", str(page)])
    assert not stopped.value.code
    assert f"page: {page}" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert text.count('<section class="verdict"') == 3
    assert text.count('src="data:image/jpeg;base64,') == 6  # each image and its face crop
    assert all(path.name in text for path in folder.iterdir())


def test_a_table_of_verdicts_writes_its_page(tmp_path: Path):
    verdicts = VerdictTable([make_full(), make_bare()])
    verdicts.write_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render_page(verdicts)


def test_the_page_of_a_real_video_has_its_frames_and_fits_a_phone(chain: Chain, corpus: Path, tmp_path: Path):
    find_chromium()
    path = next(one for one in sorted((corpus / "FakeAVCeleb").rglob("*.mp4")))
    manifest = make_file_manifest([path])
    pictures = read_pictures(make_task(manifest, next(manifest.rows()), PreprocessSettings()))
    assert len(pictures.frames) == 8
    assert pictures.waveform
    (verdict,) = predict([path], chain.run, device=CPU, options=PredictOptions(pictures=True))
    text = render_page([verdict])
    assert text.count("Frame at ") == 8
    layout = lay_out(text, tmp_path, width=390, scheme="light")
    assert (layout.past, layout.logged) == ([], [])
