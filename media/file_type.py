"""The type of a file from its first bytes, whatever its name says. Nothing is decoded.

A container that may hold video or audio counts as video: its streams decide (manifests/scan/probe.py).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmask.core.errors import BadMedia
from unmask.core.files.regular_files import open_regular

HEAD_BYTES = 4096
# A file with fewer bytes has no header of any format.
FEWEST_BYTES = 12

CONVERT = "Convert it to PNG, WAV or MP4"
GET_AGAIN = "Copy it from its source again"
CONVERT_IMAGE = "Convert it to PNG or JPEG"
CONVERT_RAW = "Develop the camera's raw picture and save it as PNG or JPEG"
NOT_THE_FILE = "Get the file again: this is something else under its name"


@dataclass(frozen=True, slots=True)
class FileType:
    """One file format."""

    name: str
    kind: Literal["image", "audio", "video"] | None
    """None for what is not media, such as text or an archive."""
    remedy: str | None = None
    """How to make a readable file of it; None if the readers know the format."""


def _image(name: str, remedy: str | None = None) -> FileType:
    return FileType(name, "image", remedy)


def _audio(name: str) -> FileType:
    return FileType(name, "audio")


def _video(name: str) -> FileType:
    return FileType(name, "video")


HEIF = FileType("HEIF", "image", "Install pillow-heif (the extra unmask[heif]), or convert it to PNG or JPEG")
CAMERA_RAW = _image("a camera's raw picture", CONVERT_RAW)
TIFF = _image("TIFF")
TEXT = FileType("a text", None, NOT_THE_FILE)

# (Offset, bytes there, format); the first match counts.
SIGNATURES: tuple[tuple[int, bytes, FileType], ...] = (
    (0, b"\xff\xd8\xff", _image("JPEG")),
    (0, b"\x89PNG\r\n\x1a\n", _image("PNG")),
    (0, b"GIF87a", _image("GIF")),
    (0, b"GIF89a", _image("GIF")),
    (8, b"CR\x02\0", CAMERA_RAW),
    (0, b"II*\0", TIFF),
    (0, b"MM\0*", TIFF),
    (0, b"II+\0", TIFF),
    (0, b"MM\0+", TIFF),
    (0, b"\0\0\0\x0cjP  ", _image("JPEG 2000")),
    (0, b"\xff\x4f\xff\x51", _image("JPEG 2000")),
    (0, b"8BPS", _image("PSD")),
    (0, b"DDS ", _image("DDS")),
    (0, b"qoif", _image("QOI")),
    (0, b"\0\0\0\x0cJXL ", _image("JPEG XL", CONVERT_IMAGE)),
    (0, b"\xff\x0a", _image("JPEG XL", CONVERT_IMAGE)),
    (0, b"\x76\x2f\x31\x01", _image("OpenEXR", CONVERT_IMAGE)),
    (0, b"#?RADIANCE", _image("Radiance HDR", CONVERT_IMAGE)),
    (0, b"BPG\xfb", _image("BPG", CONVERT_IMAGE)),
    (0, b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (0, b"IIU\0", CAMERA_RAW),
    (0, b"IIRO", CAMERA_RAW),
    (0, b"IIRS", CAMERA_RAW),
    (0, b"fLaC", _audio("FLAC")),
    (0, b"ID3", _audio("MP3")),
    (0, b"#!AMR", _audio("AMR")),
    (0, b".snd", _audio("AU")),
    (0, b"caff", _audio("CAF")),
    (0, b"riff\x2e\x91\xcf\x11", _audio("W64")),
    (0, b"wvpk", _audio("WavPack")),
    (0, b"MAC ", _audio("Monkey's Audio")),
    (0, b"TTA1", _audio("TTA")),
    (0, b"DSD ", _audio("DSD")),
    (0, b"NIST_1A", _audio("NIST SPHERE")),
    (0, b"Creative Voice File", _audio("VOC")),
    (0, b"\x7f\xfe\x80\x01", _audio("DTS")),
    (0, b"MPCK", _audio("Musepack")),
    (0, b"MP+\x07", _audio("Musepack")),
    (0, b"\x1a\x45\xdf\xa3", _video("Matroska")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _video("ASF")),
    (0, b"FLV\x01", _video("FLV")),
    (0, b"\0\0\x01\xba", _video("MPEG-PS")),
    (0, b"\0\0\x01\xb3", _video("MPEG video")),
    (0, b"DKIF", _video("IVF")),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01", _video("MXF")),
    (0, b".RMF", _video("RealMedia")),
    (0, b"YUV4MPEG2", _video("YUV4MPEG")),
    (0, b"nut/multimedia container\0", _video("NUT")),
    (0, b"%PDF", FileType("PDF", None, NOT_THE_FILE)),
    (0, b"PK\x03\x04", FileType("a ZIP archive", None, "Unpack it")),
    (0, b"Rar!\x1a\x07", FileType("a RAR archive", None, "Unpack it")),
    (0, b"7z\xbc\xaf\x27\x1c", FileType("a 7z archive", None, "Unpack it")),
    (0, b"\x1f\x8b", FileType("a gzip archive", None, "Unpack it")),
    (0, b"BZh", FileType("a bzip2 archive", None, "Unpack it")),
    (0, b"\xfd7zXZ\0", FileType("an xz archive", None, "Unpack it")),
    (0, b"\x93NUMPY", FileType("a NumPy array", None, NOT_THE_FILE)),
    (0, b"\x89HDF\r\n\x1a\n", FileType("HDF5", None, NOT_THE_FILE)),
    (0, b"version https://git-lfs", FileType("a Git LFS pointer", None, "Fetch the file itself: git lfs pull")),
    (0, b"MThd", FileType("MIDI notes", None, "Render them to WAV")),
)
# Four characters at offset 8 of a RIFF or an IFF file.
RIFF = {b"WEBP": _image("WebP"), b"WAVE": _audio("WAV"), b"AVI ": _video("AVI")}
IFF = {b"AIFF": _audio("AIFF"), b"AIFC": _audio("AIFF")}
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"}
# The first box of an ISO base media file; old QuickTime files have no ftyp.
ISO_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"pnot", b"moof", b"styp"}
PNM = re.compile(rb"P[1-6]\s+(#[^\n]*\s+)?\d+\s+\d+\s|P[Ff]\s+\d+\s+\d+\s")
BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
# Sizes of a packet: plain, with a time code (M2TS), with error correction.
TS_PACKETS = (188, 192, 204)
TS_PACKETS_SEEN = 4
# NAL units that begin a raw stream: H.264 note, SPS and delimiter, H.265 VPS, SPS and delimiter.
NAL_STARTS = (b"\x06\x05", b"\x67", b"\x27", b"\x47", b"\x09", b"\x40\x01", b"\x42\x01", b"\x46\x01")
MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MP3_HZ = (44_100, 48_000, 32_000)


def identify_file(path: Path) -> FileType | None:
    """Format of a file; None if it is unknown or the file cannot be read."""
    try:
        with open_regular(path) as file:
            return identify(file.read(HEAD_BYTES))
    except OSError:
        return None


def identify(head: bytes) -> FileType | None:
    """Format of a file that begins with `head`, its first HEAD_BYTES; None if it is unknown."""
    if len(head) < FEWEST_BYTES:
        return _identify_text(head) if head else None
    found = _identify_chunks(head)
    if found:
        return found
    text = _identify_text(head)
    found = next((known for at, mark, known in SIGNATURES if head.startswith(mark, at)), None)
    # A text may begin with "ID3" or "MAC ".
    if found and (text is None or found.kind is None):
        return found
    return text or _identify_frames(head)


def explain_type(path: Path, found: FileType | None) -> BadMedia:
    """What to raise for a file that no reader opens. `found`: the type of its content."""
    if found is not None and found.kind is None:
        return BadMedia(path, "unsupported", f"its content is {found.name}, not media", found.remedy or NOT_THE_FILE)
    if found is not None:
        return BadMedia(path, "unsupported", f"{found.name} is not read here", found.remedy or CONVERT)
    try:
        with open_regular(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return BadMedia(path, "unreadable", error.strerror or str(error), GET_AGAIN)
    if head and not head.strip(b"\0"):
        return BadMedia(path, "unreadable", "it begins with zeros, like an interrupted download", GET_AGAIN)
    if len(head) < FEWEST_BYTES:
        return BadMedia(path, "unreadable", f"it is too short, {len(head)} bytes", GET_AGAIN)
    return BadMedia(path, "unsupported", "its content is of no known image, audio or video format", CONVERT)


def _identify_chunks(head: bytes) -> FileType | None:
    """Formats whose first bytes are a size or common to several formats."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return RIFF.get(head[8:12])
    if head[:4] == b"FORM":
        return IFF.get(head[8:12])
    if head[4:8] in ISO_BOXES:
        return _identify_iso(head)
    if head[:4] == b"OggS":
        return _video("Ogg") if b"theora" in head or b"OVP80" in head else _audio("Ogg")
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BMP_HEADERS and head[6:10] == bytes(4):
        return _image("BMP")
    return _image("PNM") if PNM.match(head) else None


