"""What the extract stage has to do: the token stores of a profile, and which shards each of them lacks.

Specs only: no network is loaded here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from unmask.cache.augmentations import AUGMENTATIONS, view_name
from unmask.cache.encoders import make_encoder
from unmask.cache.projections.pca import pca_name, train_items
from unmask.cache.projections.projection import FOLDER, NATIVE, PCA, Projection, projection
from unmask.cache.spec import Encoder, EncoderSpec
from unmask.cache.store.token_store import Finished, create_store, read_spec
from unmask.core.atomic_files import sweep
from unmask.core.errors import MissingInput, UsageError
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.preprocess.shards.shard_plan import media_fingerprint

log = logging.getLogger("unmask")

SAMPLE_RATE = 16_000


@dataclass(eq=False)
class Stream:
    """One token store to fill: of one encoder, projection and view."""

    choice: str
    """Name of the encoder as the profile has it."""
    encoder: Encoder
    folder: Path
    fingerprint: str
    report: StageReport
    view: int = 0
    native: Stream | None = None
    """Whose tokens these are projected from (`pca`); None: the encoder runs."""
    missing: set[str] = field(default_factory=set)
    """Names of the media shards it has no tokens of."""

    @property
    def spec(self) -> EncoderSpec:
        return self.encoder.spec

    def projection(self) -> Projection | None:
        """`MissingInput` where it is fitted and not there."""
        return projection(self.spec.native_dim, self.spec.projection, self.folder.parent / FOLDER)


def planned(
    manifest: Manifest, profile: Profile, work: WorkFolder, versions: dict[str, str], device: torch.device
) -> list[Stream]:
    """The stores of every encoder and view of `profile`, those first that others are projected from.

    `versions`: media shard -> its content. What is finished is counted; nothing is written.
    """
    streams = list(_streams(manifest, profile, work, device))
    for stream in streams:
        _check_rate(stream, profile)
        _count_finished(stream, versions)
    for stream in streams:
        if stream.native is not None and not stream.missing:  # what it is projected from need not be made
            stream.native.missing.clear()
    return streams


def prepare(streams: Sequence[Stream], profile: Profile, shards: int) -> None:
    """Make the stores' folders and say what will be done. `MissingInput` for a store that was edited."""
    media = media_fingerprint(profile.preprocess)
    for stream in streams:
        why = _why_new(stream.folder, stream.spec, media)
        create_store(stream.folder, stream.spec, media)
        read_spec(stream.folder)
        sweep(stream.folder)
        _announce(stream, shards, why)


def folders_of(streams: Sequence[Stream]) -> tuple[dict[str, str], dict[str, list[str]], set[str]]:
    """Encoder -> clean folder, encoder -> folders of its views in order, folders that others are projected from."""
    natives = {id(stream.native) for stream in streams}
    used = [stream for stream in streams if id(stream) not in natives]
    views: dict[str, list[str]] = {}
    for stream in used:
        if stream.view:
            views.setdefault(stream.spec.name, []).append(stream.folder.name)
    clean = {stream.spec.name: stream.folder.name for stream in used if not stream.view}
    return clean, views, {stream.folder.name for stream in streams if id(stream) in natives}


def _streams(manifest: Manifest, profile: Profile, work: WorkFolder, device: torch.device) -> Iterator[Stream]:
    media = media_fingerprint(profile.preprocess)
    for choice in profile.encoders:
        clean = make_encoder(choice, device)
        name = clean.spec.projection
        if name == PCA:
            clean = make_encoder(choice.model_copy(update={"projection": NATIVE}), device)
            name = pca_name(clean.spec.fingerprint(media), train_items(manifest))
        for view in range(profile.views.count + 1 if clean.spec.modality in AUGMENTATIONS else 1):
            encoder = clean if view == 0 else make_encoder(_encoded(choice), device)
            encoder.spec = replace(encoder.spec, view=view_name(profile.views, view, clean.spec.modality))
            made = _stream(choice, encoder, work, media, view)
            yield made
            if choice.projection == PCA:
                projected = make_encoder(_encoded(choice), device)
                projected.spec = replace(encoder.spec, projection=name)
                yield replace(_stream(choice, projected, work, media, view), native=made)


def _encoded(choice: EncoderChoice) -> EncoderChoice:
    """What the encoder itself is asked for."""
    return choice.model_copy(update={"projection": NATIVE}) if choice.projection == PCA else choice


def _stream(choice: EncoderChoice, encoder: Encoder, work: WorkFolder, media: str, view: int) -> Stream:
    name = encoder.spec.fingerprint(media)
    label = (
        f"extract {choice.name}"
        + f", view {view}" * bool(view)
        + ", native" * (choice.projection == PCA and encoder.spec.projection == NATIVE)
    )
    folder = work.tokens / f"{encoder.spec.name}-{name}"
    return Stream(choice.name, encoder, folder, name, StageReport(label), view)


def _check_rate(stream: Stream, profile: Profile) -> None:
    rate = profile.preprocess.sample_rate
    if stream.spec.modality == "audio" and rate != SAMPLE_RATE:
        problem = f"encoder {stream.choice} hears {SAMPLE_RATE} Hz, and the media shards have {rate} Hz"
        raise UsageError(problem, f"--set preprocess.sample_rate={SAMPLE_RATE}, then preprocess again")


def _count_finished(stream: Stream, versions: dict[str, str]) -> None:
    for shard, version in versions.items():
        finished = Finished.read(stream.folder / shard, stream.fingerprint)
        if finished is None or finished.source != version:
            stream.missing.add(shard)
            continue
        stream.report.given += len(finished.keys)
        stream.report.skipped += len(finished.keys) - len(finished.failed)
        stream.report.failed |= finished.failed


def _announce(stream: Stream, shards: int, why: str) -> None:
    name, lacking = stream.report.stage.removeprefix("extract "), len(stream.missing)
    if not lacking:
        log.info("%s: nothing to do, %d clips of %s are reused", name, stream.report.given, stream.folder.name)
    elif lacking < shards:
        log.info("%s: %d shards are reused, %d are new or changed", name, shards - lacking, lacking)
    else:
        log.info("%s: encoding %d shards into %s (%s)", name, lacking, stream.folder.name, why)


def _why_new(folder: Path, spec: EncoderSpec, media: str) -> str:
    """What sets this store apart from the nearest one of the same encoder."""
    if folder.exists():
        return "new media"
    nearest: list[str] | None = None
    for other in sorted(folder.parent.glob(f"{spec.name}-*/spec.json")):
        try:
            other_spec, other_media = read_spec(other.parent)
        except MissingInput:  # a damaged neighbour explains nothing
            continue
        before, now = other_spec.as_json(), spec.as_json()
        changed = [key for key in now if key != "weights" and before[key] != now[key]]
        changed += ["preprocessing"] * (other_media != media)
        nearest = changed if nearest is None or len(changed) < len(nearest) else nearest
    return "first call" if nearest is None else f"new {', '.join(nearest)}"
