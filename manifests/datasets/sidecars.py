"""Text beside media files: `<stem>.txt`, `.srt`, `.vtt`, or a table of transcripts (tables/transcripts.py).

Never derived from the path: paths give the label away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unmask.core.files.read_failures import raise_disk_failure
from unmask.core.files.regular_files import read_regular
from unmask.manifests.datasets.tables.transcripts import NAMES, compose, is_transcripts, read_transcripts
from unmask.manifests.findings import Trouble, as_trouble
from unmask.media.media_kind import KINDS

SUFFIXES = (".txt", ".srt", ".vtt")

# A transcript has kilobytes; a larger file is something else.
MAX_BYTES = 4 << 20
# Parent folders of a single file that are searched for a table.
MAX_LEVELS = 8

_TIMING = re.compile(r"-->")
# A number in any notation, "x1=12" and "nan" included.
_NUMBER = re.compile(r"([a-z_]\w*[=:])?[-+]?(\d[\d.]*(e[-+]?\d+)?|nan|inf)%?|0x[0-9a-f]+", re.IGNORECASE)
_SEPARATOR = re.compile(r"[\s,;|()\[\]{}\"']+")
# Without an opening bracket inside: else each of many unclosed ones would be followed to the end of the text.
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


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
    """(Path, problem) per sidecar or table that cannot be used, whole or in part."""
    wordless: list[str] = field(default_factory=list)
    """Paths of sidecars that were read and hold no words."""

    def text(self, path: str) -> str | None:
        """Text of the media file at `path`; its own sidecar takes precedence over a table."""
        beside = self.beside.get(path)
        text = self._read_beside(beside) if beside else None
        return text or self.listed.get(compose(path))

    def _read_beside(self, path: str) -> str | None:
        try:
            text = read_text(self.root / path)
        except Exception as error:
            self.troubles.append((path, as_trouble(error, self.root / path, "its text is not used")))
            return None
        if text is None:
            self.wordless.append(path)
        return text


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
        elif is_transcripts(path.rpartition("/")[2]):
            sidecars.used.add(path)
    present = {compose(path) for path, _ in playable}
    # The table nearest to a file wins.
    for path in sorted(sidecars.used, key=lambda path: (path.count("/"), path)):
        _read_table_into(sidecars, path, present)
    if written:
        stems = {stem for _, stem in playable}
        sidecars.beside.update({path: texts[stem] for path, stem in playable if stem in texts})
        sidecars.used.update(path for path, stem in written if stem in stems)
    return sidecars


def read_text_beside(file: Path) -> str | None:
    """Text of one file outside a scanned tree, from its own sidecar or a table in its folder or above."""
    stems = [file.with_suffix("").name]
    if file.suffix.lower() not in KINDS:  # as in `collect_sidecars`
        stems.insert(0, file.name)
    spellings = (
        file.with_name(stem + spelt) for suffix in SUFFIXES for stem in stems for spelt in (suffix, suffix.upper())
    )
    beside = next((path for path in spellings if path.is_file()), None)
    text = Sidecars(beside.parent)._read_beside(beside.name) if beside else None
    if text:
        return text
    for table in (folder / name for folder in list(file.parents)[:MAX_LEVELS] for name in reversed(NAMES)):
        if table.is_file():
            found = read_transcripts(table).texts.get(compose(file.relative_to(table.parent).as_posix()))
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
        text = read_regular(path).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise_disk_failure(error)
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


def _read_table_into(sidecars: Sidecars, path: str, present: Collection[str]) -> None:
    """Add the texts of the table at `path`. `present`: composed paths of the media files."""
    found = read_transcripts(sidecars.root / path)
    folder = path.rpartition("/")[0]
    listed = {compose(f"{folder}/{name}" if folder else name): text for name, text in found.texts.items()}
    sidecars.listed.update(listed)
    sidecars.troubles.extend((path, trouble) for trouble in found.troubles)
    absent = [name for name in listed if name not in present]
    if absent:
        problem = f"{len(absent)} of the {len(listed)} listed files are missing, such as {absent[0]}"
        remedy = "Restore the files, or correct the paths: they are relative to the table's folder"
        sidecars.troubles.append((path, Trouble(problem, remedy)))


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
