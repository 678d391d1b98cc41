"""What an audit must find: a shortcut that was planted, and none where there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from thinning import thin

from unmask.manifests.audit import cross_validation
from unmask.manifests.audit.audit import audit
from unmask.manifests.audit.html_page import render
from unmask.manifests.audit.results import Audit
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.scan import scan

Tree = Callable[..., Manifest]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A dataset of its own with 20 noise pictures a class; the fakes' size and JPEG quality can differ."""

    def make(*, fake_side: int = 64, fake_quality: int = 90, name: str = "pic") -> Manifest:
        random = np.random.default_rng(0)
        for label, side, quality in (("real", 64, 90), ("fake", fake_side, fake_quality)):
            folder = tmp_path / "own" / label
            folder.mkdir(parents=True)
            for number in range(20):
                noise = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
                Image.fromarray(noise).save(folder / f"{name}{number}.jpg", quality=quality)
        return scan(tmp_path, workers=1, say=lambda line: None)[0]

    return make


def audited(manifest: Manifest, work: Path) -> Audit:
    return audit(manifest, work, workers=1, say=lambda line: None)


def verdicts(found: Audit, dataset: str) -> dict[str, str]:
    return {line.name: line.verdict for one in found.datasets if one.name == dataset for line in one.probes}


def test_a_planted_size_is_flagged(tree: Tree, tmp_path: Path):
    found = verdicts(audited(tree(fake_side=80), tmp_path / "work"), "own")
    assert (found["resolution"], found["file size"], found["all metadata"]) == ("flagged", "flagged", "flagged")


def test_a_planted_jpeg_quality_is_flagged(tree: Tree, tmp_path: Path):
    assert verdicts(audited(tree(fake_quality=70), tmp_path / "work"), "own")["encoding"] == "flagged"


def write_speech(folder: Path, number: int, *, gain: float = 1.0, highest_hz: int = 8_000, rate: int = 16_000) -> None:
    """Two seconds of noise of a random loudness, below a frequency."""
    random = np.random.default_rng(number)
    spectrum = np.fft.rfft(random.normal(0, 1, 2 * rate))
    spectrum[2 * highest_hz :] = 0
    sound = np.fft.irfft(spectrum)
    sound *= 0.05 * gain * random.uniform(0.7, 1.3) / sound.std()
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{number}.wav", sound + random.normal(0, 1e-4, 2 * rate), rate)


@pytest.mark.parametrize(
    ("fake", "flagged"),
    [({"gain": 2.5}, "level"), ({"highest_hz": 5_000}, "bandwidth"), ({"rate": 22_050}, "bandwidth"), ({}, None)],
)
def test_planted_loudness_bandwidth_and_rate_are_flagged(tmp_path: Path, fake: dict[str, int], flagged: str | None):
    for number in range(16):
        write_speech(tmp_path / "own/real", number)
        write_speech(tmp_path / "own/fake", 100 + number, **fake)
    manifest = scan(tmp_path, workers=1, say=lambda line: None)[0]
    found = verdicts(audited(manifest, tmp_path / "work"), "own")
    decoded = {name for name in ("level", "bandwidth", "silence and duration") if found[name] == "flagged"}
    assert decoded == ({flagged} if flagged else set())


def test_nothing_is_flagged_where_the_classes_are_made_alike(tree: Tree, tmp_path: Path):
    found = audited(tree(), tmp_path / "work")
    assert "flagged" not in verdicts(found, "own").values()
    assert found.flags == []


def test_equal_files_with_both_labels_are_a_conflict(tree: Tree, tmp_path: Path):
    tree()
    (tmp_path / "own/fake/copy.jpg").write_bytes((tmp_path / "own/real/pic0.jpg").read_bytes())
    found = audited(scan(tmp_path, workers=1, say=lambda line: None)[0], tmp_path / "work")
    assert (found.duplicates.sets, found.duplicates.files, found.duplicates.conflicts) == (1, 2, 1)


def test_a_second_audit_opens_no_file_and_says_the_same(tree: Tree, tmp_path: Path):
    manifest = tree(fake_side=80)
    first, second = (audited(manifest, tmp_path / "work") for _ in range(2))
    assert (sum(first.read.values()), sum(second.read.values())) == (40, 0)
    assert json.dumps(first.as_json()) == json.dumps(second.as_json())


def test_the_page_stands_alone_and_escapes_names(tree: Tree, tmp_path: Path):
    manifest = tree(name="<b>x</b>&".replace("/", "_"))
    (tmp_path / "own/fake/<i>.jpg").write_bytes(next((tmp_path / "own/real").iterdir()).read_bytes())
    manifest = scan(tmp_path, workers=1, say=lambda line: None)[0]
    page = render(audited(manifest, tmp_path / "work"))
    assert "&lt;i&gt;.jpg" in page
    assert "<i>.jpg" not in page
    assert "<script src" not in page
    assert "<link" not in page
    contents = page.split("<nav", 1)[1].split("</nav>", 1)[0]
    assert re.findall(r'href="#(.*?)"', contents) == re.findall(r'<section id="(.*?)"', page)
    assert page.count("<table") == page.count(" fit-") + page.count('"fit-') > 0
    assert "overflow-x" not in page


@pytest.fixture(scope="module")
def real(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Of the datasets that the tests below look at.

    One draw of the folds, and so few recordings that none is scored by trees: thousands of trees take a minute.
    """
    most = {"deepfake_images": 100, "archive": 100, "own_speech": 10, "dff": 100, "fakeavceleb": 100}
    manifest = thin(scan(corpus, say=lambda line: None)[0], most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_validation, "REPEATS", 1)
        return audit(manifest, tmp_path_factory.mktemp("audit"), say=lambda line: None)


def test_real_media_whose_sizes_differ_by_class_are_flagged(real: Audit):
    found = verdicts(real, "deepfake_images")
    assert (found["file size"], found["resolution"], found["all metadata"]) == ("flagged", "flagged", "flagged")


def test_real_speech_that_silence_gives_away_is_flagged(real: Audit):
    assert verdicts(real, "own_speech")["silence and duration"] == "flagged"


def test_real_images_made_alike_show_no_more_than_their_file_size(real: Audit):
    assert "flagged" not in verdicts(real, "archive").values()
    line = next(
        line for one in real.datasets if one.name == "archive" for line in one.probes if line.name == "file size"
    )
    assert line.auc == pytest.approx(0.60, abs=0.03)


def test_the_file_that_two_real_datasets_share_is_found(real: Audit):
    assert (real.duplicates.sets, real.duplicates.across_datasets) == (1, 1)
    assert len(real.leaks) == 0
