"""Files that are almost right: bytes of a good file, changed in a few places."""

from __future__ import annotations

import re

from hypothesis import strategies as st

TOKENS = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xff", b"\n", b"\r", b"\n\n", b'"', b"'", b",", b";"),
    *(b"NaN", b"Infinity", b"1e999", b"-1", b"0", b"0.5", b"9" * 30, b"9" * 5000, b"true", b"null", b'""', b"1_0"),
    *(b"[" * 3000, b'{"a":' * 3000, b"<" * 3000, b"{" * 200, b"[]", b"{}", b"&a [*a]", b"!!python/name:os.system"),
    *(b"../../x", b"/etc/passwd", b"=cmd", b"\x1b[31m", b"\xe2\x80\xae", b"file://%00", b"a" * 70_000, b"," * 5000),
)
NUMBER = re.compile(rb"-?\d+(\.\d+)?")
WORD = re.compile(rb"[\w.]+")
MOST_CHANGES = 3


@st.composite
def change(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` with up to MOST_CHANGES changes: bits, cuts, repeats, other numbers and words."""
    changed = content
    for _ in range(draw(st.integers(1, MOST_CHANGES))):
        changed = draw(st.sampled_from(CHANGES))(draw, changed)
    return changed


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, max(0, 8 * len(content) - 1)))
    flipped = bytes([content[at // 8] ^ 1 << at % 8]) if content else b""
    return content[: at // 8] + flipped + content[at // 8 + 1 :]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _remove(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    return content[:start] + content[start + draw(st.integers(1, 40)) :]


def _repeat(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    end = start + draw(st.integers(1, 200))
    return content[:end] + content[start:end] * draw(st.integers(1, 20)) + content[end:]


def _insert(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.sampled_from(TOKENS)) + content[at:]


def _exchange(pattern: re.Pattern[bytes]):
    def exchange(draw: st.DrawFn, content: bytes) -> bytes:
        places = list(pattern.finditer(content))
        if not places:
            return _insert(draw, content)
        place = draw(st.sampled_from(places))
        return content[: place.start()] + draw(st.sampled_from(TOKENS)) + content[place.end() :]

    return exchange


CHANGES = (_flip, _flip, _cut, _remove, _repeat, _insert, _exchange(NUMBER), _exchange(WORD))
