"""The audit of a manifest: counts, shortcuts, leaks, duplicates. Files are looked into once and by isolated workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.errors import MissingInput
from unmask.core.process_pool import count_cores
from unmask.manifests.audit import counts
from unmask.manifests.audit import duplicate_counts as sharing
from unmask.manifests.audit.audio_silence import SOUND
from unmask.manifests.audit.cross_validation import make_folds
from unmask.manifests.audit.distributions import spreads
from unmask.manifests.audit.feature_families import Features, features
from unmask.manifests.audit.file_facts import FactKind, kept_facts
from unmask.manifests.audit.file_sampling import probed_files
from unmask.manifests.audit.image_encoding import PICTURE
from unmask.manifests.audit.results import Audit, DatasetAudit, ProbeLine, sentence
from unmask.manifests.audit.shortcut_probes import dataset_probes, share_probe
from unmask.manifests.manifest import Manifest
from unmask.manifests.splits.leaks import find_manifest_leaks

Say = Callable[[str], None]

MASK, DATASET = "modality mask", "which dataset"


def audit(
    manifest: Manifest,
    work: Path,
    *,
    workers: int | None = None,
    seed: int = 0,
    near: pa.Table | None = None,
    say: Say,
) -> Audit:
    """Everything about `manifest` that can make a detector look better than it is.

    Facts that need a look into the files are kept in `work` (audit-silence.parquet, audit-encoding.parquet), so that a
    second audit opens none. `near`: clusters of near-duplicates, columns media_id and cluster. `seed` draws the folds,
    the resamples and, of datasets with more than sampling.MOST_FILES files of a class, the sample that is probed: the
    same seed gives the same audit. `say` gets what was read and a line for each flag.
    `MissingInput` for a manifest without rows.
    """
    if not len(manifest):
        raise MissingInput("audit: the manifest has no rows", "make manifest DATA=/path/to/datasets")
    probed = probed_files(manifest, seed)
    workers = workers or count_cores()
    images, sounding = _images(probed), _sounding(probed)
    pictures, pictures_read = _facts(PICTURE, probed, images, work, workers)
    sounds, sounds_read = _facts(SOUND, probed, sounding, work, workers)
    say(f"audit: headers of {images.sum()} images ({pictures_read} read now), sound of {sounding.sum()} files")
    say(f"audit: {sounds_read} of these heard now, the others known from an earlier audit")
    names = _in_order(manifest)
    found = Audit(
        files=len(manifest),
        split_scheme=str(pc.first(manifest.table.column("split_scheme")).as_py()),
        split_hash=manifest.split_hash,
        seed=seed,
        datasets=tuple(_dataset(name, manifest, probed, pictures, sounds, sounding, seed) for name in names),
        collection=_collection(probed, sounding, seed),
        leaks=find_manifest_leaks(manifest, near),
        duplicates=sharing.duplicates(manifest),
        near=None if near is None else sharing.near_duplicates(manifest, near),
        read={PICTURE.name: pictures_read, SOUND.name: sounds_read},
    )
    for name, line in found.lines("flagged"):
        say(f"flag: {name}: {sentence(line)}")
    return found


def _facts(kind: FactKind, probed: Manifest, chosen: np.ndarray, work: Path, workers: int) -> tuple[pa.Table, int]:
    """A row for each of `probed`, null but for those `chosen` (N,); and how many files were opened."""
    positions = np.flatnonzero(chosen)
    table, read = kept_facts(kind, Manifest(probed.table.take(pa.array(positions)), probed.roots), work, workers)
    place = np.full(len(probed), -1)
    place[positions] = np.arange(len(positions))
    return table.take(pa.array(place, mask=place < 0)), read


def _images(probed: Manifest) -> np.ndarray:
    return np.asarray(pc.equal(probed.table.column("kind"), "image").to_numpy())


def _sounding(probed: Manifest) -> np.ndarray:
    """(N,) Has the file sound? As `features.has_sound`."""
    kinds = pc.equal(probed.table.column("kind"), "audio")
    return np.asarray(pc.or_(kinds, pc.is_valid(probed.table.column("audio_codec"))).to_numpy())


def _in_order(manifest: Manifest) -> list[str]:
    pairs = manifest.table.select(["domain_id", "dataset"]).group_by(["domain_id", "dataset"]).aggregate([])
    return [
        pair["dataset"] for pair in sorted(pairs.to_pylist(), key=lambda pair: (pair["domain_id"], pair["dataset"]))
    ]


def _dataset(
    name: str,
    manifest: Manifest,
    probed: Manifest,
    pictures: pa.Table,
    sounds: pa.Table,
    sounding: np.ndarray,
    seed: int,
) -> DatasetAudit:
    table = manifest.table.filter(pc.equal(manifest.table.column("dataset"), name))
    here = pc.equal(probed.table.column("dataset"), name)
    sample, pictures, sounds = probed.table.filter(here), pictures.filter(here), sounds.filter(here)
    facts = features(list(Manifest(sample, probed.roots).rows()), pictures, sounds)
    labels, inside = table.column("label"), here.to_numpy()
    real, fake = (pc.sum(pc.equal(labels, label)).as_py() or 0 for label in (0, 1))
    probes, single = dataset_probes(facts, _fakes(sample), counts.groups_of(sample), sounding[inside], seed)
    return DatasetAudit(
        name=name,
        kinds=counts.by_name(table, "kind"),
        real=real,
        fake=fake,
        failed=pc.sum(pc.equal(table.column("status"), "failed")).as_py() or 0,
        groups=len(np.unique(counts.groups_of(table))),
        methods=counts.by_name(table.filter(pc.equal(labels, 1)), "method"),
        splits=counts.by_split(table),
        prior_accuracy=counts.prior_accuracy(real, fake),
        probed=sample.num_rows,
        probes=probes,
        features=single,
        spreads=spreads(sample, _leading(facts)),
        small_cells=counts.small_cells(table),
        problems=counts.problems(pa.concat_tables([pictures.select(["problem"]), sounds.select(["problem"])])),
    )


def _leading(facts: Features) -> np.ndarray:
    return facts.values[:, facts.names.index("leading_s")]


def _collection(probed: Manifest, sounding: np.ndarray, seed: int) -> tuple[ProbeLine, ...]:
    """What is known of a file before it is opened: which streams it has, and which dataset it is from."""
    table = probed.table
    is_fake = _fakes(table)
    folds = make_folds(is_fake, counts.groups_of(table), seed) if len(probed) else None
    pictured = pc.not_equal(table.column("kind"), "audio").to_numpy()
    mask = pictured * 4 + sounding * 2 + pc.is_valid(table.column("text")).to_numpy() * np.int64(1)
    dataset = table.column("dataset").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    about = f"which of picture, sound and text there are; {_told(mask, dataset)}"
    prior = "each dataset's share of fakes: what a pooled figure owes to the choice of datasets"
    return (
        share_probe(MASK, about, is_fake, mask, folds, seed),
        share_probe(DATASET, prior, is_fake, dataset, folds, seed),
    )


def _told(mask: np.ndarray, dataset: np.ndarray) -> str:
    """How often the mask names the dataset."""
    if not len(mask):
        return "no file"
    together = np.zeros((8, int(dataset.max()) + 1))
    np.add.at(together, (mask, dataset), 1 / len(mask))
    right, usual = together.max(axis=1).sum(), together.sum(axis=0).max()
    return f"it names the dataset of {right:.0%} of the files (the largest dataset has {usual:.0%})"


def _fakes(table: pa.Table) -> np.ndarray:
    return np.asarray(pc.equal(table.column("label"), 1).to_numpy())
