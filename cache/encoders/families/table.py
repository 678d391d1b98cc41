"""The table of network families that transformers can build: `model_type` of a config.json -> how to build it.

This is where a new family is added. transformers is imported when one of its classes is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

SPEECH, VISION, AUDIO_VISUAL = "ssl", "clip", "av"
"""Prefixes of the encoders that read them: `ssl:<weights>`, `clip:<weights>`, `av:<weights>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One `model_type`."""

    read_by: str
    """SPEECH, VISION or AUDIO_VISUAL."""
    config: str
    """Name of the class of its configuration in transformers."""
    model: str
    """Name of the class of the network without a head."""
    anchor: str
    """A tensor near the input. What stands before it in a checkpoint is the prefix of the network's tensors."""
    layers: str = "encoder.layers"
    """Path of the list of layers in the network."""
    norm: str | None = None
    """Path of the norm after the last layer; None where the layers themselves norm their output."""
    part: str | None = None
    """The configuration of the network within that of a larger model: "vision_config"."""
    class_token: bool = False
    """Its first token is the class token."""
    interpolates: bool = False
    """It takes images of another size than its own when it is asked to interpolate its positions."""
    sides: Mapping[str, Family] = field(default_factory=dict)
    """Of a network of image and audio together: "image" and "audio" -> the tower that reads it."""

    def load_class(self, name: str) -> Any:
        import transformers

        return getattr(transformers, name)

    def find_layers(self, model: Any) -> Any:
        return attrgetter(self.layers)(model)

    def find_norm(self, model: Any) -> Any:
        """The norm after the last layer; None for none."""
        return attrgetter(self.norm)(model) if self.norm else None


_PROJECTION = "feature_projection.projection.weight"
_PATCHES = "embeddings.patch_embedding.weight"
_SPEECH: dict[str, Any] = {"read_by": SPEECH, "anchor": _PROJECTION}
_CLIP: dict[str, Any] = {
    "read_by": VISION,
    "anchor": _PATCHES,
    "model": "CLIPVisionModel",
    "norm": "post_layernorm",
    "class_token": True,
    "interpolates": True,
}
_SIGLIP: dict[str, Any] = _CLIP | {"model": "SiglipVisionModel", "class_token": False}
_DINOV2: dict[str, Any] = {
    "read_by": VISION,
    "anchor": "embeddings.patch_embeddings.projection.weight",
    "layers": "encoder.layer",
    "norm": "layernorm",
    "class_token": True,
}
_PE_AV: dict[str, Any] = {"read_by": AUDIO_VISUAL, "layers": "layers", "norm": "norm", "class_token": True}

FAMILIES: dict[str, Family] = {
    # wav2vec 2.0 (Baevski et al., NeurIPS 2020); also XLS-R, MMS and what was tuned from them.
    "wav2vec2": Family(config="Wav2Vec2Config", model="Wav2Vec2Model", **_SPEECH),
    # HuBERT (Hsu et al., TASLP 2021).
    "hubert": Family(config="HubertConfig", model="HubertModel", **_SPEECH),
    # WavLM (Chen et al., JSTSP 2022).
    "wavlm": Family(config="WavLMConfig", model="WavLMModel", **_SPEECH),
    # data2vec (Baevski et al., ICML 2022).
    "data2vec-audio": Family(config="Data2VecAudioConfig", model="Data2VecAudioModel", **_SPEECH),
    # w2v-BERT 2.0 (Seamless Communication, 2023): reads log-mel frames.
    "wav2vec2-bert": Family(config="Wav2Vec2BertConfig", model="Wav2Vec2BertModel", **_SPEECH),
    # CLIP (Radford et al., ICML 2021).
    "clip": Family(config="CLIPConfig", part="vision_config", **_CLIP),
    "clip_vision_model": Family(config="CLIPVisionConfig", **_CLIP),
    # SigLIP (Zhai et al., ICCV 2023).
    "siglip": Family(config="SiglipConfig", part="vision_config", **_SIGLIP),
    "siglip_vision_model": Family(config="SiglipVisionConfig", **_SIGLIP),
    # DINOv2 (Oquab et al., TMLR 2024), without and with registers (Darcet et al., ICLR 2024).
    "dinov2": Family(config="Dinov2Config", model="Dinov2Model", **_DINOV2),
    "dinov2_with_registers": Family(config="Dinov2WithRegistersConfig", model="Dinov2WithRegistersModel", **_DINOV2),
    # DINOv3 (Siméoni et al., 2025).
    "dinov3_vit": Family(
        read_by=VISION,
        config="DINOv3ViTConfig",
        model="DINOv3ViTModel",
        anchor="embeddings.patch_embeddings.weight",
        layers="model.layer",
        norm="norm",
        class_token=True,
    ),
    # Perception Encoder Audio-Video (Vyas et al., 2025).
    "pe_audio_video": Family(
        config="PeAudioVideoConfig",
        model="PeAudioVideoModel",
        anchor="audio_video_head.proj.weight",
        sides={
            "image": Family(
                config="PeVideoEncoderConfig",
                part="audio_video_config.video_config",
                model="PeVideoEncoder",
                anchor="embedder.proj.weight",
                **_PE_AV,
            ),
            "audio": Family(
                config="PeAudioEncoderConfig",
                part="audio_video_config.audio_config",
                model="PeAudioEncoder",
                anchor="embedder.dac_encoder.conv1.weight",
                **_PE_AV,
            ),
        },
        **_PE_AV,
    ),
}


def list_families(read_by: str, types: tuple[str, ...] = ()) -> dict[str, Family]:
    """The families that the encoder with the prefix `read_by` reads; of `types` only, if there are any."""
    return {name: one for name, one in FAMILIES.items() if one.read_by == read_by and (not types or name in types)}
