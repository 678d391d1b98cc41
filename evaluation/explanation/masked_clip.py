"""Logits of one clip with some of its tokens left out, or with other tokens.

R rows, each a version of the clip, n tokens of one encoder in it, D width of its tokens, P parts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.evaluation.explanation.clip_parts import ClipParts
from unmask.train.data.batch import MODALITIES, Batch
from unmask.train.data.token_data import TokenData
from unmask.train.models.detector import Detector, Outputs
from unmask.train.models.standardize import Standardize
from unmask.train.run_folder import LoadedRun
from unmask.train.scoring import ClipScores
from unmask.train.term_calibration import calibrate_terms

# Slots of all rows of a batch, and rows: more do not go faster on a CPU.
SLOTS, ROWS = 1 << 13, 64

Tokens = Mapping[str, torch.Tensor]
"""Encoder -> (n, D) float32 tokens of the clip as the encoder gives them, in the order of a batch."""


@dataclass(frozen=True)
class MaskedClip:
    """A clip of `data` before the run `loaded`, which is on `device`; an ensemble gives the mean of its members."""

    loaded: LoadedRun
    data: TokenData
    clip: int
    device: torch.device
    tokens: Tokens | None = None
    """Shown in place of the clip's own, by encoder."""

    def score_coalitions(self, parts: ClipParts, present_RP: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(R,) calibrated logits with the parts that are present.

        The others' tokens are the mean token of the training, which is 0 after standardization: the model still sees
        that the clip has the modality, and how many tokens at which times. Without standardization they are zeros.
        A sync curve that is left out is not shown, as in a clip too short to have one.
        """
        scores = [self._score_rows(parts, rows, None) for rows in self._cut(present_RP)]
        return np.concatenate(scores)

    def score_tokens(self, changed: Mapping[str, torch.Tensor]) -> NDArray[np.float64]:
        """(R,) calibrated logits with the tokens `changed`, encoder -> (R, n, D) float32; the others stay."""
        rows = len(next(iter(changed.values())))
        cut = self._cut(np.arange(rows))
        return np.concatenate([self._score_rows(None, part, changed) for part in cut])

    def _score_rows(
        self, parts: ClipParts | None, rows: NDArray[np.generic], changed: Mapping[str, torch.Tensor] | None
    ) -> NDArray[np.float64]:
        scores = []
        for one in self.loaded.members or (self.loaded,):
            batch = self._repeat(one.model, len(rows))
            if parts is not None:
                batch = leave_out(batch, one.model, parts, torch.from_numpy(rows).to(self.device))
            if changed is not None:
                where = torch.from_numpy(rows).to(self.device)
                batch = show_tokens(batch, {name: x_RnD.to(self.device)[where] for name, x_RnD in changed.items()})
            with torch.inference_mode():
                scores.append(_calibrate(one, self.data, one.model(batch), batch))
        return np.asarray(np.mean(scores, axis=0, dtype=np.float64))

    def _cut(self, rows: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        shape = self.loaded.model.shape
        slots = 1 + int(self.data.lengths(shape.streams)[self.clip].sum())
        size = max(1, min(ROWS, SLOTS // slots))
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def _repeat(self, model: Detector, rows: int) -> Batch:
        batch = repeat_clip(self.data, model, self.clip, rows, self.device)
        own = {name: x_nD.expand(rows, *x_nD.shape) for name, x_nD in (self.tokens or {}).items()}
        return show_tokens(batch, own)


def repeat_clip(data: TokenData, model: Detector, clip: int, rows: int, device: torch.device) -> Batch:
    """A batch of the same clip so many times."""
    clips = np.full(rows, clip, np.int64)
    sync = model.sync is not None
    return data.batch(clips, model.shape.streams, device=device, mixtures=model.mixtures, sync=sync)


def show_tokens(batch: Batch, tokens: Mapping[str, torch.Tensor]) -> Batch:
    """`batch` of one clip R times with these tokens, encoder -> (R, n, D)."""
    streams = dict(batch.streams)
    for name, x_RnD in tokens.items():
        if name in streams and len(streams[name].tokens):
            x_ND = x_RnD.flatten(0, 1).to(streams[name].tokens.device)
            assert len(x_ND) == len(streams[name].tokens), name
            streams[name] = replace(streams[name], tokens=x_ND)
    return replace(batch, streams=streams)


def leave_out(batch: Batch, model: Detector, parts: ClipParts, present_RP: torch.Tensor) -> Batch:
    """`batch` of one clip R times, each row without the parts that are not present (MaskedClip.score_coalitions)."""
    streams = dict(batch.streams)
    for name, part_n in parts.of_token.items():
        shown_N1 = present_RP[:, torch.from_numpy(part_n).to(present_RP.device)].reshape(-1, 1)
        tokens_ND = streams[name].tokens.float()
        streams[name] = replace(streams[name], tokens=torch.where(shown_N1, tokens_ND, get_mean(model, name)))
    sync = batch.sync
    if parts.of_sync is not None and sync is not None:
        shown_R = present_RP[:, parts.of_sync]
        sync = replace(sync, curve_BL=sync.curve_BL * shown_R[:, None], known_B=sync.known_B & shown_R)
    return replace(batch, streams=streams, sync=sync)


def get_mean(model: Detector, stream: str) -> torch.Tensor:
    """(D,) or () float32: the mean token of the training clips, 0 in a model without standardization."""
    if not model.shape.standardized:
        return torch.zeros((), device=next(model.parameters()).device)
    standardizer = model.standardizers[stream]
    assert isinstance(standardizer, Standardize)
    return standardizer.mean


def _calibrate(loaded: LoadedRun, data: TokenData, outputs: Outputs, batch: Batch) -> NDArray[np.float32]:
    """(R,) `fake` as `ensemble.score_run` gives it."""
    clips, rows = batch.host.clips, len(batch)
    video, audio, fake = (part.cpu().numpy() for part in (outputs.video, outputs.audio, outputs.fake))
    terms = outputs.terms
    scores = ClipScores(
        clips=clips,
        fake=fake,
        video=video,
        audio=audio,
        domain=np.zeros((rows, 0), np.float32),
        pattern=batch.host.pattern,
        terms=np.zeros((rows, 0), np.float32) if terms is None else terms.cpu().numpy(),
        givers=np.tile(clips[:, None], len(MODALITIES)),
    )
    return calibrate_terms(scores, loaded.model.terms, data.clips, loaded.info.terms).fake
