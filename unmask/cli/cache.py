"""`unmask cache`: list, measure, verify, clean, export and import the token cache."""

from __future__ import annotations

import logging
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unmask.cli.console import Console, confirm, format_size
from unmask.cli.hints import adapt_commands
from unmask.cli.options import DEFAULT_MAX_FAILURES, Call, Device, MaxFailures, command
from unmask.core.buckets.opening import remove_unused_content
from unmask.core.errors import MissingInput
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmask.cache.store.inventory import Reference, StoreFacts
    from unmask.cache.store.verification import Damage
    from unmask.core.terminal.wide_table import WideTable
    from unmask.manifests.manifest import Manifest

DAMAGE_SHOWN = 20

log = logging.getLogger("unmask")
app = typer.Typer(help="List, measure, verify, clean, export and import cached tokens.", no_args_is_help=True)


@app.command()
@command()
def ls(call: Call) -> None:
    """List token stores: encoder, size, clips, tokens, the profiles and runs that use them, time of last use."""
    from unmask.cache.store.inventory import list_stores
    from unmask.train.token_usage import list_token_use

    folder = call.work.folder
    stores = list_stores(folder, list_token_use(folder.runs))
    _show_stores(call.console, stores)
    for store in filter(attrgetter("problem"), stores):
        log.warning("%s (%s)", store.problem, adapt_commands("unmask cache verify --repair", call.work.folder.root))
    call.console.result["stores"] = [store.as_json() for store in stores]


@app.command()
@command()
def du(call: Call) -> None:
    """Show the size of every media folder, token store and run, and the total."""
    from unmask.cache.store.inventory import measure_disk_use

    sizes = measure_disk_use(call.work.folder)
    for path, size in sizes.items():
        call.console.say(f"{format_size(size)}  {path}")
    call.console.say(f"{format_size(sum(sizes.values()))}  total")
    call.console.result |= {"bytes": sizes, "total": sum(sizes.values())}


@app.command()
@command()
def verify(
    call: Call,
    repair: Annotated[bool, typer.Option("--repair", help="Compute damaged shards again, and replace them.")] = False,
    device: Device = "auto",
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
) -> None:
    """Compare every media and token shard, run and small file of the work folder with its checksums."""
    from unmask.cache.store.verification import remove_replaced
    from unmask.cache.store.verification import verify as find_damage

    console, folder = call.console, call.work.folder
    damaged = find_damage(folder)
    _show_damage(console, damaged)
    console.result["damaged"] = [one.as_json() for one in damaged]
    if repair:
        remove_replaced(folder)  # of a call that was killed
    if damaged and repair:
        _repair(console, folder, damaged, device, max_failures)
        damaged = find_damage(folder)
        console.result["still_damaged"] = [one.as_json() for one in damaged]
    files = _find_damaged_files(console, folder)
    if damaged:
        hint = "see the lines above" if repair else "unmask cache verify --repair"
        raise MissingInput(f"{folder.root}: {len(damaged)} damaged: {damaged[0]}", hint)
    if files:
        hint = "unmask train and unmask evaluate make those of a run again, other commands those that they write"
        raise MissingInput(f"{folder.root}: {len(files)} files are damaged: {files[0]}", hint)
    console.say("no shard and no file is damaged")


@app.command()
@command()
def gc(
    call: Call,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed; remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking for confirmation.")] = False,
) -> None:
    """Remove token stores that no profile and no run uses, and last.pth of finished runs. Asks for confirmation."""
    from unmask.cache.store.inventory import list_stores, remove_unused_stores
    from unmask.train.run_upkeep import list_spent_states, remove_states
    from unmask.train.token_usage import list_token_use

    console, folder = call.console, call.work.folder
    unused = [store for store in list_stores(folder, list_token_use(folder.runs)) if not store.referenced]
    states = list_spent_states(folder.runs)
    spent = sum(path.stat().st_size for path in states)
    freed = sum(store.bytes for store in unused)
    console.result |= {"unreferenced": [store.as_json() for store in unused], "bytes": freed + spent, "removed": []}
    console.result["finished_states"] = [str(path.relative_to(folder.root)) for path in states]
    _show_stores(console, unused)
    console.say(f"{len(unused)} stores that no profile and no run uses, {format_size(freed).strip()}")
    if states:
        console.say(f"last.pth of {len(states)} finished runs, {format_size(spent).strip()}")
    if (unused or states) and not dry_run and (yes or confirm(console.as_json)):
        found = {store.folder for store in unused}
        removed = remove_unused_stores(folder, found, lambda: list_token_use(folder.runs))
        states = remove_states(states)
        console.result["removed"] = removed + [str(path.relative_to(folder.root)) for path in states]
        kept = sorted(found.difference(removed))
        console.say("removed" + f"; in use since, and kept: {', '.join(kept)}" * bool(kept))
    objects, size = (0, 0) if dry_run else remove_unused_content(folder.root)
    if objects:
        console.say(f"{objects} objects of the bucket that no commit names, {format_size(size).strip()}: removed")


