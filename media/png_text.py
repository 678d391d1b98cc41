"""PNG files without their text. Image generators write megabytes of prompts and workflows into it.

Pillow refuses a file with much text, because a few kilobytes can inflate to gigabytes. Refusing such files would bias a
dataset, since they are all fakes; so the text is dropped unread.
"""

from __future__ import annotations

import io
from pathlib import Path

from unmask.core.files.regular_files import read_regular

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A color profile is limited like text, and no color is converted by it.
DROPPED = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
SIZE = 4
AROUND = 12
"""Bytes of a chunk's size, name and checksum."""


def drop_text(path: Path) -> io.BytesIO | None:
    """The PNG file without its text and color profile; None if it has none of them, or is no PNG."""
    content = read_regular(path)
    if not content.startswith(SIGNATURE):
        return None
    kept, at, dropped = [SIGNATURE], len(SIGNATURE), False
    while at < len(content):
        end = at + int.from_bytes(content[at : at + SIZE], "big") + AROUND
        if content[at + SIZE : at + 2 * SIZE] in DROPPED:
            dropped = True
        else:
            kept.append(content[at:end])
        at = end
    return io.BytesIO(b"".join(kept)) if dropped else None
