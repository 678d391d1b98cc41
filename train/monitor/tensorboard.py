"""The epochs' numbers for TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from io import BytesIO, FileIO
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAME = "events.out.tfevents"
VERSION = "brain.Event:2"

_numbers_of_files = count()


class Events:
    """`with Events(run, done) as events: events.write(line)`; epochs after `done` of an earlier call are hidden.

    `OSError` where the disk fails. Not by torch's SummaryWriter: its thread prints a traceback of its own then.
    """

    def __init__(self, run: Path, done: int, writes: bool = True) -> None:
        self._file: FileIO | None = None
        if writes:
            run.mkdir(parents=True, exist_ok=True)
            place = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers_of_files)}"
            self._file = (run / f"{NAME}.{place}").open("wb", buffering=0)
            try:
                self._begin(done + 1)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: dict[str, Any]) -> None:
        """An epoch's line of metrics.jsonl."""
        if self._file is not None:
            from tensorboard.compat.proto.summary_pb2 import Summary

            values = [Summary.Value(tag=name, simple_value=value) for name, value in _list_numbers(line)]
            self._append({"step": line["epoch"], "summary": Summary(value=[value])} for value in values)

    def _begin(self, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog

        start = SessionLog(status=SessionLog.START)
        self._append([{"file_version": VERSION}, {"step": step, "session_log": start}])

    def _append(self, events: Any) -> None:
        # Imported here: predictions import the training too, and wait for no library that they do not use.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        content = BytesIO()
        records = RecordWriter(content)
        for event in events:
            records.write(Event(wall_time=time.time(), **event).SerializeToString())
        waiting = content.getbuffer()
        while self._file is not None and len(waiting):
            try:
                waiting = waiting[self._file.write(waiting) :]
            except OSError as error:
                error.filename = self._file.name
                raise


def _list_numbers(value: Any, name: str = "") -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _list_numbers(inner, f"{name}/{key}".strip("/"))]
    return [(name, float(value))] if isinstance(value, int | float) else []
