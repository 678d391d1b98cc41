"""Who is in train, val and test.

    official         each dataset's own split exactly as published, leaks and all; no split where it publishes none.
                     Celeb-DF publishes a test list: what is not on it is train.
    official-strict  the same without the rows that share a person, source, file or likeness with a more held-out row
                     (test before val before train).
    grouped          seeded and leak-proof: whole components of rows that share people, sources or bytes, across
                     datasets, near 70/15/15 of each dataset, label and method.
    default          official-strict where something is published. What has no official split follows the rows it is
                     connected with, else is grouped. A missing val, or a class that val or test lacks on this disk, is
                     carved from train by whole components.
    leave-one-out    one dataset is test; train and val are grouped from the others, without what shares a key with it.
    cross            the same with train and test datasets named; the others are in no split.
    folds, leave-two-out, mrdf    see folds.py

How they are written: schemes.py. Where swaps connect all of a dataset's people, see cutting.py. A row in no split has
split None. A split that leaks is refused, unless the user allows it; then its name says so for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.errors import UsageError
from unmask.manifests.manifest import SCHEMA, Manifest, MediaRow
from unmask.manifests.splits.folds import folds, leave_two_out, mrdf
from unmask.manifests.splits.grammar import Scheme, parse
from unmask.manifests.splits.identity_graph import Ints, names
from unmask.manifests.splits.identity_partition import cut, in_two
from unmask.manifests.splits.leak_proof import TWO, fill, hold_out
from unmask.manifests.splits.leaks import MARKER, Leaks, find_leaks, leaks
from unmask.manifests.splits.split_columns import FREE, OUT, SPLITS, TEST, TRAIN, VAL, Columns, columns, table_of

__all__ = ["SCHEMES", "assign", "leaks", "resplit"]

VERSION = 2
SHOWN = 5


def official(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    return rows.official


def official_strict(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    return hold_out(rows.links, np.where(rows.official == FREE, OUT, rows.official))


def grouped(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    return _leak_proof(rows, np.full_like(rows.official, FREE), seed)


def default(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    return _leak_proof(rows, np.where(rows.binding, rows.official, FREE), seed)


def leave_one_out(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    tested = rows.of(scheme.tested)
    return _transfer(rows, np.where(tested, TEST, FREE), seed)


def cross(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    trained, tested = rows.of(scheme.trained), rows.of(scheme.tested)
    if scheme.tested_official:
        tested &= rows.official == TEST
    locks = np.where(trained, FREE, np.where(tested, TEST, OUT))
    if scheme.trained_official:
        locks[trained] = np.where(np.isin(rows.official[trained], [TRAIN, VAL]), rows.official[trained], OUT)
    return _transfer(rows, locks, seed)


SCHEMES: dict[str, Callable[[Columns, Scheme, int], Ints]] = {
    "default": default,
    "official": official,
    "official-strict": official_strict,
    "grouped": grouped,
    "leave-one-out": leave_one_out,
    "cross": cross,
    "folds": folds,
    "leave-two-out": leave_two_out,
    "mrdf": mrdf,
}


def assign(rows: list[MediaRow], scheme: str, seed: int, *, allow_leaks: bool = False) -> list[MediaRow]:
    """The rows with `split`, `split_scheme` and `group`: the same for a seed, whatever the machine and their order.

    `scheme` as in schemes.py. `UsageError` for an unknown scheme and, unless `allow_leaks`, for a split that leaks.
    """
    splits, groups, name = _assignment(table_of(rows), scheme, seed, allow_leaks, None)
    decided = zip(rows, splits.tolist(), groups.to_pylist(), strict=True)
    return [
        replace(row, split=SPLITS[split] if split >= 0 else None, split_scheme=name, group=group)
        for row, split, group in decided
    ]


def resplit(
    manifest: Manifest, scheme: str, seed: int, *, allow_leaks: bool = False, near: pa.Table | None = None
) -> Manifest:
    """The manifest with another split, without a look at the files.

    `near`: clusters of near-duplicates (`near.near_clusters`) that the scheme keeps together as it does people.
    Errors as in `assign`.
    """
    splits, groups, name = _assignment(manifest.table, scheme, seed, allow_leaks, near)
    chosen = pa.array(SPLITS, pa.string()).take(pa.array(splits, mask=splits < 0))
    made = {"split": chosen, "group": groups, "split_scheme": pa.repeat(pa.scalar(name, pa.string()), len(splits))}
    table = manifest.table
    for column, values in made.items():
        table = table.set_column(SCHEMA.get_field_index(column), SCHEMA.field(column), values)
    return Manifest(table, manifest.roots)


def _assignment(
    table: pa.Table, text: str, seed: int, allow_leaks: bool, near: pa.Table | None
) -> tuple[Ints, pa.Array, str]:
    """(R,) position in SPLITS or below 0, (R,) groups, and the full name of the split; in the order of `table`."""
    scheme = parse(text)
    if table.column("label").null_count:
        raise UsageError("a file without a label cannot be put into a split", "only real or fake media train and test")
    rows, order = columns(table, near)
    splits = SCHEMES[scheme.name](rows, scheme, seed)
    _check_not_empty(scheme, splits)
    leaking = find_leaks(rows.links, splits)
    if len(leaking) and not allow_leaks:
        raise UsageError(*_refusal(scheme, leaking))
    back = np.argsort(order)
    name = _name(scheme, seed, len(leaking), near)
    return splits[back], _groups(rows, splits).take(pa.array(back)), name


def _name(scheme: Scheme, seed: int, leaking: int, near: pa.Table | None) -> str:
    """For example "folds:5/0-v2-seed7+near:31": scheme, version, what else decides it, and what is wrong."""
    name = f"{scheme}-v{VERSION}" + (f"-seed{seed}" if scheme.seeded else "")
    if near is not None:
        name += f"+near:{pc.count_distinct(near.column('cluster')).as_py()}"
    return name + (f"{MARKER}{leaking}" if leaking else "")


def _refusal(scheme: Scheme, leaking: Leaks) -> tuple[str, str]:
    listed = "; ".join(map(str, leaking.first(SHOWN)))
    more = f" and {len(leaking) - SHOWN} more" if len(leaking) > SHOWN else ""
    problem = f"--split {scheme}: {len(leaking)} people, sources or files would be in several splits: {listed}{more}"
    return (
        problem,
        "--split official-strict leaves them out of training; --allow-leaks makes it so and marks the results",
    )


def _check_not_empty(scheme: Scheme, splits: Ints) -> None:
    """A scheme about named datasets must have something to train on and to test on."""
    named = scheme.trained or scheme.tested or scheme.folds
    lacking = [name for name, split in (("train", TRAIN), ("test", TEST)) if not (splits == split).any()]
    if named and lacking:
        raise UsageError(
            f"--split {scheme}: nothing is left for {' and '.join(lacking)}",
            "name datasets that do not share all their people and sources",
        )


def _leak_proof(rows: Columns, locks: Ints, seed: int) -> Ints:
    locks = hold_out(rows.links, locks)
    return fill(rows, hold_out(rows.links, cut(rows, locks, seed)), seed)


def _transfer(rows: Columns, locks: Ints, seed: int) -> Ints:
    """Train and val from the free rows that share no key with those locked to test."""
    locks[rows.links.touched_by(locks == TEST) & (locks != TEST)] = OUT
    locks = hold_out(rows.links, locks)
    return fill(rows, hold_out(rows.links, cut(rows, locks, seed, in_two, parts=2)), seed, TWO)


def _groups(rows: Columns, splits: Ints) -> pa.Array:
    """(R,) group of each row: its component among rows that are in a split, so that a group is in one split unless the
    scheme leaks. Rows in no split bear the name of what they are connected with."""
    everything = rows.links.components(np.ones(len(splits), np.bool_))
    whole = names(rows.links, everything, rows.media_ids).take(pa.array(everything))
    if not (splits < 0).any():
        return whole
    kept = rows.links.components(splits >= 0)
    return pc.coalesce(names(rows.links, kept, rows.media_ids).take(pa.array(kept, mask=kept < 0)), whole)
