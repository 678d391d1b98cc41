"""What a run folder says about its run: `RunInfo` in inputs.json, `RunSummary` in summary.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from unmask.cache.spec import EncoderSpec
from unmask.core.settings import Settings
from unmask.preprocess.profiles import Profile
from unmask.train.best_epoch import Criterion
from unmask.train.models.model_shape import ModelShape
from unmask.train.term_calibration import TermCalibration

FORMAT = "unmask-run"
VERSION = 2


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One encoder whose tokens the model reads."""

    spec: EncoderSpec
    fingerprint: str
    """Of its token store."""


class Member(Settings):
    """One run of an ensemble."""

    run: str
    """Its folder, beside that of the ensemble."""
    key: str
    content: str
    """Fingerprint of its weights and of its inputs.json."""


class RunInfo(Settings):
    format: str = FORMAT
    version: int = VERSION
    key: str
    """Fingerprint of the settings as given and of the data."""
    profile: Profile
    media: str
    """Fingerprint of the media shards."""
    split_hash: str
    streams: dict[str, StreamInfo]
    shape: ModelShape
    """Its `datasets` are those the run was trained on, its `shared` the modality patterns."""
    criterion: Criterion
    best_epoch: int
    """From 1; 0 for an ensemble, whose members have their own."""
    temperature: float
    """Fitted on validation: probability of fake = sigmoid(logit / temperature)."""
    threshold: float
    """Chosen on validation: a file is called fake from this probability on."""
    video_temperature: float = 1.0
    audio_temperature: float = 1.0
    """Of the scores of the image and of the audio; 1 in runs of earlier versions, which did not calibrate them."""
    terms: tuple[TermCalibration, ...] = ()
    """Of a part fusion, fitted on validation."""
    extensions: dict[str, str] = Field(default_factory=dict)
    """Source hashes of the user's own code, by "fusion NAME" or "loss NAME" (extensions.hash_extensions)."""
    weights: str = ""
    """Checksum of the weights that the calibration is of; "" for an ensemble, in bundles and in earlier versions."""
    members: tuple[Member, ...] = ()
    """Of an ensemble: its logit is the mean of theirs. Temperatures and threshold are those of the mean."""


class RunSummary(Settings):
    """Result of `fit`."""

    run: str
    """The run folder."""
    size: str
    parameters: int
    epochs: int
    """Epochs trained in all, by this call and those it continued."""
    best_epoch: int | None
    """From 1; None when it was stopped before the first epoch's end, and for an ensemble."""
    criterion: Criterion
    validation: dict[str, Any] | None
    """Of the best epoch: Validation.as_json."""
    train_items: int
    train_clips: int
    train_seconds: float
    """Of the epochs trained, wherever the run was continued."""
    stopped: bool = False
    """By the user: calling again goes on."""
    reused: bool = False
    """Finished by an earlier call; nothing was trained."""
    members: int = 0
    """Runs of an ensemble; parameters, epochs and training time are their sums. 0: a single run."""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
