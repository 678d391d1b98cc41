"""Train and score every row of the comparison on one split of one work folder. I labelled items."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.models.plan import Plan
from unmask.cache.spec import Modality
from unmask.cache.stage import open_tokens
from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.control_features import average_tokens
from unmask.evaluation.controls import score_mean_tokens
from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.open_run import OpenRun, open_run
from unmask.evaluation.swap_control.control import run_swap_control
from unmask.manifests.manifest import Manifest, read_manifest
from unmask.manifests.splits.schemes import resplit
from unmask.metrics.binary import ENOUGH_ITEMS, auc
from unmask.train.config import TrainConfig
from unmask.train.data.clip_table import UNKNOWN
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.run_folder import run_key
from unmask.train.validation import replace_nan

log = logging.getLogger("unmask")

Line = dict[str, Any]

SWAPS = tuple(f"swap_{part}{pairs}" for part in ("audio", "image") for pairs in ("", "_same"))
"""Figures of the swap control: of all pairs of a fake and a real item, and of those with the same partner."""


@dataclass(frozen=True, kw_only=True)
class SplitData:
    """One split of a work folder, assigned in memory: the folder's own manifest stays as it is."""

    work: WorkFolder
    seed: int
    manifest: Manifest
    data: TokenData
    items: ItemSet
    """Labelled items with tokens."""
    numbers: NDArray[np.int64]
    """(I,) their numbers in the clip table, rising."""


def measure_split(plan: Plan, folder: Path, split_seed: int) -> list[Line]:
    """One line per row and training seed; those that `plan.out` has already are not measured again.

    Each new line is appended to `plan.out` at once. A row that this data cannot train is left out with a warning.
    """
    log.setLevel(logging.ERROR)  # the same warnings for each row and split
    torch.set_num_threads(plan.threads)
    device = choose_device(plan.device)
    with threadpool_limits(plan.threads):
        split = open_split(WorkFolder(folder), plan.scheme, split_seed)
        kept = {line["key"]: line for line in read_lines(plan.out)}
        probe: NDArray[np.float64] | None = None
        lines = []
        for name, config in _list_runs(plan):
            key = make_key(split, name, config)
            if key not in kept:
                probe = score_probe(split) if probe is None else probe
                try:
                    line = replace_nan({"key": key, "variant": name} | measure_run(split, config, probe, device))
                except UsageError as error:
                    print(f"{folder.name} split {split_seed} {name}: {error.problem}", file=sys.stderr, flush=True)
                    continue
                _append(plan.out, line)
                kept[key] = line
            lines.append(kept[key])
    return lines


def open_split(work: WorkFolder, scheme: str, seed: int) -> SplitData:
    manifest = resplit(read_manifest(work.manifest), scheme, seed)
    data = TokenData.load(manifest, open_tokens(work, manifest))
    number_of = dict(zip(data.clips.media_id.tolist(), data.clips.item.tolist(), strict=True))
    items = select_labeled([row for row in manifest.rows() if row.media_id in number_of])
    numbers = np.array([number_of[row.media_id] for row in items.rows], np.int64)
    return SplitData(work=work, seed=seed, manifest=manifest, data=data, items=items, numbers=numbers)


def score_probe(split: SplitData) -> NDArray[np.float64]:
    """(I,) probability of fake by the linear probe of `unmask evaluate`, on every encoder of the work folder."""
    means, present = average_tokens(split.data, tuple(split.data.streams), split.numbers.tolist())
    return score_mean_tokens(split.items, means, present, seed=0).score


