"""Verdicts of files that get no score, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from unmask.cache.spec import Modality
from unmask.evaluation.unscored_items import format_reason
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.manifests.manifest import Kind, MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.train.run_folder import LoadedRun

PLURALS: dict[Kind, str] = {"image": "images", "audio": "audio files", "video": "videos"}
SINGULARS: dict[Kind, str] = {"image": "an image", "audio": "an audio file", "video": "a video"}
MODALITIES: dict[Modality, str] = {
    "image": "image", "audio": "audio", "text": "text", "metadata": "metadata",
}  # fmt: skip


def make_unscored(loaded: LoadedRun, verdict: Literal["unreadable", "unsupported", "unjudged"], why: str) -> Verdict:
    return Verdict(path="", verdict=verdict, threshold=loaded.info.threshold, reason=why)


def judge_header(row: MediaRow, loaded: LoadedRun) -> Verdict | None:
    """Verdict of a file that is no media, damaged, or of a kind that the run was not trained on; None for others."""
    if row.status == "failed":
        reason, _, problem = (row.reason or "unreadable").partition(": ")
        return (
            make_unscored(loaded, "unsupported", problem)
            if reason == "unsupported"
            else make_unscored(loaded, "unreadable", row.reason or reason)
        )
    if row.kind not in loaded.config.kinds:
        trained = " and ".join(PLURALS[one] for one in loaded.config.kinds)
        why = f"this run was trained on {trained}, and this is {SINGULARS[row.kind]}"
        return make_unscored(loaded, "unjudged", why)
    return None


def explain_missing_score(
    loaded: LoadedRun, row: MediaRow, known: Mapping[str, Outcome], crashed: Mapping[str, str]
) -> Verdict:
    """Verdict of a file that could not be read, or has no modality that the run was trained on.

    `crashed`: media_id -> why its clips have no tokens.
    """
    outcome = known.get(row.media_id)
    if outcome is None or outcome.outcome == "failed":
        return make_unscored(loaded, "unreadable", format_reason(row, outcome))
    if row.media_id in crashed:
        return make_unscored(loaded, "unreadable", crashed[row.media_id])
    trained = {stream.spec.modality for stream in loaded.info.streams.values()}
    names = [name for modality, name in MODALITIES.items() if modality in trained]
    lost = f" ({outcome.problem})" if outcome.problem else ""
    return make_unscored(
        loaded, "unjudged", f"it has no {' or '.join(names)}{lost}, and this run was trained on {' and '.join(names)}"
    )
