"""The systems users compare: each a function, each a named difference from another."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import UsageError
from train.config import TrainConfig


def full() -> TrainConfig:
    """Every modality, every dataset, gradient reversal, modality dropout, balanced drawing."""
    return TrainConfig()


def image_baseline() -> TrainConfig:
    """Still pictures only."""
    return _plain().model_copy(update={"modalities": ("image",), "kinds": ("image",)})


def audio_baseline() -> TrainConfig:
    """Sound only, of audio files and of videos."""
    return _plain().model_copy(update={"modalities": ("audio",), "kinds": ("audio", "video")})


def video_baseline() -> TrainConfig:
    """The faces of videos, without their sound."""
    return _plain().model_copy(update={"modalities": ("image",), "kinds": ("video",)})


def full_no_adversarial() -> TrainConfig:
    """Ablation: is the adversarial head worth having?"""
    return full().model_copy(update={"domain_loss": "none"})


def full_cdan() -> TrainConfig:
    """Ablation: a discriminator that also sees the predicted class."""
    return full().model_copy(update={"domain_loss": "cdan"})


def full_coral() -> TrainConfig:
    """Ablation: covariances aligned over the datasets instead of an adversary."""
    return full().model_copy(update={"domain_loss": "coral"})


def full_no_modality_dropout() -> TrainConfig:
    """Ablation: every clip always with all it has."""
    return full().model_copy(update={"modality_dropout": 0.0})


def full_no_balancing() -> TrainConfig:
    """Ablation: clips drawn as often as they are there."""
    return full().model_copy(update={"balance": False})


def _plain() -> TrainConfig:
    """What the baselines share: one modality, nothing against domain shift."""
    return TrainConfig(domain_loss="none", modality_dropout=0.0)


PRESETS: dict[str, Callable[[], TrainConfig]] = {
    made.__name__.replace("_", "-"): made
    for made in (
        full,
        image_baseline,
        audio_baseline,
        video_baseline,
        full_no_adversarial,
        full_cdan,
        full_coral,
        full_no_modality_dropout,
        full_no_balancing,
    )
}


def preset_config(name: str) -> TrainConfig:
    """The settings of a preset, with its name in them. `UsageError` when there is no such preset."""
    if name not in PRESETS:
        raise UsageError(f"no preset {name!r}", f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]().model_copy(update={"preset": name})
