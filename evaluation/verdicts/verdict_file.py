"""A file of verdicts, one JSON line each, that a repeated call continues.

Each line is the verdict's JSON with `unmask_verdict` (version of the format) and `judged_file` (what has to agree for
the line to count again), and with a checksum. Lines are only appended; of several lines on one file the last counts.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from unmask.core.errors import UsageError
from unmask.core.files.sealed_files import is_whole_line, seal_line
from unmask.core.hashing import fingerprint, hash_file
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.manifests.datasets.sidecars import read_text_beside

log = logging.getLogger("unmask")

VERSION = 1
MARK = "unmask_verdict"
BEGINNING = f'{{"{MARK}": '.encode()
JUDGED = "judged_file"
TEXTS = ("path", "sha256", "text", "key")
LONGEST_LINE = 1 << 26
# Another call may end otherwise, with other limits or on a machine with less to do.
TRIED_AGAIN = ("timeout", "memory", "crashed", "vanished")


class VerdictFile:
    """`with VerdictFile(path, key) as lines: lines.find(file) or lines.append(file, verdict)`

    `key`: fingerprint of the run, the program and the options; lines of another key do not count. `UsageError` for a
    file of something else, and for one that another call is writing.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._lines: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def find(self, path: Path) -> Verdict | None:
        """The stored verdict of the file at this resolved path, where its content and the text beside it are the same.

        The whole file is hashed: size and time alone would pass a file that was exchanged. Only files with a line are.
        """
        line = self._lines.get(str(path))
        if line is None:
            return None
        about = _parse_line(line)
        judged = about[JUDGED]
        if judged["key"] != self._key or not judged["sha256"]:
            return None
        if str(about.get("reason") or "").partition(":")[0] in TRIED_AGAIN and about.get("score") is None:
            return None
        try:
            same = path.stat().st_size == judged["bytes"] and hash_file(path) == judged["sha256"]
        except OSError:
            return None
        return _restore(about) if same and _hash_text(path) == judged["text"] else None

    def append(self, path: Path, verdict: Verdict) -> None:
        """Add the verdict of the file at this resolved path, as one whole line."""
        custody = verdict.custody
        judged = {
            "path": str(path),
            "bytes": custody.bytes if custody else 0,
            "sha256": custody.sha256 if custody else "",
            "text": _hash_text(path) if custody else "",
            "key": self._key,
        }
        line = seal_line(json.dumps({MARK: VERSION, **verdict.as_json(), JUDGED: judged}, ensure_ascii=True))
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{self._path}: another call is writing it", "wait until it has ended") from error

    def _read(self) -> None:
        """Collect the lines, and cut off a last one that was not written to its end."""
        whole, broken = 0, 0
        while line := self._file.readline(LONGEST_LINE):
            is_other = whole == 0 and not line.startswith(BEGINNING[: len(line)])  # of a later line it is damage
            if is_other or len(line) == LONGEST_LINE:
                raise UsageError(f"{self._path}: not a file of verdicts", "name a new file for --out")
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                path = _parse_line(line)[JUDGED]["path"] if is_whole_line(line[:-1]) else None
            except (ValueError, KeyError, TypeError, RecursionError):
                path = None
            if path is None:
                broken += 1
            else:
                self._lines[path] = line
        if broken:
            log.warning("%s: %d damaged lines are left out; their files are judged again", self._path, broken)
        self._file.seek(whole)
        self._file.truncate()


def make_key(run_sha256: str, version: str, *parts: Any) -> str:
    """Key of the lines of one run, version of the program and options."""
    return fingerprint(VERSION, run_sha256, version, *parts)


def _parse_line(line: bytes) -> dict[str, Any]:
    """`ValueError`, `KeyError`, `TypeError` or `RecursionError` for a damaged line."""
    about: dict[str, Any] = json.loads(line)
    judged = dict(about[JUDGED])
    fingerprint(about)  # ValueError for what is no number, such as 1e999
    if not all(isinstance(judged[key], str) for key in TEXTS):
        raise ValueError("damaged")
    if not isinstance(judged["bytes"], int):
        raise TypeError("damaged")
    return about


def _restore(about: dict[str, Any]) -> Verdict | None:
    """A verdict from its line, without pictures and thumbnails; None if it is of another version."""
    try:
        for face in about.get("faces") or ():
            face.setdefault("thumbnail", "")
        verdict = replace(_READER.validate_python(about), pictures=None)
    except (ValidationError, TypeError, AttributeError):
        return None
    return verdict if verdict.score is None or 0 <= verdict.score <= 1 else None


def _hash_text(path: Path) -> str:
    """Of the transcript or caption beside a file, which is judged with it."""
    return fingerprint(read_text_beside(path))


_READER = TypeAdapter(Verdict)
