"""The run folder. Only this module and train/resume read and write it, except for the files of evaluation.

runs/<preset>-s<seed>-<8 hex of config and inputs>/
    config.json                         the settings, "auto" resolved
    inputs.json                         RunInfo: inputs of the run, and what scoring needs
    metrics.jsonl                       one line per epoch
    events.out.tfevents.*               the same for TensorBoard
    best_multimodal_all_datasets.pth    state dict of the best epoch, loads with weights_only=True
    last.pth                            model, optimizer, scaler and epoch, to resume from
    lock                                held while it is trained
    purpose.json                        only of a run that an ablation or an ensemble made (run_choice.py)
    summary.json                        RunSummary, written last: the run is finished
    earlier/                            only while it is trained anew: what it replaces (resume/earlier_training.py)

JSON, JSON lines and weights carry their own checksums, which are compared when they are read (sealed_files.py).

The folder of an ensemble, <preset>-ensemble<members>-s<first seed>-<8 hex>, has config.json (of its first member),
inputs.json, lock and summary.json. inputs.json names the members, whose folders lie beside it.

`load_run` opens a bundle too (train/bundles): weights are model.safetensors there, and members lie inside it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.hashing import fingerprint, hash_file
from unmask.metrics.calibration import limit_temperature
from unmask.train.best_epoch import Criterion
from unmask.train.bundles.listing import AGAIN, MEMBERS, BundleInfo
from unmask.train.bundles.model_weights import BEST as BEST
from unmask.train.bundles.model_weights import find_weights_file, load_weights
from unmask.train.bundles.model_weights import load_state as load_state
from unmask.train.bundles.model_weights import save_state as save_state
from unmask.train.bundles.opening import open_bundle
from unmask.train.bundles.placed_encoders import check_own_encoders, open_encoders
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.extensions import check_fusion, hash_extensions
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape
from unmask.train.run_info import FORMAT, VERSION, Member, RunInfo, RunSummary, StreamInfo
from unmask.train.validation import Validation

log = logging.getLogger("unmask")

CONFIG = "config.json"
INPUTS = "inputs.json"
METRICS = "metrics.jsonl"
LAST = "last.pth"
SUMMARY = "summary.json"
LOCK = "lock"
PURPOSE = "purpose.json"

REMEDY = "unmask train"


@dataclass(frozen=True, slots=True)
class LoadedRun:
    model: Detector
    """With the best epoch's weights, in evaluation mode; the first member's of an ensemble (`score_run` uses all)."""
    config: TrainConfig
    info: RunInfo
    members: tuple[LoadedRun, ...] = ()
    """Of an ensemble; empty for a single run."""


def run_key(config: TrainConfig, data: TokenData) -> str:
    """Fingerprint of the settings as given, the data, and the source of the user's own fusion and losses, if any."""
    extensions = hash_extensions(config)
    own = [extensions] if extensions else []
    sync = data.choose_sync(config)
    inputs = data.fingerprint((*data.choose_encoders(config), *sync), origins=config.paired)
    # Without a sync encoder its settings change nothing: runs from before there was one are found again.
    used = config if sync else config.model_copy(update={"sync": False, "fits_weight": 0.0})
    return fingerprint("run-2", used.fingerprint(), inputs, *own)


def run_folder(runs: Path, data: TokenData, config: TrainConfig) -> Path:
    """Where the run of `config` on `data` lies: the same settings on the same inputs are the same run."""
    control = "-shuffled" if config.shuffle_labels else ""
    return runs / f"{config.preset}{control}-s{config.seed}-{run_key(config, data)[:8]}"


def describe_inputs(
    data: TokenData, config: TrainConfig, shape: ModelShape, key: str, criterion: Criterion
) -> dict[str, Any]:
    """Fields of RunInfo that are known before training."""
    names = (*shape.streams, *data.choose_sync(config))
    stores = {name: data.all_streams[name].store for name in names}
    return {
        "key": key,
        "profile": data.profile,
        "media": data.media,
        "split_hash": data.split_hash,
        "streams": {n: StreamInfo(spec=store.spec, fingerprint=store.fingerprint) for n, store in stores.items()},
        "shape": shape,
        "criterion": criterion,
        "extensions": hash_extensions(config),
    }


def write_config(run: Path, config: TrainConfig) -> None:
    sealed_files.write_json(run / CONFIG, config.model_dump(mode="json"))


def write_summary(run: Path, summary: RunSummary) -> None:
    """The last file of a run, which finishes it. Without its path: a run folder may be moved."""
    sealed_files.write_json(run / SUMMARY, summary.as_json() | {"run": run.name})


def save_run(run: Path, model: Detector, inputs: Mapping[str, Any], epoch: int, validation: Validation) -> None:
    """Make this epoch (from 1) the run's best."""
    digest = save_state(run / BEST, {name: tensor.cpu() for name, tensor in model.state_dict().items()})
    write_info(run, {**inputs, "weights": digest}, epoch, validation)


def write_info(
    run: Path, inputs: Mapping[str, Any], epoch: int, validation: Validation, members: Sequence[Member] = ()
) -> None:
    """Write inputs.json, with the calibration of the scores that `validation` found."""
    names = ("temperature", "threshold", "video_temperature", "audio_temperature", "terms")
    calibration = {name: getattr(validation, name) for name in names}
    info = RunInfo(**inputs, best_epoch=epoch, members=tuple(members), **calibration)
    sealed_files.write_json(run / INPUTS, info.model_dump(mode="json"))


