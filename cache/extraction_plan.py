"""The plan of the extract stage: the token stores of a profile, and the shards that each of them lacks.

Only specs are made; no network is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from unmask.cache.augmentations import AUGMENTED_INPUTS, name_augmentation
from unmask.cache.encode_shard import count_expected_tokens
from unmask.cache.encoders import find_given_weights, find_stream_name, make_encoder
from unmask.cache.encoders.audio_base import check_sample_rate
from unmask.cache.projections.pca import list_train_items, name_pca
from unmask.cache.projections.projection import FOLDER, NATIVE, PCA, Projection, projection
from unmask.cache.spec import Encoder, EncoderSpec
from unmask.cache.store.first_open import FILE as CHECKED
from unmask.cache.store.token_store import SPEC, Finished, create_store, read_spec
from unmask.cache.weights.trained_on import FILE as TRAINED_ON
from unmask.cache.weights.trained_on import find_trained_on, write_trained_on
from unmask.core.crashes import is_crash
from unmask.core.errors import MissingInput, UsageError
from unmask.core.sharing.partition import Partition
from unmask.core.sharing.shared_work import Claims
from unmask.core.stage_report import StageReport
from unmask.core.warm.kept_values import keep
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import get_media_folder, hash_media_settings

log = logging.getLogger("unmask")


@dataclass(eq=False)
class StoreJob:
    """One token store to fill: of one encoder, projection and augmentation."""

    choice: EncoderChoice
    """As the profile has it."""
    encoder: Encoder
    folder: Path
    fingerprint: str
    report: StageReport
    view: int = 0
    native: StoreJob | None = None
    """The store that these tokens are projected from (`pca`); None: the encoder runs."""
    missing: set[str] = field(default_factory=set)
    """Names of the media shards that it has no tokens of."""

    @property
    def stream(self) -> str:
        """Name of its tokens in the profile index and in runs."""
        return find_stream_name(self.choice)

    @property
    def spec(self) -> EncoderSpec:
        return self.encoder.spec

    def projection(self) -> Projection | None:
        """Load the projection. `MissingInput` when it is a fitted one that does not exist."""
        return projection(self.spec.native_dim, self.spec.projection, self.folder.parent / FOLDER)


@dataclass
class NothingToEncode:
    """Stands for an encoder that finds nothing in the media shards, so that neither it nor its libraries are loaded."""

    spec: EncoderSpec

    def encode(self, batch: Any) -> torch.Tensor:
        raise AssertionError(f"{self.spec.name}: there was nothing to encode")


def plan_stores(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    versions: dict[str, str],
    device: torch.device,
    known: Mapping[str, EncoderSpec] | None = None,
) -> list[StoreJob]:
    """List the stores of every encoder and augmentation of `profile`; a native store comes before its projections.

    `versions`: media shard -> hash of its content. Finished shards are counted; nothing is written. `known`: specs by
    stream, as `extract` has them.
    """
    unneeded = _find_unneeded(get_media_folder(work, profile.preprocess), versions, known or {})
    jobs = list(_plan_stores(manifest, profile, work, device, unneeded))
    _refuse_equal_tokens(jobs)
    for job in jobs:
        if job.spec.modality == "audio":
            check_sample_rate(job.choice.alias_or_name, profile.preprocess)
        _count_finished(job, versions)
    for job in jobs:
        if job.native is not None and not job.missing:  # its native tokens are not needed
            job.native.missing.clear()
    return jobs


def _find_unneeded(media: Path, shards: Iterable[str], known: Mapping[str, EncoderSpec]) -> dict[str, EncoderSpec]:
    """Those of `known` with nothing to encode in the shards, which are opened only if there are any."""
    opened = [MediaShard(media / name) for name in shards] if known else []
    return {name: spec for name, spec in known.items() if not any(count_expected_tokens(one, spec) for one in opened)}


def prepare_stores(jobs: Sequence[StoreJob], profile: Profile, work: WorkFolder, shards: int, part: Partition) -> None:
    """Create the stores' folders and log what will be done. `MissingInput` for a store that was edited."""
    media = hash_media_settings(profile.preprocess)
    claims = claim_shards(work, get_media_folder(work, profile.preprocess))
    for job in jobs:
        why = _explain_new(job.folder, job.spec, media)
        create_store(job.folder, job.spec, media)
        _keep_record(job)
        read_spec(job.folder)
        remove_leftovers(job, claims, part.choose(job.missing))
        _announce(job, shards, why)


def remove_leftovers(job: StoreJob, claims: Claims, only: Collection[str] | None) -> None:
    """Remove temporary files of killed processes from a store; see `Claims.remove_leftovers`."""
    claims.remove_leftovers(job.folder, (SPEC, CHECKED, TRAINED_ON), only)


def _keep_record(job: StoreJob) -> None:
    """Copy what adapted weights were trained on into the store: it stays true when the weights are moved."""
    if record := find_trained_on(find_given_weights(job.choice)):
        write_trained_on(job.folder, record)


