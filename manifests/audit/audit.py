"""The audit of a manifest: counts, label shortcuts, leaks, duplicates. Isolated workers read each file once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.crashes import describe_crashes
from unmask.core.errors import MissingInput
from unmask.core.fact_table import FactTable
from unmask.core.openmp import use_one_thread
from unmask.core.process_pool import count_cores
from unmask.manifests.audit import counts
from unmask.manifests.audit.audio_silence import AUDIO_SILENCE
from unmask.manifests.audit.cross_validation import make_folds
from unmask.manifests.audit.distributions import describe_distributions
from unmask.manifests.audit.feature_families import build_features
from unmask.manifests.audit.image_encoding import IMAGE_ENCODING
from unmask.manifests.audit.results import Audit, DatasetAudit, ProbeLine, describe
from unmask.manifests.audit.shortcut_probes import probe_dataset, probe_shares
from unmask.manifests.audit.text_probe import probe_text
from unmask.manifests.file_facts import measure_files
from unmask.manifests.manifest import Manifest
from unmask.manifests.splits.leaks import find_manifest_leaks

Say = Callable[[str], None]

MASK, DATASET = "modality mask", "which dataset"
# Per class and dataset. An AUC of ten thousand files per class is accurate to .01, and their audio is read in minutes.
MOST_FILES = 10_000


def audit(
    manifest: Manifest,
    work: Path,
    *,
    workers: int | None = None,
    seed: int = 0,
    near: pa.Table | None = None,
    say: Say,
) -> Audit:
    """Report everything about `manifest` that can make a detector look better than it is.

    Features read from inside the files are kept in `work` (audit-silence.parquet, audit-encoding.parquet), so a second
    audit opens no file. `near`: clusters of near-duplicates, columns media_id and cluster. `seed` draws the folds, the
    bootstrap and, for datasets with more than MOST_FILES files of a class, the sample that is probed: the same seed
    gives the same audit. `say` gets the number of files read and one line per flag.
    `MissingInput` for a manifest without rows.
    """
    if not len(manifest):
        raise MissingInput("audit: the manifest has no rows", "unmask scan /path/to/datasets")
    probed = sample_files(manifest, seed)
    workers = workers or count_cores()
    images, has_audio = _find_images(probed), _find_audio(probed)
    encodings, images_read = _measure(IMAGE_ENCODING, probed, images, work, workers, say)
    silences, audio_read = _measure(AUDIO_SILENCE, probed, has_audio, work, workers, say)
    say(f"audit: headers of {images.sum()} images ({images_read} read now, the others by an earlier audit)")
    say(f"audit: audio of {has_audio.sum()} files ({audio_read} read now, the others by an earlier audit)")
    names = _list_datasets(manifest)
    result = Audit(
        files=len(manifest),
        split_scheme=str(pc.first(manifest.table.column("split_scheme")).as_py()),
        split_hash=manifest.split_hash,
        seed=seed,
        datasets=tuple(_audit_dataset(name, manifest, probed, encodings, silences, has_audio, seed) for name in names),
        collection=_probe_collection(probed, has_audio, seed),
        leaks=find_manifest_leaks(manifest, near),
        duplicates=counts.count_duplicates(manifest),
        near=None if near is None else counts.count_near_duplicates(manifest, near),
        read={IMAGE_ENCODING.name: images_read, AUDIO_SILENCE.name: audio_read},
    )
    for name, line in result.lines("flagged"):
        say(f"flag: {name}: {describe(line)}")
    return result


def sample_files(manifest: Manifest, seed: int, most: int = MOST_FILES) -> Manifest:
    """The readable, labeled rows, at most `most` per label and dataset, in the order of the manifest."""
    table = manifest.table
    usable = pc.and_(pc.equal(table.column("status"), "ok"), pc.is_valid(table.column("label")))
    positions = np.flatnonzero(usable.to_numpy())
    part = table.select(["dataset", "label"]).take(pa.array(positions))
    cells = np.array([f"{dataset}/{label}" for dataset, label in zip(*part.to_pydict().values(), strict=True)])
    kept = [_draw(positions[cells == cell], most, seed) for cell in np.unique(cells)]
    rows = np.sort(np.concatenate([*kept, np.empty(0, np.int64)]))
    return manifest.with_table(table.take(pa.array(rows, pa.int64())))


def _draw(positions: np.ndarray, most: int, seed: int) -> np.ndarray:
    if len(positions) <= most:
        return positions
    return np.random.default_rng(seed).choice(positions, most, replace=False)


def _measure(
    spec: FactTable, probed: Manifest, chosen: np.ndarray, work: Path, workers: int, say: Say
) -> tuple[pa.Table, int]:
    """One row per file of `probed`, null unless `chosen` (N,); and how many files were opened."""
    positions = np.flatnonzero(chosen)
    files = probed.with_table(probed.table.take(pa.array(positions, pa.int64())))
    completed = measure_files(spec, files, work / f"{spec.name}.parquet", workers)
    for line in describe_crashes(completed.failed.values()):
        say(f"{spec.name}: {line}")
    place = np.full(len(probed), -1)
    place[positions] = np.arange(len(positions))
    return completed.facts.take(pa.array(place, mask=place < 0)), completed.measured


def _find_images(probed: Manifest) -> np.ndarray:
    return np.asarray(pc.equal(probed.table.column("kind"), "image").to_numpy())


def _find_audio(probed: Manifest) -> np.ndarray:
    """(N,) `feature_families.has_audio` of each file."""
    kinds = pc.equal(probed.table.column("kind"), "audio")
    return np.asarray(pc.or_(kinds, pc.is_valid(probed.table.column("audio_codec"))).to_numpy())


def _list_datasets(manifest: Manifest) -> list[str]:
    """In the order of their domain ids."""
    pairs = manifest.table.select(["domain_id", "dataset"]).group_by(["domain_id", "dataset"]).aggregate([])
    return [
        pair["dataset"] for pair in sorted(pairs.to_pylist(), key=lambda pair: (pair["domain_id"], pair["dataset"]))
    ]


def _audit_dataset(
    name: str,
    manifest: Manifest,
    probed: Manifest,
    encodings: pa.Table,
    silences: pa.Table,
    has_audio: np.ndarray,
    seed: int,
) -> DatasetAudit:
    table = manifest.table.filter(pc.equal(manifest.table.column("dataset"), name))
    here = pc.equal(probed.table.column("dataset"), name)
    sample, encodings, silences = (table.filter(here) for table in (probed.table, encodings, silences))
    features = build_features(list(probed.with_table(sample).rows()), encodings, silences)
    labels, inside = table.column("label"), here.to_numpy()
    real, fake = (pc.sum(pc.equal(labels, label)).as_py() or 0 for label in (0, 1))
    is_fake, groups = _find_fakes(sample), counts.get_groups(sample)
    split = np.array([name or "" for name in sample.column("split").to_pylist()], np.str_)
    with use_one_thread():
        probes, single = probe_dataset(features, is_fake, groups, has_audio[inside], seed, split)
    text = probe_text(sample.column("text").to_pylist(), is_fake, groups, seed, split)
    return DatasetAudit(
        name=name,
        kinds=counts.count_by_name(table, "kind"),
        real=real,
        fake=fake,
        failed=pc.sum(pc.equal(table.column("status"), "failed")).as_py() or 0,
        groups=len(np.unique(counts.get_groups(table))),
        methods=counts.count_by_name(table.filter(pc.equal(labels, 1)), "method"),
        splits=counts.count_by_split(table),
        prior_accuracy=counts.compute_prior_accuracy(real, fake),
        probed=sample.num_rows,
        probes=(*probes, text),
        features=single,
        spreads=describe_distributions(sample, features.values[:, features.names.index("leading_s")]),
        small_cells=counts.find_small_cells(table),
        problems=counts.count_problems(pa.concat_tables([encodings.select(["problem"]), silences.select(["problem"])])),
    )


def _probe_collection(probed: Manifest, has_audio: np.ndarray, seed: int) -> tuple[ProbeLine, ...]:
    """What is known of a file before it is opened: its modalities and its dataset."""
    table = probed.table
    is_fake = _find_fakes(table)
    folds = make_folds(is_fake, counts.get_groups(table), seed) if len(probed) else None
    visible = pc.not_equal(table.column("kind"), "audio").to_numpy()
    mask = visible * 4 + has_audio * 2 + pc.is_valid(table.column("text")).to_numpy() * np.int64(1)
    dataset = table.column("dataset").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    about = f"which of image, audio and text exist; {_describe_mask(mask, dataset)}"
    prior = "each dataset's share of fakes: what a pooled AUC owes to the choice of datasets"
    return (
        probe_shares(MASK, about, is_fake, mask, folds, seed),
        probe_shares(DATASET, prior, is_fake, dataset, folds, seed),
    )


def _describe_mask(mask: np.ndarray, dataset: np.ndarray) -> str:
    """How often the modality mask reveals the dataset."""
    if not len(mask):
        return "no file"
    together = np.zeros((8, int(dataset.max()) + 1))
    np.add.at(together, (mask, dataset), 1 / len(mask))
    right, usual = together.max(axis=1).sum(), together.sum(axis=0).max()
    return f"it reveals the dataset of {right:.0%} of the files (the largest dataset has {usual:.0%})"


def _find_fakes(table: pa.Table) -> np.ndarray:
    return np.asarray(pc.equal(table.column("label"), 1).to_numpy())
