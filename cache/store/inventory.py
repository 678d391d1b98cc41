"""The stores in the token cache, their sizes, and the profiles and runs that refer to them."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from unmask.cache.store.extraction_parts import list_parts
from unmask.cache.store.profile_index import LATEST, list_referenced_folders, read_augmented_folders, read_index
from unmask.cache.store.token_locks import hold_tokens
from unmask.cache.store.token_store import Finished, read_spec
from unmask.core.atomic_files import TEMPORARY
from unmask.core.buckets.mirrored import find_mirror, forget_path
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files.disk_use import measure_size
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import Profile


@dataclass(frozen=True, slots=True)
class RunUse:
    """One training run and the stores it was trained on."""

    run: str
    stores: frozenset[str]
    """Names of store folders."""
    when: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One profile index: the stores that a profile was extracted into."""

    path: Path
    profile: Profile
    shards: list[str]
    stores: frozenset[str]
    """Its store folders, and the native ones that some were projected from."""
    whole: frozenset[str]
    """Those of `stores` that hold all `shards`."""
    latest: bool

    @property
    def name(self) -> str:
        return f"{self.profile.name} ({self.path.stem[:8]}{', latest' if self.latest else ''})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """One folder under tokens/."""

    folder: str
    encoder: str
    """"" when its spec cannot be read."""
    bytes: int
    shards: int
    clips: int
    tokens: int
    profiles: tuple[str, ...]
    """Profiles that refer to it."""
    runs: tuple[str, ...]
    """Runs that were trained on it."""
    last_used: float
    """Seconds since 1970: written, referred to by `extract`, or trained on."""
    problem: str = ""

    @property
    def referenced(self) -> bool:
        return bool(self.profiles or self.runs)

    def as_json(self) -> dict[str, Any]:
        when = datetime.fromtimestamp(self.last_used).astimezone().isoformat(timespec="seconds")
        return asdict(self) | {"referenced": self.referenced, "last_used": when}


def list_references(work: WorkFolder) -> list[Reference]:
    """Read every profile index of `work`, the latest last. `MissingInput` for one that cannot be read."""
    latest = read_index(work.tokens / LATEST)[0].fingerprint() if (work.tokens / LATEST).is_file() else None
    paths = [path for path in sorted(work.tokens.glob("*.json")) if path.name != LATEST]
    return sorted((_read_reference(path, latest) for path in paths), key=lambda reference: reference.latest)


def _read_reference(path: Path, latest: str | None) -> Reference:
    profile, _, shards, clean = read_index(path)
    whole = frozenset(chain(clean.values(), *read_augmented_folders(path).values()))
    return Reference(path, profile, shards, frozenset(list_referenced_folders(path)), whole, latest=path.stem == latest)


def list_stores(work: WorkFolder, runs: Sequence[RunUse]) -> list[StoreFacts]:
    """Describe every store of `work`. `runs`: as train/token_usage.py lists them."""
    known = [*list_references(work), *_list_part_references(work)]
    stores = (_describe_store(folder, known, runs) for folder in list_store_folders(work))
    return [store for store in stores if store is not None]


def _list_part_references(work: WorkFolder) -> list[Reference]:
    """The stores of parts that `unmask merge` has not joined yet."""
    return [Reference(part.path, part.profile, [], part.stores, frozenset(), latest=False) for part in list_parts(work)]


def list_store_folders(work: WorkFolder) -> list[Path]:
    """List the store folders.

    Their names end with a hyphen and a fingerprint; other folders, such as `projections`, have none.
    """
    return sorted(path for path in work.tokens.glob("*-*") if path.is_dir())


def _describe_store(folder: Path, known: Sequence[Reference], runs: Sequence[RunUse]) -> StoreFacts | None:
    """None for one that another process has removed since it was listed."""
    mine = [reference for reference in known if folder.name in reference.stores]
    users = [run for run in runs if folder.name in run.stores]
    times = [_read_time(path) for path in (folder, *(reference.path for reference in mine))]
    if times[0] is None:
        return None
    used = [*(time for time in times if time is not None), *(run.when for run in users)]
    encoder, problem, counts = "", "", (0, 0, 0)
    try:
        spec, media = read_spec(folder)
        counts, suspects = _count_tokens(folder, spec.fingerprint(media), spec.width)
        encoder, problem = spec.name, _describe_damage(suspects)
    except MissingInput as error:
        problem = error.problem
    return StoreFacts(
        folder=folder.name,
        encoder=encoder,
        bytes=measure_size(folder),
        shards=counts[0],
        clips=counts[1],
        tokens=counts[2],
        profiles=tuple(reference.name for reference in mine),
        runs=tuple(run.run for run in users),
        last_used=max(used),
        problem=problem,
    )


def _read_time(path: Path) -> float | None:
    """When it was changed last; None if it is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _count_tokens(folder: Path, fingerprint: str, width: int) -> tuple[tuple[int, int, int], list[Path]]:
    """The finished shards, their clips and their tokens; and those that cannot be counted, or not be right."""
    shards = sorted(folder.glob("shard-*.zarr"))
    found = {path: (Finished.read(path, fingerprint), _read_token_count(path)) for path in shards}
    whole = {path: (len(about.keys), count) for path, (about, count) in found.items() if about and count is not None}
    suspects = [path for path in shards if path not in whole or not _is_as_long(path, 2 * width * whole[path][1])]
    clips, tokens = (sum(counts) for counts in zip(*whole.values(), strict=True)) if whole else (0, 0)
    return (len(whole), clips, tokens), suspects


