"""File names of DFD (Google and Jigsaw). Three datasets contain its videos; all use the same keys.

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
    "its name is not one of DFD's, so its actors are unknown and may leak",
    "Restore the original name",
)
CONFLICT = Trouble("its name and its folder disagree about the label; the folder is used", "Move it or remove it")


def parse_facts(file: File, label: int, *names: str) -> Facts:
    """Attributes from the first of `names` (default: the file's stem) that is one of DFD's; `label` is the folder's.

    The key is the name and the compression level: a copy may contain a video in several levels.
    """
    fake, real = _match_first(_FAKE, names or (file.stem,)), _match_first(_REAL, names or (file.stem,))
    people, sources = _parse_fake(fake) if fake else _parse_real(real) if real else ((), ())
    return Facts(
        label=label,
        method=METHOD,
        video_fake=bool(label),
        people=people,
        sources=sources,
        compression=file.compression,
        key=f"{file.compression}/{file.stem}" if people else None,
        # The last source of a fake and the only one of a real video.
        scene=sources[-1] if sources else None,
        trouble=UNNAMED if not people else CONFLICT if (label == 1) != bool(fake) else None,
    )


def is_name(name: str) -> bool:
    """Is a lower-case name without suffix one of DFD's?"""
    return _match_first(_FAKE, (name,)) is not None or _match_first(_REAL, (name,)) is not None


def _match_first(pattern: re.Pattern[str], names: Iterable[str]) -> re.Match[str] | None:
    return next(filter(None, map(pattern.fullmatch, names)), None)


def _parse_fake(match: re.Match[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    target, source, scene, name = match.group("target", "source", "scene", "id")
    people = tuple(dict.fromkeys((f"dfd:{target}", f"dfd:{source}")))
    return people, (f"dfd:{target}_{source}__{scene}__{name}", f"dfd:{target}__{scene}")


def _parse_real(match: re.Match[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    actor, scene = match.group("actor", "scene")
    return (f"dfd:{actor}",), (f"dfd:{actor}__{scene}",)
