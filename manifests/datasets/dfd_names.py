"""How files of DFD (Google and Jigsaw) are named: the same videos are in three datasets, under one key.

NN__<scene>.mp4                               actor NN, real
TT_SS__<scene>__<8 letters and digits>.mp4    the body and scene of actor TT with the face of actor SS
..._face0105.jpg                              one face of frame 105 of such a video
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from unmask.manifests.datasets.base import Facts, File
from unmask.manifests.findings import Trouble

METHOD = "deepfakedetection"

_FRAME = r"(?:_(?:face|frame)?_?\d+)*"
_REAL = re.compile(rf"(?P<actor>\d\d)__(?P<scene>[a-z].*?){_FRAME}", re.DOTALL)
_FAKE = re.compile(rf"(?P<target>\d\d)_(?P<source>\d\d)__(?P<scene>.+?)__(?P<id>[a-z0-9]{{8}}){_FRAME}", re.DOTALL)

UNNAMED = Trouble(
    "its name is not one of DFD's, so nothing keeps its actors out of the other splits", "Restore the original name"
)
CONFLICT = Trouble(
    "its name and its folder disagree whether it is real; the folder was believed", "Move it or remove it"
)


def facts(file: File, label: int, *names: str) -> Facts:
    """What the first of `names` that is one of DFD's tells (default: the file's stem); `label` is what the folder says.

    The key is the name and the compression: one video may lie there in each of them.
    """
    fake, real = _first(_FAKE, names or (file.stem,)), _first(_REAL, names or (file.stem,))
    people, sources = _of_fake(fake) if fake else _of_real(real) if real else ((), ())
    return Facts(
        label=label,
        method=METHOD,
        video_fake=bool(label),
        people=people,
        sources=sources,
        compression=file.compression,
        key=f"{file.compression}/{file.stem}" if people else None,
        trouble=UNNAMED if not people else CONFLICT if (label == 1) != bool(fake) else None,
    )


def _first(pattern: re.Pattern[str], names: Iterable[str]) -> re.Match[str] | None:
    return next(filter(None, map(pattern.fullmatch, names)), None)


def _of_fake(match: re.Match[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    target, source, scene, name = match.group("target", "source", "scene", "id")
    people = tuple(dict.fromkeys((f"dfd:{target}", f"dfd:{source}")))
    return people, (f"dfd:{target}_{source}__{scene}__{name}", f"dfd:{target}__{scene}")


def _of_real(match: re.Match[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    actor, scene = match.group("actor", "scene")
    return (f"dfd:{actor}",), (f"dfd:{actor}__{scene}",)