def load_run(run: Path, device: torch.device) -> LoadedRun:
    """The best model of a run or of a bundle, or the members of an ensemble.

    `MissingInput` when there is none, it is another program's or version's, a member is gone or was trained anew, or a
    file of a bundle is not as it was written.
    """
    info, bundle = read_info(run), open_bundle(run)
    try:
        if bundle:
            check_own_encoders(run, info.profile, bundle)
        check_fusion(run, info.shape.fusion, info.extensions)
        # Runs of earlier versions do not say whether tokens are standardized.
        config = TrainConfig.model_validate({"standardize": info.shape.standardized} | read_json(run / CONFIG))
    except ValidationError as error:
        raise MissingInput(f"{run}: damaged run ({error.error_count()} wrong settings)", REMEDY) from error
    if config.shuffle_labels:
        log.warning("%s: a control trained on shuffled labels: its scores are meaningless", run.name)
    temperature, threshold = limit_temperature(info.temperature, info.threshold)
    info = info.model_copy(update={"temperature": temperature, "threshold": threshold})
    if bundle:
        members = tuple(_load_inner_member(run, bundle, member, device) for member in info.members)
    else:
        members = tuple(_load_member(run, info, member, device) for member in info.members)
    return LoadedRun(members[0].model if members else _load_model(run, info, device), config, info, members)


def read_info(run: Path) -> RunInfo:
    """inputs.json of a run of this version."""
    bundle = open_bundle(run)
    about = read_json(run / INPUTS)
    if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
        raise MissingInput(f"{run}: not a run of this version", REMEDY)
    try:
        about = open_encoders(about, run, bundle) if bundle else about
        return RunInfo.model_validate(about)
    except ValidationError as error:
        raise MissingInput(f"{run}: damaged run ({error.error_count()} wrong settings)", REMEDY) from error


def _load_model(run: Path, info: RunInfo, device: torch.device) -> Detector:
    model = Detector(info.shape)
    try:
        model.load_state_dict(load_weights(run, info.weights))
    except RuntimeError as error:
        raise MissingInput(f"{find_weights_file(run)}: weights of another model", REMEDY) from error
    return model.to(device).eval()


def _load_inner_member(run: Path, bundle: BundleInfo, member: Member, device: torch.device) -> LoadedRun:
    """A member inside a bundle, whose bytes are those that its listing says."""
    listed = f"{MEMBERS}/{member.run}/{INPUTS}" in bundle.files
    found = read_info(run / MEMBERS / member.run) if listed else None
    if found is None or found.key != member.key or found.members:
        raise MissingInput(f"{run}: its member {member.run} is not inside", AGAIN)
    return load_run(run / MEMBERS / member.run, device)


def _load_member(ensemble: Path, info: RunInfo, member: Member, device: torch.device) -> LoadedRun:
    folder = ensemble.parent / member.run
    remedy = (
        f"{REMEDY}, with --ensemble {len(info.members)} and the settings of {ensemble.name}: "
        "members that are there are reused, and the ensemble is calibrated anew"
    )
    try:
        found = describe_member(folder)
    except MissingInput as error:
        raise MissingInput(f"{ensemble.name}: its member {member.run} is gone or damaged", remedy) from error
    if found != member:
        raise MissingInput(f"{ensemble.name}: its member {member.run} was trained anew since", remedy)
    return load_run(folder, device)


def describe_member(run: Path) -> Member:
    """What an ensemble notes about the run that becomes its member. `MissingInput` if it cannot be read."""
    about = read_json(run / INPUTS)
    try:
        return Member(run=run.name, key=about["key"], content=fingerprint(about, hash_file(run / BEST)))
    except (OSError, KeyError, ValidationError) as error:
        raise_read_failure(error)
        raise MissingInput(f"{run}: no readable run", REMEDY) from error


def read_summary(run: Path) -> RunSummary:
    """Of a finished run."""
    try:
        summary = RunSummary.model_validate(read_json(run / SUMMARY))
    except ValidationError as error:
        raise MissingInput(f"{run / SUMMARY}: not a summary of this version", REMEDY) from error
    return summary.model_copy(update={"run": str(run)})


def write_metrics(run: Path, lines: list[dict[str, Any]]) -> None:
    """All epochs so far; rewritten whole, so that a resumed run has every epoch once."""
    sealed_files.write_lines(run / METRICS, lines)


def read_metrics(run: Path) -> list[dict[str, Any]]:
    if not (run / METRICS).is_file():
        return []
    try:
        return sealed_files.read_lines(run / METRICS)
    except ValueError as error:
        raise as_missing_input(error, f"{run / METRICS}: not lines of JSON", REMEDY) from error


def read_inputs(run: Path) -> dict[str, Any]:
    """inputs.json as it is, of a run of any version."""
    return read_json(run / INPUTS)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run. `MissingInput` where it is missing or damaged."""
    try:
        return sealed_files.read_json(path)
    except (OSError, ValueError) as error:
        raise as_missing_input(error, f"{path}: no readable run", REMEDY) from error
