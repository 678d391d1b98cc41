"""Split generated manifests of 100 thousand and a million rows, each in a new process.

A third each: families as in FaceForensics++ (two sequences and their eight swaps), swaps that link all identities as in
Celeb-DF, and images without identity, one in fifty of them duplicated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks.figures import Figures
from unmask.manifests.manifest import SCHEMA, Manifest
from unmask.manifests.splits.schemes import resplit

SIZES = (100_000, 1_000_000)
SCHEMES = ("grouped", "default", "official-strict", "leave-one-out:celeb_df", "folds:5/0")

Ints = NDArray[np.int64]


def main() -> str:
    lines = [f"{'':24} {'rows':>9} {'s':>7} {'rows/s':>9} {'peak MB':>8}   processor time"]
    for scheme in SCHEMES:
        smaller = 0.0
        for size in SIZES:
            done = _in_new_process(size, scheme)
            growth = f", {done['processor'] / smaller:.1f} times that of a tenth of the rows" if smaller else ""
            smaller = done["processor"]
            rate, peak = size / done["seconds"], done["peak_bytes"] / 1e6
            shown = f"{done['seconds']:7.1f} {rate:9,.0f} {peak:8,.0f}   {smaller:.1f} s{growth}"
            lines.append(f"{scheme:24} {size:9,} {shown}")
    return "\n".join(lines)


def measure_goals() -> Figures:
    """Of a million rows by the scheme `grouped`."""
    done = _in_new_process(SIZES[-1], "grouped")
    return {"seconds": done["seconds"], "gb": done["peak_bytes"] / 1e9}


def measure(size: int, scheme: str) -> dict[str, float]:
    """Seconds of `resplit` alone; the peak is that of the whole process, including the manifest."""
    manifest = make_manifest(size)
    started, worked = time.perf_counter(), time.process_time()
    result = resplit(manifest, scheme, 0)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    if not pc.count(result.table.column("split")).as_py():
        raise AssertionError(f"{scheme} assigned no file to a split")
    return {"seconds": seconds, "processor": processor, "peak_bytes": _measure_peak_bytes()}


def _measure_peak_bytes() -> int:
    # Not getrusage: its maximum includes the parent process.
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(facts["VmHWM"].split()[0]) * 1024


def make_manifest(size: int) -> Manifest:
    """About `size` rows, always the same."""
    random = np.random.default_rng(0)
    third = size // 3
    parts = [_families(third), _swaps(third, random), _images(size - 2 * third, random)]
    table = pa.concat_tables([_table(**part) for part in parts])
    return Manifest(table, {name: f"/data/{name}" for name in ("faceforensics", "celeb_df", "archive")})


def _families(count: int) -> dict[str, Any]:
    """Ten files per family: sequences a and b, and both swaps of them by four methods."""
    family, member = np.divmod(np.arange(count), 10)
    a, b = _names("ffpp:", 2 * family), _names("ffpp:", 2 * family + 1)
    both = member >= 2
    methods = np.array(["none", "none", *["deepfakes", "face2face", "faceswap", "neuraltextures"] * 2], dtype=object)
    first = np.where(member == 1, b, a)
    split = np.array(["train", "val", "test"], dtype=object)[np.digitize(family % 100, [72, 86])]
    return {
        "dataset": "faceforensics",
        "kind": "video",
        "fake": both,
        "method": methods[member],
        "sources": _lists(first, _only(both, b)),
        "official": split,
    }


def _swaps(count: int, random: np.random.Generator) -> dict[str, Any]:
    """Identities with ten recordings each on average; five in six files are swaps of two similar identities."""
    people = max(60, count // 60)
    target = random.integers(0, people, count)
    fake = random.random(count) < 5 / 6
    # Donors have near numbers, as similar identities would: the swap graph is one long connected band.
    donor = (target + random.integers(1, 20, count)) % people
    names, donors = _names("celeb:id", target), _only(fake, _names("celeb:id", donor))
    return {
        "dataset": "celeb_df",
        "kind": "video",
        "fake": fake,
        "method": np.where(fake, "celeb-synthesis", "none"),
        "people": _lists(names, donors),
    }


def _images(count: int, random: np.random.Generator) -> dict[str, Any]:
    fake = random.random(count) < 0.5
    content = random.permutation(count)
    content[random.random(count) < 0.02] //= 2
    return {
        "dataset": "archive",
        "kind": "image",
        "fake": fake,
        "method": np.where(fake, "unknown", "none"),
        "official": np.array(["train", "val", "test"], dtype=object)[np.digitize(random.random(count), [0.74, 0.94])],
        "content": _names("", content),
    }


def _table(dataset: str, kind: str, fake: NDArray[np.bool_], method: Any, **given: Any) -> pa.Table:
    count = len(fake)
    numbers = np.arange(count)
    made: dict[str, Any] = {
        # Multiplying by an odd number is a bijection that shuffles the rows, as hashes do.
        "media_id": _names(f"{dataset[:4]}", (numbers * 2_654_435_761) % 2**32),
        "path": _names(f"{dataset}/videos/", numbers),
        "content": given.get("content", _names(dataset, numbers)),
        "people": given.get("people", _lists(np.full(count, None), np.full(count, None))),
        "sources": given.get("sources", _lists(np.full(count, None), np.full(count, None))),
        "official_split": given.get("official", np.full(count, None)),
        "method": method,
        "label": fake.astype(np.int8),
        "video_fake": fake,
        "dataset": pa.repeat(pa.scalar(dataset), count),
        "kind": pa.repeat(pa.scalar(kind), count),
        "status": pa.repeat(pa.scalar("ok"), count),
        "domain_id": np.zeros(count, np.int16),
        "bytes": numbers,
    }
    columns = [_column(made.get(field.name), field, count) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _column(values: Any, field: pa.Field, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, field.type)
    made = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
    return made if made.type == field.type else made.cast(field.type)


def _names(prefix: str, numbers: Ints) -> NDArray[np.object_]:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width=10, padding="0")
    return np.asarray(pc.binary_join_element_wise(prefix, digits, "").to_numpy(zero_copy_only=False))


def _only(there: NDArray[np.bool_], values: NDArray[np.object_]) -> NDArray[np.object_]:
    values = values.copy()
    values[~there] = None
    return values


def _lists(first: Any, second: Any) -> pa.Array:
    """(N,) lists of the values of two columns that are not None."""
    values = pa.array(np.column_stack([first, second]).ravel(), pa.string())
    there = values.is_valid().to_numpy(zero_copy_only=False).reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values.drop_null())


def _in_new_process(size: int, scheme: str) -> dict[str, float]:
    """Run in a new process, which starts with no memory in use."""
    program = f"import json; from benchmarks.splits import measure; print(json.dumps(measure({size}, {scheme!r})))"
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=here)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
