"""JSON, JSON lines and zip archives (.npz, .pth) that are compared with what was written when they are read.

The SHA-256 of the content is inside of the file, so that both are replaced together and a copy of the file keeps it:

JSON         the last entry, "unmask-sha256", over the text without it
JSON lines   the last entry of each line, over this and all earlier lines without it
zip          the comment of the archive, which every reader of zip archives passes over, over the archive without it

Files of earlier versions have none and are read as they are. Tables are sealed in core/files/sealed_tables.py, folders
of many files in core/checksums.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import create_file, write_text
from unmask.core.files.damage import Damaged
from unmask.core.files.regular_files import read_regular

KEY = "unmask-sha256"
# Any last entry with names and values of these lengths: one with a changed name is damaged, and not a file without.
JSON_END = re.compile(rb',\n  "([^"\n]{13})": "([^"\n]{64})"\n\}\n\Z')
LINE_END = re.compile(rb', "([^"\n]{13})": "([^"\n]{64})"\}\Z')
LONGEST_END = 128
# A checksum whose name was damaged so that it became a part of the name before it.
HIDDEN = re.compile(rb'"([^"\n]*)": "[^"\n]*[0-9a-f]{40}"(?:\n\}\n|\})\Z')
PLAIN_NAME = re.compile(rb"[A-Za-z0-9_.]*")

END_OF_ARCHIVE = b"PK\x05\x06"
END_BYTES = 22
"""Of a zip archive's last record, before the comment."""
COMMENT = f"{KEY}:".encode()
COMMENT_BYTES = len(COMMENT) + 64


def write_json(path: Path, value: Mapping[str, Any]) -> str:
    """Write a JSON object with sorted keys and its checksum, atomically; the checksum.

    The same value gives the same bytes. `ValueError` for an empty object, which has nothing to seal.
    """
    if not value or KEY in value:
        raise ValueError(f"{path}: an object without content, or with an entry {KEY}")
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    write_text(path, f'{text[:-3]},\n  "{KEY}": "{digest}"\n}}\n')
    return digest


def read_json(path: Path) -> dict[str, Any]:
    """The object, without its checksum. `Damaged` where it is not what was written, or no JSON object at all."""
    return read_json_with_digest(path)[0]


def read_json_with_digest(path: Path) -> tuple[dict[str, Any], str]:
    """The same, and the checksum; "" for a file without one."""
    content = read_regular(path)
    if found := JSON_END.search(content, max(0, len(content) - LONGEST_END)):
        digest = hashlib.sha256(memoryview(content)[: found.start()])
        digest.update(b"\n}\n")
        _compare(path, found.groups(), digest.hexdigest())
    value = _parse(path, content)
    sealed = value.pop(KEY, "")
    if bool(sealed) != bool(found) or (not found and _hides_entry(content)):
        raise Damaged(f"{path}: damaged since it was written")
    return value, sealed


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object per line, each with its checksum, atomically."""
    digest, texts = hashlib.sha256(), []
    for line in lines:
        text = json.dumps(line, sort_keys=True)
        digest.update(text.encode() + b"\n")
        texts.append(f'{text[:-1]}, "{KEY}": "{digest.hexdigest()}"}}\n')
    write_text(path, "".join(texts))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects, without their checksums. `Damaged` where a line is not what was written, or an earlier one is gone.

    Lines that are missing at the end are not seen here: the file is then as it was at an earlier time.
    """
    content = read_regular(path)
    lines, digest, values = content.splitlines(), hashlib.sha256(), []
    sealed = any(LINE_END.search(line) for line in lines)
    for line in lines:
        value = _parse(path, line)
        found = LINE_END.search(line)
        if bool(found) != sealed:
            raise Damaged(f"{path}: damaged since it was written")
        if found:
            digest.update(line[: found.start()] + b"}\n")
            _compare(path, found.groups(), digest.hexdigest())
        values.append({name: one for name, one in value.items() if name != KEY})
    if content and not content.endswith(b"\n"):
        raise Damaged(f"{path}: cut off")
    return values


def seal_line(text: str) -> str:
    """The text of a JSON object with its own checksum, for a file to which lines are appended."""
    return f'{text[:-1]}, "{KEY}": "{hashlib.sha256(text.encode()).hexdigest()}"}}'


def is_whole_line(line: bytes) -> bool:
    """Is a line of `seal_line` as it was written? True for a line without a checksum."""
    found = LINE_END.search(line)
    if not found:
        return KEY.encode() not in line and not _hides_entry(line)
    digest = hashlib.sha256(line[: found.start()] + b"}").hexdigest()
    return found.groups() == (KEY.encode(), digest.encode())


def write_archive(path: Path, content: bytes | memoryview) -> str:
    """Write a zip archive that has no comment yet, with its checksum, atomically; the checksum.

    `ValueError` for anything else.
    """
    if bytes(content[-END_BYTES:][:4]) != END_OF_ARCHIVE or bytes(content[-2:]) != b"\0\0":
        raise ValueError(f"{path}: not a zip archive without a comment")
    digest = hashlib.sha256(content).hexdigest()
    with create_file(path) as temporary, temporary.open("wb") as file:
        file.write(content[:-2])
        file.write(struct.pack("<H", COMMENT_BYTES) + COMMENT + digest.encode())
    return digest


def read_archive(path: Path) -> tuple[io.BytesIO, str]:
    """A zip archive in memory, and its checksum; "" for one without. `Damaged` where it is not what was written.

    In memory, so that what is compared is what is used.
    """
    content = read_regular(path)
    end = content.rfind(END_OF_ARCHIVE, max(0, len(content) - END_BYTES - COMMENT_BYTES))
    if end < 0 or len(content) < end + END_BYTES:
        raise Damaged(f"{path}: damaged, the end of the file is missing")
    comment = content[end + END_BYTES :]
    if not comment and content[end + END_BYTES - 2 : end + END_BYTES] == b"\0\0":
        return io.BytesIO(content), ""
    digest = hashlib.sha256(memoryview(content)[: end + END_BYTES - 2])
    digest.update(b"\0\0")
    _compare(path, (comment[: len(COMMENT) - 1], comment[len(COMMENT) :]), digest.hexdigest())
    return io.BytesIO(content), digest.hexdigest()


def _hides_entry(content: bytes) -> bool:
    found = HIDDEN.search(content, max(0, len(content) - 2 * LONGEST_END))
    return found is not None and not PLAIN_NAME.fullmatch(found[1])


def _compare(path: Path, found: tuple[bytes, ...], digest: str) -> None:
    """`Damaged` unless the entry `found`, name and value, is KEY with this digest."""
    if found != (KEY.encode(), digest.encode()):
        raise Damaged(f"{path}: damaged since it was written")


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path}: damaged, not JSON") from error
    if not isinstance(value, dict):
        raise Damaged(f"{path}: damaged, not a JSON object")
    return value
