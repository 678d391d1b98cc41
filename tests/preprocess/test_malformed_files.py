"""Broken and odd files: each has its expected outcome, and the run continues."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from odd_files import EXPECTED
from odd_pictures import PICTURE, write_pictures
from odd_places import deleted_when, growing, write_places
from odd_sounds import GROWING, RATE, VANISHING, write_sounds
from odd_videos import write_videos
from PIL import Image
from tiny_media import KINDS as TINY_KINDS
from tiny_media import manifest_of

from unmask.core.hashing import hash_quickly, make_media_id
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Kind, Manifest, MediaRow, from_rows
from unmask.media.media_kind import KINDS as SCANNED_KINDS
from unmask.preprocess import worker as item
from unmask.preprocess.outcomes import Outcome, read_outcomes
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards.media_item import Clip
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder
from unmask.preprocess.stage import Limits, preprocess
from unmask.preprocess.task import Task

SETTINGS = tiny().preprocess.changed({"max_seconds": 60, "max_pixels": 1_000_000})
KINDS: dict[str, Kind] = {
    **SCANNED_KINDS,
    **TINY_KINDS,
    **dict.fromkeys((".avif", ".jp2"), "image"),
    **dict.fromkeys((".aiff", ".au", ".caf", ".w64"), "audio"),
    **dict.fromkeys((".flv", ".wmv"), "video"),
}
MEMORY = """
import sys
from pathlib import Path
from unmask.core.errors import BadMedia
from unmask.media.images import read_image

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
try:
    read_image(Path(sys.argv[1]), max_pixels=10**8)
except BadMedia as error:
    print(error.reason, peak() - before)
