"""`unmask cache`: what lies in the cache, whether it is whole, what nobody needs, and how to give it to others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unmask.cli.console import Console, opened
from unmask.cli.options import DEFAULT_MAX_FAILURES, DEFAULT_WORK, Device, Json, MaxFailures, Quiet, Work
from unmask.core.errors import MissingInput, UsageError
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmask.cache.store.inventory import Reference, StoreFacts
    from unmask.cache.store.verification import Damage
    from unmask.manifests.manifest import Manifest

DAMAGE_SHOWN = 20

app = typer.Typer(help="What is cached: list, measure, verify, clean, export, import.", no_args_is_help=True)


@app.command()
def ls(work: Work = DEFAULT_WORK, as_json: Json = False, quiet: Quiet = False) -> None:
    """Every token store: encoder, size, clips, tokens, the profiles and runs that use it, when it was last used."""
    from unmask.cache.store.inventory import list_stores
    from unmask.train.token_usage import list_token_use

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        stores = list_stores(folder, list_token_use(folder.runs))
        _show_stores(console, stores)
        console.result["stores"] = [store.as_json() for store in stores]


@app.command()
def du(work: Work = DEFAULT_WORK, as_json: Json = False, quiet: Quiet = False) -> None:
    """Bytes of every media folder, token store and run, and of all together."""
    from unmask.cache.store.inventory import measure_disk_use

    with opened(as_json, quiet) as console:
        sizes = measure_disk_use(WorkFolder(work))
        for path, size in sizes.items():
            console.say(f"{_size(size)}  {path}")
        console.say(f"{_size(sum(sizes.values()))}  in all")
        console.result |= {"bytes": sizes, "total": sum(sizes.values())}


@app.command()
def verify(
    work: Work = DEFAULT_WORK,
    repair: Annotated[bool, typer.Option("--repair", help="Remove what is damaged and make it again.")] = False,
    device: Device = "auto",
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare every media and token shard with the checksums it was written with."""
    from unmask.cache.store.verification import verify as run_verify

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        found = run_verify(folder)
        _tell(console, found)
        console.result["damaged"] = [one.as_json() for one in found]
        if found and repair:
            _repair(console, folder, found, device, max_failures)
            found = run_verify(folder)
            console.result["still_damaged"] = [one.as_json() for one in found]
        if found:
            hint = "see the lines above" if repair else "unmask cache verify --repair"
            raise MissingInput(f"{work}: {len(found)} damaged: {found[0]}", hint)
        console.say("all shards are whole")


@app.command()
def gc(
    work: Work = DEFAULT_WORK,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List only.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove token stores that no profile and no run refers to. Asks first."""
    from unmask.cache.store.inventory import list_stores, remove_stores
    from unmask.train.token_usage import list_token_use

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        loose = [store for store in list_stores(folder, list_token_use(folder.runs)) if not store.referenced]
        freed = sum(store.bytes for store in loose)
        console.result |= {"unreferenced": [store.as_json() for store in loose], "bytes": freed, "removed": []}
        _show_stores(console, loose)
        console.say(f"{len(loose)} stores that no profile and no run refers to, {_size(freed).strip()}")
        if loose and not dry_run and (yes or _agreed(as_json)):
            remove_stores(folder, [store.folder for store in loose])
            console.result["removed"] = [store.folder for store in loose]
            console.say("removed")


@app.command(name="export")
def export_(
    out: Annotated[Path, typer.Argument(help="File to write.")],
    form: Annotated[
        Literal["hdf5", "parquet", "npz"],
        typer.Option("--format", help="hdf5: all tokens; parquet, npz: their means, for scikit-learn."),
    ] = "hdf5",
    per: Annotated[Literal["item", "clip"], typer.Option("--per", help="A row of the means.")] = "item",
    work: Work = DEFAULT_WORK,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the tokens of the last profile into one file."""
    from unmask.cache.export.mean_vectors import pool_tokens, read_item_columns, write_npz, write_parquet
    from unmask.cache.export.transfer import export_hdf5, open_latest
    from unmask.manifests.manifest import read_manifest

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        if form == "hdf5":
            latest = export_hdf5(folder, out)
            rows, unit = len(next(iter(latest.stores.values()), [])), "clips"
        else:
            latest = open_latest(folder)
            vectors = pool_tokens(latest.stores, per)
            manifest = read_manifest(folder.manifest) if folder.manifest.is_file() else None
            write = write_parquet if form == "parquet" else write_npz
            write(out, vectors, read_item_columns(manifest, vectors))
            rows, unit = len(vectors), f"{per}s"
        console.result |= {"file": str(out), "format": form, "rows": rows, "streams": list(latest.stores)}
        console.result["bytes"] = out.stat().st_size
        console.say(f"{out}: {rows} {unit}, {', '.join(latest.stores)}, {_size(out.stat().st_size).strip()}")


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `unmask cache export --format hdf5` wrote.")],
    work: Work = DEFAULT_WORK,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring exported tokens into this work folder, as its last profile."""
    from unmask.cache.export.transfer import import_hdf5

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        reports = import_hdf5(folder, file)
        console.stages(reports, 1.0)
        if not folder.manifest.is_file():
            console.say("training on them needs the manifest and the media shards too: make manifest DATA=...")


def _repair(console: Console, folder: WorkFolder, found: Sequence[Damage], device: str, max_failures: float) -> None:
    """Remove what is damaged, then let the stages of the profiles concerned fill the gaps."""
    from unmask.cache.store.verification import find_affected_profiles, remove_damaged
    from unmask.manifests.manifest import read_manifest

    manifest = read_manifest(folder.manifest) if folder.manifest.is_file() else None
    removed, kept = remove_damaged(folder, found, manifest)
    console.result |= {"removed": removed, "kept": kept}
    for path in kept:
        console.say(f"kept, because files it was made from are gone: {path}")
    again = any((folder.root / path).is_relative_to(folder.media) for path in removed)
    for reference in find_affected_profiles(folder, removed):
        if manifest is None:
            console.say(f"no manifest to make the tokens of {reference.name} again from")
        else:
            _redo(console, folder, manifest, reference, device, max_failures, media=again)


def _redo(
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
    console.stages(reports, max_failures)


def _tell(console: Console, found: Sequence[Damage]) -> None:
    for one in found[:DAMAGE_SHOWN]:
        console.say(f"damaged: {one}")
    if len(found) > DAMAGE_SHOWN:
        console.say(f"and {len(found) - DAMAGE_SHOWN} more (--json lists all)")


def _agreed(as_json: bool) -> bool:
    if as_json:
        raise UsageError("nobody can be asked with --json", "--yes, or --dry-run")
    return typer.confirm("Remove them?")


def _show_stores(console: Console, stores: Sequence[StoreFacts]) -> None:
    from rich.table import Table

    if not stores:
        return
    table = Table("store", "size", "shards", "clips", "tokens", "profiles", "runs", "last used", box=None)
    for store in stores:
        about = store.as_json()
        numbers = (f"{store.shards:,}", f"{store.clips:,}", f"{store.tokens:,}")
        users = (", ".join(store.profiles) or "none", str(len(store.runs)), about["last_used"][:16])
        name = store.folder if not store.problem else f"{store.folder} (damaged)"
        table.add_row(name, _size(store.bytes), *numbers, *users)
    console.show(table)


def _size(count: int) -> str:
    power = min(3, max(0, len(str(count)) - 1) // 3)
    return f"{count / 1000**power:8.1f} {('B', 'KB', 'MB', 'GB')[power]}"
