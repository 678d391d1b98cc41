"""The transcribe stage: texts for the rows of a manifest that have audio and no text.

<work>/transcripts.parquet: media_id, content, text ("" if nobody speaks). It is kept beside the manifest, so that an
interrupted call resumes and another scan loses nothing; other weights or settings start it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from unmask.cache.transcription.whisper_asr import check_runtime, transcribe_file
from unmask.core.fact_table import Facts, FactTable
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.file_facts import measure_files
from unmask.manifests.manifest import Manifest, MediaRow, from_rows

Listen = Callable[[Path], str | None]
Key = tuple[str, str]
"""media_id and content: another file under the same path is transcribed again."""


def transcribe(
    manifest: Manifest,
    work: WorkFolder,
    *,
    workers: int,
    timeout_s: float = 300.0,
    memory_gib: float = 4.0,
    listen: Listen = transcribe_file,
    model: str | None = None,
) -> tuple[Manifest, StageReport]:
    """`manifest` with transcripts, and the outcome of each row with audio; failed rows are tried again by each call.

    Given: rows with audio. Skipped: those with a text of their own or a transcript of an earlier call. `MissingInput`
    without the speech-to-text runtime. `listen` must be importable by a new process; `model` names it.
    """
    spec = describe_transcripts(model or check_runtime(), listen, timeout_s, memory_gib)
    rows = [row for row in manifest.rows() if _has_audio(row)]
    silent = [row for row in rows if not row.text]
    files = from_rows(silent, manifest.roots)
    completed = measure_files(spec, files, work.root / "transcripts.parquet", workers)
    failed = {
        f"{row.dataset}/{row.path}": completed.failed[_make_key(row)]
        for row in silent
        if _make_key(row) in completed.failed
    }
    done = completed.measured - len(failed)
    skipped = len(rows) - completed.measured
    report = StageReport("transcribe", given=len(rows), done=done, skipped=skipped, failed=failed)
    texts = dict(zip(map(_make_key, silent), completed.facts.column("text").to_pylist(), strict=True))
    return from_rows(_add_texts(manifest, texts), manifest.roots), report


def describe_transcripts(model: str, listen: Listen, timeout_s: float, memory_gib: float) -> FactTable:
    """The table of transcripts. It has no column for problems, so each call tries failed recordings again."""
    return FactTable(
        name="transcribe",
        format="unmask-transcripts",
        about={"model": model},
        key=("media_id", "content"),
        columns=(("text", pa.string()),),
        measure=partial(measure_text, listen),
        chunk=1,
        timeout_s=timeout_s,
        # A recording takes seconds, and writing the table takes longer as it grows.
        save_every=32,
        unit="recordings",
        preload=("unmask.cache.transcription.whisper_asr", "torch"),
        memory_gib=memory_gib,
    )


def measure_text(listen: Listen, path: Path) -> Facts:
    """Runs in a worker process."""
    return {"text": listen(path) or ""}


def _has_audio(row: MediaRow) -> bool:
    return row.status == "ok" and (row.kind == "audio" or (row.kind == "video" and row.audio_codec is not None))


def _make_key(row: MediaRow) -> Key:
    return row.media_id, row.content


def _add_texts(manifest: Manifest, texts: dict[Key, str | None]) -> Iterator[MediaRow]:
    for row in manifest.rows():
        text = texts.get(_make_key(row))
        yield replace(row, text=text) if text and not row.text else row
