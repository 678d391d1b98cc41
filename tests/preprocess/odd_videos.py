"""Videos as in a folder of collected files: every codec and container, wrong headers, damaged, or misnamed."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from odd_pictures import CUT, NOISE, PICTURE
from odd_sounds import RATE, encode_sound, tone
from tiny_media import numbered_frame, numbered_video, turn_in_header, write_video

# Name -> codec, pixel format and size. The suffix is the container.
ENCODED: dict[str, tuple[str, str, tuple[int, int]]] = {
    "av1.mp4": ("libsvtav1", "yuv420p", (128, 128)),
    "four_four_four.mp4": ("libx264", "yuv444p", (64, 48)),
    "grey.mp4": ("libx264", "gray", (64, 48)),
    "hevc.mp4": ("libx265", "yuv420p", (64, 64)),
    "mjpeg.avi": ("mjpeg", "yuvj420p", (64, 48)),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", (64, 48)),
    "mpeg4.avi": ("mpeg4", "yuv420p", (64, 48)),
    "odd_size.mp4": ("libx264", "yuv444p", (63, 47)),
    "plain.flv": ("flv", "yuv420p", (64, 48)),
    "plain.wmv": ("wmv2", "yuv420p", (64, 48)),
    "prores.mov": ("prores_ks", "yuv422p10le", (64, 48)),
    "raw.avi": ("rawvideo", "bgr24", (64, 48)),
    "sixteen_pixels.mp4": ("libx264", "yuv420p", (16, 16)),
    "ten_bits.mp4": ("libx264", "yuv420p10le", (64, 48)),
    "two_pixels.mp4": ("libx264", "yuv420p", (2, 2)),
    "very_wide.mp4": ("libx264", "yuv420p", (3000, 16)),
    "vp8.webm": ("libvpx", "yuv420p", (64, 48)),
    "vp9.webm": ("libvpx-vp9", "yuv420p", (64, 48)),
    "with_alpha.mov": ("qtrle", "argb", (64, 48)),
}


def write_videos(root: Path) -> None:
    for name, (codec, pixels, size) in ENCODED.items():
        encode_video(root / name, codec, pixels, size)
    write_times(root)
    write_tracks(root)
    write_headers(root)
    write_damaged(root)
    write_misnamed(root)


def encode_video(path: Path, codec: str, pixels: str, size: tuple[int, int], count: int = 20, **more: Any) -> Path:
    """Noise that moves, so that every frame has content and a length of its own."""
    width, height = size
    with av.open(str(path), "w", **more) as container:
        stream = container.add_stream(codec, rate=25, options={"g": "10", "x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for number in range(count):
            image = np.resize(np.roll(NOISE, number, axis=1), (height, width, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def frames(count: int) -> list[NDArray[np.uint8]]:
    return [numbered_frame(number) for number in range(count)]


def write_times(root: Path) -> None:
    numbered_video(root / "one_frame.mp4", 1)
    numbered_video(root / "one_frame_with_sound.mp4", 1, sound=tone(seconds=2))
    numbered_video(root / "two_frames.mkv", 2)
    numbered_video(root / "thousand_a_second.mp4", 40, step_ms=1)
    numbered_video(root / "one_in_ten_seconds.mp4", 4, step_ms=10_000)
    numbered_video(root / "over_a_minute.mp4", 4, step_ms=20_000)
    write_video(root / "variable_rate.mp4", frames(20), [10 * k if k < 10 else 100 * k - 900 for k in range(20)])
    write_video(root / "picture_starts_late.mp4", frames(20), [500 + 40 * k for k in range(20)], sound=tone())
    below_zero = [40 * k - 400 for k in range(20)]
    write_video(root / "starts_below_zero.mp4", frames(20), below_zero)
    write_video(root / "starts_below_zero.mkv", frames(20), below_zero, options={"avoid_negative_ts": "disabled"})
    write_video(root / "starts_after_a_day.mkv", frames(20), [86_400_000 + 40 * k for k in range(20)])


def write_tracks(root: Path) -> None:
    numbered_video(root / "mute.mp4", 20)
    numbered_video(root / "silent_sound.mp4", 20, sound=np.zeros(RATE, np.float32))
    numbered_video(root / "sound_longer.mp4", 20, sound=tone(seconds=4))
    numbered_video(root / "sound_shorter.mp4", 50, sound=tone())
    numbered_video(root / "sound_starts_late.mp4", 50, sound=tone(), sound_at_s=0.8)
    numbered_video(root / "sound_after_the_picture.mp4", 20, sound=tone(), sound_at_s=5.0)
    encode_sound(root / "sound_alone.mp4", "aac")
    write_two_sounds(root / "two_sounds.mp4", {"mono": 440, "stereo": 880})
    with_sound = numbered_video(root.parent / "with_sound.mp4", 20, sound=tone())
    (root / "broken_sound.mp4").write_bytes(with_noise_for_sound(with_sound))
    unknown = numbered_video(root.parent / "with_sound.mkv", 20, sound=tone()).read_bytes()
    (root / "unknown_sound.mkv").write_bytes(unknown.replace(b"A_AAC", b"A_XYZ"))
    (root / "unknown_picture.mkv").write_bytes(unknown.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/XYZ/XYZ"))
    for clockwise in (90, 180, 270):
        turn_in_header(root / "mute.mp4", root / f"turned_{clockwise}.mp4", clockwise)


def write_two_sounds(path: Path, pitches: dict[str, float]) -> None:
    """A short picture with a sound track for each layout: a tone of that pitch."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 64, 160, "yuv420p"
        tracks = [container.add_stream("aac", rate=RATE, layout=layout) for layout in pitches]
        for number, image in enumerate(frames(20)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for track, (layout, hz) in zip(tracks, pitches.items(), strict=True):
            for start in range(0, RATE, 1024):
                part = np.repeat(tone(hz=hz)[None, start : start + 1024], track.codec_context.channels, axis=0)
                block = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=layout)
                block.sample_rate, block.pts = RATE, start
                container.mux(track.encode(block))
            container.mux(track.encode())


