"""Score clips, and average the scores per media item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.train.data.batch import MODALITIES, Batch, Sources, bit, get_givers
from unmask.train.data.token_data import TokenData, prefetch
from unmask.train.models.detector import Detector, Outputs

# A batch of scores: 16,384 slots of the large model are less than 200 MB at a time, wherever a model was trained.
SLOTS, PADDING, FEW = 1 << 14, 0.2, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScores:
    """Logits of N clips, float32; above 0 is fake."""

    clips: NDArray[np.int64]
    """(N,) rows of the clip table."""
    fake: NDArray[np.float32]
    video: NDArray[np.float32]
    """(N,) NaN for a clip without image."""
    audio: NDArray[np.float32]
    """(N,) NaN for a clip without audio."""
    domain: NDArray[np.float32]
    """(N, G) over the datasets of the *model*; -inf for datasets that cannot show the clip's modality mask."""
    pattern: NDArray[np.int64]
    """(N,) modalities present, as bits."""
    terms: NDArray[np.float32]
    """(N, T) of a part fusion, in the order of Detector.terms: their noisy-or is `fake`; NaN for one that the clip does
    not have. T is 0 for every other fusion."""
    givers: NDArray[np.int64]
    """(N, M) clips whose tokens of each modality were scored: `clips`, unless modalities were swapped."""


@dataclass(frozen=True, slots=True)
class ItemScores:
    """Logits of M media items: the mean of their clips'."""

    items: NDArray[np.int64]
    """(M,) numbers of items in the clip table, rising."""
    first: NDArray[np.int64]
    """(M,) one row of the clip table for each: its media_id, label, domain, group."""
    clips: NDArray[np.int64]
    """(M,) clips averaged."""
    fake: NDArray[np.float64]
    video: NDArray[np.float64]
    audio: NDArray[np.float64]


def score_clips(
    model: Detector,
    data: TokenData,
    clips: NDArray[np.int64],
    *,
    device: torch.device,
    batch_size: int = 256,
    sources: Sources | None = None,
) -> ClipScores:
    """Score `clips`, each of which has a token of one of the model's encoders (`data.select(model.shape.streams)`).

    `sources` shows them with the image or the audio of other clips, or without it.
    Always in float32: in half precision a score would depend on the other clips of the batch.
    """
    model.eval()
    # Batches of clips of similar length have little padding. The original order is restored below.
    sources = sources or {}
    lengths = data.count_slots(model.shape.streams, clips, sources, model.mixtures)
    order = np.argsort(lengths, kind="stable")
    parts = [order[part] for part in cut(1 + lengths[order], batch_size)]

    def make(part: NDArray[np.int64]) -> Batch:
        shown = {modality: giver[part] for modality, giver in sources.items()}
        sync = model.sync is not None
        return data.batch(
            clips[part], model.shape.streams, device=device, sources=shown, mixtures=model.mixtures, sync=sync
        )

    outputs = []
    with torch.inference_mode():
        for batch in prefetch(make, parts, ahead=int(device.type == "cuda")):
            outputs.append(_columns(model(batch), batch))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    end = 4 + len(model.shape.datasets)
    rows = torch.cat([torch.zeros(0, end + len(model.terms), device=device), *outputs]).cpu().numpy()[back]
    return ClipScores(
        clips=clips,
        fake=rows[:, 0],
        video=rows[:, 1],
        audio=rows[:, 2],
        domain=rows[:, 4:end],
        pattern=rows[:, 3].astype(np.int64),
        terms=rows[:, end:],
        givers=np.stack([get_givers(clips, sources, modality) for modality in MODALITIES], axis=1),
    )


def cut(slots: NDArray[np.int64], batch_size: int) -> list[slice]:
    """Batches of clips, whose slots are given and rise: no more than SLOTS padded ones, a PADDING of them empty.

    A few clips make a batch whatever their lengths: it costs less than many batches of one.
    """
    parts, start = [], 0
    while start < len(slots):
        window = slots[start : start + batch_size]
        clips = np.arange(1, len(window) + 1)
        full = (np.cumsum(window) >= (1 - PADDING) * clips * window) | (clips <= FEW)
        fits = np.flatnonzero(full & (clips * window <= SLOTS))
        parts.append(slice(start, start + (int(fits[-1]) + 1 if len(fits) else 1)))
        start = parts[-1].stop
    return parts


def _columns(outputs: Outputs, batch: Batch) -> torch.Tensor:
    """(B, 4 + G + T) float32: one tensor, so one transfer."""
    image = torch.where(batch.pattern & bit("image") > 0, outputs.video, torch.nan)
    audio = torch.where(batch.pattern & bit("audio") > 0, outputs.audio, torch.nan)
    terms = [] if outputs.terms is None else [outputs.terms]
    return torch.cat([torch.stack([outputs.fake, image, audio, batch.pattern.float()], 1), outputs.domain, *terms], 1)


def average_by_item(scores: ClipScores, data: TokenData) -> ItemScores:
    """Mean logits per media item, however many clips it has."""
    items, first, member = np.unique(data.clips.item[scores.clips], return_index=True, return_inverse=True)

    def mean(logits: NDArray[np.float32]) -> NDArray[np.float64]:
        known = ~np.isnan(logits)
        counts = np.bincount(member[known], minlength=len(items))
        sums = np.bincount(member[known], logits[known], len(items))
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    counts = np.bincount(member, minlength=len(items))
    return ItemScores(items, scores.clips[first], counts, mean(scores.fake), mean(scores.video), mean(scores.audio))


def compute_probability(logit: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Calibrated probability of being fake."""
    return 0.5 * (1.0 + np.tanh(np.asarray(logit, np.float64) / (2.0 * temperature)))
