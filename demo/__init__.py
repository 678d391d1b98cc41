"""The demo corpus: synthetic media in all nine layouts, so that every stage runs on a machine without any dataset.

Drawn faces and synthesised voices of people who do not exist. Numbers measured on them say nothing about real
deepfakes.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from pathlib import Path

from unmask.core.atomic_files import write_text
from unmask.core.errors import UsageError
from unmask.core.process_pool import Failure, count_cores, run_isolated
from unmask.core.progress import Progress
from unmask.demo.items import Item
from unmask.demo.layouts import AV_ROOT, list_items
from unmask.demo.lists import list_meta_data, list_test_videos, write_transcripts
from unmask.demo.render import write_item

log = logging.getLogger("unmask")

README = """# Synthetic demo corpus

Drawn faces and synthesised voices of people who do not exist, in the folder layouts of nine public datasets. It holds
no file of theirs. It shows that the pipeline works; numbers measured on it say nothing about real deepfakes.

Made by `unmask demo-data` (generator {version}), seed {seed}, scale {scale:g}: {files} media files.
"""
UNFINISHED = "\nUnfinished: the same command again completes it.\n"
# Raised with every change of what is drawn, so that an older corpus is not taken for this one.
VERSION = 4
TIMEOUT_S = 300.0


def write_demo(out: str | Path, seed: int = 0, *, scale: float = 1.0, workers: int | None = None) -> dict[str, int]:
    """Write the corpus under `out`; return the number of media files per dataset.

    The same seed and scale give the same bytes, whatever `workers` is (None: one per core). `scale` in (0, 1]
    thins it, down to three groups of identities per dataset. A finished corpus is reused, an unfinished one completed;
    `UsageError` if the folder holds anything else.
    """
    if not 0 < scale <= 1:
        raise UsageError(
            f"demo data: scale {scale:g} is not above 0 and at most 1", "use --scale 1 for the whole corpus"
        )
    out, items = Path(out), list_items(seed, scale)
    counts = dict(Counter(item.dataset for item in items))
    about = README.format(version=VERSION, seed=seed, scale=scale, files=len(items))
    if _is_whole(out, about):
        log.info("%s: written before with this seed and scale, reused", out)
        return counts
    write_text(out / "README.md", about + UNFINISHED)
    for folder in sorted({(out / item.path).parent for item in items}):
        folder.mkdir(parents=True, exist_ok=True)
    _write_media(out, seed, items, workers or count_cores())
    write_transcripts(out, seed, items)
    write_text(out / AV_ROOT / "meta_data.csv", list_meta_data(items))
    write_text(out / "Celeb-DF-v2/List_of_testing_videos.txt", list_test_videos(items))
    write_text(out / "README.md", about)  # last: a corpus with it is whole
    return counts


def _is_whole(out: Path, about: str) -> bool:
    """True if this corpus is complete in `out`. `UsageError` if `out` holds other files."""
    readme = out / "README.md"
    found = readme.read_text(encoding="utf-8") if readme.is_file() else None
    if found not in (about, about + UNFINISHED) and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: holds something else than this demo corpus", "give an empty or a new folder")
    return found == about


def _write_media(out: Path, seed: int, items: list[Item], workers: int) -> None:
    # The longest first, so that no worker is left alone with a long clip at the end.
    ordered = sorted(items, key=lambda item: (item.kind != "video", -item.duration))
    write = partial(write_item, out, seed)
    with Progress("demo data", len(ordered), "files") as bar:
        if workers == 1:
            for item in ordered:
                write(item)
                bar.advance()
            return
        for item, outcome in run_isolated(write, ordered, workers=workers, timeout_s=TIMEOUT_S):
            if isinstance(outcome, Failure):
                raise RuntimeError(f"{item.path}: {outcome.reason}: {outcome.problem}")
            bar.advance()