def with_noise_for_sound(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            if packet.size:
                content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    return bytes(content)


def write_headers(root: Path) -> None:
    """Numbers in the header that the content does not keep. Offsets count from a box's name, as the formats lay out."""
    mp4 = encode_video(root.parent / "plain.mp4", "mpeg4", "yuv420p", (64, 48)).read_bytes()
    avi = (root / "mpeg4.avi").read_bytes()
    changes: dict[str, tuple[bytes, bytes, int, bytes]] = {
        "0_ticks_a_second.mp4": (mp4, b"mdhd", 16, bytes(4)),
        "0_fps.mp4": (mp4, b"stts", 16, bytes(4)),
        "0_fps.avi": (avi, b"avih", 8, bytes(4)),
        "0_rate.avi": (avi, b"strh", 28, bytes(8)),
        "1000_frames_promised.avi": (avi, b"strh", 40, struct.pack("<I", 1000)),
        "1000_frames_promised.mp4": (mp4, b"stsz", 12, struct.pack(">I", 1000)),
        "2_frames_promised.avi": (avi, b"strh", 40, struct.pack("<I", 2)),
        "2_frames_promised.mp4": (mp4, b"stsz", 12, struct.pack(">I", 2)),
        "lasts_forever.mp4": (mp4, b"mvhd", 20, b"\xff" * 4),
        "track_lasts_forever.mp4": (mp4, b"mdhd", 20, b"\xff" * 4),
        "frames_last_forever.mp4": (mp4, b"stts", 16, b"\x7f\xff\xff\xff"),
        "30000_square.mp4": (mp4, b"mp4v", 28, struct.pack(">HH", 30_000, 30_000)),
        "12000_square.avi": ((root / "raw.avi").read_bytes(), b"strf", 12, struct.pack("<ii", 12_000, 12_000)),
        "0_square.mp4": (mp4, b"mp4v", 28, bytes(4)),
        "frames_outside_the_file.mp4": (mp4, b"stco", 12, b"\x7f\xff\xff\xff"),
    }
    for name, (content, box, at, by) in changes.items():
        start = content.index(box) + at
        (root / name).write_bytes(content[:start] + by + content[start + len(by) :])
    edited = numbered_video(root.parent / "edited.mp4", 50).read_bytes()
    start = edited.index(b"elst") + 16  # the moment of the track at which the film begins
    (root / "edit_list_skips_a_second.mp4").write_bytes(
        edited[:start] + struct.pack(">i", media_ticks(edited)) + edited[start + 4 :]
    )


def media_ticks(content: bytes) -> int:
    """A second, in the ticks of an MP4's only track."""
    start = content.index(b"mdhd") + 16
    return int(struct.unpack(">I", content[start : start + 4])[0])


def write_damaged(root: Path) -> None:
    """Cut at several places: an index that comes first tells what is missing, one that comes last is lost itself."""
    shapes = {
        "index_first.mp4": {"movflags": "faststart"},
        "index_last.mp4": {},
        "fragments.mp4": {"movflags": "frag_keyframe+empty_moov"},
        "whole.mkv": {},
        "whole.avi": {},
    }
    for name, options in shapes.items():
        codec = "mpeg4" if name.endswith("avi") else "libx264"
        path = encode_video(root.parent / name, codec, "yuv420p", (64, 48), 50, options=options)
        for percent in CUT:
            short = path.read_bytes()[: path.stat().st_size * percent // 100]
            (root / f"cut_{percent}_{name}").write_bytes(short)
    (root / "fragments.mp4").write_bytes((root.parent / "fragments.mp4").read_bytes())
    index_last = (root.parent / "index_last.mp4").read_bytes()
    (root / "no_index.mp4").write_bytes(index_last[: index_last.index(b"moov") - 4])
    content = bytearray((root.parent / "index_first.mp4").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 500] = b"\xaa" * 500
    (root / "garbage_inside.mp4").write_bytes(content)
    (root / "garbage_behind.mp4").write_bytes(index_last + b"\xff" * 5000)
    (root / "empty.mp4").touch()
    (root / "zeros.mp4").write_bytes(bytes(5000))


def write_misnamed(root: Path) -> None:
    video = (root.parent / "with_sound.mp4").read_bytes()
    for name in ("video_inside.jpg", "video_inside.wav", "video_inside.avi"):
        (root / name).write_bytes(video)
    (root / "mute_video_inside.wav").write_bytes((root / "mute.mp4").read_bytes())
    PICTURE.save(root / "jpg_inside.mp4", format="JPEG")
    PICTURE.save(root / "gif_inside.mp4", format="GIF", save_all=True, append_images=[PICTURE.rotate(90)])
    (root / "wav_inside.mp4").write_bytes((root / "plain.wav").read_bytes())
    (root / "text.mp4").write_text("no video " * 500)
    (root / "html.mp4").write_text("<!doctype html><title>404</title>")
    write_playlists(root)


def write_playlists(root: Path) -> None:
    """Texts that FFmpeg would follow: the item would be another file than its row says."""
    elsewhere = encode_sound(root.parent / "elsewhere.mp4", "aac")
    (root / "playlist.mp4").write_text("ffconcat version 1.0\nfile mute.mp4\n")
    (root / "playlist.wav").write_text("ffconcat version 1.0\nfile plain.wav\n")
    (root / "playlist_leading_out.wav").write_text(f"ffconcat version 1.0\nfile {elsewhere}\n")
    stream = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{elsewhere.as_uri()}\n#EXT-X-ENDLIST\n"
    (root / "stream_list.mp4").write_text(stream)
    (root / "stream_list.m4a").write_text(stream)
