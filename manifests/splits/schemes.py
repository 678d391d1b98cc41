"""Assign the files of a manifest to train, val and test. The schemes: registry.py.

A file in no split has split None. A split that leaks is refused unless the user allows it; then its name says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.errors import UsageError
from unmask.manifests.manifest import SCHEMA, Manifest, MediaRow
from unmask.manifests.splits.identity_graph import Ints, name_components
from unmask.manifests.splits.leaks import MARKER, Leaks, find_leaks
from unmask.manifests.splits.registry import SCHEMES, ChosenScheme, parse
from unmask.manifests.splits.split_columns import SPLITS, TEST, TRAIN, Columns, make_table, read_columns

VERSION = 2
SHOWN = 5


def assign(rows: list[MediaRow], scheme: str, seed: int, *, allow_leaks: bool = False) -> list[MediaRow]:
    """The rows with `split`, `split_scheme` and `group`. They depend on the seed, not on machine or order of rows.

    `scheme` as on the command line (registry.py). `UsageError` for an unknown scheme and, unless `allow_leaks`, for a
    split that leaks.
    """
    splits, groups, name = _compute_assignment(make_table(rows), scheme, seed, allow_leaks, None)
    decided = zip(rows, splits.tolist(), groups.to_pylist(), strict=True)
    return [
        replace(row, split=SPLITS[split] if split >= 0 else None, split_scheme=name, group=group)
        for row, split, group in decided
    ]


def resplit(
    manifest: Manifest, scheme: str, seed: int, *, allow_leaks: bool = False, near: pa.Table | None = None
) -> Manifest:
    """The manifest with another split; the media files are not read.

    `near`: clusters of near-duplicates (`near_duplicates.near_clusters`), kept in one split like an identity.
    Errors as in `assign`.
    """
    splits, groups, name = _compute_assignment(manifest.table, scheme, seed, allow_leaks, near)
    chosen = pa.array(SPLITS, pa.string()).take(pa.array(splits, mask=splits < 0))
    columns = {"split": chosen, "group": groups, "split_scheme": pa.repeat(pa.scalar(name, pa.string()), len(splits))}
    table = manifest.table
    for column, values in columns.items():
        table = table.set_column(SCHEMA.get_field_index(column), SCHEMA.field(column), values)
    return manifest.with_table(table)


def _compute_assignment(
    table: pa.Table, text: str, seed: int, allow_leaks: bool, near: pa.Table | None
) -> tuple[Ints, pa.Array, str]:
    """(R,) position in SPLITS or below 0, (R,) groups, and the name of the split; in the order of `table`."""
    scheme = parse(text)
    if table.column("label").null_count:
        raise UsageError("a file without a label cannot be assigned to a split", "label every file real or fake")
    rows, order = read_columns(table, near)
    splits = SCHEMES[scheme.name].assign(rows, scheme.argument, seed)
    _check_not_empty(scheme, splits)
    leaking = find_leaks(rows.links, splits)
    if len(leaking) and not allow_leaks:
        raise UsageError(*_describe_leaks(scheme, leaking))
    back = np.argsort(order)
    name = _make_name(scheme, seed, len(leaking), near)
    return splits[back], _name_groups(rows, splits).take(pa.array(back)), name


def _make_name(scheme: ChosenScheme, seed: int, leaking: int, near: pa.Table | None) -> str:
    """For example "folds:5/0-v2-seed7+near:31": scheme, version, seed, near-duplicates and leaks."""
    name = f"{scheme}-v{VERSION}" + (f"-seed{seed}" if SCHEMES[scheme.name].seeded else "")
    if near is not None:
        name += f"+near:{pc.count_distinct(near.column('cluster')).as_py()}"
    return name + (f"{MARKER}{leaking}" if leaking else "")


def _describe_leaks(scheme: ChosenScheme, leaking: Leaks) -> tuple[str, str]:
    listed = "; ".join(map(str, leaking.first(SHOWN)))
    more = f" and {len(leaking) - SHOWN} more" if len(leaking) > SHOWN else ""
    return (
        f"--split {scheme}: {len(leaking)} identities, sources or files would be in several splits: {listed}{more}",
        "--split official-strict leaves them out of training; --allow-leaks accepts them and marks all results",
    )


def _check_not_empty(scheme: ChosenScheme, splits: Ints) -> None:
    """A scheme with an argument must leave something to train on and to test on."""
    lacking = [name for name, split in (("train", TRAIN), ("test", TEST)) if not (splits == split).any()]
    if scheme.argument is not None and lacking:
        raise UsageError(
            f"--split {scheme}: nothing is left for {' and '.join(lacking)}",
            "name datasets that do not share all their identities and sources",
        )


def _name_groups(rows: Columns, splits: Ints) -> pa.Array:
    """(R,) name of each row's identity group: its component among the rows in a split, so that a group is in one split
    unless the scheme leaks. Rows in no split get the name of the component of all rows."""
    everything = rows.links.find_components(np.ones(len(splits), np.bool_))
    whole = name_components(rows.links, everything, rows.media_ids).take(pa.array(everything))
    if not (splits < 0).any():
        return whole
    kept = rows.links.find_components(splits >= 0)
    return pc.coalesce(name_components(rows.links, kept, rows.media_ids).take(pa.array(kept, mask=kept < 0)), whole)
