"""The systems that users compare: one function per preset. docs/training.md has the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest
from unmask.train.config import TrainConfig

# The weights of GenD (Yermakov et al. 2025).
NORMALIZED = {"normalize_features": True, "uniformity_weight": 0.5, "alignment_weight": 0.1}


def full() -> TrainConfig:
    """14: all modalities and datasets, part fusion, gradient reversal, modality dropout, balanced sampling."""
    return TrainConfig()


def linear() -> TrainConfig:
    """00: one linear layer on the mean token of each encoder. A fusion is worth what it adds to this."""
    # A convex problem in few weights takes larger steps than a transformer.
    return _baseline().model_copy(update={"fusion": "linear", "lr": 2e-3})


def image_baseline() -> TrainConfig:
    """01: still images only."""
    return _baseline().model_copy(update={"modalities": ("image",), "kinds": ("image",)})


def audio_baseline() -> TrainConfig:
    """02: audio only, from audio files and videos."""
    return _baseline().model_copy(update={"modalities": ("audio",), "kinds": ("audio", "video")})


def video_baseline() -> TrainConfig:
    """03: faces in videos, without audio."""
    return _baseline().model_copy(update={"modalities": ("image",), "kinds": ("video",)})


def early_fusion() -> TrainConfig:
    """04: early fusion: mean token per modality, concatenated, then an MLP."""
    return _baseline().model_copy(update={"fusion": "early"})


def late_fusion() -> TrainConfig:
    """05: late fusion: one transformer per modality, logits averaged with learned weights."""
    return _baseline().model_copy(update={"fusion": "late"})


def cross_attention() -> TrainConfig:
    """06: cross-attention between modalities."""
    return _baseline().model_copy(update={"fusion": "cross"})


def contrastive() -> TrainConfig:
    """07: full plus InfoNCE between image and audio of real clips, and SupCon by class."""
    return full().model_copy(update={"infonce_weight": 0.1, "supcon_weight": 0.1})


def full_no_cross_modal() -> TrainConfig:
    """Ablation: tokens attend within their own modality; CLS reads all of them in the last block."""
    return full().model_copy(update={"fusion": "within"})


def full_no_adversarial() -> TrainConfig:
    """Ablation: no adversarial training (domain loss none): as good where validation is even (docs/claims.md)."""
    return full().model_copy(update={"domain_loss": "none"})


def full_cdan() -> TrainConfig:
    """Ablation: discriminators conditioned on the predicted class (CDAN)."""
    return full().model_copy(update={"domain_loss": "cdan"})


def full_coral() -> TrainConfig:
    """Ablation: CORAL instead of adversarial training."""
    return full().model_copy(update={"domain_loss": "coral"})


def full_single_dataset() -> TrainConfig:
    """Ablation: trained on FakeAVCeleb only; choose another with --set train.datasets=[celeb_df]."""
    return full().model_copy(update={"datasets": ("fakeavceleb",)})


def full_no_modality_dropout() -> TrainConfig:
    """Ablation: no modality dropout."""
    return full().model_copy(update={"modality_dropout": 0.0})


def full_no_balancing() -> TrainConfig:
    """Ablation: no balanced sampling."""
    return full().model_copy(update={"balance": False})


def full_no_standardization() -> TrainConfig:
    """Ablation: tokens as the encoders give them, not standardized."""
    return full().model_copy(update={"standardize": False})


def full_normalized_features() -> TrainConfig:
    """Ablation: L2-normalised features with uniformity and alignment losses."""
    return full().model_copy(update=NORMALIZED)


def full_paired() -> TrainConfig:
    """Ablation: a fake is drawn beside a real clip of its source, in the same batch."""
    return full().model_copy(update={"paired": True})


def full_joint_fusion() -> TrainConfig:
    """Ablation: one logit from all tokens together, so that a modality can excuse another."""
    return full().model_copy(update={"fusion": "joint"})


def full_no_lag() -> TrainConfig:
    """Ablation: no token of how well image and audio fit at each time difference."""
    return full().model_copy(update={"lag": False})


def full_swap() -> TrainConfig:
    """Ablation: a quarter of the clips have the image or the audio of another clip of the same class."""
    return full().model_copy(update={"swap": 0.25})


def full_attentive() -> TrainConfig:
    """Ablation: each encoder's tokens pooled by a learned query, then an MLP, instead of a transformer."""
    return full().model_copy(update={"fusion": "attentive"})


def full_logit_adjustment() -> TrainConfig:
    """Ablation: clips drawn as they come, logits adjusted by the odds of fake in each dataset, instead of balancing."""
    return full().model_copy(update={"balance": False, "logit_adjustment": 1.0})


def gend() -> TrainConfig:
    """Recipes of the field together: normalised features, pairs, attentive pooling, logit adjustment.

    After GenD (Yermakov et al. 2025), whose encoder has tuned LayerNorms: `unmask adapt` makes one.
    """
    recipes = {"paired": True, "fusion": "attentive", "balance": False, "logit_adjustment": 1.0}
    return full().model_copy(update=NORMALIZED | recipes)


def _baseline() -> TrainConfig:
    """Common to the baselines: no domain loss, no modality dropout."""
    return TrainConfig(domain_loss="none", modality_dropout=0.0)


PRESETS: dict[str, Callable[[], TrainConfig]] = {
    preset.__name__.replace("_", "-"): preset
    for preset in (
        full,
        linear,
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
        full_no_standardization,
        full_normalized_features,
        full_paired,
        full_joint_fusion,
        full_no_lag,
        full_swap,
        full_attentive,
        full_logit_adjustment,
        gend,
    )
}


def make_preset(name: str) -> TrainConfig:
    """The settings of a preset, with its name in them. `UsageError` when there is no such preset."""
    if name not in PRESETS:
        raise UsageError(f"no preset {name!r}", f"{suggest(name, PRESETS)}presets: {', '.join(PRESETS)}")
    return PRESETS[name]().model_copy(update={"preset": name})


def begin_with_linear(configs: Mapping[str, TrainConfig], linear: TrainConfig) -> dict[str, TrainConfig]:
    """Rows of an ablation: the preset `linear`, with the settings of the others but its own fusion, then `configs`."""
    return {"linear": linear.changed({"fusion": "linear"}), **configs}


def parse_variants(texts: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Variant -> its preset and its settings, of "NAME:SETTING=VALUE"; "NAME:preset=PRESET" names another base.

    The default base is `full`. A name that comes again adds a setting. `UsageError` for any other form.
    """
    variants: dict[str, tuple[str, list[str]]] = {}
    for text in texts:
        name, _, setting = text.partition(":")
        key, equals, value = setting.partition("=")
        if not (name and key and equals):
            raise UsageError(f"--variant {text}: not NAME:SETTING=VALUE", "--variant small-steps:train.lr=1e-4")
        base, settings = variants.get(name, ("full", []))
        variants[name] = (value, settings) if key == "preset" else (base, [*settings, setting])
    return variants
