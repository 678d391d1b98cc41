"""The transcribe stage: texts for those rows of a manifest that have sound and no text.

<work>/transcripts.parquet: media_id, content, text ("" where nobody speaks). It is kept beside the manifest, so that a
stopped call goes on where it was and another scan loses nothing; other weights or settings begin it anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unmask.cache.transcription.whisper_asr import check_runtime, heard
from unmask.core.atomic_files import create_file
from unmask.core.errors import MissingInput
from unmask.core.process_pool import Failure, run_isolated
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows

FORMAT = "unmask-transcripts"
SCHEMA = pa.schema([(name, pa.string()) for name in ("media_id", "content", "text")])
# Recordings that a killed call may lose: each takes seconds, and writing the table takes longer as it grows.
KEEP_EVERY = 32
HEAVY = ("unmask.cache.transcription.whisper_asr", "torch")

Listen = Callable[[Path], str | None]
Key = tuple[str, str]
"""media_id and content: another file under the same path is heard again."""


def transcribe(
    manifest: Manifest,
    work: WorkFolder,
    *,
    workers: int,
    timeout_s: float = 300.0,
    memory_gib: float = 4.0,
    listen: Listen = heard,
    model: str | None = None,
) -> tuple[Manifest, StageReport]:
    """`manifest` with the texts that were heard, and what became of each row with sound; failed ones are tried again.

    Given are rows with sound; skipped are those with a text of their own and those that an earlier call finished.
    `MissingInput` without the speech-to-text runtime. `listen` must be importable by a new process; `model` names it.
    """
    path, model = work.root / "transcripts.parquet", model or check_runtime()
    texts = _read(path, model)
    rows = [row for row in manifest.rows() if _has_sound(row)]
    todo = [row for row in rows if not row.text and _key(row) not in texts]
    report = StageReport("transcribe", given=len(rows), skipped=len(rows) - len(todo))
    found = _located(manifest, todo, report)
    outcomes = run_isolated(
        listen,
        [place for _, place in found],
        workers=workers,
        timeout_s=timeout_s,
        memory_gib=memory_gib,
        preload=HEAVY,
    )
    with Progress("transcribe", len(found), "recordings") as bar:
        try:
            for number, ((row, _), (_, outcome)) in enumerate(zip(found, outcomes, strict=True), 1):
                bar.advance(failed=int(isinstance(outcome, Failure)))
                _note(row, outcome, texts, report)
                if number % KEEP_EVERY == 0:
                    _write(path, model, texts)
        finally:
            _write(path, model, texts)
    return from_rows(_told(manifest, texts), manifest.roots), report


def _has_sound(row: MediaRow) -> bool:
    return row.status == "ok" and (row.kind == "audio" or (row.kind == "video" and row.audio_codec is not None))


def _key(row: MediaRow) -> Key:
    return row.media_id, row.content


def _located(manifest: Manifest, rows: Sequence[MediaRow], report: StageReport) -> list[tuple[MediaRow, Path]]:
    """Rows with their files; one that leads out of its dataset's folder is not even opened."""
    found = []
    for row in rows:
        try:
            found.append((row, manifest.locate(row)))
        except MissingInput as error:
            report.failed[f"{row.dataset}/{row.path}"] = f"refused: {error.problem}"
    return found


def _note(row: MediaRow, outcome: str | Failure | None, texts: dict[Key, str], report: StageReport) -> None:
    if isinstance(outcome, Failure):
        report.failed[f"{row.dataset}/{row.path}"] = f"{outcome.reason}: {outcome.problem}"
    else:
        report.done += 1
        texts[_key(row)] = outcome or ""


def _told(manifest: Manifest, texts: dict[Key, str]) -> Iterator[MediaRow]:
    for row in manifest.rows():
        heard_text = texts.get(_key(row)) if _has_sound(row) else None
        yield row if row.text or not heard_text else replace(row, text=heard_text)


def _read(path: Path, model: str) -> dict[Key, str]:
    """What earlier calls of the same model heard; nothing where the file is not one of those."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return {}
    about = json.loads((table.schema.metadata or {}).get(FORMAT.encode(), b"{}"))
    if about != {"model": model} or table.schema.names != SCHEMA.names:
        return {}
    media, content, text = (column.to_pylist() for column in table.columns)
    return dict(zip(zip(media, content, strict=True), text, strict=True))


def _write(path: Path, model: str, texts: dict[Key, str]) -> None:
    entries = sorted((*key, text) for key, text in texts.items())
    columns = [pa.array([entry[position] for entry in entries], pa.string()) for position in range(3)]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    with create_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata({FORMAT: json.dumps({"model": model})}), temporary)
