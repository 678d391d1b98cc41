"""The stage keeps every file of the demo corpus, and MTCNN detects its drawn faces."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.hashing import hash_quickly, make_media_id
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Kind, MediaRow, from_rows
from unmask.preprocess.outcomes import Outcome, read_outcomes
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess

KINDS: dict[str, Kind] = {".jpg": "image", ".png": "image", ".mp4": "video", ".wav": "audio", ".mp3": "audio"}
EVERY = 3


@pytest.fixture(scope="module")
def outcomes(demo_corpus, tmp_path_factory) -> list[Outcome]:
    names = sorted(path.relative_to(demo_corpus).as_posix() for path in demo_corpus.rglob("*") if path.suffix in KINDS)
    rows = [
        MediaRow(
            media_id=make_media_id("demo", name),
            dataset="demo",
            domain_id=-1,
            path=name,
            kind=KINDS[Path(name).suffix],
            label=None,
            method="unknown",
            content=hash_quickly(demo_corpus / name),
        )
        for name in names[::EVERY]
    ]
    work = WorkFolder(tmp_path_factory.mktemp("work"))
    report = preprocess(from_rows(rows, {"demo": str(demo_corpus)}), tiny().preprocess, work, Limits(workers=2))
    assert (report.given, report.done, report.failed) == (len(rows), len(rows), {})
    return read_outcomes(get_media_folder(work, tiny().preprocess))


def test_all_three_kinds_of_media_are_in_it(outcomes):
    assert {"pillow", "soundfile", "pyav"} <= {one.reader for one in outcomes}
    assert any(one.faces and one.audio_s for one in outcomes), "a video with sound"


def test_drawn_faces_are_detected_in_nearly_every_frame(outcomes):
    assert sum(one.faces for one in outcomes) > 20
    assert sum(one.fallback_faces for one in outcomes) <= 0.02 * sum(one.faces for one in outcomes)
