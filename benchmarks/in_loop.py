"""Training with the frozen encoders in the loop, against the same training on cached tokens.

Two rivals, both with their media decoded in RAM; preparing and saving are free for them, while all that the cached run
pays is counted. The plain one encodes every clip of a batch, as such loops are written. The thrifty one encodes a clip
that is drawn twice for a batch once, and not what modality dropout leaves out.

B clips of a batch, F faces, A samples, N tokens of one encoder in a batch, W their width
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.encode_shard import encode_shard
from unmask.cache.encoder_runner import Runner
from unmask.cache.encoders import find_stream_name, make_encoder
from unmask.cache.projections.projection import FOLDER, projection
from unmask.cache.read_ahead import GpuCopies
from unmask.cache.shard_media import ShardMedia
from unmask.cache.spec import Encoder, Input, Modality
from unmask.cache.stage import open_tokens
from unmask.cache.store.in_memory import InMemory
from unmask.cache.store.ragged import ClipKey, compute_offsets
from unmask.cache.store.token_store import TokenStore
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder
from unmask.train.config import TrainConfig
from unmask.train.data.batch import MODALITIES, Batch, Sources, StreamBatch
from unmask.train.data.layer_mixtures import Mixtures
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.token_data import TokenData
from unmask.train.fit import _train_epoch, fit
from unmask.train.monitor.live_table import Board
from unmask.train.optim.distributed import World
from unmask.train.run_setup import Setup, prepare
from unmask.train.validation import validate

EPOCHS, AIM = 10, 30
# At most; a runner takes less on a CPU and where memory is short.
ENCODER_BATCH = 256
# Clips of each encoder whose tokens are compared with the cached ones, and how far these may be off, as a share of a
# token's length: half precision on a GPU is that far from a CPU's, other batches on one device much less.
COMPARED, MOST_OFF = 4, 0.01


Seconds = tuple[float, float]
"""On the wall, and of processors."""


def in_the_loop(work: WorkFolder, manifest: Manifest, config: TrainConfig, folder: Path, device: torch.device) -> str:
    cached, taken, setup = measure_in_loop(work, manifest, config, folder, device)
    # Of a GPU's work processor time says nothing.
    told = [_ratio(name, cached, taken[name], processors=device.type == "cpu") for name in taken]
    drawn, validated = setup.sampler.draw(1), len(setup.validation)
    return (
        f"{EPOCHS} epochs on cached tokens {cached[0]:,.1f} s, from opening them to the saved run; with the encoders "
        f"in the loop, {EPOCHS} times one measured epoch: {', '.join(told)} (aim {AIM}); "
        f"an epoch draws {len(drawn)} clips, {len(np.unique(drawn))} different, and validates {validated}"
    )


def measure_in_loop(
    work: WorkFolder, manifest: Manifest, config: TrainConfig, folder: Path, device: torch.device
) -> tuple[Seconds, dict[str, Seconds], Setup]:
    """EPOCHS epochs of the cached run; one epoch of each rival, which stands for all: each draws about as much."""
    # Making augmented views would cost the loop alone.
    config = config.changed({"epochs": EPOCHS, "patience": EPOCHS, "views": False})
    cached = _seconds(lambda: _cached_run(work, manifest, config, folder / "cached", device))
    data = TokenData.load(manifest, open_tokens(work, manifest))
    setup = prepare(data, config, folder / "in-loop", World(device), resume=False)
    plain = EncodedData.of(setup, work, manifest)
    taken = {}
    for name, rival in (("plain", plain), ("thrifty", replace(plain, thrifty=True))):
        _check_same(setup, rival)
        taken[name] = _seconds(partial(_epoch, replace(setup, data=rival)))
    return cached, taken, setup


def _ratio(name: str, cached: tuple[float, float], epoch: tuple[float, float], *, processors: bool) -> str:
    wall, busy = (EPOCHS * slow / fast for slow, fast in zip(epoch, cached, strict=True))
    return f"{name} {EPOCHS * epoch[0]:,.0f} s, {wall:.1f} times" + f" ({busy:.1f} in processor time)" * processors


def _seconds(run: Callable[[], None]) -> Seconds:
    wall, processors = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processors


def _cached_run(work: WorkFolder, manifest: Manifest, config: TrainConfig, run: Path, device: torch.device) -> None:
    """All of it: opening and placing the tokens, EPOCHS epochs, and what is saved."""
    data = TokenData.load(manifest, open_tokens(work, manifest))
    summary = fit(data, config, run, device=device, resume=False)
    assert summary.epochs == EPOCHS


def _epoch(setup: Setup) -> None:
    """The first epoch and its validation, which ends with scores on the CPU: no GPU is left at work."""
    _train_epoch(setup, 1, Board("bench", 1, setup.steps, 0))
    validate(setup.validated, setup.data, setup.validation, device=setup.world.device)


@dataclass(frozen=True, kw_only=True)
class EncodedData(TokenData):
    """The same clips, but the tokens of every batch are made when it is asked for, and forgotten."""

    held: dict[int, _ClipMedia]
    """Row of the clip table -> its media; of the training and the validation clips."""
    runners: dict[str, Runner]
    copies: GpuCopies | None
    """Copies media to the GPU while it trains; None on a CPU."""
    thrifty: bool = False

    @classmethod
    def of(cls, setup: Setup, work: WorkFolder, manifest: Manifest) -> Self:
        data, names, device = setup.data, setup.model.shape.streams, setup.world.device
        rows = np.concatenate([setup.sampler.clips, setup.validation])
        keys = zip(data.clips.media_id[rows].tolist(), data.clips.clip[rows].tolist(), strict=True)
        shards = find_shards(get_media_folder(work, data.profile.preprocess), manifest)
        held = dict(
            _read(
                shards, {data.streams[name].spec.input for name in names}, dict(zip(keys, rows.tolist(), strict=True))
            )
        )
        copies = GpuCopies(device) if device.type == "cuda" else None
        return cls(**vars(data), held=held, runners=_runners(data, names, device), copies=copies)

    def batch(
        self,
        clips: NDArray[np.int64],
        names: Sequence[str],
        *,
        device: torch.device,
        kept: Mapping[Modality, NDArray[np.bool_]] | None = None,
        views: NDArray[np.int64] | None = None,
        sources: Sources | None = None,
        mixtures: Mixtures = (),
        sync: bool = False,
    ) -> Batch:
        """As of `TokenData`; only the clips' own clean tokens are there."""
        assert views is None
        assert not sources
        assert not sync
        kept = kept or {}
        rows = np.unique(clips) if self.thrifty else np.sort(clips)
        left = {modality: set(clips[stays].tolist()) for modality, stays in kept.items()} if self.thrifty else {}
        media = self._media(rows, left)
        streams = {name: self._encoded(name, rows, media) for name in names}
        return TokenData.batch(
            replace(self, streams=streams), clips, names, device=device, kept=kept, mixtures=mixtures
        )

    def _media(self, rows: NDArray[np.int64], kept: Mapping[Modality, Collection[int]]) -> ShardMedia:
        """The clips `rows` as if they were a shard, without what no draw of a clip keeps."""
        parts = [
            self.held[row].only([modality for modality in MODALITIES if modality not in kept or row in kept[modality]])
            for row in rows.tolist()
        ]
        media = _together(parts, self.profile.preprocess.sample_rate)
        return media if self.copies is None else media.copy_to_gpu(self.copies)

    def _encoded(self, name: str, rows: NDArray[np.int64], media: ShardMedia) -> StreamTokens:
        """The tokens of `rows` by one encoder; all other clips of the table have none."""
        (made,), stream = encode_shard(media, self.runners[name]), self.streams[name]
        lengths, begin = np.zeros(len(self.clips), np.int64), np.zeros(len(self.clips), np.int64)
        lengths[rows], begin[rows] = made.lengths, compute_offsets(made.lengths)[:-1]
        held = InMemory(stream.spec, lengths, begin, torch.from_numpy(made.tokens), made.times)
        return replace(stream, lengths=lengths, held=held, views=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClipMedia:
    """What encoders need of one clip."""

    key: ClipKey
    start: float
    """Seconds."""
    faces: NDArray[np.uint8]
    """(F, S, S, 3)"""
    face_times: NDArray[np.float32]
    """(F,)"""
    audio: NDArray[np.int16]
    """(A,)"""
    text: str | None

    @classmethod
    def of(cls, media: ShardMedia, clip: int) -> Self:
        faces = slice(*media.face_offsets[clip : clip + 2].tolist())
        return cls(
            key=media.keys[clip],
            start=float(media.starts[clip]),
            faces=media.faces[faces],
            face_times=media.face_times[faces],
            audio=media.audio[slice(*media.audio_offsets[clip : clip + 2].tolist())],
            text=media.texts[clip],
        )

    def only(self, modalities: Collection[Modality]) -> Self:
        faces = None if "image" in modalities else 0
        return replace(
            self,
            faces=self.faces[:faces],
            face_times=self.face_times[:faces],
            audio=self.audio if "audio" in modalities else self.audio[:0],
            text=self.text if "text" in modalities else None,
        )


def _read(
    shards: Sequence[Path], wanted: set[Input], row_of: Mapping[ClipKey, int]
) -> Iterator[tuple[int, _ClipMedia]]:
    for path in shards:
        media = ShardMedia.read(MediaShard(path), wanted, facts={})  # no preset reads metadata
        for clip, key in enumerate(media.keys):
            if key in row_of:
                yield row_of[key], _ClipMedia.of(media, clip)


def _together(parts: Sequence[_ClipMedia], sample_rate: int) -> ShardMedia:
    return ShardMedia(
        keys=[part.key for part in parts],
        starts=np.array([part.start for part in parts], np.float32),
        faces=np.concatenate([part.faces for part in parts]),
        face_times=np.concatenate([part.face_times for part in parts]),
        face_offsets=compute_offsets([len(part.face_times) for part in parts]),
        audio=np.concatenate([part.audio for part in parts]),
        audio_offsets=compute_offsets([len(part.audio) for part in parts]),
        sample_rate=sample_rate,
        texts=[part.text for part in parts],
        facts=[None] * len(parts),
    )


def _runners(data: TokenData, names: Sequence[str], device: torch.device) -> dict[str, Runner]:
    encoders = {find_stream_name(choice): make_encoder(choice, device) for choice in data.profile.encoders}
    return {name: _runner(encoders[name], data.streams[name].store, device) for name in names}


def _runner(encoder: Encoder, store: TokenStore, device: torch.device) -> Runner:
    encoder.spec = store.spec  # where the projection is a fitted one, this names its file
    matrix = projection(encoder.spec.native_dim, encoder.spec.projection, store.folder.parent / FOLDER)
    return Runner.of(encoder, device, ENCODER_BATCH, matrix)


def _check_same(setup: Setup, rival: TokenData) -> None:
    """Some clips of every encoder, drawn twice, with modality dropout: the rival trains on what is cached.

    It also loads the networks, which the measured epoch then has ready.
    """
    names, clips = setup.model.shape.streams, setup.sampler.clips
    drawn = np.repeat(np.unique(np.concatenate([_spread(clips[n > 0]) for n in setup.data.lengths(names)[clips].T])), 2)
    kept = dict(zip(MODALITIES, setup.sampler.keep(drawn, epoch=1).T, strict=True))
    made, cached = (data.batch(drawn, names, device=setup.world.device, kept=kept) for data in (rival, setup.data))
    for name in names:
        off = _off(made.streams[name], cached.streams[name])
        if off > MOST_OFF:
            raise AssertionError(f"{name}: tokens made in the loop are {off:.3f} of their length from the cached ones")


def _spread(clips: NDArray[np.int64]) -> NDArray[np.int64]:
    """COMPARED of them, or all where there are fewer."""
    return clips[:: max(1, len(clips) // COMPARED)][:COMPARED]


def _off(made: StreamBatch, cached: StreamBatch) -> float:
    """Largest distance of two tokens (N, W), as a share of the cached one's length; they have to lie equally."""
    torch.testing.assert_close(made.slots, cached.slots, rtol=0, atol=0)
    torch.testing.assert_close(made.times, cached.times)
    ours, theirs = made.tokens.float(), cached.tokens.float()
    off = (ours - theirs).norm(dim=1) / theirs.norm(dim=1)
    return float(off.max()) if len(off) else 0.0
