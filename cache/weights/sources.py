"""What a source of weights is: files of a model folder, a hub repository, a package. torch is not imported."""

from __future__ import annotations

from dataclasses import dataclass

Alternatives = tuple[str, ...]
"""Names of files of which one is enough. The first that exists is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What one kind of model folder contains. Every file that is read is part of the hash."""

    tensors: Alternatives
    """The weights. Safetensors come before pickled files, one file before an index of shards."""
    needed: tuple[Alternatives, ...] = ()
    """Without one of each, the folder is no model: a default in its place would silently give other tokens."""
    published: tuple[str, ...] = ()
    """Needed too, unless the hub said that the repository has no such file, or a local folder is older than it."""
    extra: tuple[str, ...] = ()
    """Read if they exist."""
    bare: bool = False
    """The file with the weights is a model without a folder around it."""


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
    made_by: str | None = None
    """Command that makes the weights; they have no other source by themselves."""
    owner: str = ""
    """Put before a hub name that has no owner: "resnet18.a1_in1k" is timm/resnet18.a1_in1k."""


TENSORS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
MODULE_TENSORS = ("model.safetensors", "pytorch_model.bin")
"""Of a module of a sentence encoder."""
CONFIG = ("config.json",)
RECIPE = ("preprocessor_config.json", "processor_config.json")
"""How an audio model wants its input. A processor saved by transformers 5 writes the second file only."""
VIDEO_RECIPE = ("video_preprocessor_config.json",)
"""How a video model wants its frames, where that is not in one of RECIPE."""
VOCABULARY = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "spm.model")
MODULES, PROMPTS = "modules.json", "config_sentence_transformers.json"
SENTENCE_SETTINGS = (
    "sentence_bert_config.json",
    *(f"sentence_{kind}_config.json" for kind in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta")),
)
"""Maximum length of a text. The name depends on the network in old models."""

SYNC_FILES = Files(tensors=("model.safetensors",), needed=(CONFIG,))
TIMM_FILES = Files(tensors=TENSORS, needed=(CONFIG,), bare=True)
SPEECH_FILES = Files(tensors=TENSORS, needed=(CONFIG, RECIPE))
TOWER_FILES = Files(tensors=TENSORS, needed=(CONFIG,), extra=RECIPE)
"""Of a vision tower. A published detector has no recipe of its own; all others need one."""
AUDIO_VISUAL_FILES = Files(tensors=TENSORS, needed=(CONFIG,), extra=(*RECIPE, *VIDEO_RECIPE))
"""Of an audio-visual network. Audio and frames may have a recipe each, or one file together."""
CTRANSLATE2_FILES = Files(tensors=("model.bin",), bare=True)
WHISPER_FILES = Files(tensors=("model.bin", "model.safetensors", "model.safetensors.index.json"), bare=True)
"""As CTranslate2 or as transformers writes it; the latter with its config.json."""
SENTENCE_FILES = Files(
    tensors=TENSORS,
    needed=(CONFIG, VOCABULARY, ("tokenizer_config.json",), (MODULES,), SENTENCE_SETTINGS),
    published=(PROMPTS,),
    extra=(*VOCABULARY, "merges.txt", "special_tokens_map.json", "added_tokens.json"),
)
