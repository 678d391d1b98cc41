"""How files of DFD (Google and Jigsaw) are named: the same videos are in three datasets, under one key.

NN__<scene>.mp4                               actor NN, real
TT_SS__<scene>__<8 letters and digits>.mp4    the body and scene of actor TT with the face of actor SS
..._face0105.jpg                              one face of frame 105 of such a video
"""

from __future__ import annotations

import re

from manifests.layouts.layout import Facts

METHOD = "deepfakedetection"

_FRAME = r"(?:_(?:face|frame)?_?\d+)*"
_REAL = re.compile(rf"(?P<actor>\d\d)__(?P<scene>[a-z].*?){_FRAME}", re.DOTALL)
_FAKE = re.compile(rf"(?P<target>\d\d)_(?P<source>\d\d)__(?P<scene>.+?)__(?P<id>[a-z0-9]{{8}}){_FRAME}", re.DOTALL)

UNNAMED = "its name is not one of DFD's, so nothing keeps its actors out of the other splits. Restore the original name"
CONFLICT = "its name and its folder disagree whether it is real; the folder was believed. Move it or remove it"


def facts(stem: str, label: int) -> Facts:
    """What the name tells; `label` is what the folder says."""
    fake, real = _FAKE.fullmatch(stem), _REAL.fullmatch(stem)
    found = _of_fake(fake) if fake else _of_real(real) if real else ((), ())
    problem = UNNAMED if not found[0] else CONFLICT if (label == 1) != bool(fake) else None
    return Facts(
        label=label,
        method=METHOD,
        video_fake=bool(label),
        people=found[0],
        sources=found[1],
        problem=problem,
    )


def _of_fake(match: re.Match[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    target, source, scene, name = match.group("target", "source", "scene", "id")
    people = tuple(dict.fromkeys((f"dfd:{target}", f"dfd:{source}")))
    return people, (f"dfd:{target}_{source}__{scene}__{name}", f"dfd:{target}__{scene}")


def _of_real(match: re.Match[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    actor, scene = match.group("actor", "scene")
    return (f"dfd:{actor}",), (f"dfd:{actor}__{scene}",)