def list_folders(jobs: Sequence[StoreJob]) -> tuple[dict[str, str], dict[str, list[str]], set[str]]:
    """Encoder -> clean folder, encoder -> folders of its augmentations in order, and native folders of projections."""
    natives = {id(job.native) for job in jobs}
    used = [job for job in jobs if id(job) not in natives]
    views: dict[str, list[str]] = {}
    for job in used:
        if job.view:
            views.setdefault(job.stream, []).append(job.folder.name)
    clean = {job.stream: job.folder.name for job in used if not job.view}
    return clean, views, {job.folder.name for job in jobs if id(job) in natives}


def _plan_stores(
    manifest: Manifest, profile: Profile, work: WorkFolder, device: torch.device, unneeded: Mapping[str, EncoderSpec]
) -> Iterator[StoreJob]:
    media = hash_media_settings(profile.preprocess)
    for choice in profile.encoders:
        if spec := unneeded.get(find_stream_name(choice)):
            yield _make_job(choice, NothingToEncode(spec), work, media, 0)
            continue
        clean = _make_clean(choice, profile, device)
        name = clean.spec.projection
        if name == PCA:
            clean = make_encoder(choice.model_copy(update={"projection": NATIVE}), device)
            name = name_pca(clean.spec.fingerprint(media), list_train_items(manifest))
        for view in range(profile.views.count + 1 if clean.spec.input in AUGMENTED_INPUTS else 1):
            encoder = clean if view == 0 else make_encoder(_get_native_choice(choice), device)
            encoder.spec = replace(encoder.spec, view=name_augmentation(profile.views, view, clean.spec.modality))
            made = _make_job(choice, encoder, work, media, view)
            yield made
            if choice.projection == PCA:
                projected = make_encoder(_get_native_choice(choice), device)
                projected.spec = replace(encoder.spec, projection=name)
                yield replace(_make_job(choice, projected, work, media, view), native=made)


def _make_clean(choice: EncoderChoice, profile: Profile, device: torch.device) -> Encoder:
    """The encoder of clean media, kept where a process asks for it. One that augmentations rename is not shared."""
    if profile.views.count:
        return make_encoder(choice, device)
    return keep(("encoder", choice.model_dump_json(), str(device)), lambda: make_encoder(choice, device))


def _refuse_equal_tokens(jobs: Sequence[StoreJob]) -> None:
    """`UsageError` when two encoders of the profile would fill one store."""
    first: dict[Path, StoreJob] = {}
    for job in jobs:
        before = first.setdefault(job.folder, job)
        if before is not job:
            raise UsageError(
                f"encoders {before.choice.alias_or_name} and {job.choice.alias_or_name} have the same tokens"
                f" ({job.folder.name})",
                "remove one of them, or change its layer, pooling, weights or projection",
            )


def _get_native_choice(choice: EncoderChoice) -> EncoderChoice:
    """The choice that the encoder runs with: native tokens where they are projected with `pca`."""
    return choice.model_copy(update={"projection": NATIVE}) if choice.projection == PCA else choice


def _make_job(choice: EncoderChoice, encoder: Encoder, work: WorkFolder, media: str, view: int) -> StoreJob:
    name = encoder.spec.fingerprint(media)
    label = (
        f"extract {choice.alias_or_name}"
        + f", view {view}" * bool(view)
        + ", native" * (choice.projection == PCA and encoder.spec.projection == NATIVE)
    )
    folder = work.tokens / f"{encoder.spec.name}-{name}"
    return StoreJob(choice, encoder, folder, name, StageReport(label), view)


def _count_finished(job: StoreJob, versions: dict[str, str]) -> None:
    for shard, version in versions.items():
        if not count_if_finished(job, shard, version):
            job.missing.add(shard)


def count_if_finished(job: StoreJob, shard: str, version: str) -> bool:
    """Count the clips of a token shard as skipped if it was made from this version of the media shard."""
    finished = Finished.read(job.folder / shard, job.fingerprint)
    # A clip that met an unexpected error is tried again; a refused one has no other outcome.
    if finished is None or finished.source != version or any(map(is_crash, finished.failed.values())):
        return False
    job.report.given += len(finished.keys)
    job.report.skipped += len(finished.keys) - len(finished.failed)
    job.report.failed |= finished.failed
    return True


def _announce(job: StoreJob, shards: int, why: str) -> None:
    name, lacking = job.report.stage.removeprefix("extract "), len(job.missing)
    if not lacking:
        log.info("%s: nothing to do, %d clips of %s are reused", name, job.report.given, job.folder.name)
    elif lacking < shards:
        log.info("%s: %d shards are reused, %d are new or changed", name, shards - lacking, lacking)
    else:
        log.info("%s: encoding %d shards into %s (%s)", name, lacking, job.folder.name, why)


def _explain_new(folder: Path, spec: EncoderSpec, media: str) -> str:
    """Explain how this store differs from the most similar one of the same encoder."""
    if folder.exists():
        return "new media"
    nearest: list[str] | None = None
    for other in sorted(folder.parent.glob(f"{spec.name}-*/spec.json")):
        try:
            other_spec, other_media = read_spec(other.parent)
        except MissingInput:  # a damaged store explains nothing
            continue
        before, now = other_spec.as_json(), spec.as_json()
        changed = [key for key in now if key != "weights" and before.get(key) != now[key]]
        changed += ["preprocessing"] * (other_media != media)
        nearest = changed if nearest is None or len(changed) < len(nearest) else nearest
    return "first call" if nearest is None else f"new {', '.join(nearest)}"
