"""What `unmask predict` says of a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from unmask.cache.sync.comparison import CLEAR_FIT
from unmask.evaluation.verdicts.findings import Custody, Evidence, Explanation, FaceVerdict, Pictures, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipVerdict:
    start_s: float
    end_s: float
    score: float
    """Calibrated probability that this window is fake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncVerdict:
    """How mouth and audio fit in time. It is told beside the score; docs/sync.md says what it is worth."""

    offset_ms: int
    """By which the audio comes late (above 0) or early (below 0), where the two fit best."""
    fit: float
    """How far that stands out from other offsets, in standard deviations; below CLEAR_FIT the offset may be another."""
    fits: float | None
    """Probability that they belong together, by the run's head; None for a run without one."""
    over_time: tuple[tuple[float, float], ...]
    """(seconds, fit at that offset) along the recording; about 0 where they do not fit."""

    def __str__(self) -> str:
        when = "late" if self.offset_ms > 0 else "early"
        moved = f"audio {abs(self.offset_ms)} ms {when}" if self.offset_ms else "audio on time"
        told = moved if self.fit >= CLEAR_FIT else "offset of the audio unclear"
        return told + ("" if self.fits is None else f", fits the mouth {self.fits:.3f}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    path: str
    """As passed to `predict`, or found in a folder or by a pattern."""
    verdict: Literal["fake", "real", "unreadable", "unsupported", "unjudged"]
    """unsupported: of a format that is not read, or not media.
    unjudged: readable, but without any modality that the run was trained on."""
    threshold: float
    """Chosen on the run's validation items; fake if the score is at least this."""
    score: float | None = None
    """Calibrated probability of fake; None if the file was not scored."""
    video_score: float | None = None
    """Calibrated probability that the image is fake; None without an image."""
    audio_score: float | None = None
    """Calibrated probability that the audio is fake; None without audio."""
    clips: tuple[ClipVerdict, ...] = ()
    sync: SyncVerdict | None = None
    """None without a mouth and audio, or without a sync encoder in the run's profile."""
    faces_found: float | None = None
    """Share of the sampled frames in which a face was found; None without frames."""
    reason: str | None = None
    """Why the file was not scored, or what part of it could not be read."""
    run: str = ""
    """Name of the run that scored it."""
    evidence: Evidence | None = None
    """None without a score, for a run that was not evaluated, and with too few validation items."""
    evidence_note: str = ""
    """Why there is no evidence; "" where there is."""
    image_evidence: Evidence | None = None
    audio_evidence: Evidence | None = None
    scope: Scope | None = None
    """None without a score, and for a run that was not evaluated."""
    judged: tuple[str, ...] = ()
    """Modalities that the score is of."""
    not_judged: tuple[str, ...] = ()
    """What could not be judged, and why, such as "audio: silence"."""
    faces: tuple[FaceVerdict, ...] = ()
    """Empty unless there are several."""
    explanation: Explanation | None = None
    custody: Custody | None = None
    pictures: Pictures | None = None

    def as_json(self) -> dict[str, Any]:
        """Without bytes: pictures and thumbnails are for pages."""
        value = asdict(replace(self, pictures=None))
        del value["pictures"]
        for face in value["faces"]:
            del face["thumbnail"]
        return value

    def __str__(self) -> str:
        if self.score is None:
            return f"{self.path}: {self.verdict} ({self.reason})"
        parts = [f"{len(self.clips)} clip{'s' * (len(self.clips) != 1)}"]
        if self.video_score is not None:
            parts.append(f"image {self.video_score:.3f}")
        if self.audio_score is not None:
            parts.append(f"audio {self.audio_score:.3f}")
        if self.sync is not None:
            parts.append(str(self.sync))
        if self.faces_found is not None:
            parts.append(f"face in {self.faces_found:.0%} of frames")
        if self.reason:
            parts.append(self.reason)
        return f"{self.path}: {self.verdict}, {self.score:.3f} (threshold {self.threshold:.3f}; {', '.join(parts)})"
