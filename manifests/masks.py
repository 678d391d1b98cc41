"""Videos of the manipulated region: which of a dataset's masks belongs to which of its videos.

FaceForensics++ and DFD publish one per forgery, of the same name, in a folder "masks" beside the compression levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from unmask.core.files.read_failures import raise_disk_failure
from unmask.core.hashing import hash_quickly
from unmask.manifests.manifest import COMPRESSIONS, Kind, MediaRow

MASK_FOLDERS = ("mask", "masks")
# Folders that say nothing of a video's method: it lies in c23/videos, its mask in masks/videos.
PASSED_OVER = frozenset({*MASK_FOLDERS, "videos", "c0", *COMPRESSIONS})
# Each file is read in three places: waiting for a network disk is most of the time.
READERS = 16

VideoName = tuple[tuple[str, ...], str]
"""Folders that say what a video is (the method), and its stem: the same for a forgery and its mask."""


@dataclass(slots=True)
class Masks:
    """The masks of one dataset while its files are read."""

    paths: dict[VideoName, str] = field(default_factory=dict)
    videos: dict[str, tuple[VideoName, str | None]] = field(default_factory=dict)
    """Path of a video -> its name, and the key of the recording whose frames it shows (`Facts.scene`)."""

    def add_mask(self, path: str, kind: Kind, folders: Iterable[str], stem: str) -> None:
        if kind == "video":
            self.paths.setdefault(_make_name(folders, stem), path)

    def add_video(self, path: str, folders: Iterable[str], stem: str, scene: str | None) -> None:
        self.videos[path] = _make_name(folders, stem), scene

    def assign(self, rows: list[MediaRow], root: Path) -> None:
        """Give the rows of videos their `mask` and `mask_content`.

        A video without a mask of its own gets that of the first forgery of the same scene: an original and all its
        forgeries follow the same person, so that the choice of the face says nothing about the label.
        """
        if self.paths:
            chosen = self._choose(rows)
            contents = _hash_all(root, sorted({mask for mask in chosen if mask}))
            for place, mask in enumerate(chosen):
                if mask:
                    rows[place] = replace(rows[place], mask=mask, mask_content=contents[mask])

    def _choose(self, rows: Sequence[MediaRow]) -> list[str | None]:
        own: list[str | None] = []
        scenes: list[str | None] = []
        for row in rows:
            name, scene = self.videos.get(row.path, (None, None))
            own.append(self.paths.get(name) if name and row.label else None)
            scenes.append(scene)
        by_scene = {scene: mask for scene, mask in zip(reversed(scenes), reversed(own), strict=True) if scene and mask}
        return [mask or by_scene.get(scene or "") for mask, scene in zip(own, scenes, strict=True)]


def _make_name(folders: Iterable[str], stem: str) -> VideoName:
    """The name of a video or mask in the normalized `folders`, without levels, masks and doubled folders."""
    return tuple(dict.fromkeys(name for name in folders if name not in PASSED_OVER)), stem


def _hash_all(root: Path, paths: Sequence[str]) -> dict[str, str | None]:
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(paths, pool.map(_hash_safely, (root / path for path in paths)), strict=True))


def _hash_safely(path: Path) -> str | None:
    try:
        return hash_quickly(path)
    except OSError as error:  # preprocess says so, for each video that it belongs to
        raise_disk_failure(error)
        return None
