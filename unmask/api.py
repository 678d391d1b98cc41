"""The Python API: `Work` has one method per stage. The command line calls the same methods."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unmask.arguments import ProfileSettings, check_reasons, choose_profile, make_rows, select_encoders
from unmask.core.engines.choice import choose_worker_device, open_engine
from unmask.core.machine import choose_device
from unmask.core.process_pool import count_cores
from unmask.core.sharing.partition import Partition
from unmask.held_methods import writes_audit, writes_manifest
from unmask.near_duplicates import cluster_files
from unmask.open_work import OpenWork, RunName
from unmask.result_tables.ablation_table import AblationTable
from unmask.result_tables.adaptation_table import AdaptationTable, adapt_encoder
from unmask.result_tables.probe_table import ProbeTable, probe_encoders
from unmask.run import Run, train_run
from unmask.scanning import ScanOptions
from unmask.tables import AuditTable, EvaluationTable, ManifestTable, StageTable, VerdictTable

if TYPE_CHECKING:
    from unmask.preprocess.profiles import Profile
    from unmask.train.config import TrainConfig

log = logging.getLogger("unmask")

MAX_FAILURES = 0.05


class Work(OpenWork):
    """A work folder: every stage reads what earlier stages wrote there and writes its own output beside it.

    Finished work is reused, so any call may be stopped and repeated. Errors are `UnmaskError`: `problem` says what is
    wrong, `hint` what to do. Stages with a `max_failures` raise `ItemsFailed`, after they have finished, when a larger
    fraction of the items failed. `device` is "auto", "cpu", "cuda" or "cuda:1"; `workers` the number of processes.
    `engine` "ray": on the Ray cluster at `address`, or on one that is started here meanwhile (docs/parallel.md).
    """

    def scan(
        self,
        data: str | Path | Sequence[str | Path],
        *,
        split: str = "default",
        seed: int = 0,
        allow_leaks: bool = False,
        near: bool = False,
        compression: str | None = None,
        full_content: bool = False,
        media_root: str | Path | None = None,
        follow_links: bool = False,
        fresh: bool = False,
        workers: int | None = None,
        shard: str | None = None,
        engine: str = "local",
        address: str | None = None,
        max_failures: float = MAX_FAILURES,
    ) -> ManifestTable:
        """Find the datasets in one or several folders, probe every file's header, assign splits; write the manifest.

        Files that did not change since the last scan are not probed again, unless `fresh`. With `near`, near-duplicate
        files are kept in the same split. The paths of tables are relative to `media_root` (None: the table's folder).
        `shard`: "3/8" probes the third of eight parts of the files, for `unmask merge` (docs/parallel.md).
        `UsageError` for a split that leaks, unless `allow_leaks`.
        """
        from unmask.manifests.scan.incremental import read_previous_manifest

        options = ScanOptions(
            data=tuple(Path(root) for root in ([data] if isinstance(data, (str, Path)) else data)),
            split=split,
            seed=seed,
            allow_leaks=allow_leaks,
            near=near,
            compression=compression,
            full_content=full_content,
            media_root=None if media_root is None else Path(media_root),
            follow_links=follow_links,
        )
        previous = None if fresh else read_previous_manifest(self.folder.probes)
        with open_engine(engine, address, self.folder, cpus=workers) as (cluster, _):
            found = self._scan(options, Partition.parse(shard), previous, workers, cluster)
        found.reports.check(max_failures)
        return found

    @writes_manifest
    def split(
        self,
        scheme: str,
        *,
        seed: int = 0,
        allow_leaks: bool = False,
        near: bool = False,
        workers: int | None = None,
    ) -> ManifestTable:
        """Assign other splits (docs/splits.md) without opening a file. Media shards and tokens stay valid."""
        from unmask.manifests.splits.schemes import resplit

        manifest = self.read_manifest()
        clusters = cluster_files(self.folder, manifest, workers, self.say) if near else None
        changed = resplit(manifest, scheme, seed, allow_leaks=allow_leaks, near=clusters)
        return self._write(changed, StageTable(), clusters)

    @writes_audit
    def audit(self, *, seed: int = 0, near: bool = False, workers: int | None = None) -> AuditTable:
        """Look for label shortcuts, duplicate files and split leakage; also writes audit.html."""
        from unmask.manifests.audit.audit import audit
        from unmask.manifests.audit.html_page import write_page
        from unmask.manifests.audit.known_shortcuts import write_audit
        from unmask.manifests.scan.staleness import verify_manifest

        manifest = self.read_manifest()
        stale = verify_manifest(manifest)
        clusters = cluster_files(self.folder, manifest, workers, self.say) if near else None
        found = audit(manifest, self.folder.root, workers=workers, seed=seed, near=clusters, say=log.info)
        write_page(found, self.folder.audit)
        write_audit(self.folder.audit_results, found, manifest)
        return AuditTable(found, stale, self.folder.audit)

    @writes_manifest
    def transcribe(
        self, *, workers: int | None = None, timeout: float = 300.0, max_failures: float = MAX_FAILURES
    ) -> ManifestTable:
        """Transcribe the files with audio and without a text, `timeout` seconds each. Needs faster-whisper."""
        from unmask.cache.transcription.stage import transcribe
        from unmask.manifests.manifest import write_manifest

        manifest = self.read_manifest()
        manifest, report = transcribe(manifest, self.folder, workers=workers or count_cores(), timeout_s=timeout)
        write_manifest(self.folder.manifest, manifest)
        found = ManifestTable(manifest, StageTable([report]))
        self.say(f"{self.folder.manifest}: {found.count_texts()} of {len(manifest)} files have a text")
        found.reports.check(max_failures)
        return found

    def preprocess(
        self,
        profile: str | Profile | None = None,
        settings: ProfileSettings | None = None,
        *,
        workers: int | None = None,
        timeout: float = 120.0,
        memory: float = 4.0,
        retry: Sequence[str] = (),
        shard: str | None = None,
        engine: str = "local",
        address: str | None = None,
        max_failures: float = MAX_FAILURES,
    ) -> StageTable:
        """Turn media files into face crops and 16 kHz audio, with limits per file in seconds and GiB.

        `profile`: "auto", "offline", "hub" or "tiny"; None: as in the last call. It and changed `settings` are stored
        for later calls. `retry`: reasons ("timeout", ..., "all") for which failed files are tried again. `shard`: "3/8"
        for the third of eight parts of the work.
        """
        from unmask.preprocess.stage import Limits, preprocess

        reasons, partition = check_reasons(retry), Partition.parse(shard)
        manifest = self.read_manifest()
        chosen = choose_profile(self.folder, profile, settings, say=self.say).preprocess
        with open_engine(engine, address, self.folder, cpus=workers) as (cluster, work):
            number = workers or (cluster.cpus if cluster else count_cores())
            limits = Limits(workers=number, timeout_s=timeout, memory_gib=memory)
            report = preprocess(manifest, chosen, work, limits, retry=reasons, partition=partition, cluster=cluster)
        self._tell_part(partition)
        return StageTable([report]).check(max_failures)

    def probe(
        self,
        encoders: Sequence[str] = (),
        *,
        layers: Sequence[int] | None = None,
        poolings: Sequence[str] = ("mean", "cls"),
        items: int = 180,
        seed: int = 0,
        out: str | Path | None = None,
        profile: str | Profile | None = None,
        settings: ProfileSettings | None = None,
        device: str = "auto",
        batch_size: int = 64,
    ) -> ProbeTable:
        """Compare encoders, layers and pooling by linear probes of `items` training files per modality (docs/probe.md).

        `encoders`: none are those of the profile, which is not stored; `layers`: None is all. Writes probe.html, .csv,
        .json and encoders.yaml into the folder `out` (None: <work>/probe). Then `extract(settings=table.settings)`.
        """
        chosen = choose_profile(self.folder, profile, settings, say=self.say, keep=False)
        if encoders:
            chosen = select_encoders(chosen, encoders)
        return probe_encoders(
            self.folder,
            self.read_manifest(),
            chosen,
            out,
            layers=layers,
            poolings=poolings,
            items=items,
            seed=seed,
            device=choose_device(device),
            batch_size=batch_size,
        )

    def extract(
        self,
        profile: str | Profile | None = None,
        settings: ProfileSettings | None = None,
        *,
        weights: Mapping[str, str | Path] | None = None,
        device: str = "auto",
        batch_size: int = 64,
        shard: str | None = None,
        engine: str = "local",
        address: str | None = None,
        max_failures: float = MAX_FAILURES,
    ) -> StageTable:
        """Compute the tokens of every encoder of the profile (see `preprocess`) that are not cached yet.

        `weights`: encoder -> folder or hub name of other weights, or "default"; stored like changed settings.
        `shard`: "3/8" for the third of eight parts of the work, for `unmask merge`.
        """
        from unmask.cache.stage import extract

        manifest, part = self.read_manifest(), Partition.parse(shard)
        chosen = choose_profile(self.folder, profile, settings, weights=weights, say=self.say)
        with open_engine(engine, address, self.folder, device=device) as (cluster, work):
            at = choose_worker_device(cluster, device)
            reports = extract(manifest, chosen, work, device=at, batch_size=batch_size, partition=part, cluster=cluster)
        self._tell_part(part)
        return StageTable(reports).check(max_failures)

    def adapt(
        self, encoder: str, *, out: str | Path | None = None, device: str = "auto", **settings: Any
    ) -> AdaptationTable:
        """Tune the norm layers of an image or audio encoder on the training split (docs/adapt.md), with `settings`
        such as `epochs=5`, into the weights folder `out` (None: under <work>/adapted). Then `extract(weights={encoder:
        table.folder})`. Finished weights are reused, unfinished ones continued. "sync" is learned (docs/sync.md).
        """
        manifest, at = self.read_manifest(), choose_device(device)
        profile = choose_profile(self.folder, None, say=log.debug, keep=False)
        folder = None if out is None else Path(out)
        return adapt_encoder(manifest, profile, self.folder, encoder, settings, device=at, out=folder)

    def train(
        self, preset: str | TrainConfig = "full", *, ensemble: int | None = None, device: str = "auto", **settings: Any
    ) -> Run:
        """Train one model on the tokens; `settings` are those of docs/training.md, such as `seed=1, epochs=5`.

        `ensemble`: so many models, with the seeds seed, seed + 1, ...; their mean logit is a run of its own. A finished
        run of the same settings on the same data is reused, an unfinished one continued. Ctrl-C (in a notebook:
        interrupt) stops after the last whole epoch; the run is then not `finished`.
        """
        from unmask.train.presets import make_preset

        config = (make_preset(preset) if isinstance(preset, str) else preset).changed(settings)
        return train_run(self.folder, self.read_manifest(), config, ensemble, choose_device(device))

    def ablate(
        self,
        presets: Sequence[str] | Mapping[str, TrainConfig] = (),
        seeds: Sequence[int] = (0, 1, 2),
        *,
        linear: bool = True,
        base: str | None = None,
        device: str = "auto",
        engine: str = "local",
        address: str | None = None,
        **settings: Any,
    ) -> AblationTable:
        """Train and evaluate `linear` and `presets` (none: all) with each of `seeds`, all with `settings`.

        Each is compared with `base` (None: `linear`, else the first) over the same items and seeds.
        """
        from unmask.evaluation.ablation.ablate import ablate
        from unmask.train.presets import PRESETS

        rows = make_rows(presets or list(PRESETS), settings, linear=linear)
        with open_engine(engine, address, self.folder, device=device) as (cluster, work):
            at = choose_worker_device(cluster, device)
            return AblationTable(ablate(work, rows, seeds, device=at, base=base, cluster=cluster))

    def evaluate(
        self,
        run: RunName = None,
        split: Literal["test", "val"] = "test",
        *,
        random: Literal["own", "tiny"] | None = None,
        device: str = "auto",
    ) -> EvaluationTable:
        """`Run.evaluate` of a run by its name or folder; None: the newest of `train`."""
        return self.run(run).evaluate(split, random=random, device=device)

    def predict(self, files: Sequence[str | Path], run: RunName = None, **options: Any) -> VerdictTable:
        """`Run.predict`, with its options, of a run by its name or folder; None: the newest of `train`."""
        return self.run(run).predict(files, **options)

    def report(self, run: RunName = None, *, figures: str | Path | None = None) -> Path:
        """`Run.report` of a run by its name or folder; None: the newest of `train`."""
        return self.run(run).report(figures)
