"""What is compared: the command's options as settings per row, splits and work folders."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.core.errors import UsageError
from unmask.core.settings import apply
from unmask.core.work_folder import WorkFolder
from unmask.train.config import TrainConfig
from unmask.train.presets import make_preset, parse_variants


@dataclass(frozen=True, kw_only=True)
class Plan:
    works: tuple[Path, ...]
    scheme: str
    split_seeds: tuple[int, ...]
    configs: dict[str, TrainConfig]
    """Row of the table -> its settings, without the seed."""
    seeds: tuple[int, ...]
    """Of training: each row is trained with each of them on each split."""
    base: str | None
    """The row that the others are also compared with."""
    out: Path
    """JSON lines; the table is written beside it, as Markdown."""
    device: str
    threads: int
    jobs: int


def parse_plan(arguments: Sequence[str]) -> Plan:
    """`UsageError` for a wrong setting, variant or preset; argparse ends the program for other mistakes."""
    given = _make_parser().parse_args(arguments)
    configs = _choose_configs(given)
    if given.base is not None and given.base not in configs:
        raise UsageError(f"--base {given.base}: not compared", f"--base {next(iter(configs))}")
    works = tuple(path.absolute() for path in given.work)
    for path in works:
        if not WorkFolder(path).manifest.is_file():
            raise UsageError(f"{path}: no work folder with a manifest", "unmask scan, preprocess and extract make one")
    if len({path.name for path in works}) < len(works):
        raise UsageError("--work: two folders of one name", "tables are headed by the folder's name: rename one")
    return Plan(
        works=works,
        scheme=given.split,
        split_seeds=parse_seeds(given.split_seeds),
        configs=configs,
        seeds=parse_seeds(given.seeds),
        base=given.base,
        out=given.out.absolute(),
        device=given.device,
        threads=given.threads,
        jobs=given.jobs,
    )


def parse_seeds(text: str) -> tuple[int, ...]:
    """(0, 1, 2, 7) of "0-2,7"."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            seeds += range(int(first), int(last if dash else first) + 1)
        except ValueError as error:
            raise UsageError(f"seeds {text!r}: not whole numbers", "0,1,2 or 0-7") from error
    if not seeds:
        raise UsageError(f"seeds {text!r}: none", "0,1,2 or 0-7")
    return tuple(dict.fromkeys(seeds))


def _choose_configs(given: argparse.Namespace) -> dict[str, TrainConfig]:
    """The presets, then the variants; --epochs, --size and --set change all of them, a variant's own settings last."""
    variants = parse_variants(given.variant)
    presets = [name.strip() for name in given.presets.split(",") if name.strip()]
    if taken := sorted(variants.keys() & set(presets)):
        raise UsageError(f"--variant {taken[0]}: a preset of this name is compared too", "choose another name")
    common = [f"train.{name}={value}" for name in ("epochs", "size") if (value := getattr(given, name)) is not None]
    common += given.set
    rows = {name: (name, list[str]()) for name in presets} | variants
    if not rows:
        raise UsageError("nothing to compare", "--presets full,linear")
    return {
        name: apply(make_preset(base).changed({"preset": name}), None, [*common, *own], under="train.")
        for name, (base, own) in rows.items()
    }


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks models",
        description="Compare presets and variants with the linear probe on repeated splits of work folders, and write "
        "a table of paired differences. Work folders are only read. Measured rows are kept: the same command goes on "
        "where it was stopped.",
    )
    add = parser.add_argument
    add("--work", nargs="+", type=Path, required=True, metavar="DIR", help="work folders with extracted tokens")
    add("--out", type=Path, required=True, metavar="FILE", help="JSON lines; the table is FILE with the ending .md")
    add("--presets", default="full,linear", help="comma-separated (default: full,linear)")
    add("--variant", action="append", default=[], metavar="NAME:train.X=Y", help="as in `unmask ablate`; repeatable")
    add("--base", help="a row that the others are also compared with")
    add("--split", default="grouped", help="split scheme (default: grouped)")
    add("--split-seeds", default="0-7", help="one split each (default: 0-7)")
    add("--seeds", default="0", help="of training; their mean counts per split (default: 0)")
    add("--epochs", type=int, help="of every row")
    add("--size", choices=("auto", "small", "large"), help="of every row")
    add("--set", action="append", default=[], metavar="train.X=Y", help="a setting of every row; repeatable")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--threads", type=int, default=1, help="per process (default: 1)")
    add("--jobs", type=int, default=1, help="processes; each takes one split at a time (default: 1)")
    return parser
