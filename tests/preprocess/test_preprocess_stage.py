"""The stage keeps finished shards, and an interrupted run gives the same bytes as an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_media import click, first_loud_s, manifest_of, numbered_video, read_number
from typer.testing import CliRunner

from unmask.cli.app import app
from unmask.core.errors import MissingInput
from unmask.core.process_pool import Failure, run_isolated
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows, read_manifest, write_manifest
from unmask.preprocess.outcomes import read_outcomes
from unmask.preprocess.profiles import PreprocessSettings, tiny
from unmask.preprocess.shards import shard_plan as plan
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.media_shard import MediaShard, shard_is_whole
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder, hash_media_settings
from unmask.preprocess.stage import Limits, preprocess
from unmask.preprocess.task import Task
from unmask.preprocess.worker import preprocess_item, start_worker

SETTINGS = tiny().preprocess
PROGRAM = """
import sys
from pathlib import Path
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import read_manifest
from unmask.preprocess.shards import shard_plan as plan
from unmask.preprocess.stage import Limits, preprocess
from unmask.preprocess.profiles import tiny
plan.ITEMS_PER_SHARD = 8
if __name__ == "__main__":
    preprocess(read_manifest(Path(sys.argv[1])), tiny().preprocess, WorkFolder(Path(sys.argv[2])), Limits(workers=2))
