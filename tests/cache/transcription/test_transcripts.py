"""Speech to text: the stage with a pretended listener, and the real one where its runtime is installed."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from raised_errors import RAISED, raise_content

from unmask.cache.transcription import whisper_asr as asr
from unmask.cache.transcription.stage import transcribe
from unmask.cli.app import main
from unmask.core import fact_table
from unmask.core.crashes import describe_crashes
from unmask.core.errors import BadMedia, ItemsFailed
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows, read_manifest, write_manifest

RUNTIME = bool(list(importlib.metadata.distributions(name=asr.RUNTIME)))


def pretend(path: Path) -> str | None:
    """Runs in a worker: the file's own letters are what is said in it."""
    said = path.read_text()
    if said == "broken":
        raise BadMedia(path, "unreadable", "it is damaged", "Get it again")
    return said or None


def raise_or_pretend(path: Path) -> str | None:
    """Runs in a worker: the exception that the file names, else what it says."""
    raise_content(path)
    return pretend(path)


def row(name: str, **facts: object) -> MediaRow:
    given = {"kind": "audio", "audio_codec": "pcm_16", "content": name, **facts}
    return MediaRow(media_id=f"id-{name}", dataset="archive", domain_id=1, path=f"{name}.wav", label=0, **given)


ROWS = (
    row("a"),
    row("b"),
    row("quiet"),
    row("broken"),
    row("captioned", text="its own words"),
    row("picture", kind="image", audio_codec=None),
    row("silent-film", kind="video", audio_codec=None, video_codec="h264"),
    row("film", kind="video", video_codec="h264"),
    row("unusable", status="failed", reason="unreadable: x"),
)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    for name, said in {"a": "hello", "b": "world", "quiet": "", "broken": "broken", "film": "cut"}.items():
        (tmp_path / f"{name}.wav").write_text(said)
    return from_rows(ROWS, {"archive": str(tmp_path)})


def run(manifest: Manifest, folder: Path, model: str = "pretended"):
    told, report = transcribe(
        manifest, WorkFolder(folder / "work"), workers=2, timeout_s=60, listen=pretend, model=model
    )
    return {r.path.removesuffix(".wav"): r.text for r in told.rows()}, report


def test_rows_with_audio_and_no_text_get_what_is_said_and_nothing_is_lost(manifest: Manifest, tmp_path: Path):
    texts, report = run(manifest, tmp_path)
    assert texts == {
        **{"a": "hello", "b": "world", "film": "cut", "captioned": "its own words"},
        **dict.fromkeys(("quiet", "broken", "picture", "silent-film", "unusable")),
    }
    assert (report.given, report.done, report.skipped) == (6, 4, 1)
    assert report.failed == {"archive/broken.wav": "unreadable: it is damaged. Get it again"}
    report.check(1.0)


def test_whatever_the_recognizer_raises_costs_one_recording(tmp_path: Path):
    names = [name for raised in RAISED for name in (raised, f"after {raised}")]
    for name in names:
        (tmp_path / f"{name}.wav").write_text(name)
    manifest = from_rows(map(row, names), {"archive": str(tmp_path)})
    work = WorkFolder(tmp_path / "work")
    told, report = transcribe(manifest, work, workers=2, timeout_s=60, listen=raise_or_pretend, model="pretended")
    assert {r.path: r.text for r in told.rows()} == {f"{n}.wav": None if n in RAISED else n for n in names}
    assert (report.given, report.done) == (len(names), len(RAISED))
    assert set(report.failed) == {f"archive/{name}.wav" for name in RAISED}
    reasons = {name: report.failed[f"archive/{name}.wav"].partition(":")[0] for name in RAISED}
    assert reasons == dict.fromkeys(RAISED, "crashed") | {"TimeoutError": "unreadable"}
    (line,) = describe_crashes(report.list_crashes())
    assert line.startswith(f"{len(RAISED) - 1} items met an unexpected error, please report: ")
    report.check(0.5)
    with pytest.raises(ItemsFailed, match=f"{len(RAISED)} of {len(names)} items failed"):
        report.check(0.4)


