"""Files of this program that others may hand on: manifests, shards, stores, exports, bundles, runs, verdicts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzz_target import Target
from made_tokens import SPEC, fill

from unmask.cache.export.hdf5_file import Hdf5Tokens, read_about, write_hdf5
from unmask.cache.projections.projection import Projection
from unmask.cache.store.profile_index import LATEST, list_referenced_folders, read_index, write_index
from unmask.cache.store.token_store import TokenStore
from unmask.cache.weights.tensor_files import read_tensors, reading_headers_only
from unmask.core.errors import MissingInput
from unmask.core.files.array_sizes import check_array_sizes
from unmask.core.hashing import hash_file
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.verdicts.findings import ContentCredentials, Custody
from unmask.evaluation.verdicts.verdict import ClipVerdict, Verdict
from unmask.evaluation.verdicts.verdict_file import VerdictFile
from unmask.manifests.findings import Conflict, Ignored, ScanReport, read_findings, write_findings
from unmask.manifests.manifest import MediaRow, from_rows, read_manifest, write_manifest
from unmask.preprocess.outcomes import Outcome, read_outcomes, write_outcomes
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.shards.media_shard import MediaShard, write_shard
from unmask.preprocess.shards.shard_plan import make_plan, read_plan
from unmask.train.bundles.listing import BUNDLE, BundleInfo, FileRecord, format_listing, hash_listing, read_listing
from unmask.train.bundles.model_weights import load_state, read_weights, save_state, write_weights
from unmask.train.models.model_shape import ModelShape
from unmask.train.run_folder import INPUTS, read_info
from unmask.train.run_info import RunInfo, StreamInfo

CPU = torch.device("cpu")
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(0, 4)}


def write_rows(folder: Path) -> None:
    rows = [
        MediaRow(media_id=f"{number:032x}", dataset="own", domain_id=9, path=f"{number}.jpg", kind="image", label=0)
        for number in range(3)
    ]
    write_manifest(folder / "manifest.parquet", from_rows(rows, {"own": "/data/own"}))


def read_rows(folder: Path) -> Any:
    found = read_manifest(folder / "manifest.parquet")
    return list(found.rows()), found.roots


def write_found(folder: Path) -> None:
    report = ScanReport("scan", ignored=[Ignored("own", "a", "hidden")], conflicts=[Conflict("own", "b", "c", "d")])
    write_findings(folder / "findings.parquet", report)


def write_clips(folder: Path) -> None:
    """One small audio clip and one item that failed."""
    clip = Clip(
        start_s=0.0,
        end_s=1.0,
        faces=np.zeros((0, 8, 8, 3), np.uint8),
        face_times=np.zeros(0, np.float32),
        boxes=np.zeros((0, 4), np.float32),
        landmarks=np.zeros((0, 5, 2), np.float32),
        confidence=np.zeros(0, np.float32),
        audio=np.arange(100, dtype=np.int16),
    )
    items = [MediaItem(media_id="a", content="b", clips=(clip,)), MediaItem(media_id="c", content="d", reason="silent")]
    write_shard(folder / "shard-a.zarr", items, face_size=8, settings={"sample_rate": 16_000})


def read_clips(folder: Path) -> Any:
    shard = MediaShard(folder / "shard-a.zarr")
    arrays = [shard.array(name).tobytes() for name in ("clip_item", "clip_start_s", "face_times", "thumbnails")]
    return shard.clip_keys, shard.clip_texts, shard.entries, arrays


def read_store(folder: Path) -> Any:
    store = TokenStore(folder / "store")
    if store.verify():
        raise MissingInput("damaged", "found by verify")
    arrays = [array.tobytes() for array in (store.times, store.lengths, *store.parts)]
    return store.spec, store.keys, arrays


def write_export(folder: Path) -> None:
    fill(folder / "store", [2, 0, 3])
    write_hdf5(folder / "all.h5", {"lfcc": TokenStore(folder / "store")}, {"note": "made"})


def read_export(folder: Path) -> Any:
    about, names = read_about(folder / "all.h5")
    found = [Hdf5Tokens(folder / "all.h5", name) for name in names]
    if any(tokens.verify() for tokens in found):
        raise MissingInput("damaged", "found by verify")
    return about, names, [(one.spec, one.keys, one.lengths.tolist(), one.times.tobytes(), one.sources) for one in found]


def write_listing(folder: Path) -> None:
    zeros = "0" * 64
    files = {"a": FileRecord(size=1, sha256=zeros)}
    info = BundleInfo(program="1", run="full-s0", key="k", machine={}, needs=(), files=files, sha256=zeros)
    about = info.model_dump(mode="json")
    (folder / BUNDLE).write_text(format_listing(about | {"sha256": hash_listing(about)}), encoding="utf-8")


def write_run(folder: Path) -> None:
    shape = ModelShape(
        streams=("lfcc",),
        modalities=("audio",),
        layers=2,
        heads=4,
        width=256,
        feedforward=512,
        dropout=0.1,
        datasets=("own",),
        shared=((2, (0,)),),
        conditioned=False,
    )
    info = RunInfo(
        key="k",
        profile=tiny(),
        media="m",
        split_hash="s",
        streams={"lfcc": StreamInfo(spec=SPEC, fingerprint="f")},
        shape=shape,
        criterion="auc",
        best_epoch=1,
        temperature=1.0,
        threshold=0.5,
    )
    (folder / INPUTS).write_text(json.dumps(info.model_dump(mode="json")), encoding="utf-8")


def write_verdicts(folder: Path) -> None:
    media = folder / "a.png"
    media.write_bytes(b"a picture")
    custody = Custody(
        sha256=hash_file(media),
        bytes=media.stat().st_size,
        program="unmask 1",
        run="full-s0",
        run_sha256="cd" * 32,
        encoders=(("lfcc", "ef"),),
        judged_at="2026-01-01T00:00:00+00:00",
        settings=(("device", "cpu"),),
        content_credentials=ContentCredentials(state="none", claims=()),
    )
    clips = (ClipVerdict(start_s=0.0, end_s=1.0, score=0.75),)
    verdict = Verdict(path="a.png", verdict="fake", threshold=0.5, score=0.75, clips=clips, custody=custody)
    with VerdictFile(folder / "lines", "key") as lines:
        lines.append(Path("a.png"), verdict)
        lines.append(Path("b.png"), Verdict(path="b.png", verdict="unreadable", threshold=0.5, reason="unreadable: x"))


def read_verdict(folder: Path) -> Any:
    here = Path.cwd()
    os.chdir(folder)  # the lines name files relative to it, so that the example can be copied
    try:
        with VerdictFile(folder / "lines", "key") as lines:
            return lines.find(Path("a.png"))
    finally:
        os.chdir(here)


def read_sealed_index(folder: Path) -> Any:
    list_referenced_folders(folder / "tokens" / LATEST)
    return read_index(folder / "tokens" / LATEST)[1:]


def read_both(folder: Path) -> Any:
    with reading_headers_only():
        read_tensors(folder / "a.safetensors")
    read_tensors(folder / "a.safetensors")
    return {name: values.shape for name, values in read_weights(folder / "a.safetensors").items()}


def read_projection(folder: Path) -> None:
    path = folder / "p.npz"
    try:
        check_array_sizes(path)
    except ValueError:
        return
    Projection.read(path)


def file(name: str, write: Any, parse: Any, **more: Any) -> Target:
    return Target(write=lambda folder: write(folder / name), parse=lambda folder: parse(folder / name), **more)


TARGETS = {
    "manifest": Target(write=write_rows, parse=read_rows, exact=True),
    "findings": Target(write=write_found, parse=lambda folder: read_findings(folder / "findings.parquet"), exact=True),
    "outcomes": Target(
        write=lambda folder: write_outcomes(
            folder, [Outcome(media_id="a", dataset="own", path="b", outcome="done", clips=3)]
        ),
        parse=read_outcomes,
        exact=True,
    ),
    "plan of shards": Target(write=lambda folder: make_plan(folder, ["a", "b"]), parse=read_plan),
    "media shard": Target(write=write_clips, parse=read_clips, exact=True),
    "token store": Target(write=lambda folder: fill(folder / "store", [2, 0, 3]), parse=read_store, exact=True),
    "index of a profile": Target(
        write=lambda folder: write_index(
            WorkFolder(folder), tiny(), ["shard-a.zarr"], {"lfcc": "lfcc-1"}, {"lfcc": ["x"]}
        ),
        parse=read_sealed_index,
    ),
    "HDF5 export": Target(write=write_export, parse=read_export, changed=("all.h5",), exact=True, native=True),
    "listing of a bundle": Target(write=write_listing, parse=read_listing, exact=True),
    "inputs of a run": Target(write=write_run, parse=read_info),
    "safetensors": file("a.safetensors", lambda path: write_weights(path, STATE), lambda path: read_both(path.parent)),
    "state of PyTorch": file(
        "a.pth",
        lambda path: save_state(path, STATE),
        lambda path: (sorted(load_state(path, CPU)), sorted(read_tensors(path))),
    ),
    "projection": Target(
        write=lambda folder: np.savez(folder / "p.npz", mean=np.zeros(3, "<f4"), matrix=np.eye(3, dtype="<f4")),
        parse=read_projection,
    ),
    "verdicts": Target(write=write_verdicts, parse=read_verdict, changed=("lines",), exact=True, allowed=(None,)),
}
