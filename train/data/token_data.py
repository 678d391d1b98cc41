"""The clips of a manifest with their tokens, and ragged batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.read_ahead import read_ahead
from unmask.cache.spec import Modality
from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.ragged import ClipKey
from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput, UsageError
from unmask.core.hashing import fingerprint
from unmask.core.suggestions import suggest
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch, Sources, count_tokens, make_batch
from unmask.train.data.clip_table import ClipTable, find_usable, join
from unmask.train.data.layer_mixtures import Mixtures, count_slots
from unmask.train.data.stream_tokens import StreamTokens, place_for
from unmask.train.data.sync_curves import SyncCurves

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class TokenData:
    clips: ClipTable
    streams: dict[str, StreamTokens]
    """Encoder name -> its tokens, in the order of the profile."""
    profile: Profile
    media: str
    """Fingerprint of the media shards."""
    split_hash: str
    without_tokens: int
    """Number of items with status ok that have no tokens; the clip table lacks them."""
    sync: SyncCurves | None = None
    """Of the sync encoder, whose tokens are not among `streams`; None without one."""

    @classmethod
    def load(cls, manifest: Manifest, streams: ProfileTokens) -> Self:
        """Join the manifest's items with their tokens. `MissingInput` when no item has any."""
        clips = join(manifest, _list_filled(list(streams.stores.values())))
        if not len(clips):
            raise MissingInput("no item of the manifest has tokens", "unmask extract")
        tokens = _find_tokens(clips, streams)
        good = len(find_usable(manifest))
        sync = SyncCurves.find(tokens, clips)
        for name in sync.names if sync else ():
            del tokens[name]
        return cls(clips, tokens, streams.profile, streams.media, manifest.split_hash, good - clips.items, sync)

    def move_to(self, device: torch.device, names: Sequence[str] | None = None) -> Self:
        """The same data with the tokens of `names` (None: all) on `device` where they fit, else in RAM, else mapped."""
        wanted = {name: self.streams[name] for name in (self.streams if names is None else names)}
        place = place_for(sum(stream.bytes for stream in wanted.values()), device)
        if place is None:
            return self
        held = {name: stream.move_to(place) for name, stream in wanted.items()}
        return replace(self, streams=self.streams | held)

    def choose_encoders(self, config: TrainConfig) -> tuple[str, ...]:
        """Encoders that `config` uses, without the sync encoder (`choose_sync`).

        `UsageError` when one of them has no tokens, or none is left.
        """
        missing = sorted(set(config.streams) - set(self.streams) - set(self.sync.names if self.sync else ()))
        if missing:
            hint = f"{suggest(missing[0], self.streams)}encoders here: {', '.join(self.streams)}"
            raise UsageError(f"no tokens of {', '.join(missing)}", hint)
        wanted = [name for name in self.streams if not config.streams or name in config.streams]
        names = tuple(name for name in wanted if self.modality(name) in config.modalities)
        if not names:
            remedy = "extract with a profile that has one, or set train.modalities"
            raise UsageError(f"no encoder for {', '.join(config.modalities)}", remedy)
        return names

    def choose_sync(self, config: TrainConfig) -> tuple[str, ...]:
        """The two sides of the sync encoder if `config` uses it, else nothing."""
        if self.sync is None or not config.sync or not {"image", "audio"} <= set(config.modalities):
            return ()
        return self.sync.names if not config.streams or set(self.sync.names) <= set(config.streams) else ()

    @property
    def all_streams(self) -> dict[str, StreamTokens]:
        """`streams`, and those of the sync encoder."""
        return self.streams | (self.sync.sides if self.sync else {})

    def modality(self, stream: str) -> Modality:
        return self.streams[stream].spec.modality

    def widths(self, names: Sequence[str]) -> tuple[int, ...]:
        """Token width D of each encoder."""
        return tuple(self.streams[name].spec.width for name in names)

    def lengths(self, names: Sequence[str]) -> NDArray[np.int64]:
        """(C, len(names)) number of tokens per clip and encoder."""
        return np.stack([self.all_streams[name].lengths for name in names], axis=1)

    def select(
        self, names: Sequence[str], split: str | None = None, *, config: TrainConfig | None = None
    ) -> NDArray[np.int64]:
        """Clips with a token of one of the encoders `names`, filtered by split, and kinds and datasets of `config`."""
        wanted = self.lengths(names).sum(axis=1) > 0
        if split is not None:
            wanted &= self.clips.split == split
        if config is not None:
            wanted &= np.isin(self.clips.kind, config.kinds)
        if config is not None and config.datasets:
            self._known(config.datasets)
            wanted &= np.isin(np.array(self.clips.datasets)[self.clips.domain], config.datasets)
        return np.flatnonzero(wanted)

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
        """`clips` with their tokens of the encoders `names` on `device`.

        `kept` (B,) per modality: False drops the modality of that clip, as if the clip never had it. `views` (B,):
        the augmentation of each clip, 0 for the clean one. `sources` shows the image or the audio of other clips.
        Tokens of the encoders of one of the `mixtures` share their slots. `sync`: with the curves of the sync encoder.
        """
        streams = {name: self.streams[name] for name in names}
        batch = make_batch(self.clips, streams, clips, kept or {}, device, views, sources, mixtures)
        return self.sync.add_to(batch, sources or {}) if sync and self.sync else batch

    def count_slots(
        self, names: Sequence[str], clips: NDArray[np.int64], sources: Sources, mixtures: Mixtures = ()
    ) -> NDArray[np.int64]:
        """(B,) slots that the tokens of the encoders `names` take in a batch of `clips`, with the tokens of `sources`.

        A slot per token, but for the `mixtures`, whose encoders share theirs.
        """
        return count_slots(count_tokens({name: self.streams[name] for name in names}, clips, sources), mixtures)

    def views(self, names: Sequence[str]) -> int:
        """Augmentations per clip beside the clean one; the largest number among these encoders."""
        return max((len(self.streams[name].views) for name in names), default=0)

    def fingerprint(self, names: Sequence[str], *, origins: bool = False) -> str:
        """Changes when a token, a label, a split or a domain of the table changes, and with the encoders used.

        `names`: those of the sync encoder too, if it is used. `origins`: also when a source or an identity does.
        """
        table = self.clips
        columns = [table.media_id, table.clip, table.label, table.video_fake, table.audio_fake, table.split]
        rows = [column.tolist() for column in columns]
        used = {name: self.all_streams[name] for name in names}
        stores: dict[str, str | list[str]] = {name: stream.store.fingerprint for name, stream in used.items()}
        for name, stream in used.items():
            if stream.views:
                stores[f"{name} views"] = [view.store.fingerprint for view in stream.views]
        if origins:
            rows.append(table.origins.tolist())
        return fingerprint("data-1", stores, table.datasets, table.domain.tolist(), rows)

    def _known(self, datasets: Sequence[str]) -> None:
        missing = sorted(set(datasets) - set(self.clips.datasets))
        if missing:
            present = ", ".join(self.clips.datasets)
            hint = f"{suggest(missing[0], self.clips.datasets)}datasets here: {present}"
            raise UsageError(f"no clips of {', '.join(missing)}", hint)


