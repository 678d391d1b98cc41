"""Exports of bad will: consistent by their own checksums, which anybody can compute, and refused with one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_tokens import SPEC, fill

from unmask.cache.export import transfer
from unmask.cache.export.hdf5_file import TRAINED_ON, Hdf5Tokens, _hash_arrays, read_about, write_hdf5
from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput
from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards.shard_plan import hash_media_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three clips, five tokens, one shard, as a whole export of the profile tiny."""
    profile = tiny()
    media = hash_media_settings(profile.preprocess)
    fill(tmp_path / "store", [2, 0, 3])
    store = TokenStore(tmp_path / "store")
    store.media, store.fingerprint = media, SPEC.fingerprint(media)
    about = {"profile": profile.model_dump(mode="json"), "media": media, "shards": store.shards}
    write_hdf5(tmp_path / "all.h5", {"lfcc": store}, about)
    return tmp_path / "all.h5"


def reseal(file: Path, edit: Callable[[Any], Any]) -> Path:
    """`edit` the open file, then make its checksums those of the new content."""
    with h5py.File(file, "r+") as opened:
        edit(opened)
        for group in (opened, opened.get("lfcc")):
            if isinstance(group, h5py.Group):
                about = {name: value for name, value in group.attrs.items() if name != "checksum"}
                known = {name: value if isinstance(value, str) else int(value) for name, value in about.items()}
                group.attrs["checksum"] = fingerprint(known)
    return file


def put(name: str, **options: Any) -> Callable[[Any], Any]:
    """Another dataset in the place of `name`."""

    def edit(opened: Any) -> None:
        del opened["lfcc"][name]
        opened["lfcc"].create_dataset(name, **options)

    return edit


def change_spec(**changes: Any) -> Callable[[Any], Any]:
    def edit(opened: Any) -> None:
        group = opened["lfcc"]
        spec = {**json.loads(group.attrs["spec"]), **changes}
        group.attrs["spec"] = json.dumps(spec)
        identity = {key: value for key, value in spec.items() if key != "weights"}
        group.attrs["fingerprint"] = fingerprint("tokens-1", group.attrs["media"], identity)

    return edit


def change_about(**changes: Any) -> Callable[[Any], Any]:
    def edit(opened: Any) -> None:
        opened.attrs["about"] = json.dumps({**json.loads(opened.attrs["about"]), **changes})

    return edit


def link(make: Callable[[Path], Any], name: str = "times") -> Callable[[Any], Any]:
    def edit(opened: Any) -> None:
        secret = Path(opened.filename).with_name("secret.h5")
        with h5py.File(secret, "w") as other:
            other["x"] = np.arange(5, dtype="<f4")
        del opened["lfcc"][name]
        opened["lfcc"][name] = make(secret)

    return edit


def make_virtual(opened: Any) -> None:
    layout = h5py.VirtualLayout((5,), "<f4")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (5,))
    del opened["lfcc/times"]
    opened["lfcc"].create_virtual_dataset("times", layout)


def refer(opened: Any) -> None:
    del opened["lfcc/media_id"]
    opened["lfcc"].create_dataset("media_id", data=[opened["lfcc"].ref] * 3, dtype=h5py.ref_dtype)


