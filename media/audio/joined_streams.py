"""Sound files that hold several streams one after the other: chained Ogg, joined FLAC and MP3 files.

Players play all of them. libsndfile stops after the first; FFmpeg stops, or takes the second's header for sound.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from unmask.core.files.regular_files import open_regular

FLAC, OGG = b"fLaC", b"OggS"
# The first page of an Ogg stream: version 0, flag 2 ("beginning of stream").
OGG_BEGIN = re.compile(rb"OggS\x00[\x02\x06]")
# STREAMINFO, the block of 34 bytes that follows the marker of a FLAC stream.
FLAC_BEGIN = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
# An MP3 file's first frame may hold the number of its frames: a tag after the header and 9, 17 or 32 bytes.
MP3_TAGS = (b"Xing", b"Info")
MP3_TAG_OFFSETS = (4 + 9, 4 + 17, 4 + 32)
MP3_LONGEST_FRAME = 2_881
ID3 = b"ID3"
MPEG_SUFFIXES = (".mp1", ".mp2", ".mp3")
# Formats that libsndfile recognizes after an ID3 tag, or under any name.
TAGGED = (FLAC, OGG, b"RIFF", b"FORM")

# Bytes of a file that are held in memory; longer ones are mapped.
MOST_HELD = 1 << 26

Content = bytes | mmap.mmap
Span = tuple[int, int]
"""First byte, and the byte after the last."""


def is_mpeg_audio(path: Path) -> bool:
    """True for MP3, which libsndfile would read by libmpg123: it guesses the length and prints to stderr."""
    with open_regular(path) as file:
        begin = _skip_tag(file.read(10))
        file.seek(begin)
        head = file.read(4)
    if begin or path.suffix.lower() in MPEG_SUFFIXES:  # libsndfile goes by the suffix if it knows no marker
        return head not in TAGGED
    # Layer I to III; layer 0 is AAC.
    return len(head) == 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0


def find_streams(path: Path) -> list[Span]:
    """Bytes of each stream of a sound file, in order; one span for the whole file in nearly all cases.

    Ogg, FLAC and MP3 files are searched whole, which reads them but decodes nothing.
    """
    size = path.stat().st_size
    if size < 8:
        return [(0, size)]
    with _open_content(path, size) as data:
        begin = _skip_tag(data[:10])
        head = data[begin : begin + 4]
        if head == OGG:
            begins = list(_find_ogg_streams(data))
        elif head == FLAC:
            begins = [match.start() for match in FLAC_BEGIN.finditer(data)]
        elif is_mpeg_audio(path):
            begins = [at for at in _find_mp3_tags(data) if at - begin > MP3_LONGEST_FRAME]
        else:
            begins = []
    edges = [0, *(at for at in begins if at > begin), size]
    return list(pairwise(edges))


def read_span(path: Path, span: Span) -> bytes:
    with open_regular(path) as file:
        file.seek(span[0])
        return file.read(span[1] - span[0])


@contextmanager
def _open_content(path: Path, size: int) -> Iterator[Content]:
    """The bytes of a file of `size`. A page of a mapped file that cannot be read would end the process."""
    with open_regular(path) as content:
        if size <= MOST_HELD:
            yield content.read()
            return
        while content.read(MOST_HELD):
            pass  # into the system's memory, or the error
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _skip_tag(head: bytes) -> int:
    """Length of the ID3 tag that a file begins with: 10 bytes, and a size of four times 7 bits; 0 without one."""
    if head[:3] != ID3 or len(head) < 10:
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _find_mp3_tags(data: Content) -> Iterator[int]:
    """Beginnings of the frames that hold the number of frames of an MP3 file."""
    # One search per tag: an expression with both is ten times slower.
    found = sorted(match.start() for tag in MP3_TAGS for match in re.finditer(tag, data))
    for tag_at in found:
        for offset in MP3_TAG_OFFSETS:
            at = tag_at - offset
            if at >= 0 and data[at] == 0xFF and data[at + 1] & 0xE6 == 0xE2:
                yield at
                break


def _find_ogg_streams(data: Content) -> Iterator[int]:
    """Beginnings of chained streams. A first page right behind another begins a stream beside it, such as the film."""
    end = -1
    for match in OGG_BEGIN.finditer(data):
        at = match.start()
        if at != end:
            yield at
        segments = data[at + 26 : at + 27]
        end = at + 27 + sum(data[at + 26 : at + 27 + (segments[0] if segments else 0)])
