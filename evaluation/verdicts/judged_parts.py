"""Which parts of a file the score is of, and why others are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from unmask.cache.spec import Modality
from unmask.evaluation.verdict_models.scope_model import measure_faces
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.train.data.batch import MODALITIES, bit


def list_judged(pattern: int) -> tuple[Modality, ...]:
    """Modalities among the bits of `pattern`, of all clips of a file."""
    return tuple(modality for modality in MODALITIES if pattern & bit(modality))


def list_not_judged(
    row: MediaRow,
    outcome: Outcome,
    judged: Collection[Modality],
    read: Collection[Modality],
    *,
    min_seconds: float,
    expects_text: bool,
) -> tuple[str, ...]:
    """Sentence parts such as "audio: the file has none".

    `read`: modalities that the run reads. `expects_text`: it was trained on files with text. `min_seconds`: shorter
    audio is dropped.
    """
    only = f"this run judges {' and '.join(read)} only"
    parts = [*_explain_image(row, outcome, judged, read, only)]
    parts += _explain_audio(row, outcome, judged, read, only, min_seconds)
    if expects_text and "text" not in judged:
        parts.append("text: there is no transcript beside the file")
    return tuple(parts)


def _explain_image(
    row: MediaRow, outcome: Outcome, judged: Collection[Modality], read: Collection[Modality], only: str
) -> Iterator[str]:
    if row.kind == "audio":
        return
    if "image" not in read:
        yield f"image: {only}"
    elif "image" not in judged:
        yield f"image: {outcome.problem or 'no frame could be read'}"
    elif measure_faces(outcome) == 0:
        yield "face: none was found, so the middle of the image was judged instead"


def _explain_audio(
    row: MediaRow,
    outcome: Outcome,
    judged: Collection[Modality],
    read: Collection[Modality],
    only: str,
    min_seconds: float,
) -> Iterator[str]:
    has_audio = row.kind == "audio" or (row.kind == "video" and row.audio_codec is not None)
    if "audio" in judged or row.kind == "image":
        return
    if not has_audio:
        if "audio" in read:
            yield "audio: the file has none"
    elif "audio" not in read:
        yield f"audio: {only}"
    else:
        yield f"audio: {outcome.problem or f'silent, or shorter than {min_seconds:g} s'}"
