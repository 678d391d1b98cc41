"""Random tokens of made-up items: everything training needs, in milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.cache.spec import TOKEN_WIDTH, EncoderSpec, Modality
from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens
from unmask.manifests.manifest import DATASETS, Kind, Manifest, MediaRow, Split, from_rows
from unmask.preprocess.profiles import tiny
from unmask.train.auto_size import SIZES, Size
from unmask.train.data.batch import MODALITIES
from unmask.train.data.token_data import TokenData

ENCODERS: dict[str, Modality] = {"eye": "image", "ear": "audio", "ear_two": "audio", "reader": "text"}


@dataclass(frozen=True)
class MadeItem:
    """One media item: its label, and how many tokens of each encoder each of its clips has."""

    label: int | None
    lengths: dict[str, int]
    dataset: str = "fakeavceleb"
    kind: Kind = "video"
    split: Split | None = "train"
    clips: int = 1
    video_fake: bool | None = None
    audio_fake: bool | None = None
    signal: float = 1.0
    """How far fakes' tokens lie from reals', in standard deviations along one direction."""
    start_s: float = 0.0
    ok: bool = True
    sources: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


def _row(number: int, item: MadeItem) -> MediaRow:
    return MediaRow(
        media_id=hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest(),
        dataset=item.dataset,
        domain_id=DATASETS.index(item.dataset) if item.dataset in DATASETS else -1,
        path=f"{number}.mp4",
        kind=item.kind,
        label=item.label,
        video_fake=item.video_fake,
        audio_fake=item.audio_fake,
        method="none" if item.label == 0 else "unknown",
        group=f"g{number}",
        sources=item.sources,
        people=item.people,
        split=item.split,
        status="ok" if item.ok else "failed",
    )


def _write_store(
    folder: Path, name: str, rows: list[MediaRow], items: list[MadeItem], seed: int, layer: int | None
) -> TokenStore:
    spec = EncoderSpec(
        name=name,
        modality=ENCODERS[name],
        weights="seed-0",
        weights_hash=f"{seed:016x}",
        native_dim=TOKEN_WIDTH,
        layer=layer,
    )
    key = spec.fingerprint("media")
    create_store(folder, spec, "media")
    keys, tokens, times, lengths = [], [], [], []
    for number, (row, item) in enumerate(zip(rows, items, strict=True)):
        for clip in range(item.clips):
            random = np.random.default_rng([seed, number, clip, list(ENCODERS).index(name)])
            length = item.lengths.get(name, 0)
            values = random.standard_normal((length, TOKEN_WIDTH))
            values[:, :16] += (item.signal if item.label == 1 else -item.signal) / 2
            keys.append((row.media_id, clip))
            tokens.append(values.astype(np.float16))
            times.append(item.start_s + 4 * clip + np.linspace(0, 4, length, endpoint=False, dtype=np.float32))
            lengths.append(length)
    write_tokens(
        folder / "shard-0.zarr", key, keys, np.concatenate(tokens), np.concatenate(times).astype(np.float32), lengths
    )
    return TokenStore(folder)


MakeData = Callable[..., TokenData]


@pytest.fixture
def make_data(tmp_path: Path) -> MakeData:
    """make_data(items, seed=0, layers={}) -> TokenData on CPU; `layers`: encoder -> its layer."""

    def make(items: Iterable[MadeItem], *, seed: int = 0, layers: Mapping[str, int] | None = None) -> TokenData:
        listed = list(items)
        rows = [_row(number, item) for number, item in enumerate(listed)]
        folder = tmp_path / f"tokens-{seed}-{len(list(tmp_path.iterdir()))}"
        layer = (layers or {}).get
        stores = {name: _write_store(folder / name, name, rows, listed, seed, layer(name)) for name in ENCODERS}
        manifest: Manifest = from_rows(rows, {})
        return TokenData.load(manifest, ProfileTokens(tiny(), "media", ["shard-0.zarr"], stores)).move_to(
            torch.device("cpu")
        )

    return make


@pytest.fixture
def mixed() -> Callable[..., list[MadeItem]]:
    """mixed(count, signal=1.0): pictures, recordings and talking heads of four datasets, all splits, both classes."""

    def make(count: int, *, signal: float = 1.0, seed: int = 0) -> list[MadeItem]:
        random = np.random.default_rng(seed)
        shapes: list[tuple[str, Kind, dict[str, int]]] = [
            ("archive", "image", {"eye": 1}),
            ("faceforensics", "video", {"eye": 8}),
            ("deepvoice", "audio", {"ear": 20, "ear_two": 20}),
            ("fakeavceleb", "video", {"eye": 8, "ear": 20, "ear_two": 20, "reader": 1}),
        ]
        items = []
        for number in range(count):
            dataset, kind, lengths = shapes[number % len(shapes)]
            split: Split = ("train", "train", "train", "val", "test")[int(random.integers(5))]  # type: ignore[assignment]
            label = int(random.integers(2))
            items.append(MadeItem(label, lengths, dataset, kind, split, signal=signal))
        return items

    return make


assert set(ENCODERS.values()) == set(MODALITIES) - {"metadata"}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny tensors: threads only wait for each other, the more the busier the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same architecture with two narrow layers."""
    monkeypatch.setitem(SIZES, "small", Size(layers=2, heads=2, width=32, feedforward=64, max_batch=64))


@pytest.fixture
def made_item() -> type[MadeItem]:
    """made_item(label, {encoder: tokens}, ...)"""
    return MadeItem
