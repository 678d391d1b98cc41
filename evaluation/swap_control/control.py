"""Score the files of a split by one part alone and beside genuine partners, from cached tokens."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import Modality
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.predictions import Predictions
from unmask.evaluation.swap_control.measure import SwapScores, measure_figures
from unmask.evaluation.swap_control.partners import draw_partners
from unmask.evaluation.swap_control.results import OTHER, Part, Score, SwapControl, SwapFigure
from unmask.evaluation.swap_control.sentences import describe_swap
from unmask.manifests.manifest import MediaRow
from unmask.metrics.binary import ENOUGH_ITEMS
from unmask.train.data.batch import MODALITIES

# With these, the control scores at most 16,000 clips, however large the split is.
MOST_FILES = 1000
"""Per part."""
DRAWS = 3
CLIPS = 2
"""Per file."""

log = logging.getLogger("unmask")


def run_swap_control(
    opened: OpenRun, items: ItemSet, numbers: Mapping[str, int], *, device: torch.device, batch_size: int, seed: int
) -> tuple[SwapControl, ...]:
    """Of the audio and of the image of `items`; empty for a run that does not read both.

    `numbers`: media_id -> number in the clip table.
    """
    if not all(_list_encoders(opened, part) for part in OTHER):
        return ()
    log.info("evaluate: swap control")
    control = _Control(opened, items, numbers, device, batch_size, seed)
    return control.run("audio"), control.run("image")


class _Control:
    def __init__(
        self,
        opened: OpenRun,
        items: ItemSet,
        numbers: Mapping[str, int],
        device: torch.device,
        batch_size: int,
        seed: int,
    ) -> None:
        """`items` are sorted by number, as predictions are."""
        self.opened, self.device, self.batch_size, self.seed = opened, device, batch_size, seed
        number = np.array([numbers[row.media_id] for row in items.rows], np.int64)
        order = np.argsort(number)
        self.rows = [items.rows[row] for row in order.tolist()]
        self.group = items.group[order]
        self.clips = {part: _list_clips(opened, part, number[order]) for part in OTHER}

    def run(self, part: Part) -> SwapControl:
        """Score every file with a known `part` alone and beside the other part of genuine files."""
        random = np.random.default_rng([self.seed, MODALITIES.index(part)])
        is_known, is_fake = self._read_labels(part)
        is_partner = self._read_labels(OTHER[part])
        partners = np.flatnonzero(is_partner[0] & ~is_partner[1])
        files = _limit(np.flatnonzero(is_known), is_fake, random)
        draws = [draw_partners(is_fake[files], self.group[files], self.group[partners], random) for _ in range(DRAWS)]
        paired = np.all([draw.partner >= 0 for draw in draws], axis=0)
        files = files[paired]
        fake = is_fake[files]
        enough = min(fake.sum(), (~fake).sum(), len(partners)) >= ENOUGH_ITEMS
        figures: tuple[SwapFigure, ...] = ()
        if enough:
            shown = [partners[draw.partner[paired]] for draw in draws]
            blocks = np.stack([draw.block[paired] for draw in draws])
            figures = measure_figures(self._score(part, files, fake, shown, blocks), seed=self.seed)
        counts = {"n_real": int((~fake).sum()), "n_fake": int(fake.sum()), "partners": len(partners)}
        return SwapControl(
            part=part,
            groups=len(np.unique(self.group[files])),
            draws=DRAWS,
            figures=figures,
            meaning=describe_swap(part, figures, **counts),
            **counts,
        )

    def _read_labels(self, part: Part) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(N,) files with tokens and a label of the part, and (N,) files whose part is fake."""
        labels = [_get_label(row, part) for row in self.rows]
        has_tokens = np.array([len(clips) > 0 for clips in self.clips[part]], np.bool_)
        is_known = np.array([label is not None for label in labels], np.bool_)
        return is_known & has_tokens, np.array([label is True for label in labels], np.bool_)

    def _score(
        self,
        part: Part,
        files: NDArray[np.int64],
        is_fake: NDArray[np.bool_],
        partners: list[NDArray[np.int64]],
        blocks: NDArray[np.int64],
    ) -> SwapScores:
        alone = _select_scores(self._predict(part, files, None), part)
        swapped = [_select_scores(self._predict(part, files, shown), part) for shown in partners]
        return SwapScores(
            is_fake=is_fake,
            group=np.unique(self.group[files], return_inverse=True)[1].astype(np.int64).reshape(-1),
            alone=alone,
            swapped={name: np.stack([scores[name] for scores in swapped]) for name in alone},
            block=blocks,
        )

    def _predict(self, part: Part, files: NDArray[np.int64], partners: NDArray[np.int64] | None) -> Predictions:
        """Scores of `files` by their `part`, alone or beside the other part of `partners`."""
        own = [self.clips[part][file] for file in files.tolist()]
        clips = np.concatenate(own)
        sources: dict[Modality, NDArray[np.int64]] = {
            modality: np.full(len(clips), -1, np.int64) for modality in MODALITIES if modality != part
        }
        if partners is not None:
            given = [self.clips[OTHER[part]][file] for file in partners.tolist()]
            sources[OTHER[part]] = np.concatenate(
                [np.resize(theirs, len(ours)) for ours, theirs in zip(own, given, strict=True)]
            )
        scores = self.opened.score_clips(clips, device=self.device, batch_size=self.batch_size, sources=sources)
        return self.opened.predict_items(scores)


def _list_encoders(opened: OpenRun, part: Part) -> list[str]:
    return [name for name in opened.loaded.model.shape.streams if opened.data.modality(name) == part]


def _list_clips(opened: OpenRun, part: Part, numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Of each item, up to CLIPS clips with tokens of the part, spread over the file."""
    clips = opened.select_clips()
    clips = clips[opened.data.count_slots(_list_encoders(opened, part), clips, {}) > 0]
    item = opened.data.clips.item[clips]
    starts, ends = np.searchsorted(item, numbers), np.searchsorted(item, numbers, side="right")
    whole = [clips[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return [one[np.arange(min(len(one), CLIPS)) * len(one) // max(1, min(len(one), CLIPS))] for one in whole]


def _get_label(row: MediaRow, part: Part) -> bool | None:
    return row.video_fake if part == "image" else row.audio_fake


def _select_scores(predictions: Predictions, part: Part) -> dict[Score, NDArray[np.float64]]:
    own = predictions.video_score if part == "image" else predictions.audio_score
    return {"joint": predictions.score, "part": own}


def _limit(files: NDArray[np.int64], is_fake: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int64]:
    """At most MOST_FILES of `files`, half of each class where both have enough."""
    real, fake = (random.permutation(files[is_fake[files] == label]) for label in (False, True))
    fakes = min(len(fake), max(MOST_FILES // 2, MOST_FILES - len(real)))
    return np.sort(np.concatenate([fake[:fakes], real[: MOST_FILES - fakes]]))
