"""A scan whose files are probed on a cluster gives the manifest of a scan of one process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from stub_ray import StubRay

from unmask.core.engines.ray_cluster import RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.manifests.manifest import write_manifest
from unmask.manifests.scan import probe
from unmask.manifests.scan.scan import scan


def test_a_cluster_probes_to_the_same_manifest_and_report(demo_corpus: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(probe, "CHUNK", 4)  # several parts of few files
    data = tmp_path / "data"
    shutil.copytree(demo_corpus, data, symlinks=True)
    sorted(data.rglob("*.mp4"))[0].write_bytes(b"no video")
    monkeypatch.chdir(tmp_path)  # workers elsewhere know no relative path
    ray = StubRay(cpus=(2,))
    found = []
    for cluster in (None, RayCluster(ray, Site(tmp_path, read_program_version()))):
        manifest, report = scan(Path("data"), workers=1, cluster=cluster, say=lambda line: None)
        write_manifest(tmp_path / f"{len(found)}.parquet", manifest)
        found.append((report.given, report.done, report.failed))
    assert found[0] == found[1]
    assert len(found[0][2]) == 1
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()
    assert sum("max_retries" in options for options in ray.began) > 4


@pytest.mark.parametrize("total", [1, 31, 5000, 10**6])
def test_every_cpu_has_several_parts_that_are_not_too_large(total: int):
    parts = []

    class Recorder:
        cpus = 4

        def run_tasks(self, function, given, **options):
            parts.extend(len(part.rows) for part in given)
            return iter([[] for _ in parts])

    rows = ((None, Path("a")) for _ in range(total))
    list(probe.probe_rows(rows, total=total, workers=1, cluster=Recorder()))  # type: ignore[arg-type]
    assert sum(parts) == total
    assert max(parts) <= probe.CHUNK * probe.MOST_CHUNKS
    assert len(parts) <= max(4 * probe.PARTS_PER_CPU, -(-total // (probe.CHUNK * probe.MOST_CHUNKS)))
