"""Text of others on a terminal, in JSON and on pages: no character that hides, moves or colors what stands beside it.

The name of a file may hold escape sequences of a terminal, line breaks that begin a line of their own, and marks that
turn the reading direction around (CVE-2021-42574).
"""

from __future__ import annotations

import json
import re
from typing import Any

_INSIDE_LINES = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed; those from \x80 on begin sequences too
    r"\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u206f\ufeff\ufff9-\ufffb"  # nothing to see, and reading direction
    r"\u2028\u2029\u202a-\u202e"  # line breaks, and reading direction
    r"\ud800-\udfff"  # bytes that are not UTF-8, and halves of a character
    r"\U000e0000-\U000e007f"  # tags
)
_IN_LINES = re.compile(f"[{_INSIDE_LINES}]")
_ON_ONE_LINE = re.compile(rf"[\t\n{_INSIDE_LINES}]")


def escape_hidden(text: object) -> str:
    """`text` on one line, such as a name: every hidden character as \\xNN, \\uNNNN or the like.

    Joiners (U+200C, U+200D) stay: words of several scripts need them.
    """
    return _ON_ONE_LINE.sub(_escape, str(text))


def escape_hidden_in_lines(text: str) -> str:
    """The same for text of several lines, which keeps its line feeds and tabs."""
    return _IN_LINES.sub(_escape, text)


def format_json(value: Any) -> str:
    """Indented JSON that is read as `value`, with hidden characters as \\uNNNN; readable in every other script."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    # json itself escapes those below U+0020, so the line feeds left are those between values.
    return _IN_LINES.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