def _find_tokens(clips: ClipTable, streams: ProfileTokens) -> dict[str, StreamTokens]:
    """By encoder, in the order of the profile."""
    tokens: dict[str, StreamTokens] = {}
    for name, store in streams.stores.items():
        like = next(iter(tokens.values()), None)
        tokens[name] = StreamTokens.of(store, clips.keys, streams.views.get(name, ()), like)
    return tokens


def _list_filled(stores: Sequence[TokenStore]) -> Iterator[ClipKey]:
    """Clips with a token in one of the stores. Most often all have the same clips, and then each is named once."""
    having: list[tuple[TokenStore, NDArray[np.bool_]]] = []
    for store in stores:
        has_C = next((has_C for other, has_C in having if store.share_keys(other)), None)
        if has_C is None:
            having.append((store, store.lengths > 0))
        else:
            has_C |= store.lengths > 0
    for store, has_C in having:
        yield from compress(store.keys, has_C.tolist())


def prefetch(make: Callable[[Given], Made], given: Iterable[Given], *, ahead: int) -> Iterator[Made]:
    """Yield make(g) for each, in order; up to `ahead` of the next ones are made meanwhile, by as many threads."""
    if not ahead:
        yield from map(make, given)
        return
    yield from read_ahead(given, make, readers=ahead)