def _read_token_count(shard: Path) -> int | None:
    """As its header says; None where that cannot be read."""
    try:
        return int(json.loads((shard / "tokens" / "zarr.json").read_bytes())["shape"][0])
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise_read_failure(error)
        return None


def _is_as_long(shard: Path, size: int) -> bool:
    """Has the file of the tokens as many bytes? The copy of a bucket may lack it."""
    chunk = shard / "tokens" / "c" / "0" / "0"
    if not chunk.is_file() and find_mirror(shard) is not None:
        return True
    return measure_size(chunk) == size


def _describe_damage(suspects: Sequence[Path]) -> str:
    """Their damaged files; shards of another version are whole."""
    files = [f"{shard}/{name}" for shard in suspects for name in find_damage(shard)]
    return f"{', '.join(files)}: damaged since written" if files else ""


def measure_disk_use(work: WorkFolder) -> dict[str, int]:
    """Path under the work folder -> bytes, largest first: each media folder, token store and run, and the rest."""
    divided = [folder for folder in (work.media, work.tokens, work.runs) if folder.is_dir()]
    parts = [part for folder in divided for part in folder.iterdir()]
    parts += [part for part in work.root.iterdir() if part not in divided] if work.root.is_dir() else []
    sizes = {part.relative_to(work.root).as_posix(): measure_size(part) for part in parts}
    return dict(sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0])))


def remove_unused_stores(
    work: WorkFolder, folders: Collection[str], list_use: Callable[[], Sequence[RunUse]]
) -> list[str]:
    """Remove those of `folders` that nothing refers to now, each in one step; their names. `list_use`: see list_stores.

    Looked up again under a lock, because the user was asked meanwhile. After a kill a store is complete, or renamed so
    that the next call removes the rest. `Held` while stores are filled.
    """
    with hold_tokens(work, alone=True):
        unused = [store.folder for store in list_stores(work, list_use()) if not store.referenced]
        removed = [name for name in unused if name in folders]
        for name in removed:
            forget_path(work.tokens / name)
            aside = work.tokens / f"{TEMPORARY}{uuid.uuid4().hex}-{name}"
            (work.tokens / name).rename(aside)
            shutil.rmtree(aside)
    return removed
