"""What a sentence model does with a text before its tokenizer: prompt, lower case, and the maximum length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights
from unmask.cache.weights.sources import PROMPTS, SENTENCE_SETTINGS
from unmask.core.errors import MissingInput

OTHER_MODEL = "set `weights` to another sentence model, or run this one as an encoder of your own"

# Settings that change a vector, and the only value of each that is supported; absent is the same.
SUPPORTED: dict[str, Any] = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "model_type": "SentenceTransformer",
    "truncate_dim": None,
}
# Networks that count positions from the padding's id on: the first two or so are never used.
COUNTS_FROM_PADDING = ("camembert", "mpnet", "roberta", "xlm-roberta")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSettings:
    """From a text to the text that is tokenized."""

    prompt: str
    """Put before every text."""
    lower: bool
    pieces: int
    """Word pieces of the prompt and the text that are read."""

    @property
    def words(self) -> str:
        """Part of the key of the tokens."""
        prompt = [f"prompt {self.prompt!r}"] if self.prompt else []
        return ", ".join([*prompt, *(["lower case"] if self.lower else []), f"first {self.pieces} word pieces"])

    def prepare(self, text: str) -> str:
        text = self.prompt + text
        return text.lower() if self.lower else text


def read_text_settings(weights: Weights, config: Any, *, prompt_counts: bool) -> TextSettings:
    """Read the settings of a sentence model. `MissingInput` for one that is not supported.

    `prompt_counts`: the model pools the word pieces of a prompt too; otherwise it must have none.
    """
    settings = _read(weights, *SENTENCE_SETTINGS)
    prompt = _read_prompt(weights)
    if prompt and not prompt_counts:
        problem = f"{weights.folder}: its pooling leaves out the prompt {prompt!r} (include_prompt false)"
        raise MissingInput(f"{problem}, which is not supported", OTHER_MODEL)
    return TextSettings(
        prompt=prompt, lower=bool(settings.get("do_lower_case")), pieces=_read_pieces(weights, settings, config)
    )


def _read_prompt(weights: Weights) -> str:
    """The prompt that the model uses when none is asked for."""
    about = _read(weights, PROMPTS)
    name, prompts = about.get("default_prompt_name"), about.get("prompts") or {}
    if name is None:
        return ""
    if not isinstance(prompts, dict) or not isinstance(prompts.get(name), str):
        raise MissingInput(f"{weights.folder / PROMPTS}: has no prompt {name!r}, its default", "fetch the file again")
    return str(prompts[name])


def _read_pieces(weights: Weights, settings: dict[str, Any], config: Any) -> int:
    """The maximum length: the model's, else the tokenizer's; never more than the network has positions."""
    limit = settings.get("max_seq_length") or _read(weights, "tokenizer_config.json").get("model_max_length")
    positions = int(config.max_position_embeddings)
    if config.model_type in COUNTS_FROM_PADDING:
        positions -= int(config.pad_token_id) + 1
    if limit is not None and (not isinstance(limit, int | float) or limit < 1):
        raise MissingInput(f"{weights.folder}: a maximum length of {limit!r} word pieces", "fetch the folder again")
    return int(min(limit or positions, positions))


def _read(weights: Weights, *names: str) -> dict[str, Any]:
    """The first of the files that is there; {} for one that was never published."""
    path = next((weights.folder / name for name in names if (weights.folder / name).is_file()), None)
    if path is None:
        return {}
    settings = read_settings(path)
    for key, supported in SUPPORTED.items():
        if settings.get(key) not in (None, supported):
            raise MissingInput(f"{path}: {key} {settings[key]!r} is not supported", OTHER_MODEL)
    return settings
