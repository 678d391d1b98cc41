"""Names of encoders as they are written in a profile, and as parts of file names."""

from __future__ import annotations

import re
from pathlib import PurePath

AV = "av:"
"""Prefix of audio-visual encoders."""
BY_WEIGHTS = ("ssl:", "whisper:", "clip:", AV)
"""Prefixes of encoders that are named by their weights: `ssl:facebook/hubert-base-ls960`."""
RANDOM = "random:"
"""Prefix of the network of another encoder with shuffled weights, `random:whisper_tiny`: a control."""
SYNC = "sync"
"""The encoder of mouths and audio in time, which `unmask adapt sync` learns."""
TWO_SIDED = (SYNC,)
"""Encoders of image and audio together that have a name of their own."""
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


def find_prefix(name: str) -> str:
    """Which of BY_WEIGHTS the name begins with; "" for none."""
    return next((prefix for prefix in BY_WEIGHTS if name.startswith(prefix)), "")


def has_sides(name: str) -> bool:
    """Is it an encoder of image and audio together, which has tokens of each?"""
    network = name.removeprefix(RANDOM)
    return network in TWO_SIDED or network.startswith(AV)


def make_file_safe(name: str) -> str:
    """The encoder's name in specs, stores and folders: some file systems do not allow ":".

    Of weights in the name, the last part: `ssl:facebook/hubert-base-ls960@main` is ssl-hubert-base-ls960. Their hash is
    part of the key anyhow, so a moved folder keeps its tokens.
    """
    if name.startswith(RANDOM):
        return f"{RANDOM[:-1]}-{make_file_safe(name.removeprefix(RANDOM))}"
    if prefix := find_prefix(name):
        last = PurePath(name.removeprefix(prefix)).name.partition("@")[0]
        return f"{prefix[:-1]}-{UNSAFE.sub('-', last) or 'weights'}"
    return name.replace(":", "-", 1)
