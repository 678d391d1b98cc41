"""Files of tensors (safetensors) that are compared with what was written when they are read.

The SHA-256 is an entry of the metadata at the beginning, over the file with zeros in its place. Every reader of the
format passes it over, and a copy of the file keeps it. Files of others have none and are read as they are.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from unmask.core.atomic_files import create_file
from unmask.core.files.damage import Damaged
from unmask.core.files.regular_files import open_regular
from unmask.core.files.sealed_files import KEY

SIZE = 8
"""Bytes of the length of the header, which the file begins with; the header is padded to a multiple of them."""
BEGIN = b'{"__metadata__":{"format":"pt"'
EMPTY = b"0" * 64
# With any name and value of these lengths: one with a changed name is damaged, and not a file without.
ENTRY = re.compile(rb',"([^"]{13})":"([^"]{64})"\}')
LONGEST_BEGIN = 256
BLOCK = 1 << 20


def write_tensors(path: Path, content: bytes) -> str:
    """Write a safetensors file whose metadata say only that it is of PyTorch, with its checksum, atomically; that.

    `ValueError` for anything else.
    """
    end = SIZE + int.from_bytes(content[:SIZE], "little")
    header = content[SIZE:end].rstrip(b" ")
    if not header.startswith(BEGIN + b"}"):
        raise ValueError(f"{path}: not a file of tensors of PyTorch without other metadata")
    head = BEGIN + f',"{KEY}":"'.encode()
    rest = b'"' + header[len(BEGIN) :]
    rest += b" " * (-len(head + EMPTY + rest) % SIZE)
    head = (len(head + EMPTY + rest)).to_bytes(SIZE, "little") + head
    tensors = memoryview(content)[end:]
    digest = hashlib.sha256(head + EMPTY + rest)
    digest.update(tensors)
    with create_file(path) as temporary, temporary.open("wb") as file:
        file.write(head + digest.hexdigest().encode() + rest)
        file.write(tensors)
    return digest.hexdigest()


def check_tensors(path: Path) -> None:
    """`Damaged` where a file with a checksum is not what was written; `OSError` where it cannot be read."""
    with open_regular(path) as file:
        begin = file.read(LONGEST_BEGIN)
        found = ENTRY.search(begin)
        if found is None and KEY.encode() not in begin:
            return
        digest = hashlib.sha256()
        if found is not None:
            digest.update(begin[: found.start(2)] + EMPTY + begin[found.end(2) :])
            while block := file.read(BLOCK):
                digest.update(block)
        if found is None or found.groups() != (KEY.encode(), digest.hexdigest().encode()):
            raise Damaged(f"{path}: damaged since it was written")
