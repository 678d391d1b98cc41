"""Evidence and scope of scored files, by the verdict models that `evaluate` left in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.verdict_models.evidence_model import Part
from unmask.evaluation.verdict_models.fit_models import average_streams
from unmask.evaluation.verdict_models.verdict_models import VerdictModels
from unmask.evaluation.verdicts.findings import Evidence, Scope
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.train.scoring import ClipScores, average_by_item

NOT_EVALUATED = "not evaluated: run `unmask evaluate`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What the verdict models say of one file."""

    evidence: Evidence | None = None
    image: Evidence | None = None
    audio: Evidence | None = None
    scope: Scope | None = None
    note: str = NOT_EVALUATED
    """Why there is no evidence; "" where there is."""


def weigh_files(
    opened: OpenRun,
    numbers: Mapping[str, int],
    clips: ClipScores,
    rows: Mapping[str, MediaRow],
    known: Mapping[str, Outcome],
    models: VerdictModels | None,
) -> dict[str, Weighed]:
    """media_id -> what `models` say of it, None for a run that was not evaluated.

    `numbers` in the clip table, ascending, of the items whose `clips` were scored; `known`: outcomes of preprocessing.
    """
    if models is None:
        return {media_id: Weighed() for media_id in numbers}
    logits = average_by_item(clips, opened.data)
    parts: dict[Part, NDArray[np.float64]] = {"all": logits.fake, "image": logits.video, "audio": logits.audio}
    distances = measure_distances(opened, numbers, models)
    found = {}
    for place, media_id in enumerate(numbers):
        told = {part: models.evidence[part].weigh(float(logit[place])) for part, logit in parts.items()}
        found[media_id] = Weighed(
            evidence=told["all"],
            image=told["image"],
            audio=told["audio"],
            scope=models.scope.judge(rows[media_id], known[media_id], distances[media_id]),
            note=models.evidence["all"].reason,
        )
    return found


def measure_distances(
    opened: OpenRun, numbers: Mapping[str, int], models: VerdictModels
) -> dict[str, dict[str, float]]:
    """media_id -> encoder -> distance to the training items, of the encoders that it has tokens of."""
    spaces = {space.stream: space for space in models.scope.spaces}
    found: dict[str, dict[str, float]] = {media_id: {} for media_id in numbers}
    ids = np.array(list(numbers), np.str_)
    for name, (means, has) in average_streams(opened, list(spaces), list(numbers.values())).items():
        measured = spaces[name].measure(means[has])
        for media_id, distance in zip(ids[has].tolist(), measured.tolist(), strict=True):
            found[media_id][name] = distance
    return found
