"""Files that are not regular files, have odd names, or change during a run."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile
from odd_pictures import PICTURE
from odd_sounds import RATE, tone
from tiny_media import numbered_video

LONGEST = "x" * 246 + ".png"
"""250 bytes; file systems allow 255."""
NAMES = (
    "new\nline ünïcode 🎬",
    "-rf --help",
    "  spaces  ",
    "quotes '\"`$(touch x)`",
    "percent %d %s {0}",
    "back\\slash",
    "colon:name",
    "עברית قوس",
)


def write_places(root: Path) -> None:
    for name in NAMES:
        PICTURE.save(root / f"{name}.png")
        numbered_video(root / f"{name}.mp4", 5)
        soundfile.write(root / f"{name}.wav", tone(), RATE)
    PICTURE.save(root / LONGEST)
    for suffix in ("png", "mp4", "wav"):
        (root / f"a_folder.{suffix}").mkdir()
        os.mkfifo(root / f"a_pipe.{suffix}")
    write_socket(root / "a_socket.png")
    write_links(root)


def write_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        try:  # the address of a socket may have 107 bytes, fewer than some folders for tests have
            os.chdir(path.parent)
            made.bind(path.name)
        finally:
            os.chdir(here)


def write_links(root: Path) -> None:
    PICTURE.save(root.parent / "elsewhere.jpg")
    PICTURE.save(root / "target.png")
    (root / "link_inside.png").symlink_to("target.png")
    (root / "link_leading_out.jpg").symlink_to(root.parent / "elsewhere.jpg")
    (root / "link_to_nothing.jpg").symlink_to("nothing.jpg")
    (root / "link_to_a_device.png").symlink_to("/dev/zero")
    (root / "link_to_itself.jpg").symlink_to("link_to_itself.jpg")
    (root / "loop_1.mp4").symlink_to("loop_2.mp4")
    (root / "loop_2.mp4").symlink_to("loop_1.mp4")


@contextmanager
def deleted_when(path: Path, is_time: Callable[[], bool]) -> Iterator[None]:
    """Delete `path` as soon as it is time, once, while the block runs."""
    ended = threading.Event()

    def wait() -> None:
        while not (is_time() or ended.is_set()):
            time.sleep(0.002)
        path.unlink()

    with _beside(wait, ended):
        yield


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """Append to `path` all the time that the block runs."""
    ended, begun = threading.Event(), threading.Event()

    def grow() -> None:
        while not ended.is_set():
            with path.open("ab") as file:
                file.write(bytes(1000))
            begun.set()
            time.sleep(0.002)

    with _beside(grow, ended):
        begun.wait()
        yield


@contextmanager
def _beside(work: Callable[[], None], ended: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
