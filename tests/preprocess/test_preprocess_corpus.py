"""The stage keeps every file of the real datasets, and their faces are detected."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from unmask.core.hashing import hash_quickly, make_media_id
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Kind, Manifest, MediaRow, from_rows
from unmask.preprocess.outcomes import read_outcomes
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess
KINDS: dict[str, Kind] = {".jpg": "image", ".mp4": "video", ".wav": "audio", ".mp3": "audio", ".flac": "audio"}
PER_DATASET = 3


def some_of(corpus: Path) -> Manifest:
    """A few files of every dataset, evenly from all its folders."""
    rows, roots = [], {}
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        files = sorted(path for path in folder.rglob("*") if path.suffix in KINDS)
        roots[folder.name] = str(folder)
        for number in np.linspace(0, len(files) - 1, PER_DATASET).astype(int):
            name = files[number].relative_to(folder).as_posix()
            rows.append(
                MediaRow(
                    media_id=make_media_id(folder.name, name),
                    dataset=folder.name,
                    domain_id=-1,
                    path=name,
                    kind=KINDS[files[number].suffix],
                    label=None,
                    method="unknown",
                    content=hash_quickly(files[number]),
                )
            )
    return from_rows(rows, roots)


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory) -> tuple[Manifest, Path]:
    manifest = some_of(corpus)
    work = WorkFolder(tmp_path_factory.mktemp("work"))
    report = preprocess(manifest, SETTINGS, work, Limits(workers=2))
    assert (report.given, report.done, report.failed) == (len(manifest), len(manifest), {})
    return manifest, get_media_folder(work, SETTINGS)


def test_every_dataset_gives_clips(corpus, finished):
    _, folder = finished
    clips = defaultdict(int)
    for one in read_outcomes(folder):
        clips[one.dataset] += one.clips
    assert set(clips) == {path.name for path in corpus.iterdir() if path.is_dir()}
    assert all(count >= PER_DATASET for count in clips.values())


def test_faces_are_detected_in_nearly_all_frames(finished):
    outcomes = [one for one in read_outcomes(finished[1]) if one.faces]
    assert len(outcomes) >= 20
    assert sum(one.fallback_faces for one in outcomes) <= 0.05 * sum(one.faces for one in outcomes)


def test_shapes_and_values_of_faces_and_audio_are_valid(finished):
    manifest, folder = finished
    for path in find_shards(folder, manifest):
        shard = MediaShard(path)
        for number in range(len(shard)):
            clip = shard.clip(number)
            assert clip.faces.shape[1:] == (SETTINGS.face_size, SETTINGS.face_size, 3)
            assert len(clip.faces) or len(clip.audio)
            assert (np.diff(clip.face_times) > 0).all()
            assert ((clip.face_times >= clip.start_s - 0.1) & (clip.face_times <= clip.end_s)).all()
            assert len(clip.audio) <= round((clip.end_s - clip.start_s) * SETTINGS.sample_rate) + 1
            if len(clip.faces):
                assert clip.faces.std() > 10, "a crop of a real face is not flat"
            if len(clip.audio):
                assert clip.audio.any()
