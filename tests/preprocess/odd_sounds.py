"""Audio as in a folder of collected files: every encoding and container, damaged, misnamed, or silent."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from odd_pictures import CUT

RATE = 16_000
# Name -> subtype. The suffix is the container.
ENCODED = {
    "adpcm.wav": "IMA_ADPCM",
    "alaw.wav": "ALAW",
    "big_endian.aiff": "PCM_16",
    "double.wav": "DOUBLE",
    "eight_bit.wav": "PCM_U8",
    "float.wav": "FLOAT",
    "plain.au": "PCM_16",
    "plain.caf": "PCM_16",
    "plain.flac": "PCM_16",
    "plain.mp3": "MPEG_LAYER_III",
    "plain.ogg": "VORBIS",
    "plain.opus": "OPUS",
    "plain.w64": "PCM_16",
    "plain.wav": "PCM_16",
    "three_bytes.flac": "PCM_24",
    "three_bytes.wav": "PCM_24",
    "ulaw.au": "ULAW",
    "ulaw.wav": "ULAW",
    "wide.wav": "PCM_32",
}
CONTAINERS = {".opus": "OGG", ".aiff": "AIFF"}
# Changed while a run is going on.
VANISHING, GROWING = "vanishing.wav", "growing.wav"


def tone(rate: int = RATE, seconds: float = 1.0, hz: float = 440.0) -> NDArray[np.float32]:
    """It begins and ends loud, so nothing of it can be taken for leading or trailing silence."""
    return np.asarray(0.5 * np.cos(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate), np.float32)


def many_pages() -> NDArray[np.float32]:
    """Six seconds of noise: long enough for several pages of Ogg, which are whole or lost."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, 6 * RATE).astype(np.float32)


def write_sounds(root: Path) -> None:
    for name, subtype in ENCODED.items():
        container = CONTAINERS.get(Path(name).suffix, Path(name).suffix[1:].upper())
        soundfile.write(root / name, tone(), RATE, format=container, subtype=subtype)
    encode_sound(root / "plain.m4a", "aac")
    encode_sound(root / "apple.m4a", "alac")
    write_values(root)
    write_lengths(root)
    write_rates(root)
    write_headers(root)
    write_damaged(root)


def encode_sound(path: Path, codec: str, seconds: float = 1.0) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds=seconds)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for part in av.AudioResampler(stream.codec_context.format, "mono", RATE, 1024).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def write_values(root: Path) -> None:
    some = tone()
    some[100:200] = np.nan
    endless = tone()
    endless[100:200] = np.inf
    values = {
        "all_nan.wav": np.full(RATE, np.nan, np.float32),
        "some_nan.wav": some,
        "endless.wav": endless,
        "clipped.wav": tone() * 100,
        "direct_current.wav": np.full(RATE, 0.3, np.float32),
        "faint.wav": tone() / 10_000,
        "below_16_bits.wav": tone() * 1e-9,
        "silent.wav": np.zeros(RATE, np.float32),
    }
    for name, samples in values.items():
        soundfile.write(root / name, samples, RATE, subtype="FLOAT")


def write_lengths(root: Path) -> None:
    for name, count in (("no_sample.wav", 0), ("one_sample.wav", 1), ("tenth_of_a_second.wav", 1600)):
        soundfile.write(root / name, tone()[:count], RATE)
    soundfile.write(root / "no_sample.flac", np.zeros(0), RATE)
    soundfile.write(root / "over_a_minute.wav", np.ones(8_000 * 61, np.int16), 8_000)
    soundfile.write(root / VANISHING, tone(), RATE)
    soundfile.write(root / GROWING, tone(), RATE)


def write_rates(root: Path) -> None:
    many = np.repeat(tone(96_000)[:, None], 8, axis=1)
    soundfile.write(root / "8_channels_96_khz.wav", many, 96_000, subtype="FLOAT")
    soundfile.write(root / "8_channels_96_khz.flac", many, 96_000, subtype="PCM_24")
    soundfile.write(root / "44101_hz.wav", tone(44_101), 44_101)
    soundfile.write(root / "200_channels.wav", np.repeat(tone()[:, None], 200, axis=1), RATE)
    opposite = np.stack([tone(), -tone()], axis=1)
    soundfile.write(root / "opposite_channels.wav", opposite, RATE)
    for name, rate in (("0_hz.wav", 0), ("1_hz.wav", 1), ("2_ghz.wav", 2**31 - 1)):
        (root / name).write_bytes(patched(root / "plain.wav", 24, struct.pack("<I", rate)))
    (root / "0_channels.wav").write_bytes(patched(root / "plain.wav", 22, b"\0\0"))


def patched(path: Path, at: int, by: bytes) -> bytes:
    content = path.read_bytes()
    return content[:at] + by + content[at + len(by) :]


def write_headers(root: Path) -> None:
    """A plain WAV is RIFF, size, WAVE, the "fmt " chunk of 24 bytes, then at 36 "data", size, samples."""
    plain = (root / "plain.wav").read_bytes()
    for name, size in (("data_of_0_bytes.wav", 0), ("data_of_4_gb.wav", 2**32 - 1), ("data_of_9000_bytes.wav", 9000)):
        (root / name).write_bytes(plain[:40] + struct.pack("<I", size) + plain[44:])
    garbage = b"GARB" + struct.pack("<I", 5000) + b"\xff" * 5000
    (root / "garbage_chunk.wav").write_bytes(plain[:36] + garbage + plain[36:])
    (root / "endless_chunk.wav").write_bytes(plain[:36] + b"GARB" + struct.pack("<I", 2**31) + plain[36:])
    (root / "no_data_chunk.wav").write_bytes(plain[:36])
    megabyte = b"ID3\x04\x00\x00" + bytes([0, 64, 0, 0]) + bytes(1 << 20)  # sizes here have seven bits a byte
    (root / "megabyte_of_id3.mp3").write_bytes(megabyte + (root / "plain.mp3").read_bytes())


def write_damaged(root: Path) -> None:
    for suffix in ("wav", "flac", "mp3", "ogg"):
        soundfile.write(root.parent / f"long.{suffix}", many_pages(), RATE)
        whole = (root.parent / f"long.{suffix}").read_bytes()
        for percent in CUT:
            (root / f"cut_{percent}.{suffix}").write_bytes(whole[: len(whole) * percent // 100])
    cut = (root / "plain.m4a").read_bytes()
    (root / "no_index.m4a").write_bytes(cut[: cut.index(b"moov")])
    for suffix in ("flac", "mp3", "ogg"):
        content = bytearray((root.parent / f"long.{suffix}").read_bytes())
        content[len(content) // 2 : len(content) // 2 + 300] = b"\xaa" * 300
        (root / f"garbage_inside.{suffix}").write_bytes(content)
    (root / "mp3_inside.wav").write_bytes((root / "plain.mp3").read_bytes())
    (root / "wav_inside.mp3").write_bytes((root / "plain.wav").read_bytes())
    (root / "wav_inside.flac").write_bytes((root / "plain.wav").read_bytes())
    (root / "empty.wav").touch()
    (root / "text.wav").write_text("no sound " * 500)
    (root / "html.mp3").write_text("<!doctype html><title>404</title>")
    (root / "zeros.mp3").write_bytes(bytes(5000))
