"""Clips, batches, kept and swapped modalities of each epoch. No call depends on an earlier one.

Every random generator is keyed by (seed, epoch, purpose), and within it by the number of the draw: resuming at an epoch
changes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.train.config import TrainConfig
from unmask.train.data.batch import MODALITIES
from unmask.train.data.clip_table import derive_label
from unmask.train.data.partners import Partners, cut_between_pairs, list_even_ends, shuffle_pairs
from unmask.train.data.swapping import Parts, draw_swaps
from unmask.train.data.token_data import TokenData

# Clips are sorted by length within pools of this many steps: enough for little padding, few enough for a random order.
POOL_STEPS = 32

_ORDER, _CLIP, _KEEP, _POOLS, _VIEW, _DROPOUT, _PAIRS, _SWAP = range(8)


@dataclass(frozen=True, slots=True)
class Portion:
    """The clips of one batch, and the modalities kept of each."""

    clips: NDArray[np.int64]
    kept: dict[Modality, NDArray[np.bool_]]
    views: NDArray[np.int64] | None = None
    """Augmentation of each clip, 0 for the clean one; None without augmentations."""
    number: int = 0
    """Number of the batch in its epoch; keys the random numbers of its forward pass."""
    sources: dict[Modality, NDArray[np.int64]] = field(default_factory=dict)
    """`batch.Sources` of the clips; empty without swapped clips."""


@dataclass(frozen=True)
class Sampler:
    config: TrainConfig
    clips: NDArray[np.int64]
    """Training clips: rows of the clip table."""
    items: NDArray[np.int64]
    """Item of each of them."""
    cells: NDArray[np.int64]
    """2 * dataset + class of each clip (`clip_table.derive_label`)."""
    lengths: NDArray[np.int64]
    """(C, M) tokens of every clip of the table by modality."""
    manipulated: NDArray[np.bool_]
    """(C, M) modalities that are known to be fake and have tokens."""
    genuine: NDArray[np.bool_]
    """(C, M) the same of those known to be genuine."""
    views: int = 0
    """Augmentations per clip beside the clean one."""
    partners: Partners | None = None
    """None: fakes are drawn without regard to the real clips of their source."""

    @classmethod
    def of(cls, data: TokenData, names: tuple[str, ...], clips: NDArray[np.int64], config: TrainConfig) -> Self:
        table, image, audio = data.clips, MODALITIES.index("image"), MODALITIES.index("audio")
        lengths = np.zeros((len(table), len(MODALITIES)), np.int64)
        for name in names:
            lengths[:, MODALITIES.index(data.modality(name))] += data.streams[name].lengths
        there = lengths > 0
        manipulated, genuine = np.zeros_like(there), np.zeros_like(there)
        for known, label in ((manipulated, 1), (genuine, 0)):
            known[:, image] = there[:, image] & (table.video_fake == label)
            known[:, audio] = there[:, audio] & (table.audio_fake == label)
        cells = table.domain[clips] * 2 + derive_label(table, clips, there[clips, image], there[clips, audio])
        views = data.views(names) if config.views else 0
        partners = Partners.find(table, clips, cells % 2 == 1) if config.paired else None
        return cls(config, clips, table.item[clips], cells, lengths, manipulated, genuine, views, partners)

    def draw(self, epoch: int) -> NDArray[np.int64]:
        """Clips of the epoch. Balanced: equally many per (dataset, class), spread evenly over items."""
        if not self.config.balance:
            return self._random(epoch, _ORDER).permutation(self.clips)
        return np.concatenate([self._draw_cell(cell, count, epoch) for cell, count in self.shares().items()])

    def shares(self) -> dict[int, int]:
        """Balanced draws per cell. If one class has too few items, both classes of its dataset are drawn less."""
        items = {cell: len(np.unique(self.items[self.cells == cell])) for cell in np.unique(self.cells).tolist()}
        rarer = {cell: min(count, items.get(cell ^ 1, count)) for cell, count in items.items()}
        return {cell: min(self.even_share, self.config.max_repeats * count) for cell, count in rarer.items()}

    def class_odds(self, datasets: int) -> tuple[float, ...]:
        """Log odds of fake among the draws of each of the `datasets`.

        One more draw of each class keeps those of a dataset of one class finite.
        """
        drawn = self.shares() if self.config.balance else Counter(self.cells.tolist())
        counts = [[drawn.get(2 * dataset + fake, 0) + 1 for fake in (0, 1)] for dataset in range(datasets)]
        return tuple(math.log(fakes / reals) for reals, fakes in counts)

    @property
    def even_share(self) -> int:
        """Draws per cell for an epoch as long as the training split."""
        return -(-len(self.clips) // len(np.unique(self.cells)))

    def steps(self, epoch: int) -> list[list[Portion]]:
        """Optimizer steps of clips of similar length, in random order, each in up to `accumulate` batches.

        The clips of a step depend only on batch_size x accumulate. A pair is in one batch, which may have one clip more
        for it; its clips lose the same modalities and have the same augmentation.
        """
        clips, beside = self.pair(self.draw(epoch), epoch)
        keep = self.keep(clips, epoch, beside)
        sources = self.swap(clips, epoch)
        if sources:
            keep[(sources["image"] != clips) | (sources["audio"] != clips)] = True
        seen = self._random(epoch, _VIEW).integers(0, self.views + 1, len(clips))[beside] if self.views else None
        totals = (self._count_tokens(clips, sources) * keep).sum(axis=1)
        np.maximum.at(totals, beside, totals)
        steps: list[list[Portion]] = []
        number = 0
        for step in self._buckets(totals[beside], epoch, beside):
            steps.append([])
            ends = list_even_ends(len(step), min(self.config.accumulate, len(step)))
            for rows in cut_between_pairs(step, ends, beside):
                kept = {modality: keep[rows, column] for column, modality in enumerate(MODALITIES)}
                given = {modality: giver[rows] for modality, giver in sources.items()}
                steps[-1].append(Portion(clips[rows], kept, None if seen is None else seen[rows], number, given))
                number += 1
        return steps

    def pair(self, clips: NDArray[np.int64], epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) clips of the epoch, and (N,) the row that each stands beside, its own for most (`Partners.pair`)."""
        if self.partners is None or self.step_size(clips) < 2:
            return clips, np.arange(len(clips))
        return self.partners.pair(clips, self._random(epoch, _PAIRS))

    def step_size(self, clips: NDArray[np.int64]) -> int:
        """Clips per step of an epoch of `clips`."""
        return (self.config.batch_size or len(clips)) * self.config.accumulate

    def keep(self, clips: NDArray[np.int64], epoch: int, beside: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(N, M) modalities kept by modality dropout. Clips that stand beside another share its random numbers.

        The last modality of a clip is kept, and so is its last modality known to be fake: the rest would be genuine
        with a fake label.
        """
        present = self.lengths[clips] > 0
        chance = self._random(epoch, _KEEP).random(present.shape)
        chance = chance if beside is None else chance[beside]
        keep = present & (chance >= self.config.modality_dropout)
        for wanted in (self.manipulated[clips], present):
            lost = wanted.any(axis=1) & ~(keep & wanted).any(axis=1)
            luckiest = np.where(wanted, chance, -1.0).argmax(axis=1)
            keep[np.arange(len(clips)), luckiest] |= lost
        return keep

    def swap(self, clips: NDArray[np.int64], epoch: int) -> dict[Modality, NDArray[np.int64]]:
        """`batch.Sources` of the draws `clips`, epochs from 1; empty if none of them is swapped."""
        rising = epoch / self.config.epochs if self.config.swap_schedule == "rising" else 1.0
        share = self.config.swap * rising
        if share <= 0:
            return {}
        item = np.full(len(self.lengths), -1, np.int64)
        item[self.clips] = self.items
        parts = Parts(item=item, manipulated=self.manipulated, genuine=self.genuine, present=self.lengths > 0)
        is_fake = self.cells[np.searchsorted(self.clips, clips)] % 2 == 1
        return draw_swaps(parts, clips, is_fake, share, self._random(epoch, _SWAP))

    def _count_tokens(
        self, clips: NDArray[np.int64], sources: Mapping[Modality, NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        """(N, M) tokens of the draws by modality, 0 for a modality without a source."""
        counts = self.lengths[clips]
        for modality, giver in sources.items():
            column = MODALITIES.index(modality)
            counts[:, column] = self.lengths[giver, column] * (giver >= 0)
        return counts

    def _draw_cell(self, cell: int, wanted: int, epoch: int) -> NDArray[np.int64]:
        """Rounds over the cell's items in new random orders, with a random clip of each item."""
        of_cell = np.flatnonzero(self.cells == cell)
        items, first, clips_of = np.unique(self.items[of_cell], return_index=True, return_counts=True)
        order = self._random(epoch, _ORDER, cell)
        rounds = [order.permutation(len(items)) for _ in range(-(-wanted // len(items)))]
        chosen = np.concatenate(rounds)[:wanted]
        clip = (self._random(epoch, _CLIP, cell).random(wanted) * clips_of[chosen]).astype(np.int64)
        drawn: NDArray[np.int64] = self.clips[of_cell[first[chosen] + clip]]
        return drawn

    def _buckets(self, lengths: NDArray[np.int64], epoch: int, beside: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Rows of every step: shuffled, sorted by length within pools, cut evenly, the steps shuffled.

        `lengths` are equal within a pair, so that sorting leaves it together.
        """
        random = self._random(epoch, _POOLS)
        size = self.step_size(lengths)
        order = shuffle_pairs(beside, random)
        starts = range(0, len(order), size * POOL_STEPS)
        steps: list[NDArray[np.int64]] = []
        for start, pool in zip(starts, cut_between_pairs(order, starts[1:], beside), strict=True):
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            # Pairs may have moved a clip from one pool to the next; the number of steps is that without pairs.
            parts = -(-min(size * POOL_STEPS, len(order) - start) // size)
            steps += cut_between_pairs(pool, list_even_ends(len(pool), parts), beside)
        return [steps[number] for number in random.permutation(len(steps))]

    def dropout_seed(self, epoch: int, portion: Portion) -> int:
        """Seed per epoch and batch: independent of resuming and of the process that takes the batch."""
        return int(self._random(epoch, _DROPOUT, portion.number).integers(1 << 63))

    def _random(self, epoch: int, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, epoch, *purpose])


def find_shared_masks(sampler: Sampler, domain: NDArray[np.int64]) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Per modality mask that occurs in training, the datasets whose clips can have it; `domain`: of the clip table."""
    whole = (sampler.lengths[sampler.clips] > 0) @ (1 << np.arange(len(MODALITIES)))
    seen = set(zip(whole.tolist(), domain[sampler.clips].tolist(), strict=True))
    if sampler.config.modality_dropout > 0:
        every = range(1, 1 << len(MODALITIES))
        seen = {(part, dataset) for pattern, dataset in seen for part in every if part & pattern == part}
    patterns = sorted({pattern for pattern, _ in seen})
    return tuple((p, tuple(sorted(dataset for pattern, dataset in seen if pattern == p))) for p in patterns)