"""


@dataclass(frozen=True)
class Finished:
    """One run over the whole folder."""

    root: Path
    manifest: Manifest
    report: StageReport
    shards: list[Path]
    outcomes: dict[str, Outcome]

    def clip(self, name: str) -> Clip:
        """The first clip of a file."""
        wanted = self.outcomes[name].media_id
        for shard in map(MediaShard, self.shards):
            for number, (found, _) in enumerate(shard.clip_keys):
                if found == wanted:
                    return shard.clip(number)
        raise KeyError(name)


def odd_manifest(root: Path) -> Manifest:
    """The file that is to vanish comes last: shards are finished while it is still to be read."""
    rows = [
        MediaRow(
            media_id=make_media_id("odd", name),
            dataset="odd",
            domain_id=0,
            path=name,
            kind=KINDS[Path(name).suffix],
            label=0,
            content=hash_quickly(root / name) if (root / name).is_file() else "",
        )
        for name in [*sorted(EXPECTED.keys() - {VANISHING}), VANISHING]
    ]
    return from_rows(rows, {"odd": str(root)})


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    root = tmp_path_factory.mktemp("odd") / "files"
    root.mkdir()
    for write in (write_pictures, write_sounds, write_videos, write_places):
        write(root)
    PICTURE.save(root / "gone.jpg")
    assert {path.name for path in root.iterdir()} == EXPECTED.keys()
    manifest = odd_manifest(root)
    (root / "gone.jpg").unlink()
    Image.new("RGB", (48, 48), "blue").save(root / "overwritten.png")
    work = WorkFolder(root.parent / "work")
    folder = get_media_folder(work, SETTINGS)
    with growing(root / GROWING), deleted_when(root / VANISHING, lambda: any(folder.glob("shard-*"))):
        report = preprocess(manifest, SETTINGS, work, Limits(workers=2, timeout_s=30))
    outcomes = {one.path: one for one in read_outcomes(folder)}
    return Finished(root, manifest, report, find_shards(folder, manifest), outcomes)


def test_no_file_is_lost(finished):
    report = finished.report
    assert report.given == len(EXPECTED) == report.done + len(report.failed)
    assert finished.outcomes.keys() == EXPECTED.keys()
    assert len(finished.shards) > 1, "the file that vanished did so before the first shard was finished"


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_has_its_expected_outcome(finished, name):
    one = finished.outcomes[name]
    assert (one.reason or one.outcome) == EXPECTED[name], one.problem
    if one.outcome == "failed":
        assert one.problem
        assert one.clips == one.faces == 0
    else:
        assert one.clips >= 1
        assert one.faces or one.audio_s


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("broken_sound.mp4", "its audio cannot be decoded"),
        ("unknown_sound.mkv", "its audio cannot be decoded"),
        ("silent_sound.mp4", "every sample of its audio is zero"),
    ],
)
def test_a_video_without_usable_audio_keeps_its_frames_and_says_so(finished, name, problem):
    one = finished.outcomes[name]
    assert one.audio_s == 0
    assert str(one.problem).startswith(problem)


def test_a_recording_of_opposite_channels_says_which_one_it_is(finished):
    found = {name: one.channel for name, one in finished.outcomes.items() if one.channel is not None}
    assert found == {"opposite_channels.wav": "left"}


def test_every_crop_is_a_face_or_marked_as_none(finished):
    outcomes = finished.outcomes.values()
    assert all(one.fallback_faces == one.faces for one in outcomes), "these files show no face"


@pytest.mark.parametrize("name", [*(f"exif_{orientation}.jpg" for orientation in range(1, 9)), "exif_6.png"])
def test_every_orientation_is_made_upright(finished, name):
    face = finished.clip(name).faces[0].astype(int)
    quarter = len(face) // 4
    shown = face[quarter :: 2 * quarter, quarter :: 2 * quarter]
    red, green, blue, black = shown.reshape(4, 3).tolist()
    assert np.abs(np.array([red, green, blue, black]) - 255 * np.eye(4, 3)).max() < 40


def test_the_first_of_several_audio_tracks_is_taken_as_players_do(finished):
    """A wider second track is often a commentary or another language."""
    sound = finished.clip("two_sounds.mp4").audio.astype(float)
    pitch = np.abs(np.fft.rfft(sound)).argmax() * RATE / len(sound)
    assert pitch == pytest.approx(440, abs=5)


@pytest.mark.parametrize(("name", "seconds"), [("sound_longer.mp4", 0.8), ("sound_shorter.mp4", 1.0)])
def test_audio_ends_with_the_video_or_before_it(finished, name, seconds):
    # AAC fills its last packet, so a track may be up to 64 ms longer than what was recorded.
    assert finished.outcomes[name].audio_s == pytest.approx(seconds, abs=0.07)


@pytest.mark.parametrize("name", ["30000_square.png", "bomb.gif"])
def test_an_image_over_the_limit_is_refused_before_it_takes_memory(finished, name):
    command = [sys.executable, "-c", MEMORY, finished.root / name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    reason, kilobytes = done.stdout.split()
    assert reason == "refused"
    assert int(kilobytes) < 20_000


def test_a_file_without_read_permission_is_unreadable(monkeypatch, tmp_path):
    def locked(path: Path) -> str:  # root, who runs many a container, may read everything
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(item, "hash_quickly", locked)
    path = tmp_path / "locked.png"
    path.touch()
    task = Task(media_id="m", content="", path=path, kind="image", text=None, settings=SETTINGS)
    made = item.preprocess_item(task)
    assert made.reason == "unreadable"
    assert "Permission denied" in str(made.problem)


def test_a_row_that_the_scan_could_not_read_is_a_failure_with_its_reason(tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    Image.new("RGB", (48, 48)).save(root / "fine.png")
    Image.new("RGB", (48, 48)).save(root / "odd.png")
    manifest = manifest_of(root)
    fine, odd = manifest.rows()
    odd = replace(odd, status="failed", reason="timeout: probing took too long")
    report = preprocess(
        from_rows([fine, odd], manifest.roots), SETTINGS, WorkFolder(tmp_path / "work"), Limits(workers=1)
    )
    assert (report.given, report.done, report.failed) == (2, 1, {"tiny/odd.png": "timeout: probing took too long"})
