"""Multipart bodies, written to files while they arrive, so that no limit is noticed too late.

Parsed by python-multipart itself: Starlette's forms keep whole requests in a temporary folder that others can list.
"""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from unmask.core.errors import BadMedia
from unmask.media.file_type import explain_type, identify_file
from unmask.media.media_kind import KINDS
from unmask.serve.settings import MB, ServeLimits

LONGEST_NAME = 120
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of characters that show nothing or turn what follows around."""
FORM = b"multipart/form-data"


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.status, self.problem, self.hint = status, problem, hint


class Places(Protocol):
    """Where a file's place in the queue is reserved (`jobs.JobQueue`)."""

    def reserve(self) -> None: ...
    def release(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Upload:
    """One file that arrived."""

    name: str
    path: Path
    bytes: int = 0


class UploadReader:
    """Writes the files of one body into `folder`, each under a random name."""

    def __init__(self, content_type: str, folder: Path, limits: ServeLimits, places: Places) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != FORM or not 0 < len(boundary) <= 200:
            raise Refused(415, "the body is not multipart/form-data", "curl -F files=@picture.jpg ...")
        self._folder, self._limits, self._places = folder, limits, places
        self._uploads: list[Upload] = []
        self._file: BinaryIO | None = None
        self._header, self._value = b"", b""
        self._disposition = b""
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._read_field,
                "on_header_value": self._read_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_file,
                "on_part_data": self._write,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    async def read(self, body: AsyncIterator[bytes]) -> list[Upload]:
        """The files of `body`. `Refused` past a limit or for a broken body, and no file is left."""
        try:
            async for chunk in body:
                self._feed(chunk)
            if not self._ended:
                raise Refused(400, "the body ends before its last boundary")
            if not self._uploads:
                raise Refused(400, "no file in the request", "curl -F files=@picture.jpg ...")
        except BaseException:
            self.discard()
            raise
        return self._uploads

    def discard(self) -> None:
        """Delete the files, and give their places in the queue back."""
        if self._file is not None:
            self._file.close()
        for upload in self._uploads:
            upload.path.unlink(missing_ok=True)
            self._places.release()
        self._uploads, self._file = [], None

    def _feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Refused(400, "the body is no well-formed multipart/form-data") from error

    def _begin_part(self) -> None:
        self._header, self._value, self._disposition = b"", b"", b""

    def _read_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _read_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _open_file(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            raise Refused(400, "a part of the request is no file", "send files only: curl -F files=@picture.jpg ...")
        if len(self._uploads) >= self._limits.files:
            raise Refused(413, f"more than {self._limits.files} files in one request", "send them in several requests")
        name = clean_name(options[b"filename"].decode("utf-8", "replace"))
        self._places.reserve()
        path = self._folder / f"{secrets.token_hex(16)}{find_suffix(name)}"
        self._uploads.append(Upload(name=name, path=path))
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")

    def _write(self, data: bytes, start: int, end: int) -> None:
        assert self._file is not None
        upload = self._uploads[-1]
        upload.bytes += end - start
        if upload.bytes > self._limits.file_bytes:
            raise Refused(413, f"{upload.name}: larger than {self._limits.file_bytes / MB:g} MB")
        self._file.write(data[start:end])

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _end(self) -> None:
        self._ended = True


def clean_name(given: str) -> str:
    """What a client calls a file, without folders, and without characters that show nothing."""
    last = given.replace("\\", "/").rpartition("/")[2]
    shown = "".join("\ufffd" if unicodedata.category(char) in HIDDEN else char for char in last[: 4 * LONGEST_NAME])
    shown = shown.strip()
    if len(shown) > LONGEST_NAME:
        shown = f"{shown[: LONGEST_NAME - 20]}...{shown[-16:]}"
    return shown if shown.strip(".") else "file"


def find_suffix(name: str) -> str:
    """Suffix of `name` where it is one of a media format, as `predict` takes it for a first guess; else none.

    From the list of known suffixes, so that no text of the client becomes part of a path.
    """
    given = "." + name.rpartition(".")[2].lower()
    return next((known for known in KINDS if known == given), "")


def refuse_other_types(upload: Upload) -> None:
    """`Refused` for what is no image, audio or video by its content, whatever its name says."""
    found = identify_file(upload.path)
    if found is not None and found.kind is not None:
        return
    why: BadMedia = explain_type(upload.path, found)
    raise Refused(415, f"{upload.name}: {why.problem}", why.remedy)
