"""A work folder as Python sees it: its paths, where messages go, its manifest, tokens and runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from unmask.arguments import make_rows
from unmask.core.buckets.mirrored import fetch_folders
from unmask.core.buckets.opening import open_work_folder, publish_runs
from unmask.core.engines.choice import choose_worker_device, open_engine
from unmask.core.errors import UnmaskError
from unmask.core.process_pool import remove_abandoned_folders
from unmask.core.sharing.partition import Partition
from unmask.core.work_folder import WorkFolder
from unmask.environment import set_environment
from unmask.logs import show_log
from unmask.near_duplicates import count_clusters
from unmask.result_tables.comparison_table import ComparisonTable, compare_named
from unmask.result_tables.suite_table import SuiteTable
from unmask.run import Run, RunTable, find_run, list_runs
from unmask.scanning import ScanOptions, merge_scan, scan_all, scan_part
from unmask.tables import EvaluationTable, ManifestTable, StageTable

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from unmask.clip_dataset import ClipDataset
    from unmask.core.engines.cluster import Cluster
    from unmask.manifests.manifest import Manifest
    from unmask.manifests.scan.parts import ScanPart
    from unmask.train.config import TrainConfig

log = logging.getLogger("unmask")

RunName = Run | str | Path | None


class OpenWork:
    """Base of `Work`."""

    def __init__(self, folder: str | Path = "work", *, say: Callable[[str], None] | None = None) -> None:
        """`folder`: a path, or "s3://bucket/folder" or "gs://bucket/folder" (docs/buckets.md), to be closed.

        `say` gets the lines that summarize what was done; None: they are logged with the progress, on stderr.
        """
        self.folder = WorkFolder(open_work_folder(folder))
        self.say = say or log.info
        set_environment()
        remove_abandoned_folders()
        self._manifest: tuple[tuple[int, int], Manifest] | None = None
        if not log.hasHandlers():
            show_log(logging.INFO)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder.root)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except UnmaskError as own:
            if error is None:
                raise
            log.warning("runs that are not published yet: %s", own.problem)  # the first error is the useful one

    def close(self) -> None:
        """Publish the runs of a work folder in a bucket; elsewhere there is nothing to do. Also `with Work(...)`."""
        publish_runs(self.folder.root)

    def read_manifest(self) -> Manifest:
        """Read again only when the file has changed."""
        from unmask.manifests.manifest import read_manifest

        path = self.folder.manifest
        state = (path.stat().st_mtime_ns, path.stat().st_ino) if path.is_file() else (0, 0)
        if self._manifest is None or self._manifest[0] != state:
            self._manifest = state, read_manifest(path)
        return self._manifest[1]

    def run(self, run: RunName = None, *, ensemble: int | None = None) -> Run:
        """A run by its name or folder; None: the newest of `train`, or the newest ensemble of so many members."""
        found = find_run(self.folder, run, ensemble)
        fetch_folders([found.folder, *(member.folder for member in found.members)])
        return found

    def runs(self) -> RunTable:
        """Every run, newest first."""
        return list_runs(self.folder)

    def evaluate_scores(
        self,
        path: str | Path,
        split: Literal["test", "val"] = "test",
        *,
        name: str | None = None,
        higher_is: Literal["fake", "real"] | None = None,
        kind: Literal["probability", "logit", "raw"] | None = None,
    ) -> EvaluationTable:
        """`Run.evaluate` for the scores of another system in a file (docs/foreign-scores.md); no run is needed.

        Also written to <work>/foreign/<name>. None: the file's name, and what the file suggests.
        """
        from unmask.evaluation.foreign.evaluate_scores import evaluate_scores

        found = evaluate_scores(Path(path), self.folder, split=split, name=name, higher_is=higher_is, kind=kind)
        return EvaluationTable(found)

    def compare(
        self, runs: Sequence[Run | str | Path], base: RunName = None, *, common: bool = False, seed: int = 0
    ) -> ComparisonTable:
        """Evaluated `runs` minus `base` (None: the first) on the same items, by name or folder (docs/compare.md).

        `common`: on the items that all of them scored; without it, `UsageError` for runs of different items.
        """
        return compare_named(self.folder, runs, base, common, seed)

    def suite(
        self,
        name: str,
        presets: Sequence[str] | Mapping[str, TrainConfig] = ("full",),
        seeds: Sequence[int] = (0, 1, 2),
        *,
        linear: bool = True,
        split_seed: int = 0,
        jobs: int | None = None,
        device: str = "auto",
        engine: str = "local",
        address: str | None = None,
        **settings: Any,
    ) -> SuiteTable:
        """Train and test `linear` and `presets` with each of `seeds` on every split of a suite (docs/suites.md).

        `name`: "loo", "matrix", "folds:5", "ffpp-cross" or "fakeavceleb-mrdf". The manifest, its split and the runs
        stay as they are. `jobs`: trainings at once; None: one on a GPU, else by cores and memory. `engine`: see `Work`.
        """
        from unmask.evaluation.suites.suite import run_suite

        rows = make_rows(presets, settings, linear=linear)
        with open_engine(engine, address, self.folder, device=device) as (cluster, work):
            at = choose_worker_device(cluster, device)
            found = run_suite(work, name, rows, seeds, device=at, split_seed=split_seed, jobs=jobs, cluster=cluster)
        return SuiteTable(found, self.folder.suites / found.name)

    @property
    def manifest(self) -> ManifestTable:
        """The manifest as the last `scan`, `split` or `transcribe` left it."""
        return ManifestTable(self.read_manifest(), StageTable())

    def mean_tokens(
        self, encoder: str, split: str | None = "train", *, per: Literal["item", "clip"] = "item"
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """X (N, D) float32 and y (N,) int64 (1 fake, 0 real) for scikit-learn: the mean token of each file or clip.

        Only labeled files of `split` (None: of any or no split) that have tokens of `encoder`. D is 512, or the
        encoder's own width with the projection "native".
        """
        from unmask.cached_tokens import mean_tokens

        return mean_tokens(self.folder, self.read_manifest(), encoder, split, per)

    def dataset(self, split: str | None = "train", encoders: Sequence[str] = ()) -> ClipDataset:
        """The clips of `split` (None: all) with their tokens of `encoders` (none: all), as a torch Dataset."""
        from unmask.cached_tokens import open_dataset

        return open_dataset(self.folder, self.read_manifest(), split, encoders)

    def _scan(
        self,
        options: ScanOptions,
        partition: Partition,
        previous: Manifest | None,
        workers: int | None,
        cluster: Cluster | None,
    ) -> ManifestTable:
        from unmask.manifests.manifest_lock import hold_manifest

        if not partition.is_whole:
            found = scan_part(self.folder, options, partition, previous, workers, self.say, cluster=cluster)
            return ManifestTable(found[0], StageTable([found[1]]))
        with hold_manifest(self.folder):
            manifest, report, clusters = scan_all(self.folder, options, previous, workers, self.say, cluster=cluster)
            return self._write(manifest, StageTable([report]), clusters)

    def merge_scan(self, parts: Sequence[ScanPart], workers: int | None = None) -> ManifestTable:
        """Write the manifest that one scan of everything would have written, from all its parts."""
        from unmask.manifests.manifest_lock import hold_manifest
        from unmask.manifests.scan.parts import note_merged

        with hold_manifest(self.folder):
            manifest, report, clusters = merge_scan(self.folder, parts, workers, self.say)
            found = self._write(manifest, StageTable([report]), clusters)
            note_merged(self.folder, parts)
        return found

    def _tell_part(self, partition: Partition) -> None:
        if not partition.is_whole:
            self.say(f"part {partition} is finished; when all parts are, join them with `unmask merge`")

    def _write(self, manifest: Manifest, reports: StageTable, clusters: pa.Table | None) -> ManifestTable:
        from unmask.manifests.manifest import write_manifest
        from unmask.manifests.splits.coverage import describe_left_out, describe_splits

        write_manifest(self.folder.manifest, manifest)
        for line in (*describe_left_out(manifest), f"{self.folder.manifest}: {describe_splits(manifest)}"):
            self.say(line)
        return ManifestTable(manifest, reports, None if clusters is None else count_clusters(clusters))
