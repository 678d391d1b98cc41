"""Text beside media files: `<stem>.txt`, `.srt`, `.vtt`, or a `transcripts.csv` with the columns path, text.

Never derived from the path: paths give the label away.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from unmask.manifests.findings import Trouble
from unmask.media.media_kind import KINDS

TABLE = "transcripts.csv"
SUFFIXES = (".txt", ".srt", ".vtt")

# A transcript has kilobytes; a larger file is something else.
MAX_BYTES = 4 << 20
# Parent folders of a single file that are searched for a table.
MAX_LEVELS = 8

_TIMING = re.compile(r"-->")
# A number in any notation, "x1=12" and "nan" included.
_NUMBER = re.compile(r"([a-z_]\w*[=:])?[-+]?(\d[\d.]*(e[-+]?\d+)?|nan|inf)%?|0x[0-9a-f]+", re.IGNORECASE)
_SEPARATOR = re.compile(r"[\s,;|()\[\]{}\"']+")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The sidecar files of one tree."""

    root: Path
    beside: dict[str, str] = field(default_factory=dict)
    """Media path -> path of its own sidecar; both relative to `root`."""
    listed: dict[str, str] = field(default_factory=dict)
    """Media path, composed -> text from a table."""
    used: set[str] = field(default_factory=set)
    """Paths of all sidecar files: neither media nor ignored."""
    troubles: list[tuple[str, Trouble]] = field(default_factory=list)
    """(Path, problem) per table that cannot be used."""
    wordless: list[str] = field(default_factory=list)
    """Paths of sidecars that were read and hold no words."""

    def text(self, path: str) -> str | None:
        """Text of the media file at `path`; its own sidecar takes precedence over a table."""
        beside = self.beside.get(path)
        text = read_text(self.root / beside) if beside else None
        if beside and text is None:
            self.wordless.append(beside)
        return text or self.listed.get(compose(path))


def collect_sidecars(
    root: Path, files: Sequence[str], media: Collection[str], unnamed: Collection[str] = ()
) -> Sidecars:
    """Match sidecars and media among `files`, paths relative to `root`.

    `media`: suffixes of media; `unnamed`: paths of media with another suffix or none.
    """
    sidecars = Sidecars(root)
    texts: dict[str, str] = {}
    written: list[tuple[str, str]] = []
    playable: list[tuple[str, str]] = []
    for path in files:
        stem, suffix = split_suffix(compose(path))
        if suffix in media:
            playable.append((path, stem))
        elif path in unnamed:  # what follows the last dot may be part of the name
            playable += [(path, stem), (path, path)]
        elif suffix in SUFFIXES:
            _keep_first_kind(texts, stem, path)
            written.append((path, stem))
        elif path.rpartition("/")[2].lower() == TABLE:
            sidecars.used.add(path)
    for path in sorted(sidecars.used, key=lambda path: path.count("/")):  # the table nearest to a file wins
        _read_table_into(sidecars, path)
    if written:
        stems = {stem for _, stem in playable}
        sidecars.beside.update({path: texts[stem] for path, stem in playable if stem in texts})
        sidecars.used.update(path for path, stem in written if stem in stems)
    return sidecars


def compose(path: str) -> str:
    """`path` in the Unicode form NFC: macOS writes accents as letters of their own, other systems do not."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def read_text_beside(file: Path) -> str | None:
    """Text of one file outside a scanned tree, from its own sidecar or a table in its folder or above."""
    stems = [file.with_suffix("").name]
    if file.suffix.lower() not in KINDS:  # as in `collect_sidecars`
        stems.insert(0, file.name)
    spellings = (
        file.with_name(stem + spelt) for suffix in SUFFIXES for stem in stems for spelt in (suffix, suffix.upper())
    )
    beside = next((path for path in spellings if path.is_file()), None)
    text = read_text(beside) if beside else None
    if text:
        return text
    for folder in list(file.parents)[:MAX_LEVELS]:
        if (folder / TABLE).is_file():
            listed, _ = _read_table(folder / TABLE)
            found = listed.get(compose(file.relative_to(folder).as_posix()))
            if found:
                return found
    return None


def read_text(path: Path) -> str | None:
    """Words of a sidecar without timings, numbers and markup; None when it has none or cannot be read.

    A .txt file of numbers, such as the boxes of a face detector, is no transcript.
    """
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return None
    if path.suffix.lower() in (".srt", ".vtt"):
        return parse_subtitles(text)
    return _join_words(text.split()) if _has_words(text) else None


def parse_subtitles(subtitles: str) -> str | None:
    """Words of SubRip or WebVTT text: the lines after the timing of each block."""
    words: list[str] = []
    for block in re.split(r"\n\s*\n", subtitles.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.split("\n")
        timing = next((number for number, line in enumerate(lines) if _TIMING.search(line)), None)
        if timing is not None:  # headers, notes and styles have no timing
            words += _MARKUP.sub("", " ".join(lines[timing + 1 :])).split()
    return _join_words(words)


def _read_table_into(sidecars: Sidecars, path: str) -> None:
    listed, trouble = _read_table(sidecars.root / path)
    folder = path.rpartition("/")[0]
    sidecars.listed.update({compose(f"{folder}/{name}" if folder else name): text for name, text in listed.items()})
    if trouble:
        sidecars.troubles.append((path, trouble))


def _read_table(path: Path) -> tuple[dict[str, str], Trouble | None]:
    """Path (relative to the table's folder) -> text, and the problem of the table if any."""
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        return {}, Trouble(f"cannot be read ({problem}), so its texts are not used", "Save it as CSV in UTF-8")
    missing = {"path", "text"} - set(lines[0] if lines else {"path", "text"})
    if missing:
        problem = f"no column {', '.join(sorted(missing))}, so its texts are not used"
        return {}, Trouble(problem, "Its first line must be path,text")
    rows = ((row["path"], _join_words((row["text"] or "").split())) for row in lines if row["path"])
    return {compose(PurePosixPath(name.replace("\\", "/")).as_posix()): words for name, words in rows if words}, None


def split_suffix(path: str) -> tuple[str, str]:
    """Path without its suffix, and the suffix in lower case."""
    # Ten times as fast as a Path, for every file of a dataset.
    stem, suffix = os.path.splitext(path)  # noqa: PTH122
    return stem, suffix.lower()


def _keep_first_kind(texts: dict[str, str], stem: str, path: str) -> None:
    known = texts.get(stem)
    if known is None or SUFFIXES.index(split_suffix(path)[1]) < SUFFIXES.index(split_suffix(known)[1]):
        texts[stem] = path


def _has_words(text: str) -> bool:
    """Is at least half of it words? Labels of detectors are numbers, at most with the name of a class before them."""
    parts = [part for part in _SEPARATOR.split(text) if part]
    words = sum(any(letter.isalpha() for letter in part) and not _NUMBER.fullmatch(part) for part in parts)
    return words > 0 and 2 * words >= len(parts)


def _join_words(words: Iterable[str]) -> str | None:
    return " ".join(words) or None
