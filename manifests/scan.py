"""From folders to the manifest: find datasets, read names and lists, probe headers, assign splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import MissingInput, UsageError
from core.stage import StageReport
from core.work import available_cores
from manifests.finding import Found, find
from manifests.item import Manifest, MediaRow, from_rows
from manifests.layouts import LAYOUTS
from manifests.layouts.layout import Scanned
from manifests.layouts.own import SHAPE
from manifests.probe import probed
from manifests.splits import SCHEMES, assign, leaks

Say = Callable[[str], None]

# The rest is counted: a wrong copy of a dataset has the same problem thousands of times.
SHOWN = 5


def scan(
    data_root: Path, *, scheme: str = "default", seed: int = 0, workers: int | None = None, say: Say
) -> tuple[Manifest, StageReport]:
    """One row a media file of every dataset under `data_root`, in the order of datasets and paths.

    `say` gets a line for each dataset (found with counts by split and label, or not found with the names tried) and for
    each problem.
    `MissingInput` when there is no dataset at all.
    """
    if scheme not in SCHEMES:
        raise UsageError(f"--scheme {scheme}: no such split scheme", f"one of {', '.join(SCHEMES)}")
    found = find(data_root)
    scanned = {dataset.key: dataset.scan() for dataset in found}
    if not any(part.rows for part in scanned.values()):
        raise MissingInput(f"{data_root}: no dataset in it{_what_was_ignored(found, scanned)}", _hint())
    rows = assign(list(_probed(found, scanned, workers or available_cores())), scheme, seed)
    for line in _lines(found, scanned, rows):
        say(line)
    return from_rows(rows, {dataset.key: str(dataset.root.resolve()) for dataset in found}), _report(rows)


def _probed(found: list[Found], scanned: dict[str, Scanned], workers: int) -> Iterator[MediaRow]:
    files = ((row, dataset.root / row.path) for dataset in found for row in scanned[dataset.key].rows)
    return probed(files, total=sum(len(part.rows) for part in scanned.values()), workers=workers)


def _report(rows: list[MediaRow]) -> StageReport:
    failed = {f"{row.dataset}/{row.path}": row.reason or "" for row in rows if row.status == "failed"}
    return StageReport(stage="scan", given=len(rows), done=len(rows) - len(failed), failed=failed)


def _lines(found: list[Found], scanned: dict[str, Scanned], rows: list[MediaRow]) -> Iterator[str]:
    places = {dataset.key: dataset for dataset in found}
    counts: dict[str, Counter[tuple[str, int]]] = {key: Counter() for key in places}
    failed = Counter(row.dataset for row in rows if row.status == "failed")
    for row in rows:
        counts[row.dataset][row.split or "no split", row.label or 0] += 1
    for key in [*LAYOUTS, *sorted(set(places) - set(LAYOUTS))]:
        if key not in places:
            yield f"{key}: not found (looked for {', '.join(LAYOUTS[key].names)})"
            continue
        yield f"{key}: {_counted(counts[key], failed[key])} in {printable(places[key].place)}{_ignored(scanned[key])}"
        yield from _problems(key, places[key], scanned[key])
    yield from _leaks(rows)


def _counted(counts: Counter[tuple[str, int]], failed: int) -> str:
    """For example "15 files, 9 real + 6 fake (train 5 + 3, val 1 + 1, test 3 + 2)"."""
    if not counts:
        return "no file of it"
    by_label = Counter[int]()
    for (_, label), number in counts.items():
        by_label[label] += number
    splits = [name for name in ("train", "val", "test", "no split") if counts[name, 0] or counts[name, 1]]
    shown = ", ".join(f"{name} {counts[name, 0]} + {counts[name, 1]}" for name in splits)
    broken = f", {failed} unreadable" if failed else ""
    return f"{counts.total()} files, {by_label[0]} real + {by_label[1]} fake ({shown}){broken}"


def _ignored(scanned: Scanned) -> str:
    reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(scanned.ignored.items()))
    return f"; ignored: {reasons}" if reasons else ""


def _problems(key: str, place: Found, scanned: Scanned) -> Iterator[str]:
    for other in place.others:
        yield f"{key}: warning: {printable(other)} bears one of its names too and was not read. Rename one of them"
    for problem in scanned.problems[:SHOWN]:
        yield f"{key}: warning: {printable(problem)}"
    if len(scanned.problems) > SHOWN:
        yield f"{key}: warning: {len(scanned.problems) - SHOWN} more like these"


def _leaks(rows: list[MediaRow]) -> Iterator[str]:
    leaking = leaks(rows)
    if leaking:
        first = ", ".join(printable(key) for key in list(leaking)[:SHOWN])
        scheme = rows[0].split_scheme
        yield f"warning: {scheme} puts {len(leaking)} people, sources or files into several splits: {first}"


def _what_was_ignored(found: list[Found], scanned: dict[str, Scanned]) -> str:
    return "".join(f"; {dataset.place} looks like {dataset.key}{_ignored(scanned[dataset.key])}" for dataset in found)


def _hint() -> str:
    names = ", ".join(layout.names[0] for layout in LAYOUTS.values())
    return f"give the folder that holds {names}, your own {SHAPE}, or a table with the columns path,label"


def printable(text: Path | str) -> str:
    """On one line and in UTF-8, whatever a name has in it."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown)
