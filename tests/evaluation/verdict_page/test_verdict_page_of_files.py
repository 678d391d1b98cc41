"""Pages of files that a run scored: by the command, by Python, and of a real video."""

from __future__ import annotations

from pathlib import Path

from browser import find_chromium, lay_out
from tiny_chain import CPU, Chain

from unmask.evaluation.verdict_page.page import render_page
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.pictures.read_file import read_pictures
from unmask.evaluation.verdicts.predict import predict
from unmask.manifests.scan.single_files import make_file_manifest
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.stage import make_task
from unmask.run import Run


def test_run_predict_writes_a_page_of_all_files(chain: Chain, tmp_path: Path):
    folder, page = chain.data_root / "pictures/test/fake", tmp_path / "page.html"
    verdicts = Run(chain.run, chain.work).predict(folder, device="cpu", html=page)
    text = page.read_text(encoding="utf-8")
    assert text.count('<section class="verdict"') == len(verdicts) == 3
    assert text.count('src="data:image/jpeg;base64,') == 6  # each image and its face crop
    assert "Score 0." in text
    verdicts.write_html(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


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
