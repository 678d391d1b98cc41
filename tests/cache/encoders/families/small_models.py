"""A small random member of every family, made and saved by its own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
LAYERS = 3
CONVOLUTIONS: dict[str, Any] = {"conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
TEXT: dict[str, Any] = SIZES | {"num_hidden_layers": 1, "vocab_size": 50}
VISION: dict[str, Any] = SIZES | {"image_size": 32, "patch_size": 8}
DINOV2: dict[str, Any] = {name: value for name, value in VISION.items() if name != "intermediate_size"}
SIDE = 32
BOTH_NORMS = ("wav2vec2", "hubert", "wavlm")
MASKED = {*(f"{name} layer" for name in BOTH_NORMS), "wav2vec2-bert"}
"""Trained with an attention mask: padding influences no token. Not so data2vec, for all its mask: its position
embedding is a stack of convolutions with biases, and only the input of the first is zero on the padding.
"""
SPEECH = (*(f"{name} {norm}" for name in BOTH_NORMS for norm in ("group", "layer")), "data2vec-audio", "wav2vec2-bert")
"""`group` and `layer`: the norm of the convolutional feature extractor."""
TOWERS = ("clip", "clip_vision_model", "siglip", "siglip_vision_model", "dinov2", "dinov2_with_registers", "dinov3_vit")
CLASSLESS = ("siglip", "siglip_vision_model")
AUDIO_VISUAL = ("pe_audio_video",)
AUDIO_HOP = 960
"""Samples at 48 kHz per frame of the audio tower."""


def save_model(folder: Path, kind: str) -> Path:
    """Save a member of `kind` (of SPEECH, TOWERS or AUDIO_VISUAL) with the recipes of its input."""
    if kind in AUDIO_VISUAL:
        return _save_audio_visual(folder)
    model, config, recipe = _describe(kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = getattr(transformers, model)(config)
        for name, values in network.named_parameters():  # some begin at 0 or 1, where a mistake would not show
            if values.ndim < 2 or "position" in name or "token" in name:
                torch.nn.init.normal_(values, mean=float("norm" in name and name.endswith("weight")), std=0.2)
    network.save_pretrained(folder)
    recipe.save_pretrained(folder)
    return folder


def _describe(kind: str) -> tuple[str, Any, Any]:
    family, _, norm = kind.partition(" ")
    waves = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=kind in MASKED)
    settings = SIZES | CONVOLUTIONS
    stable = {"feat_extract_norm": norm, "do_stable_layer_norm": norm == "layer"}
    match family:
        case "wav2vec2":
            return "Wav2Vec2Model", transformers.Wav2Vec2Config(**settings, **stable), waves
        case "hubert":
            return "HubertModel", transformers.HubertConfig(**settings, **stable), waves
        case "wavlm":
            return "WavLMModel", transformers.WavLMConfig(**settings, **stable), waves
        case "data2vec-audio":
            config = transformers.Data2VecAudioConfig(**settings, conv_pos_kernel_size=7)
            return "Data2VecAudioModel", config, waves
        case "wav2vec2-bert":
            frames = transformers.SeamlessM4TFeatureExtractor(padding_value=1)
            return "Wav2Vec2BertModel", transformers.Wav2Vec2BertConfig(**SIZES), frames
    return _describe_tower(family)


def _describe_tower(kind: str) -> tuple[str, Any, Any]:
    square = {"height": SIDE, "width": SIDE}
    clip = transformers.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=square)
    siglip = transformers.SiglipImageProcessor(size=square)
    dinov2 = transformers.BitImageProcessor(size={"shortest_edge": SIDE + 8}, crop_size=square)
    match kind:
        case "clip":
            parts = {"vision_config": VISION | {"projection_dim": 16}, "text_config": TEXT}
            return "CLIPModel", transformers.CLIPConfig(**parts, projection_dim=16), clip
        case "clip_vision_model":
            return "CLIPVisionModel", transformers.CLIPVisionConfig(**VISION), clip
        case "siglip":
            return "SiglipModel", transformers.SiglipConfig(vision_config=VISION, text_config=TEXT), siglip
        case "siglip_vision_model":
            return "SiglipVisionModel", transformers.SiglipVisionConfig(**VISION), siglip
        case "dinov2":  # trained on larger images than its processor gives it
            return "Dinov2Model", transformers.Dinov2Config(**DINOV2 | {"image_size": 48}), dinov2
        case "dinov2_with_registers":
            config = transformers.Dinov2WithRegistersConfig(**DINOV2, num_register_tokens=2)
            return "Dinov2WithRegistersModel", config, dinov2
        case "dinov3_vit":
            config = transformers.DINOv3ViTConfig(**VISION, num_register_tokens=2)
            return "DINOv3ViTModel", config, transformers.DINOv3ViTImageProcessor(size=square)
    raise AssertionError(kind)


def _save_audio_visual(folder: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = transformers.PeAudioVideoModel(_configure_audio_visual())
        for name, values in network.named_parameters():  # its own initial weights would let nearly nothing through
            is_scale = values.ndim < 2 or "alpha" in name
            # Many sines after one another multiply rounding errors, unless their input is small.
            gain = 0.5 if "dac" in name else 1.0
            spread = 0.2 if is_scale else gain * values[0].numel() ** -0.5
            center = float("alpha" in name or ("norm" in name and name.endswith("weight")))
            torch.nn.init.normal_(values, mean=center, std=spread)
    network.save_pretrained(folder)
    square, half = {"height": SIDE, "width": SIDE}, [0.5] * 3
    steps = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_sample_frames": False}
    frames = transformers.PeVideoVideoProcessor(size=square, image_mean=half, image_std=half, **steps)
    for recipe in (transformers.PeAudioFeatureExtractor(hop_length=AUDIO_HOP), frames):
        recipe.save_pretrained(folder)
    return folder


def _configure_audio_visual() -> Any:
    sizes = SIZES | {"head_dim": 16}
    codec = {"downsampling_ratios": [8, 10, 12], "encoder_hidden_size": 4, "codebook_dim": 8, "hidden_size": 32}
    image = {"embed_dim": 32, "depth": 1, "num_heads": 2, "img_size": SIDE}
    frames = {"architecture": "vit_pe_core_tiny_patch16_384", "num_classes": 24, "model_args": image}
    words = {"pad_token_id": 0, "bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 2, "sep_token_id": 2}
    towers = {
        "audio_config": sizes | {"dac_config": codec},
        "video_config": sizes | {"vision_config": frames},
    }
    text = TEXT | words | {"model_type": "modernbert"}
    return transformers.PeAudioVideoConfig(text_config=text, audio_video_config=sizes | towers)
