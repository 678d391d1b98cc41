"""`Verdict.explanation` of scored files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmask.evaluation.explanation.contributions import FileShares, share_logit
from unmask.evaluation.explanation.face_maps import FaceMapper, choose_face
from unmask.evaluation.explanation.training_features import compute_features, read_training_features
from unmask.evaluation.verdicts.findings import Explanation, FaceMap, Neighbor

if TYPE_CHECKING:
    from unmask.evaluation.verdicts.scored_files import ScoredFiles

NO_FEATURES = "no nearest training clips: this run has no features of them; unmask evaluate writes them"
NOT_STANDARDIZED = "this run does not standardize tokens: a part left out is zeros, not the mean of the training"


def explain_files(files: ScoredFiles) -> dict[str, Explanation]:
    """media_id -> explanation; empty unless it was asked for."""
    if not files.options.explain:
        return {}
    explainer = _Explainer(files)
    return {media_id: explainer.explain(media_id) for media_id in files.numbers}


class _Explainer:
    def __init__(self, files: ScoredFiles) -> None:
        self._files, self._opened = files, files.opened
        self._spans = files.spans
        self._training = read_training_features(files.opened.run, files.opened.info)
        self._mapper = FaceMapper(files.opened, files.device)

    def explain(self, media_id: str) -> Explanation:
        files, opened = self._files, self._opened
        clips = [clip for clip in self._spans if opened.data.clips.item[clip] == files.numbers[media_id]]
        spans = {clip: self._spans[clip] for clip in clips}
        shares = share_logit(opened.loaded, opened.data, spans, device=files.device)
        logit = float(files.items.logit[files.positions[media_id]]) / opened.info.temperature
        maps = self._draw_maps(clips, shares)
        return Explanation(
            logit=logit,
            # The clips were scored once more, in other batches: float32 rounds otherwise.
            base=logit - sum(one.logit for one in shares.contributions),
            contributions=shares.contributions,
            maps=maps,
            neighbors=self._find_neighbors(clips),
            notes=tuple(self._write_notes(shares)),
        )

    def _draw_maps(self, clips: list[int], shares: FileShares) -> tuple[FaceMap, ...]:
        if not self._mapper.streams:
            return ()
        face = choose_face(self._opened, clips, shares.contributions)
        scale = 1 / (len(clips) * self._opened.info.temperature)
        return () if face is None else tuple(self._mapper.draw(face, scale))

    def _find_neighbors(self, clips: list[int]) -> tuple[Neighbor, ...]:
        if self._training is None:
            return ()
        opened = self._opened
        features = compute_features(opened.loaded.model, opened.data, np.array(clips), device=self._files.device)
        return self._training.find_nearest(features)

    def _write_notes(self, shares: FileShares) -> list[str]:
        notes = [] if self._training else [NO_FEATURES]
        if not self._opened.loaded.model.shape.standardized:
            notes.append(NOT_STANDARDIZED)
        if self._mapper.without_map and any(one.modality == "image" for one in shares.contributions):
            names = ", ".join(self._mapper.without_map)
            notes.append(f"no map of {names}: it reads the faces of a clip together")
        return notes
