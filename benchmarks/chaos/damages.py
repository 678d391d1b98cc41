"""Damage to one file of the work folder, which is made good afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.chaos.contents import hash_content, list_files, read_contents
from benchmarks.chaos.scene import Scene


def damage_file(scene: Scene, change: Callable[[Scene, Path], None], *, own: bool = False) -> None:
    """A file of the work folder is damaged before the command; with `own`, one that it made itself."""
    if own:
        scene.run()
        scene.log.clear()
    files = list_own(scene) if own else list_read(scene)
    if not files:
        return
    # By kind first: most files are chunks of tokens.
    kinds = sorted({_name_kind(path) for path in files})
    kind = scene.rng.choice(kinds)
    path = scene.rng.choice([path for path in files if _name_kind(path) == kind])
    about, content = path.stat(), path.read_bytes()
    change(scene, path)
    scene.notes.append(f"{path.relative_to(scene.work)}")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    harmed = path.read_bytes()
    scene.run()

    def restore() -> None:
        if path.is_file() and path.read_bytes() == harmed:
            path.write_bytes(content)
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))

    scene.restore = restore


def list_own(scene: Scene) -> list[Path]:
    """Files that the stage wrote."""
    before = {name: hash_content(scene.undisturbed.before / name) for name in list_files(scene.undisturbed.before)}
    names = [name for name, digest in read_contents(scene.work).items() if before.get(name) != digest]
    return [scene.work / name for name in names if (scene.work / name).stat().st_size]


def list_read(scene: Scene) -> list[Path]:
    """Files of the work folder that the stage reads."""
    names = [name for name in list_files(scene.work) if name.startswith(scene.stage.reads)]
    return [scene.work / name for name in names if (scene.work / name).stat().st_size]


def _name_kind(path: Path) -> str:
    return path.name if path.suffix else f"{path.parent.name}/"


def flip_bits(scene: Scene, path: Path) -> None:
    content = bytearray(path.read_bytes())
    start = scene.rng.randrange(len(content))
    for place in range(start, min(start + 16, len(content))):
        content[place] ^= 1 << scene.rng.randrange(8)
    path.write_bytes(content)


def truncate(scene: Scene, path: Path) -> None:
    os.truncate(path, scene.rng.randrange(path.stat().st_size))
