"""The benchmark of abstention: its media and its table."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from benchmarks.abstention.made_media import PICTURES, SOUNDS, recode, write_made
from benchmarks.abstention.table import Judged, format_table
from unmask.demo.encoding import write_video
from unmask.evaluation.verdicts.findings import Scope
from unmask.evaluation.verdicts.verdict import Verdict


def test_the_same_seed_makes_the_same_media_and_every_kind_differs(tmp_path: Path):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    made, again = (write_made(folder, 2, 0) for folder in folders)
    assert set(made) == {*PICTURES, *SOUNDS}
    contents = [path.read_bytes() for paths in made.values() for path in paths]
    assert contents == [path.read_bytes() for paths in again.values() for path in paths]
    assert len(set(contents)) == 2 * len(made)


def test_silence_is_not_digital_silence_and_music_is_not_clipped(tmp_path: Path):
    made = write_made(tmp_path, 1, 0)
    silence, music = (soundfile.read(made[kind][0])[0] for kind in ("silence", "music"))
    assert 0 < np.abs(silence).max() < 1e-3
    assert 0.1 < np.abs(music).max() <= 0.51


def test_another_codec_has_the_same_content(tmp_path: Path):
    image = tmp_path / "a.jpg"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(image)
    wave = (0.3 * np.sin(np.arange(16_000) * 0.1) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "b.wav", wave, 16_000)
    video = tmp_path / "c.mp4"
    write_video(video, [np.full((64, 64, 3), 90 + n, np.uint8) for n in range(25)], wave, 30)
    assert np.abs(np.asarray(Image.open(recode(image, tmp_path))).astype(int) - 90).max() < 10
    for path, kinds in ((tmp_path / "b.wav", {"audio"}), (video, {"audio", "video"})):
        with av.open(str(recode(path, tmp_path))) as container:
            assert {stream.type for stream in container.streams} == kinds
            assert {stream.codec_context.name for stream in container.streams} <= {
                "libvpx-vp9",
                "vp9",
                "opus",
                "libopus",
            }
            assert container.duration == pytest.approx(1e6, rel=0.1)


def test_the_table_counts_verdicts_and_reasons_and_sums_up_each_kind():
    def verdict(*reasons: str) -> Verdict:
        scope = Scope(reliable=not reasons, reasons=reasons)
        return Verdict(path="a", verdict="real", threshold=0.5, score=0.2, scope=scope)

    unread = Verdict(path="b", verdict="unreadable", threshold=0.5, reason="gone")
    sets = [
        Judged("made by code", "drawings", [verdict("no face was found", "its image is unlike"), verdict()]),
        Judged("made by code", "music", [verdict("its audio is unlike"), unread]),
        Judged("test files", "archive", [verdict()]),
    ]
    lines = format_table(sets).splitlines()
    assert (
        lines[2]
        == "| made by code | drawings | 2 of 2 | 50% | 50% | 50% | 0% | 1 real by its score, of unknown weight |"
    )
    assert lines[3] == "| made by code | music | 1 of 2 | 100% | 0% | 0% | 100% | - |"
    assert lines[4].startswith("| made by code | all of them | 3 of 4 | 67% | 33% | 33% | 33% |")
    assert lines[5].startswith("| test files | archive | 1 of 1 | 0% |")
    assert len(lines) == 6