def test_a_second_call_only_tries_again_what_failed(manifest: Manifest, tmp_path: Path):
    first, _ = run(manifest, tmp_path)
    (tmp_path / "broken.wav").write_text("mended")
    texts, report = run(manifest, tmp_path)
    assert texts == first | {"broken": "mended"}
    assert (report.done, report.skipped, report.failed) == (1, 5, {})


def test_a_stopped_call_keeps_its_transcripts(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class StopsAfterTwo(fact_table.Progress):
        def advance(self, count: int = 1, *, failed: int = 0) -> None:
            super().advance(count, failed=failed)
            if self.done == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fact_table, "Progress", StopsAfterTwo)
        with pytest.raises(KeyboardInterrupt):
            run(manifest, tmp_path)
    texts, report = run(manifest, tmp_path)
    assert (texts["a"], texts["b"]) == ("hello", "world")
    assert (report.done, report.skipped, len(report.failed)) == (2, 3, 1)


def test_another_model_or_another_file_is_transcribed_anew(manifest: Manifest, tmp_path: Path):
    run(manifest, tmp_path)
    assert run(manifest, tmp_path, "another")[1].done == 4
    changed = from_rows([replace(r, content="new") if r.path == "a.wav" else r for r in ROWS], manifest.roots)
    assert run(changed, tmp_path, "another")[1].done == 1


def test_a_damaged_table_of_transcripts_only_costs_the_time(manifest: Manifest, tmp_path: Path):
    texts, _ = run(manifest, tmp_path)
    (tmp_path / "work/transcripts.parquet").write_text("not Parquet")
    assert run(manifest, tmp_path)[0] == texts


def test_a_link_out_of_the_dataset_is_not_opened(tmp_path: Path):
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a.wav").symlink_to(tmp_path / "outside.txt")
    texts, report = run(from_rows([row("a")], {"archive": str(tmp_path / "root")}), tmp_path)
    assert texts == {"a": None}
    assert report.failed["archive/a.wav"].startswith("refused: ")


def test_without_the_runtime_it_is_exit_4_with_the_command_that_gets_it(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    write_manifest(tmp_path / "work/manifest.parquet", manifest)
    with pytest.raises(SystemExit) as stopped:
        main(["transcribe", "--work", str(tmp_path / "work"), "--quiet"])
    assert stopped.value.code == 4
    assert capsys.readouterr().err.rstrip().endswith("hint: pip install faster-whisper")
    assert list(read_manifest(tmp_path / "work/manifest.parquet").rows()) == list(ROWS), "nothing is changed"


def test_only_the_beginning_of_a_long_recording_is_transcribed(tmp_path: Path):
    rate = 8_000
    soundfile.write(tmp_path / "long.wav", np.full(rate * 130, 0.5, np.float32), rate)
    wave = asr._decode_beginning(tmp_path / "long.wav")
    assert (wave.dtype, len(wave)) == (np.int16, 120 * 16_000)


def test_a_file_that_is_gone_or_no_audio_is_bad_media(tmp_path: Path):
    with pytest.raises(BadMedia, match="no such file"):
        asr.transcribe_audio(tmp_path / "gone.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(BadMedia, match="cannot be decoded"):
        asr.transcribe_audio(tmp_path / "text.wav")


def test_silence_has_no_transcript_and_needs_no_model():
    assert asr.transcribe_audio(np.zeros(16_000, np.int16)) is None


@pytest.mark.skipif(not RUNTIME, reason=asr.INSTALL)
def test_noise_has_no_transcript():
    assert asr.transcribe_audio(np.random.default_rng(0).integers(-3000, 3000, 64_000).astype(np.int16)) is None


@pytest.mark.skipif(not RUNTIME, reason=asr.INSTALL)
def test_speech_is_written_down_the_same_each_time(corpus: Path):
    path = min((corpus / "own_speech/real").glob("*.flac"))
    said = asr.transcribe_audio(path)
    assert said
    assert len(said.split()) > 3
    wave, rate = soundfile.read(path, dtype="int16")
    assert rate == 16_000
    assert asr.transcribe_audio(wave) == said
