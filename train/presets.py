"""The systems users compare: each a function, each a named difference from another. docs/training.md has the table."""

from __future__ import annotations

from collections.abc import Callable

from unmask.core.errors import UsageError
from unmask.train.config import TrainConfig


def full() -> TrainConfig:
    """14: every modality, every dataset, gradient reversal, modality dropout, balanced drawing."""
    return TrainConfig()


def image_baseline() -> TrainConfig:
    """01: still pictures only."""
    return _plain().model_copy(update={"modalities": ("image",), "kinds": ("image",)})


def audio_baseline() -> TrainConfig:
    """02: sound only, of audio files and of videos."""
    return _plain().model_copy(update={"modalities": ("audio",), "kinds": ("audio", "video")})


def video_baseline() -> TrainConfig:
    """03: the faces of videos, without their sound."""
    return _plain().model_copy(update={"modalities": ("image",), "kinds": ("video",)})


def early_fusion() -> TrainConfig:
    """04: the mean token of each modality, side by side, into an MLP."""
    return _plain().model_copy(update={"fusion": "early"})


def late_fusion() -> TrainConfig:
    """05: a transformer for each modality, their logits averaged with learned weights."""
    return _plain().model_copy(update={"fusion": "late"})


def cross_attention() -> TrainConfig:
    """06: tokens of one modality attend to those of the others, and back."""
    return _plain().model_copy(update={"fusion": "cross"})


def contrastive() -> TrainConfig:
    """07: full, with sound and picture of real clips matched (InfoNCE) and classes pulled apart (SupCon)."""
    return full().model_copy(update={"infonce_weight": 0.1, "supcon_weight": 0.1})


def full_no_cross_modal() -> TrainConfig:
    """Ablation: tokens attend within their own modality; only the last block's CLS sees all of them."""
    return full().model_copy(update={"fusion": "within"})


def full_no_adversarial() -> TrainConfig:
    """Ablation: is the adversarial head worth having? (Domain loss none.)"""
    return full().model_copy(update={"domain_loss": "none"})


def full_cdan() -> TrainConfig:
    """Ablation: a discriminator that also sees the predicted class."""
    return full().model_copy(update={"domain_loss": "cdan"})


def full_coral() -> TrainConfig:
    """Ablation: covariances aligned over the datasets instead of an adversary."""
    return full().model_copy(update={"domain_loss": "coral"})


def full_single_dataset() -> TrainConfig:
    """Ablation: FakeAVCeleb alone; another one by --set train.datasets=[celeb_df]."""
    return full().model_copy(update={"datasets": ("fakeavceleb",)})


def full_no_modality_dropout() -> TrainConfig:
    """Ablation: every clip always with all it has."""
    return full().model_copy(update={"modality_dropout": 0.0})


def full_no_balancing() -> TrainConfig:
    """Ablation: clips drawn as often as they are there."""
    return full().model_copy(update={"balance": False})


def _plain() -> TrainConfig:
    """What the baselines share: nothing against domain shift, every clip with all that it has."""
    return TrainConfig(domain_loss="none", modality_dropout=0.0)


PRESETS: dict[str, Callable[[], TrainConfig]] = {
    made.__name__.replace("_", "-"): made
    for made in (
        full,
        image_baseline,
        audio_baseline,
        video_baseline,
        early_fusion,
        late_fusion,
        cross_attention,
        contrastive,
        full_no_cross_modal,
        full_no_adversarial,
        full_cdan,
        full_coral,
        full_single_dataset,
        full_no_modality_dropout,
        full_no_balancing,
    )
}


def preset_config(name: str) -> TrainConfig:
    """The settings of a preset, with its name in them. `UsageError` when there is no such preset."""
    if name not in PRESETS:
        raise UsageError(f"no preset {name!r}", f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]().model_copy(update={"preset": name})
