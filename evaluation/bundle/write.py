"""Writing a bundle: a finished and evaluated run, copied into a folder that needs no other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from unmask.cache.encoders import find_stream_name, is_own, make_encoder
from unmask.cache.projections.projection import FITTED
from unmask.cache.projections.projection import FOLDER as PROJECTIONS
from unmask.core.atomic_files import create_folder, write_json, write_text
from unmask.core.errors import DamagedInput, MissingInput, UsageError
from unmask.core.extensions import hash_extension
from unmask.core.files.damaged_files import find_damaged_files
from unmask.core.hashing import hash_file
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.bundle.card import CardParts, make_card
from unmask.evaluation.bundle.encoder_sources import EncoderSource, describe_source
from unmask.evaluation.evaluate import find_evaluation
from unmask.evaluation.results import Evaluation
from unmask.train.bundles.listing import (
    BUNDLE,
    CARD,
    COPIED,
    ENCODERS,
    FORMAT,
    MEMBERS,
    UNSAFE,
    VERSION,
    WEIGHTS,
    BundleInfo,
    format_listing,
    hash_listing,
    read_listing,
)
from unmask.train.bundles.machine_class import describe_class
from unmask.train.bundles.model_weights import load_weights, write_weights
from unmask.train.bundles.opening import is_bundle, open_bundle
from unmask.train.bundles.placed_encoders import place_weights
from unmask.train.run_folder import CONFIG, INPUTS, SUMMARY, LoadedRun, load_run, read_inputs, read_json, read_summary

CPU = torch.device("cpu")
LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def write_bundle(run: Path, out: Path, work: WorkFolder, *, license: str | None = None) -> BundleInfo:
    """Write the bundle of `run` into the folder `out`; the same bundle there is written again.

    `license`: the hub's id of the licence of the weights, for the card. `MissingInput` for a run that is not finished
    or evaluated, or whose encoder weights are gone; `UsageError` where `out` holds anything else.
    """
    loaded, evaluation = _open_evaluated(run, license)
    before = _read_existing(out)
    streams = loaded.info.streams
    used = [choice for choice in loaded.info.profile.encoders if find_stream_name(choice) in streams]
    sources = [describe_source(choice, streams[find_stream_name(choice)].spec) for choice in used]
    with create_folder(out.absolute()) as folder:
        _write_runs(run, loaded, sources, folder)
        _copy_beside(run, loaded, sources, folder)
        parts = CardParts(
            loaded=loaded,
            evaluation=evaluation,
            summary=read_summary(run),
            needs=[source.need for source in sources],
            license=license,
        )
        write_text(folder / CARD, make_card(parts, work))
        inside = [source.weights.folder.resolve() for source in sources if source.weights]
        _refuse_paths(folder, (run.resolve().parent, work.root.resolve(), Path.home(), *inside))
        about = _list_files(folder, run, loaded, evaluation, sources)
        if before and before.sha256 != about["sha256"]:
            raise UsageError(
                f"{out}: there is another bundle ({before.run})", "give another folder, or remove it first"
            )
        write_text(folder / BUNDLE, format_listing(about))
        _check_encoders(load_run(folder, CPU))
        found = read_listing(folder)
    return found


def _open_evaluated(run: Path, license: str | None) -> tuple[LoadedRun, Evaluation]:
    if license is not None and not LICENSE.fullmatch(license):
        raise UsageError(f"licence {license!r}: not an id of the hub", "for example apache-2.0, cc-by-nc-4.0, or other")
    if is_bundle(run):
        raise UsageError(f"{run}: is a bundle already", "copy its folder")
    loaded = load_run(run, CPU)
    if not (run / SUMMARY).is_file():
        raise MissingInput(f"{run.name}: its training is not finished", "unmask train, with the same settings")
    evaluation = find_evaluation(run)
    if evaluation is None:
        hint = "unmask evaluate: the model card tells what a model was shown to do"
        raise MissingInput(f"{run.name}: its current weights have not been evaluated", hint)
    return loaded, evaluation


def _read_existing(out: Path) -> BundleInfo | None:
    """The bundle at `out`; None where there is nothing. `UsageError` for anything else, which is left as it is."""
    hint = "give another folder, or remove it first"
    if not out.exists():
        return None
    if not out.is_dir():
        raise UsageError(f"{out}: a file, not a folder", hint)
    if not any(out.iterdir()):
        return None
    try:
        if found := open_bundle(out):
            return found
    except MissingInput as error:
        raise UsageError(f"{out}: there is a damaged bundle ({error.problem})", hint) from error
    raise UsageError(f"{out}: a folder with other files", hint)


def _write_runs(run: Path, loaded: LoadedRun, sources: Sequence[EncoderSource], folder: Path) -> None:
    _write_run(run, loaded, sources, folder)
    for inner, member in zip(loaded.members, loaded.info.members, strict=True):
        _write_run(run.parent / member.run, inner, sources, folder / MEMBERS / member.run)


def _write_run(run: Path, loaded: LoadedRun, sources: Sequence[EncoderSource], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG, read_json(run / CONFIG))
    write_json(folder / INPUTS, _place_inputs(read_inputs(run), loaded, sources))
    if not loaded.members:
        write_weights(folder / WEIGHTS, load_weights(run))


def _place_inputs(about: dict[str, Any], loaded: LoadedRun, sources: Sequence[EncoderSource]) -> dict[str, Any]:
    """inputs.json with the encoders that the model reads, and their weights where they are in the bundle."""
    encoders, streams = [], {name: dict(stream) for name, stream in about["streams"].items()}
    for source in sources:
        encoders.append(_place_choice(source))
        if source.weights is not None:
            stream = streams[source.need.stream]
            stream["spec"] = stream["spec"] | {"weights": "inside the bundle"}
    profile = loaded.info.profile.model_dump(mode="json") | {"encoders": encoders}
    # The bundle's weights are another file, whose checksum is in its listing.
    kept = {name: value for name, value in about.items() if name != "weights"}
    return kept | {"profile": profile, "streams": streams}


def _place_choice(source: EncoderSource) -> dict[str, Any]:
    choice = source.choice.model_dump(mode="json")
    return choice if source.weights is None else place_weights(choice, lambda _: f"./{source.place}")


def _copy_beside(run: Path, loaded: LoadedRun, sources: Sequence[EncoderSource], folder: Path) -> None:
    """Encoder weights, fitted projections, and the files of COPIED."""
    for source in sources:
        source.copy_weights(folder)
    fitted = {stream.spec.projection for stream in loaded.info.streams.values()}
    names = [*COPIED, *(f"{PROJECTIONS}/{name}.npz" for name in sorted(fitted) if name.startswith(FITTED))]
    for path in [run / name for name in names]:
        if path.is_file():
            _refuse_damaged(path)
            copy = folder / path.relative_to(run)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
        elif path.parent != run:
            raise MissingInput(f"{path}: the fitted projection of these tokens is missing", "unmask train")


def _refuse_damaged(path: Path) -> None:
    """`DamagedInput` unless the file is as it was written: its checksum in the bundle would call the damage whole."""
    if find_damaged_files([path]):
        hint = "unmask evaluate makes the files of an evaluation again, unmask train those of a training"
        raise DamagedInput(f"{path}: damaged since it was written", hint)


def _list_files(
    folder: Path, run: Path, loaded: LoadedRun, evaluation: Evaluation, sources: Sequence[EncoderSource]
) -> dict[str, Any]:
    """bundle.json. It has no date: the same run on the same machine gives the same bundle."""
    own = {choice.name for choice in (source.choice for source in sources) if is_own(choice.name)}
    machine = evaluation.machine
    device = "cpu" if machine.get("device", "CPU").startswith("CPU") else "cuda"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    about = {
        "format": FORMAT,
        "version": VERSION,
        "program": version("unmask"),
        "run": UNSAFE.sub("-", run.name),
        "key": loaded.info.key,
        "machine": describe_class(device, machine.get("torch", torch.__version__)),
        "needs": [source.need.model_dump(mode="json") for source in sources],
        "extensions": loaded.info.extensions
        | {f"encoder {name}": hash_extension(name, "encoder") for name in sorted(own)},
        "files": {
            path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": hash_file(path)}
            for path in files
        },
    }
    return about | {"sha256": hash_listing(about)}


def _refuse_paths(folder: Path, private: Sequence[Path]) -> None:
    """`UsageError` where a file that was written here names a folder of this machine."""
    for path in (*folder.rglob("*.json"), folder / CARD):
        if path.is_relative_to(folder / ENCODERS):
            continue  # as they were published
        text = path.read_text(encoding="utf-8")
        named = next(
            (one for one in private if len(one.parts) > 1 and re.search(rf"{re.escape(str(one))}(?![\w.-])", text)),
            None,
        )
        if named:
            problem = f"{path.relative_to(folder)}: names the folder {named} of this machine"
            raise UsageError(problem, "evaluate the run again, and give encoder weights by a hub name or as a folder")


def _check_encoders(opened: LoadedRun) -> None:
    """The encoders that the bundle names give the tokens of the training."""
    for choice in opened.info.profile.encoders:
        spec, made = opened.info.streams[find_stream_name(choice)].spec, make_encoder(choice, CPU).spec
        if (made.name, made.weights_hash) != (spec.name, spec.weights_hash):
            raise AssertionError(f"encoder {choice.alias_or_name}: {made.weights_hash} instead of {spec.weights_hash}")
