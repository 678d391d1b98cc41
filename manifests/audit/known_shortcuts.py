"""Shortcuts of the datasets that are evaluated: from the last audit, else from file headers alone."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import Damaged
from unmask.core.hashing import fingerprint
from unmask.core.openmp import use_one_thread
from unmask.manifests.audit.cross_validation import make_folds
from unmask.manifests.audit.results import Audit, FeatureLine, ProbeLine, Shortcut
from unmask.manifests.audit.shortcut_classifier import FAMILIES, TREES_FROM, Flags, Predict, Table, is_varying
from unmask.manifests.audit.shortcut_probes import probe
from unmask.manifests.header_features import NAMES, NUMBERS, encode_headers
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.metrics.bootstrap import compute_weighted_auc

log = logging.getLogger("unmask")

VERSION = 1
HEADERS = "file headers"
# Per class and dataset. An AUC of 200 files per class is exact to .03, and the fits take seconds.
MOST_FILES = 200


def write_audit(path: Path, audit: Audit, manifest: Manifest) -> None:
    """`Audit.as_json` and the files it is about."""
    sealed_files.write_json(path, audit.as_json() | {"manifest": _identify(manifest)})


def read_shortcuts(path: Path, manifest: Manifest, datasets: Collection[str]) -> tuple[Shortcut, ...] | None:
    """Shortcuts of `datasets` in the audit at `path`; None without an audit of the files of `manifest`."""
    try:
        value = sealed_files.read_json(path)
        if (value["version"], value["manifest"]) != (VERSION, _identify(manifest)):
            return None
        found = [Shortcut(**entry) for entry in value["shortcuts"] if entry["dataset"] in datasets]
        same = value["split_hash"] == manifest.split_hash
        return tuple(one if same else replace(one, splits={}) for one in found)
    except Damaged as error:
        log.warning("%s: shortcuts are looked for in the file headers alone; unmask audit makes it again", error)
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        return None


def find_header_shortcuts(rows: Sequence[MediaRow], seed: int) -> tuple[Shortcut, ...]:
    """Shortcuts in the headers of labeled `rows`, per dataset. Opens no file."""
    names = dict.fromkeys(row.dataset for row in rows)
    with use_one_thread():
        lines = [(name, _probe_headers([row for row in rows if row.dataset == name], seed)) for name in names]
    return tuple(Shortcut.of(name, line) for name, line in lines if line.verdict in ("flagged", "suspect"))


def _probe_headers(rows: Sequence[MediaRow], seed: int) -> ProbeLine:
    rows = _draw(rows, seed)
    is_fake = np.array([row.label == 1 for row in rows])
    folds = make_folds(is_fake, np.array([row.group or row.media_id for row in rows], np.str_), seed)
    values, flags = encode_headers(rows, np.ones(len(rows), np.bool_))
    about = "file size, resolution, length, codecs"
    if folds is not None:
        # One draw of the folds: this stands beside a result, and the audit draws three.
        folds = replace(folds, fold=folds.fold[:1])
    if folds is None or not any(is_varying(column) for column in values.T):
        return ProbeLine(name=HEADERS, about=about)
    table = Table(
        values=values,
        is_name=np.array(flags),
        is_fake=is_fake,
        group=folds.unit,
        dataset=np.full(len(rows), "", np.str_),
    )
    best, lines = _find_best(values, is_fake), []
    # The audit chooses a family within every fold, which takes ten times as long.
    for predict in FAMILIES if len(rows) >= TREES_FROM else FAMILIES[:1]:
        scores = partial(_score, predict, table, seed)
        lines.append(probe(HEADERS, about, is_fake, folds, scores, best, seed))
        if lines[-1].verdict == "flagged":
            return lines[-1]
    return lines[0]


def _score(predict: Predict, table: Table, seed: int, train: Flags, test: Flags) -> NDArray[np.float64]:
    return predict(table, train, test, seed)


def _draw(rows: Sequence[MediaRow], seed: int) -> list[MediaRow]:
    random, kept = np.random.default_rng(seed), []
    for label in (0, 1):
        own = [row for row in rows if row.label == label]
        chosen = random.choice(len(own), min(len(own), MOST_FILES), replace=False)
        kept += [own[number] for number in sorted(chosen.tolist())]
    return kept


def _find_best(values: NDArray[np.float64], is_fake: NDArray[np.bool_]) -> FeatureLine | None:
    """The number that ranks the classes best by itself, in either direction."""
    lines = []
    for name, column in zip((*NUMBERS, *NAMES), values.T, strict=True):
        known = np.isfinite(column)
        if name in NAMES or not 0 < is_fake[known].sum() < known.sum():
            continue
        direct = float(compute_weighted_auc(is_fake[known], column[known], np.ones((1, int(known.sum()))))[0])
        lines.append(FeatureLine(name=name, files=int(known.sum()), auc=max(direct, 1 - direct), direct=direct))
    return max(lines, key=lambda line: line.auc or 0.0, default=None)


def _identify(manifest: Manifest) -> str:
    columns = manifest.table.select(["media_id", "content", "label"]).to_pydict()
    return fingerprint("audited-1", columns)