def _identify_iso(head: bytes) -> FileType:
    if head[4:8] != b"ftyp":
        return _video("MP4")
    box = head[8 : max(16, int.from_bytes(head[:4], "big"))]
    brands = {box[:4], *(box[at : at + 4] for at in range(8, min(len(box), 256), 4))}
    if brands & AVIF_BRANDS:
        return _image("AVIF")
    if box[:4] in HEIF_BRANDS:
        return HEIF
    return CAMERA_RAW if box[:4] == b"crx " else _video("MP4")


def _identify_frames(head: bytes) -> FileType | None:
    """Streams of frames or packets without a file header."""
    for size in TS_PACKETS:
        first = 4 if size == 192 else 0
        if _has_bytes(head, 0x47, range(first, first + TS_PACKETS_SEEN * size, size)):
            return _video("MPEG-TS")
    for start in (b"\0\0\0\x01", b"\0\0\x01"):
        if head.startswith(start) and head[len(start) :].startswith(NAL_STARTS):
            return _video("raw H.264 or H.265")
    length = _measure_mp3_frame(head) or _measure_adts_frame(head)
    return _audio("MP3 or AAC") if length and head[length : length + 2] == head[:2] else None


def _has_bytes(head: bytes, value: int, places: Iterable[int]) -> bool:
    return all(at < len(head) and head[at] == value for at in places)


def _measure_mp3_frame(head: bytes) -> int | None:
    """Bytes of the MPEG-1 or MPEG-2 layer III frame that `head` begins with."""
    version, rate, hertz = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or version == 1 or not 0 < rate < 15 or hertz == 3:
        return None
    kbps = MP3_KBPS[rate - 1] if version == 3 else (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[rate - 1]
    sample_rate = MP3_HZ[hertz] >> (0 if version == 3 else 1 if version == 2 else 2)
    return (144 if version == 3 else 72) * kbps * 1000 // sample_rate + (head[2] >> 1 & 1)


def _measure_adts_frame(head: bytes) -> int | None:
    """Bytes of the AAC frame that `head` begins with."""
    if head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def _identify_text(head: bytes) -> FileType | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16; an MP3 frame has other bits
        return TEXT
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return None
    if any(ord(letter) < 32 and letter not in "\t\n\r\f\x1b" for letter in text):
        return None
    begin = text.lstrip()[:256].lower()
    if begin.startswith(("<!doctype html", "<html")):
        return FileType("an HTML page", None, NOT_THE_FILE)
    return FileType("an SVG drawing", None, CONVERT_IMAGE) if "<svg" in begin else TEXT
