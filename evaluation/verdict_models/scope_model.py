"""Is a file like those that the run was trained and tested on? Fitted on training, calibrated on validation.

I items
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.verdict_models.header_ranges import HeaderRange, describe_differences, fit_header_ranges
from unmask.evaluation.verdict_models.token_space import TokenSpace
from unmask.evaluation.verdicts.findings import Scope, TokenDistance
from unmask.evaluation.verdicts.unscored_files import PLURALS
from unmask.manifests.manifest import Kind, MediaRow
from unmask.metrics.conformal import find_conformal_limit, measure_grouped_share
from unmask.preprocess.outcomes import Outcome

SHARE = 0.05
"""Of files like the validation items, that are wrongly called unlike them: at most this."""
FEWEST_GROUPS = 10
"""Of validation items, below which no limit is set."""
FEWEST_TESTED = 5
"""Files of a class below which the evaluation says little."""
# Share of the frames with a face, below which a file is out of scope: the first that few validation items miss.
FACE_LIMITS = (0.5, 1e-9)
UNLIKE = {
    "image": "its image is unlike those of the training files",
    "audio": "its audio is unlike that of the training files",
    "text": "its text is unlike that of the training files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeModel:
    spaces: tuple[TokenSpace, ...]
    limit: float
    """Of the largest distance of a file over the encoders, in units; infinite with too few validation groups."""
    share: float
    """Of files like the validation items that exceed the limit, have too few faces, or both: at most this."""
    groups: int
    """Of validation items."""
    fewest_faces: float | None
    """Share of the frames with a face below which a file is out of scope; None where faces are no condition."""
    tested: dict[Kind, tuple[int, int]]
    """Real and fake items per kind that the run was evaluated on."""
    headers: dict[Kind, HeaderRange]

    def judge(self, row: MediaRow, outcome: Outcome, distances: Mapping[str, float]) -> Scope:
        """`distances`: encoder -> distance in units, of the encoders that the file has tokens of."""
        far = {space.modality for space in self.spaces if distances.get(space.stream, 0.0) > self.limit}
        reasons = [*self._judge_faces(outcome), *(text for modality, text in UNLIKE.items() if modality in far)]
        real, fake = self.tested.get(row.kind, (0, 0))
        reasons += _describe_untested(row.kind, real, fake)
        known = [space for space in self.spaces if space.stream in distances]
        return Scope(
            reliable=not reasons,
            reasons=tuple(reasons),
            distances=tuple(
                TokenDistance(stream=space.stream, distance=distances[space.stream], limit=self.limit)
                for space in known
                if math.isfinite(self.limit)
            ),
            notes=tuple(self._list_notes(row, real, fake, known)),
        )

    def _judge_faces(self, outcome: Outcome) -> list[str]:
        share = measure_faces(outcome)
        if self.fewest_faces is None or share is None or share >= self.fewest_faces:
            return []
        return [f"a face was found in only {share:.0%} of the frames" if share else "no face was found"]

    def _list_notes(self, row: MediaRow, real: int, fake: int, known: Sequence[TokenSpace]) -> list[str]:
        notes = []
        if real and fake and min(real, fake) < FEWEST_TESTED:
            notes.append(f"the run was tested on only {real} real and {fake} fake {PLURALS[row.kind]}")
        if not math.isfinite(self.limit) or not known:
            notes.append("too few training or validation files to say whether this one is like them")
        differences = list(describe_differences(row, self.headers))
        return notes + [f"no training file had {', '.join(differences)}"] * bool(differences)


def fit_scope(
    train: ItemSet,
    validation: ItemSet,
    tested: ItemSet,
    spaces: Sequence[TokenSpace],
    means: Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]],
    faces: Sequence[float | None],
) -> ScopeModel:
    """`means`: encoder -> (I, D) mean tokens of the validation items and (I,) whether there are any.

    `faces`: share of the frames with a face of each validation item, None without frames or image encoders.
    """
    largest, scaled = np.full(len(validation), -np.inf), []
    for space in spaces:
        mean, has = means[space.stream]
        if has.any():
            found = space.measure(mean[has])
            space = replace(space, unit=max(float(np.quantile(found, 0.9)), 1e-6))
            largest[has] = np.maximum(largest[has], found / space.unit)
            scaled.append(space)
    groups = int(validation.group.max()) + 1 if len(validation) else 0
    share = max(SHARE, 1 / (groups + 1))
    fewest = _choose_face_limit(faces, validation.group, share)
    # Files with too few faces are abstained from whatever their distance: they are part of the share.
    missed = np.array([fewest is not None and one is not None and one < fewest for one in faces], np.bool_)
    largest[missed] = np.inf
    limit = find_conformal_limit(largest, validation.group, share) if groups >= FEWEST_GROUPS else math.inf
    return ScopeModel(
        spaces=tuple(scaled),
        limit=limit if limit > -math.inf else math.inf,
        share=share,
        groups=groups,
        fewest_faces=fewest,
        tested=_count_tested(tested),
        headers=fit_header_ranges(train.rows),
    )


def measure_faces(outcome: Outcome) -> float | None:
    """Share of the sampled frames in which a face was found; None without frames."""
    return 1 - outcome.fallback_faces / outcome.faces if outcome.faces else None


def _choose_face_limit(faces: Sequence[float | None], group: NDArray[np.int64], share: float) -> float | None:
    has = np.array([one is not None for one in faces], np.bool_)
    if len(np.unique(group[has])) < FEWEST_GROUPS:
        return None
    found = np.array([one for one in faces if one is not None])
    # Of all items, and of those with frames: among many audio files few images could all be without a face.
    missing = ((limit, measure_grouped_share(found < limit, group[has])) for limit in FACE_LIMITS)
    return next((limit for limit, missed in missing if missed <= share), None)


def _count_tested(tested: ItemSet) -> dict[Kind, tuple[int, int]]:
    counts: dict[Kind, tuple[int, int]] = {}
    for row, fake in zip(tested.rows, tested.is_fake.tolist(), strict=True):
        real, fakes = counts.get(row.kind, (0, 0))
        counts[row.kind] = (real + (not fake), fakes + fake)
    return counts


def _describe_untested(kind: Kind, real: int, fake: int) -> list[str]:
    if real and fake:
        return []
    missing = PLURALS[kind] if not real + fake else f"{'fake' if real else 'real'} {PLURALS[kind]}"
    return [f"the run was tested on no {missing}"]