def measure_run(split: SplitData, config: TrainConfig, probe: NDArray[np.float64], device: torch.device) -> Line:
    """Train `config` in a temporary folder and score the test items that it can score, beside the probe on the same."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        summary = fit(split.data, config, run, device=device)
        if summary.stopped:
            raise KeyboardInterrupt
        opened = open_run(run, split.work, split.manifest, device)
        figures = measure_test(split, opened, probe, device)
    found = summary.validation or {}
    return {
        "work": split.work.root.name,
        "split": str(split.manifest.table.column("split_scheme")[0].as_py()),
        "split_seed": split.seed,
        "seed": config.seed,
        "train_items": summary.train_items,
        **figures,
        "validation": {
            "items": found["items"],
            "auc": found["pooled"]["auc"],
            "macro": found["macro"]["auc"],
            "loss": found["loss"],
            "calibrated_loss": found["calibrated_loss"],
        },
        "epochs": summary.epochs,
        "best_epoch": summary.best_epoch,
        "train_seconds": summary.train_seconds,
        "seconds": round(time.monotonic() - began, 1),
        "threads": torch.get_num_threads(),
        "code": hash_training_code(),
    }


def measure_test(split: SplitData, opened: OpenRun, probe: NDArray[np.float64], device: torch.device) -> Line:
    scorable = np.isin(split.numbers, list(opened.list_scorable().values()))
    chosen = (split.items.split == "test") & scorable
    items, numbers = split.items.only(chosen), split.numbers[chosen]
    if len(np.unique(items.is_fake)) < 2:
        raise UsageError("the test items have only one class", "choose another split scheme or other split seeds")
    logit = opened.score(numbers.tolist(), device=device)[0].logit  # sorted by number, as `numbers` is
    return {
        "test_items": len(items),
        "auc": auc(items.is_fake, logit),
        "macro5": average_datasets(items, logit),
        "probe_auc": auc(items.is_fake, probe[chosen]),
        "probe_macro5": average_datasets(items, probe[chosen]),
        "audio_alone": _score_alone(opened, "audio", opened.data.clips.audio_fake, numbers, device),
        "image_alone": _score_alone(opened, "image", opened.data.clips.video_fake, numbers, device),
        **_measure_swap(opened, items, numbers, device),
    }


def _measure_swap(opened: OpenRun, items: ItemSet, numbers: NDArray[np.int64], device: torch.device) -> Line:
    """AUC of the run's fake score in the swap control of `unmask evaluate`: each part alone, and beside genuine ones.

    None for a run that does not read both, or where there are too few items.
    """
    number_of = {row.media_id: number for row, number in zip(items.rows, numbers.tolist(), strict=True)}
    controls = run_swap_control(opened, items, number_of, device=device, batch_size=256, seed=0)
    line: Line = dict.fromkeys(f"{name}_{when}" for name in SWAPS for when in ("alone", "swapped"))
    for control in controls:
        for figure in control.figures:
            if figure.score == "joint":
                name = f"{control.part}_same" if figure.same_partner else control.part
                line |= {f"swap_{name}_alone": figure.alone, f"swap_{name}_swapped": figure.swapped}
    return line


def average_datasets(items: ItemSet, score: NDArray[np.float64]) -> float | None:
    """Mean AUC over the datasets with ENOUGH_ITEMS of each class; None where there is none."""
    values = []
    for name in items.datasets:
        own = items.dataset == name
        fakes = int(items.is_fake[own].sum())
        if min(fakes, int(own.sum()) - fakes) >= ENOUGH_ITEMS:
            values.append(auc(items.is_fake[own], score[own]))
    return float(np.mean(values)) if values else None


def _score_alone(
    opened: OpenRun, modality: Modality, part_fake: NDArray[np.int8], numbers: NDArray[np.int64], device: torch.device
) -> float | None:
    """AUC of the run's fake score when it gets `modality` alone, for whether that part is fake. None without items.

    `part_fake` (C,) per clip: 1, 0 or UNKNOWN.
    """
    streams = {
        name: stream if stream.spec.modality == modality else replace(stream, lengths=np.zeros_like(stream.lengths))
        for name, stream in opened.data.streams.items()
    }
    alone = replace(opened, data=replace(opened.data, streams=streams))
    clips = opened.data.clips
    known = np.unique(clips.item[part_fake != UNKNOWN])
    wanted = sorted({*numbers.tolist()} & {*known.tolist()} & {*alone.list_scorable().values()})
    first = np.unique(clips.item, return_index=True)[1]
    is_fake = part_fake[first[wanted]] == 1
    if len(np.unique(is_fake)) < 2:
        return None
    return auc(is_fake, alone.score(wanted, device=device)[0].logit)


def _list_runs(plan: Plan) -> Iterator[tuple[str, TrainConfig]]:
    for name, config in plan.configs.items():
        for seed in plan.seeds:
            yield name, config.changed({"seed": seed})


def make_key(split: SplitData, name: str, config: TrainConfig) -> str:
    """Fingerprint of a line: its row, and the settings and data of its training."""
    return fingerprint("models-1", str(split.work.root), name, run_key(config, split.data))


def hash_training_code() -> str:
    """Of the sources under train/: lines of another code are kept, and the table says so."""
    import unmask.train

    folder = Path(unmask.train.__file__).parent
    return fingerprint([path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))])[:8]


def read_lines(path: Path) -> list[Line]:
    """Lines of an earlier call; a last one that was cut off is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def _append(path: Path, line: Line) -> None:
    """One write of a whole line: those of two processes do not mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        # Begins with a line break: the file may end with half a line.
        os.write(handle, f"\n{json.dumps(line)}".encode())
    finally:
        os.close(handle)
