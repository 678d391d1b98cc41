"""What a work folder holds, so that two of them can be compared."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import TEMPORARY
from unmask.core.errors import MissingInput
from unmask.core.files.damage import Damaged
from unmask.core.files.damaged_files import find_damaged_files
from unmask.core.files.sealed_files import KEY, is_whole_line, read_json, read_lines
from unmask.train.bundles.listing import read_listing

IGNORED = ("locks/", "events.out.tfevents")
"""Empty lock files, and the curves for TensorBoard, whose names hold the time and which every start adds to."""
CLOCK = re.compile(
    rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\b\d+(\.\d+)? s\b|\"\w*seconds\": [\d.]+|\"unmask-sha256\": \"\w+\""
)
"""Times and durations in pages, and checksums over them."""
VERDICTS, BUNDLE = "verdicts.jsonl", "bundle.json"
TIMES = frozenset({"seconds", "train_seconds", "began", "ended", "created", "date", "time", "made", "judged_at"}) | {
    *("changed", "age_seconds", "last_used")
}
"""Keys of JSON files whose values are times."""
IGNORED_KEYS = TIMES | {KEY}
SIZES = frozenset({"bytes", "files"})
"""Keys of what lists print: the sizes of files, which a damaged file has too."""
ANSWER = "(what it printed)"
SCORE_DIGITS = 4
BROKEN = "not what was written"
TIMED = "summary.json"
"""File of a bundle that holds a time, so that its checksum differs."""


@dataclass(frozen=True)
class Difference:
    lost: tuple[str, ...]
    differing: tuple[str, ...]
    added: tuple[str, ...]


def read_contents(work: Path) -> dict[str, str]:
    """Name -> digest of every file, times in JSON files left out."""
    return {name: hash_content(work / name) for name in list_files(work)}


def list_files(work: Path) -> Iterator[str]:
    for path in sorted(work.rglob("*")):
        name = path.relative_to(work).as_posix()
        if path.is_file() and path.name != "lock" and not any(word in name for word in IGNORED):
            yield name


def list_unfinished(work: Path) -> list[str]:
    """Files and folders with the name of unfinished output."""
    return sorted(str(path.relative_to(work)) for path in work.rglob(f"{TEMPORARY}*"))


def hash_content(path: Path) -> str:
    """Digest of a file's content without times; BROKEN where a file is not what its own checksum says."""
    content = path.read_bytes()
    if path.suffix in (".json", ".jsonl"):
        try:
            content = _describe_json(path, content)
        except (Damaged, MissingInput):
            return BROKEN
        except (ValueError, TypeError, AttributeError):  # no JSON, or no object
            pass
    elif path.suffix == ".csv":
        content = _describe_table(content)
    elif path.suffix in (".html", ".md", ".tex"):
        content = CLOCK.sub(b"", content)
    elif path.suffix == ".pth":
        content = _describe_weights(path) or content
    return hashlib.sha256(content).hexdigest()


def _describe_json(path: Path, content: bytes) -> bytes:
    """`ValueError` for what is no JSON object."""
    if path.name == VERDICTS:
        values: list[Any] = [_round(json.loads(line)) for line in _join_verdicts(content).splitlines()]
    elif path.suffix == ".jsonl":
        values = read_lines(path)
    elif KEY.encode() in content:
        values = [read_json(path)]
    else:
        values = [json.loads(content)]
    if path.name == BUNDLE:
        read_listing(path.parent)
        values = [_without_timed(value) for value in values]
    return json.dumps([leave_out_times(value) for value in values], sort_keys=True).encode()


def _round(value: Any) -> Any:
    """A file that is judged again, without the others of its batch, has other last digits."""
    if isinstance(value, dict):
        return {name: _round(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_round(one) for one in value]
    return round(value, SCORE_DIGITS) if isinstance(value, float) else value


def _without_timed(bundle: dict[str, Any]) -> dict[str, Any]:
    files = {name: about for name, about in bundle["files"].items() if name != TIMED}
    return {**bundle, "files": files, "sha256": ""}


def _describe_table(content: bytes) -> bytes:
    rows = list(csv.reader(content.decode("utf-8", "replace").splitlines()))
    timed = {number for number, name in enumerate(rows[0] if rows else []) if name.endswith("seconds")}
    return repr([[cell for number, cell in enumerate(row) if number not in timed] for row in rows]).encode()


def _join_verdicts(content: bytes) -> bytes:
    """The line that counts of each file: the last one. Damaged lines do not count."""
    found: dict[str, bytes] = {}
    for line in content.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            if is_whole_line(line):
                found[json.loads(line)["path"]] = line
    return b"\n".join(found[path] for path in sorted(found))


def _describe_weights(path: Path) -> bytes:
    """The values of a checkpoint: its bytes also depend on which of equal texts are one object in memory."""
    import torch

    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # damaged
        return b""
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found.update(f"{value.dtype}{tuple(value.shape)}".encode())
            found.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=repr):
                found.update(repr(key).encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            for inner in value:
                add(inner)
        else:
            found.update(repr(value).encode())

    add(values)
    return found.digest()


def leave_out_times(value: Any, keys: Collection[str] = IGNORED_KEYS) -> Any:
    """A value of JSON without the entries that differ between two runs of the same command."""
    if isinstance(value, dict):
        return {key: leave_out_times(inner, keys) for key, inner in value.items() if key not in keys}
    return [leave_out_times(inner, keys) for inner in value] if isinstance(value, list) else value


def read_answer(path: Path) -> dict[str, str]:
    """Digest of what a command printed as its result, under a name that is no file's; empty where it had none."""
    content = path.read_bytes()
    if not content or b'"state": "failed"' in content:  # of the service: it has told, and shown no verdict
        return {}
    with suppress(ValueError):
        values = leave_out_times(json.loads(content), IGNORED_KEYS | SIZES)
        content = json.dumps(values, sort_keys=True).encode()
    return {ANSWER: hashlib.sha256(content).hexdigest()}


def compare(expected: Mapping[str, str], found: Mapping[str, str], volatile: Collection[str]) -> Difference:
    """`volatile`: names whose bytes differ between two undisturbed runs."""
    return Difference(
        lost=tuple(sorted(expected.keys() - found.keys())),
        differing=tuple(
            sorted(n for n in expected.keys() & found.keys() if expected[n] != found[n] and n not in volatile)
        ),
        added=tuple(sorted(n for n in found.keys() - expected.keys())),
    )


def has_all_values(path: Path) -> bool:
    """Has a table that is damaged all its values? Parquet keeps statistics and names that no reader of ours uses."""
    return path.suffix == ".parquet" and not find_damaged_files([path])
