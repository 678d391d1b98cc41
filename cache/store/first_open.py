"""Token shards are compared with their checksums when they are first opened, and again when a file has changed since.

What was found whole is noted in `checked.json` of a large store, with size and modification time of each file, so that
the next opening reads nothing. `unmask cache verify` reads every byte again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from unmask.cache.store.ragged import REPAIR
from unmask.core.atomic_files import write_json
from unmask.core.buckets.mirrored import fetch_files
from unmask.core.checksums import find_damage, list_files
from unmask.core.errors import DamagedInput
from unmask.core.hashing import fingerprint
from unmask.core.process_pool import count_cores

FILE = "checked.json"
WORTH_NOTING = 64 << 20
"""Bytes of tokens: fewer are compared again each time, within the time that the note would take to write."""


def check_first_open(store: Path, shards: Sequence[str]) -> None:
    """Compare the `shards` (folder names) of a token store. `DamagedInput` for the first damaged one."""
    known = _read(store)
    present = {name: _describe_files(store / name) for name in shards}
    new = [name for name in shards if known.get(name) != present[name]]
    if not new:
        return
    with ThreadPoolExecutor(count_cores(), thread_name_prefix="check-tokens") as pool:
        for name, wrong in zip(new, pool.map(lambda name: find_damage(store / name), new), strict=True):
            if wrong:
                fetch_files(store / name, wrong, again=True)  # only the copy of a bucket's may be damaged
                wrong = find_damage(store / name)
            if wrong:
                files = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
                raise DamagedInput(f"{store / name}: damaged since it was written ({files})", REPAIR)
    if sum(path.stat().st_size for name in new for path in (store / name / "tokens").rglob("*")) < WORTH_NOTING:
        return
    with suppress(OSError):  # a work folder that is only read is checked each time
        write_json(store / FILE, known | present)


def _read(store: Path) -> dict[str, str]:
    try:
        known = json.loads((store / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _describe_files(shard: Path) -> str:
    """Fingerprint of names, sizes and times of a shard's files."""
    about = {name: entry.stat() for name, entry in list_files(shard).items()}
    return fingerprint([(name, found.st_size, found.st_mtime_ns) for name, found in about.items()])
