"""What a source of weights is: files of a model folder, a hub repository, a package. torch is not imported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Files:
    """What one kind of model folder contains."""

    tensors: tuple[str, ...]
    """The weights: the first of these that exists is read. Safetensors come first."""
    needed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Read if they exist, and part of the hash: they change the model's output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed distribution that ships weights."""

    distribution: str
    folder: str
    """Within site-packages."""
    files: Files
    install: str | None = None
    """Command that installs it; None: the package is in the pinned list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an encoder's weights come from."""

    files: Files
    """Of a local folder or a hub repository."""
    hub: str | None = None
    """Default hub name."""
    package: Package | None = None
    """Preferred to the hub."""
    owner: str = ""
    """Put before a hub name that has no owner: "resnet18.a1_in1k" is timm/resnet18.a1_in1k."""


_TENSORS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")

TIMM_FILES = Files(_TENSORS, ("config.json",))
WAV2VEC2_FILES = Files(_TENSORS, ("config.json",), ("preprocessor_config.json",))
CTRANSLATE2_FILES = Files(("model.bin",))
SENTENCE_FILES = Files(
    _TENSORS, ("config.json",), (*_TOKENIZER, "modules.json", "1_Pooling/config.json", "sentence_bert_config.json")
)