@app.command()
@command()
def export(
    call: Call,
    out: Annotated[Path, typer.Argument(help="File to write.")],
    form: Annotated[
        Literal["hdf5", "parquet", "npz"],
        typer.Option("--format", help="hdf5: all tokens. parquet, npz: mean tokens, for scikit-learn."),
    ] = "hdf5",
    per: Annotated[
        Literal["item", "clip"], typer.Option("--per", help="One mean token per file or per clip.")
    ] = "item",
) -> None:
    """Write the tokens of the profile that was extracted last into one file."""
    from unmask.cache.export.mean_vectors import pool_tokens, read_item_columns, write_npz, write_parquet
    from unmask.cache.export.transfer import export_hdf5, open_latest

    console, folder = call.console, call.work.folder
    if form == "hdf5":
        latest = export_hdf5(folder, out)
        rows, unit = len(next(iter(latest.stores.values()), [])), "clips"
    else:
        latest = open_latest(folder)
        vectors = pool_tokens(latest.stores, per)
        manifest = call.work.read_manifest() if folder.manifest.is_file() else None
        write = write_parquet if form == "parquet" else write_npz
        write(out, vectors, read_item_columns(manifest, vectors))
        rows, unit = len(vectors), f"{per}s"
    console.result |= {"file": str(out), "format": form, "rows": rows, "streams": list(latest.stores)}
    console.result["bytes"] = out.stat().st_size
    console.say(f"{out}: {rows} {unit}, {', '.join(latest.stores)}, {format_size(out.stat().st_size).strip()}")


@app.command(name="import")
@command()
def import_(
    call: Call,
    file: Annotated[Path, typer.Argument(help="File written by `unmask cache export --format hdf5`.")],
) -> None:
    """Read exported tokens into this work folder, as the profile that was extracted last."""
    from unmask.cache.export.transfer import import_hdf5

    call.console.show_stages(import_hdf5(call.work.folder, file), 1.0)
    if not call.work.folder.manifest.is_file():
        remedy = adapt_commands("unmask scan /path/to/datasets, then unmask preprocess", call.work.folder.root)
        call.console.say(f"to train on these tokens, scan and preprocess the same datasets: {remedy}")


def _find_damaged_files(console: Console, folder: WorkFolder) -> list[str]:
    """Damaged files of runs, and the small files of the work folder that commands read again."""
    from unmask.core.files.damaged_files import find_damaged_files

    media = ("media/*/plan.json", "media/*/outcomes.parquet")
    patterns = ("*.json", "*.parquet", "tokens/*.json", "tokens/projections/*.npz", *media)
    results = (
        "runs/**/*",
        "foreign/*/*",
        "adapted/*/*",
        "suites/*/suite.json",
        "suites/cells/*/*",
        "ablations/*/ablation.json",
    )
    paths = sorted(path for pattern in (*patterns, *results) for path in folder.root.glob(pattern))
    found = [path.relative_to(folder.root).as_posix() for path in find_damaged_files(filter(Path.is_file, paths))]
    for path in found[:DAMAGE_SHOWN]:
        console.say(f"damaged: {path}")
    if found:
        console.result["damaged_files"] = found
    return found


def _repair(console: Console, folder: WorkFolder, damaged: Sequence[Damage], device: str, max_failures: float) -> None:
    """Set the damaged shards aside, run the stages of the affected profiles, and remove what these have replaced."""
    from unmask.cache.store.verification import ASIDE, find_affected_profiles, remove_replaced, set_damaged_aside
    from unmask.manifests.manifest import read_manifest

    manifest = read_manifest(folder.manifest) if folder.manifest.is_file() else None
    removed, kept = set_damaged_aside(folder, damaged, manifest)
    console.result |= {"removed": removed, "kept": kept}
    for path in kept:
        console.say(f"kept, because the media files behind it are gone: {path}")
    again = any((folder.root / path).is_relative_to(folder.media) for path in removed)
    for reference in find_affected_profiles(folder, removed):
        if manifest is None:
            console.say(f"no manifest: the tokens of {reference.name} cannot be computed again")
        else:
            _run_stages(console, folder, manifest, reference, device, max_failures, media=again)
    for path in remove_replaced(folder):
        console.say(f"could not be made again, and is kept with {ASIDE} before its name: {path}")


def _run_stages(
    console: Console,
    folder: WorkFolder,
    manifest: Manifest,
    reference: Reference,
    device: str,
    max_failures: float,
    *,
    media: bool,
) -> None:
    from unmask.cache.stage import extract
    from unmask.preprocess.stage import preprocess

    reports = [preprocess(manifest, reference.profile.preprocess, folder)] if media else []
    reports += extract(manifest, reference.profile, folder, device=choose_device(device))
    console.show_stages(reports, max_failures)


def _show_damage(console: Console, damaged: Sequence[Damage]) -> None:
    for one in damaged[:DAMAGE_SHOWN]:
        console.say(f"damaged: {one}")
    if len(damaged) > DAMAGE_SHOWN:
        console.say(f"and {len(damaged) - DAMAGE_SHOWN} more (--json lists all)")


def _show_stores(console: Console, stores: Sequence[StoreFacts]) -> None:
    if stores:
        console.show(make_store_table(stores))


def make_store_table(stores: Sequence[StoreFacts]) -> WideTable:
    from unmask.core.terminal.wide_table import Column, WideTable

    columns = [
        Column(heading="size", cells=[format_size(store.bytes).strip() for store in stores]),
        Column(heading="shards", cells=[f"{store.shards:,}" for store in stores]),
        Column(heading="clips", cells=[f"{store.clips:,}" for store in stores]),
        Column(heading="tokens", cells=[f"{store.tokens:,}" for store in stores]),
        Column(heading="profiles", cells=[", ".join(store.profiles) or "none" for store in stores], wraps=True),
        Column(heading="runs", cells=[str(len(store.runs)) for store in stores]),
        Column(heading="last used", cells=[store.as_json()["last_used"][:16] for store in stores], left=True),
    ]
    names = [f"{store.folder} (damaged)" if store.problem else store.folder for store in stores]
    return WideTable(names=Column(heading="store", cells=names), columns=columns)