"""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "ITEMS_PER_SHARD", 8)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    """Sixty images, audio files and videos, two of them broken."""
    root = tmp_path_factory.mktemp("stage") / "files"
    root.mkdir()
    rng = np.random.default_rng(0)
    for number in range(50):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(root / f"{number:02d}.png")
    for number in range(6):
        soundfile.write(root / f"{number}.wav", click(16_000, 0.1 * number, 1.0), 16_000)
    for number in range(2):
        numbered_video(root / f"{number}.mp4", 60 + number, sound=click(16_000, 0.5, 2.4))
    (root / "07broken.png").write_text("text")
    (root / "99broken.mp4").write_text("text")
    return manifest_of(root)


@pytest.fixture(scope="module")
def undisturbed(manifest, tmp_path_factory) -> WorkFolder:
    work = WorkFolder(tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "ITEMS_PER_SHARD", 8)
        report = preprocess(manifest, SETTINGS, work, Limits(workers=2))
    assert (report.given, report.done, report.skipped, len(report.failed)) == (60, 58, 0, 2)
    return work


def part_of(manifest: Manifest, count: int) -> Manifest:
    return from_rows(list(manifest.rows())[:count], manifest.roots)


def contents(work: WorkFolder) -> dict[str, bytes]:
    return {
        path.relative_to(work.root).as_posix(): path.read_bytes() for path in work.root.rglob("*") if path.is_file()
    }


def test_every_item_is_in_an_undamaged_shard(manifest, undisturbed):
    shards = find_shards(get_media_folder(undisturbed, SETTINGS), manifest)
    assert len(shards) == 8
    assert all(shard_is_whole(path) for path in shards)
    entries = [entry for path in shards for entry in MediaShard(path).entries]
    assert [entry["media_id"] for entry in entries] == manifest.table.column("media_id").to_pylist()
    assert [entry["reason"] for entry in entries if entry["reason"]] == ["unsupported", "unreadable"]


def test_a_second_call_keeps_everything_and_counts_it_as_skipped(manifest, undisturbed):
    before = contents(undisturbed)
    report = preprocess(manifest, SETTINGS, undisturbed, Limits(workers=2))
    assert (report.given, report.done, report.skipped, len(report.failed)) == (60, 0, 58, 2)
    assert contents(undisturbed) == before


def test_a_run_that_is_killed_and_resumed_gives_the_same_bytes(manifest, undisturbed, tmp_path):
    write_manifest(tmp_path / "manifest.parquet", manifest)
    (tmp_path / "program.py").write_text(PROGRAM)
    work = WorkFolder(tmp_path / "work")
    folder = get_media_folder(work, SETTINGS)
    process = subprocess.Popen(
        [sys.executable, "program.py", "manifest.parquet", "work"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    )
    try:
        while not list(folder.glob("shard-*")):
            assert process.poll() is None, "it ended before a shard was finished"
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    (folder / ".tmp-torn-shard").mkdir()
    report = preprocess(read_manifest(tmp_path / "manifest.parquet"), SETTINGS, work, Limits(workers=1))
    assert report.skipped > 0
    assert report.done + report.skipped == 58
    assert all((folder / name).stat().st_mtime_ns == when for name, when in kept.items())
    assert contents(work) == contents(undisturbed)


def test_a_larger_manifest_adds_shards_and_keeps_the_finished_ones(manifest, tmp_path):
    work = WorkFolder(tmp_path)
    folder = get_media_folder(work, SETTINGS)
    preprocess(part_of(manifest, 12), SETTINGS, work, Limits(workers=1))
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    report = preprocess(part_of(manifest, 20), SETTINGS, work, Limits(workers=1))
    assert (report.done, report.skipped) == (8, 11)
    assert len(report.failed) == 1
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}.items()
    assert len(find_shards(folder, part_of(manifest, 20))) == 3
    assert len(find_shards(folder, part_of(manifest, 5))) == 1


def test_a_changed_file_is_a_new_item(manifest, tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    work = WorkFolder(tmp_path / "work")
    Image.new("RGB", (40, 40), "red").save(root / "one.png")
    preprocess(manifest_of(root), SETTINGS, work, Limits(workers=1))
    Image.new("RGB", (40, 40), "blue").save(root / "one.png")
    report = preprocess(manifest_of(root), SETTINGS, work, Limits(workers=1))
    assert report.done == 1
    (shard,) = find_shards(get_media_folder(work, SETTINGS), manifest_of(root))
    np.testing.assert_array_equal(MediaShard(shard).clip(0).faces[0, 0, 0], [0, 0, 255])


def test_missing_shards_are_reported(manifest, tmp_path):
    with pytest.raises(MissingInput, match="60 items not preprocessed"):
        find_shards(tmp_path, manifest)


def test_settings_name_the_folder_and_nothing_else_does():
    assert hash_media_settings(SETTINGS) == hash_media_settings(tiny().preprocess)
    assert hash_media_settings(SETTINGS) != hash_media_settings(SETTINGS.changed({"face_size": 65}))


def test_the_outcomes_count_the_content_of_each_item(manifest, undisturbed):
    outcomes = read_outcomes(get_media_folder(undisturbed, SETTINGS))
    assert [one.media_id for one in outcomes] == manifest.table.column("media_id").to_pylist()
    video = next(one for one in outcomes if one.path == "0.mp4")
    assert (video.outcome, video.reader, video.clips, video.faces) == ("done", "pyav", 1, 4)
    assert video.audio_s == pytest.approx(2.0, abs=0.01)
    sound = next(one for one in outcomes if one.path == "3.wav")
    assert (sound.reader, sound.faces, sound.audio_s) == ("soundfile", 0, 1.0)


def preprocessed(path: Path, settings: PreprocessSettings) -> MediaItem:
    row: MediaRow = next(manifest_of(path.parent, [path.name]).rows())
    return preprocess_item(
        Task(media_id="m", content=row.content, path=path, kind=row.kind, text="words", settings=settings)
    )


def test_a_clip_of_a_video_has_its_frames_and_its_audio_at_their_times(tmp_path):
    path = numbered_video(tmp_path / "long.mp4", 250, sound=click(16_000, 8.5, 10.0))
    item = preprocessed(path, SETTINGS)
    assert (item.media_id, item.text, item.reader) == ("m", "words", "pyav")
    first, last = item.clips
    assert (first.start_s, first.end_s) == pytest.approx((0.0, 2.0), abs=0.01)
    assert (last.start_s, last.end_s) == pytest.approx((8.0, 10.0), abs=0.01)
    # Four moments of 2 s: 0.25, 0.75, 1.25 and 1.75 s after 8 s, at 25 frames a second.
    assert last.face_times == pytest.approx([8.24, 8.72, 9.24, 9.72], abs=0.01)
    assert last.start_s + first_loud_s(last.audio) == pytest.approx(8.5, abs=0.01)
    assert not first.audio[: 16_000 * 2 - 200].any()
    # The centre square of the 160 x 64 frame shows bars 3 to 6 of its number.
    middle = last.faces[0][32, 8::16, 1] > 127
    assert middle.tolist() == [bool(206 >> bit & 1) for bit in range(3, 7)]
    assert read_number(np.zeros((64, 160, 3), np.uint8)) == 0


def test_under_the_policy_skip_an_item_without_a_face_fails_as_no_face(tmp_path):
    work = WorkFolder(tmp_path / "work")
    root = tmp_path / "files"
    root.mkdir()
    numbered_video(root / "bars.mp4", 10)
    Image.new("RGB", (80, 80), "grey").save(root / "grey.png")
    report = preprocess(manifest_of(root), SETTINGS.changed({"no_face": "skip"}), work, Limits(workers=1))
    assert {problem.split(":")[0] for problem in report.failed.values()} == {"no_face"}
    assert len(report.failed) == 2


def test_the_option_device_is_accepted_and_ignored(tmp_path):
    root, work = tmp_path / "files", WorkFolder(tmp_path / "work")
    root.mkdir()
    Image.new("RGB", (40, 40), "red").save(root / "one.png")
    write_manifest(work.manifest, manifest_of(root))
    command = ["preprocess", "--work", str(work.root), "--profile", "tiny", "--workers", "1", "--device", "cuda"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "face detection runs on the CPU workers" in result.output


def test_the_parent_process_does_not_load_torch():
    program = "import sys, unmask.preprocess.stage; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def misbehave(path: Path) -> str:
    """Runs in a worker and behaves like a decoder that fails on the file of this name."""
    if path.name == "hangs.mp4":
        time.sleep(60)
    if path.name == "kills.mp4":
        os.kill(os.getpid(), signal.SIGSEGV)
    return path.name


def test_a_decoder_that_hangs_or_dies_fails_only_its_own_file():
    paths = [Path(name) for name in ("a.mp4", "hangs.mp4", "b.mp4", "kills.mp4", "c.mp4")]
    results = dict(run_isolated(misbehave, paths, workers=2, timeout_s=5, initializer=start_worker))
    assert [results[Path(f"{name}.mp4")] for name in "abc"] == ["a.mp4", "b.mp4", "c.mp4"]
    failures = [results[Path(name)] for name in ("hangs.mp4", "kills.mp4")]
    assert all(isinstance(one, Failure) for one in failures)
    assert [one.reason for one in failures] == ["timeout", "crashed"]


def test_a_file_over_the_memory_limit_fails_alone(tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    Image.new("RGB", (40, 40), "red").save(root / "a.png")
    Image.new("RGB", (9000, 9000), "red").save(root / "large.png")  # 240 MB as pixels, once read
    Image.new("RGB", (40, 40), "blue").save(root / "z.png")
    work = WorkFolder(tmp_path / "work")
    report = preprocess(manifest_of(root), SETTINGS, work, Limits(workers=1, memory_gib=0.25))
    assert (report.done, list(report.failed)) == (2, ["tiny/large.png"])
    assert report.failed["tiny/large.png"].startswith("memory: it needs more than 0.25 GiB")
    again = preprocess(manifest_of(root), SETTINGS, work, Limits(workers=1, memory_gib=4.0), retry=("memory",))
    assert (again.done, again.skipped, again.failed) == (1, 2, {})