DEEP = '{"a":' * 5000 + "1" + "}" * 5000
HUGE = 10**12
HOSTILE: dict[str, Callable[[Any], Any]] = {
    "a soft link": link(lambda secret: h5py.SoftLink("/lfcc/offsets")),
    "a link to another file": link(lambda secret: h5py.ExternalLink(str(secret), "/x")),
    "tokens of another file": link(lambda secret: h5py.ExternalLink(str(secret), "/x"), "tokens"),
    "bytes of another file": put("times", shape=(5,), dtype="<f4", external=[("/etc/hostname", 0, 20)]),
    "a virtual dataset": make_virtual,
    "references": refer,
    "a group in place of numbers": lambda opened: (opened["lfcc"].pop("clip"), opened["lfcc"].create_group("clip")),
    "a bomb of zeros": put("times", shape=(HUGE,), dtype="<f4", chunks=(1 << 20,), compression="gzip", fillvalue=0),
    "numbers that nobody wrote": put("times", shape=(HUGE,), dtype="<f4"),
    "no space at all": put("times", data=h5py.Empty("<f4")),
    "one number": put("times", data=np.float32(1)),
    "names that are numbers": put("media_id", data=np.arange(3)),
    "names of any length": put("media_id", data=["a", "b", "c"], dtype=h5py.string_dtype()),
    "names that are not UTF-8": put("media_id", data=np.array([b"\xff", b"b", b"c"])),
    "complex offsets": put("offsets", data=np.zeros(4, complex)),
    "offsets beyond every file": put("offsets", data=np.array([0, 2, 2, 1 << 62])),
    "times that are no numbers": put("times", data=np.full(5, np.nan, "<f4")),
    "clips below nothing": put("clips", data=np.array([-3], "<i8")),
    "a shard elsewhere": put("shard", data=np.array([b"../../x.zarr"])),
    "reasons that are a list": put("failed", data=np.frombuffer(b"[1]\n", np.uint8)),
    "reasons without an end": put("failed", data=np.frombuffer(DEEP.encode(), np.uint8)),
    "a spec that leaves the folder": change_spec(name="../../../evil"),
    "a spec of a million million numbers": change_spec(native_dim=HUGE, projection="native"),
    "a spec without a width": change_spec(native_dim="many", projection="native"),
    "a spec of other fields": change_spec(unknown=1),
    "a spec without an end": lambda opened: opened["lfcc"].attrs.update(spec=DEEP),
    "no checksums": lambda opened: opened["lfcc"].attrs.update(checksums="{}"),
    "checksums of anything": lambda opened: opened["lfcc"].attrs.update(checksums='{"nothing": ""}'),
    "an about without an end": lambda opened: opened.attrs.update(about=DEEP),
    "an about that is a list": lambda opened: opened.attrs.update(about="[]"),
    "no about": lambda opened: opened.attrs.pop("about"),
    "a number of streams": lambda opened: opened.attrs.update(streams="3"),
    "a stream twice": lambda opened: opened.attrs.update(streams='["lfcc", "lfcc"]'),
    "a stream elsewhere": lambda opened: opened.attrs.update(streams='["../lfcc"]'),
    "a profile of nothing": change_about(profile=None),
    "shards that are a number": change_about(shards=3),
    "other shards": change_about(shards=["shard-b.zarr"]),
    "tokens that are not finite": lambda opened: opened["lfcc/tokens"].write_direct(
        np.full(opened["lfcc/tokens"].shape, np.inf, "<f2")
    ),
    "a record of nothing": lambda opened: opened["lfcc"].create_dataset(TRAINED_ON, data=np.arange(3, dtype="u1")),
}


def seal_arrays(group: Any) -> None:
    """The checksums of the arrays as they are now, where they can be read."""
    sums = {}
    for name in group:
        part = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        plain = isinstance(part, h5py.Dataset) and part.shape and part.size < 10_000 and not part.dtype.hasobject
        sums[name] = _hash_arrays([part]) if plain else ""
    group.attrs["checksums"] = json.dumps(sums)


@pytest.mark.parametrize("name", HOSTILE)
def test_an_export_of_bad_will_is_refused_and_writes_nothing(name: str, file: Path, tmp_path: Path):
    def edit(opened: Any) -> None:
        HOSTILE[name](opened)
        if "checksums" not in name:
            seal_arrays(opened["lfcc"])

    reseal(file, edit)
    work = WorkFolder(tmp_path / "inside" / "work")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(MissingInput, match=r"all\.h5"):
        transfer.import_hdf5(work, file)
    assert sorted(path for path in tmp_path.rglob("*") if "secret" not in path.name) == [
        path for path in before if "secret" not in path.name
    ]


def test_the_export_itself_is_imported(file: Path, tmp_path: Path):
    reports = transfer.import_hdf5(WorkFolder(tmp_path / "work"), file)
    assert [report.done for report in reports] == [3]
    assert sorted(os.listdir(tmp_path / "work")) == ["locks", "tokens"]
    assert read_about(file)[1] == ["lfcc"]
    assert Hdf5Tokens(file, "lfcc").verify() == {}
