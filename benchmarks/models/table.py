"""The tables: one per work folder, one row per preset or variant, differences paired by split."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.models.measure import SWAPS, Line
from unmask.metrics.repeated_splits import SplitMean, average_splits

NOTE = (
    "Mean over splits of the test AUC (macro5: mean over the datasets with at least five items of each class). "
    "Differences are paired by split, with the corrected 95 % interval of Nadeau and Bengio (2003); **bold** where it "
    "excludes 0. Audio alone, image alone: AUC of the same model given that modality alone, for whether it is fake. "
    "Swapped: the swap control of `unmask evaluate`, AUC of a part beside genuine ones of other items minus that of "
    "the part alone; with the same: of the pairs of a fake and a real part that stand beside the same one."
)


def write_tables(lines: Sequence[Line], *, base: str | None = None) -> str:
    """Markdown; `lines` as measure_split gives them."""
    works = list(dict.fromkeys(line["work"] for line in lines))
    parts = [_write_table([line for line in lines if line["work"] == work], work, base) for work in works]
    return "\n\n".join([*parts, NOTE, *_warn(lines)]) + "\n"


def _write_table(lines: Sequence[Line], work: str, base: str | None) -> str:
    splits = sorted({line["split_seed"] for line in lines})
    names = list(dict.fromkeys(line["variant"] for line in lines))
    headings = ["", "AUC", "macro5", "AUC - probe", "macro5 - probe"]
    headings += [f"AUC - {base}", f"macro5 - {base}"] if base else []
    headings += ["audio alone", "image alone", "audio swapped", "with the same image"]
    headings += ["image swapped", "with the same audio"]
    headings += ["validation AUC", "best epoch", "s per training"]
    rows = [["linear probe", _mean(lines, "probe_auc"), _mean(lines, "probe_macro5"), *[""] * (len(headings) - 3)]]
    reference = [line for line in lines if line["variant"] == base]
    for name in names:
        own = [line for line in lines if line["variant"] == name]
        cells = [name, _mean(own, "auc"), _mean(own, "macro5")]
        cells += [_write_difference(own, own, ours, f"probe_{ours}") for ours in ("auc", "macro5")]
        if base:
            alike = name == base
            cells += ["" if alike else _write_difference(own, reference, key, key) for key in ("auc", "macro5")]
        cells += [_mean(own, "audio_alone"), _mean(own, "image_alone")]
        cells += [_write_difference(own, own, f"{name}_swapped", f"{name}_alone") for name in SWAPS]
        cells.append(_format(_average([line["validation"]["auc"] for line in own])))
        cells.append(f"{np.mean([line['best_epoch'] for line in own]):.0f}")
        rows.append([*cells, f"{np.mean([line['train_seconds'] for line in own]):.0f}"])
    items = "{train_items} training and {test_items} test items".format(**lines[0])
    seeds = len({line["seed"] for line in lines})
    title = f"{work}: {len(splits)} splits, {seeds} training seed{'s' * (seeds > 1)}, {items} in the first"
    ruler = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join([title, "", *(f"| {' | '.join(cells)} |" for cells in (headings, ruler, *rows))])


def compare_splits(ours: Sequence[Line], theirs: Sequence[Line], our_key: str, their_key: str) -> SplitMean | None:
    """Mean over splits of ours minus theirs, each the mean over its training seeds; None without a common split."""
    differences, shares = [], []
    for seed in sorted({line["split_seed"] for line in ours}):
        a = _average([line[our_key] for line in ours if line["split_seed"] == seed])
        b = _average([line[their_key] for line in theirs if line["split_seed"] == seed])
        if a is not None and b is not None:
            differences.append(a - b)
            shares.append(next(line["test_items"] / line["train_items"] for line in ours if line["split_seed"] == seed))
    return average_splits(differences, float(np.mean(shares))) if differences else None


def _write_difference(ours: Sequence[Line], theirs: Sequence[Line], our_key: str, their_key: str) -> str:
    found = compare_splits(ours, theirs, our_key, their_key)
    if found is None:
        return "-"
    if math.isnan(found.half_width):
        return f"{found.mean:+.3f}"
    text = f"{found.mean:+.3f} ± {found.half_width:.3f}"
    return f"**{text}**" if found.excludes_zero else text


def _mean(lines: Sequence[Line], key: str) -> str:
    return _format(_average([line[key] for line in lines]))


def _average(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _format(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _warn(lines: Sequence[Line]) -> list[str]:
    codes = sorted({line["code"] for line in lines})
    texts = []
    if len(codes) > 1:
        texts.append(f"Lines of different training code are in this table ({', '.join(codes)}): use another --out.")
    for work in dict.fromkeys(line["work"] for line in lines):
        counts: dict[str, set[int]] = {}
        for line in lines:
            if line["work"] == work:
                counts.setdefault(line["variant"], set()).add(line["split_seed"])
        most = max(map(len, counts.values()))
        texts += [f"{work}: {name} has {len(s)} of {most} splits." for name, s in counts.items() if len(s) < most]
    return texts
