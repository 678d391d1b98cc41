"""From the vectors of word pieces to one vector per text: the pooling and the layers that modules.json lists.

Reimers and Gurevych, "Sentence-BERT", EMNLP 2019. Modules that are not supported are refused by name: without one
of them the vectors would be another model's.

B texts, N word pieces, D numbers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from unmask.cache.weights.folder_files import Module, list_modules, read_settings
from unmask.cache.weights.sources import MODULE_TENSORS, MODULES
from unmask.cache.weights.tensor_files import read_tensors
from unmask.core.errors import MissingInput

OTHER_MODEL = "set `weights` to a sentence model with the supported modules, or run this one as an encoder of your own"
PACKAGE = "sentence_transformers."


def pool_mean(x_BND: torch.Tensor, mask_BN1: torch.Tensor) -> torch.Tensor:
    return (x_BND * mask_BN1).sum(dim=1) / mask_BN1.sum(dim=1)


def pool_first(x_BND: torch.Tensor, mask_BN1: torch.Tensor) -> torch.Tensor:
    return x_BND[:, 0]  # padding is on the right


def pool_max(x_BND: torch.Tensor, mask_BN1: torch.Tensor) -> torch.Tensor:
    return x_BND.masked_fill(mask_BN1 == 0, float("-inf")).amax(dim=1)


def pool_weighted_mean(x_BND: torch.Tensor, mask_BN1: torch.Tensor) -> torch.Tensor:
    """The n-th word piece has weight n (Muennighoff, "SGPT", 2022)."""
    place_N1 = torch.arange(1, x_BND.shape[1] + 1, device=x_BND.device, dtype=x_BND.dtype).unsqueeze(1)
    return pool_mean(x_BND, mask_BN1 * place_N1)


POOLINGS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cls": pool_first,
    "max": pool_max,
    "mean": pool_mean,
    "weightedmean": pool_weighted_mean,
}
# One flag per pooling in configurations written before version 5, in the order in which several are concatenated.
FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "torch.nn.modules.activation.Tanh": nn.Tanh,
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.activation.GELU": nn.GELU,
    "torch.nn.modules.activation.SiLU": nn.SiLU,
    "torch.nn.modules.activation.Sigmoid": nn.Sigmoid,
    "torch.nn.modules.linear.Identity": nn.Identity,
}


class UnitLength(nn.Module):
    """(B, D) -> (B, D) of length 1."""

    def forward(self, x_BD: torch.Tensor) -> torch.Tensor:
        return F.normalize(x_BD, dim=1)


class SentenceVectors(nn.Module):
    """Word pieces (input_ids and attention_mask, (B, N) int64) -> (B, D) float32."""

    def __init__(self, transformer: Any, poolings: Sequence[str], steps: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.transformer, self.poolings, self.steps = transformer, tuple(poolings), nn.Sequential(*steps)

    def forward(self, **pieces: torch.Tensor) -> torch.Tensor:
        x_BND = self.transformer(**pieces).last_hidden_state.float()
        mask_BN1 = pieces["attention_mask"].unsqueeze(2).float()
        pooled = torch.cat([POOLINGS[name](x_BND, mask_BN1) for name in self.poolings], dim=1)
        return torch.as_tensor(self.steps(pooled)).float()


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseStep:
    """A linear layer and an activation."""

    folder: Path
    inputs: int
    outputs: int
    bias: bool
    activation: str

    @property
    def words(self) -> str:
        return f"dense {self.inputs} to {self.outputs} {self.activation.rpartition('.')[2].lower()}"

    def build(self) -> nn.Module:
        """Load the layer. `MissingInput` when its file has other tensors than its configuration says."""
        path = next(self.folder / name for name in MODULE_TENSORS if (self.folder / name).is_file())
        tensors = {name.removeprefix("linear."): values for name, values in read_tensors(path).items()}
        with torch.device("meta"):
            layer = nn.Linear(self.inputs, self.outputs, bias=self.bias)
        try:
            layer.load_state_dict({name: values.float() for name, values in tensors.items()}, assign=True)
        except RuntimeError as error:
            problem = str(error).splitlines()[-1].strip()
            raise MissingInput(f"{path}: not the layer of its config.json ({problem})", "fetch it again") from error
        return nn.Sequential(layer, ACTIVATIONS[self.activation]())


@dataclass(frozen=True, slots=True)
class NormalizeStep:
    """Scale to length 1."""

    words: str = "unit length"

    def build(self) -> nn.Module:
        return UnitLength()


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRecipe:
    """How the vectors of word pieces become the vector of a text."""

    poolings: tuple[str, ...]
    """Concatenated."""
    prompt_counts: bool
    """The word pieces of a prompt are pooled too."""
    steps: tuple[DenseStep | NormalizeStep, ...]
    width: int
    """D of the result."""

    @property
    def words(self) -> str:
        """ "mean, dense 768 to 256 tanh, unit length"; part of the key of the tokens."""
        return ", ".join([" + ".join(self.poolings), *(step.words for step in self.steps)])

    def build(self, transformer: Any) -> SentenceVectors:
        return SentenceVectors(transformer, self.poolings, [step.build() for step in self.steps])


def read_vector_recipe(folder: Path, width: int) -> VectorRecipe:
    """Read modules.json of `folder`, and the configuration of each module. `width`: D of the transformer.

    `MissingInput` names a module or a setting that is not supported.
    """
    listed = folder / MODULES
    modules = list_modules(listed)
    for module in modules:
        if not module.package.startswith(PACKAGE):
            raise MissingInput(f"{listed}: {module.package}.{module.kind} is code of the model's own", OTHER_MODEL)
    if [module.kind for module in modules[:2]] != ["Transformer", "Pooling"] or modules[0].path:
        names = ", ".join(module.kind for module in modules) or "no module"
        raise MissingInput(f"{listed}: {names}, expected Transformer in the folder itself, then Pooling", OTHER_MODEL)
    poolings, prompt_counts = _read_pooling(folder / modules[1].path / "config.json", width)
    width *= len(poolings)
    steps: list[DenseStep | NormalizeStep] = []
    for module in modules[2:]:
        step = _read_step(listed, folder / module.path, module, width)
        width = step.outputs if isinstance(step, DenseStep) else width
        steps.append(step)
    return VectorRecipe(poolings=poolings, prompt_counts=prompt_counts, steps=tuple(steps), width=width)


def _read_pooling(path: Path, width: int) -> tuple[tuple[str, ...], bool]:
    settings = read_settings(path)
    named = settings.get("pooling_mode")
    if named is None:
        known = {key: FLAGS.get(key, key) for key in settings if key.startswith("pooling_mode_")}
        ordered = sorted(known, key=lambda key: list(FLAGS).index(key) if key in FLAGS else len(FLAGS))
        named = [known[key] for key in ordered if settings[key]]
    poolings = (named,) if isinstance(named, str) else tuple(map(str, named))
    unknown = [name for name in poolings if name not in POOLINGS]
    if unknown or not poolings:
        problem = f"{path}: pooling {', '.join(unknown) or 'of no kind'}, supported are {', '.join(POOLINGS)}"
        raise MissingInput(problem, OTHER_MODEL)
    _check_width(path, settings.get("embedding_dimension", settings.get("word_embedding_dimension")), width)
    return poolings, bool(settings.get("include_prompt", True))


def _read_step(listed: Path, folder: Path, module: Module, width: int) -> DenseStep | NormalizeStep:
    path = folder / "config.json"
    settings = read_settings(path) if path.is_file() else {}
    for key in ("module_input_name", "module_output_name"):
        if settings.get(key) not in (None, "sentence_embedding"):
            raise MissingInput(f"{path}: {key} {settings[key]!r} is not supported", OTHER_MODEL)
    if module.kind == "Normalize":
        return NormalizeStep()
    if module.kind != "Dense":
        raise MissingInput(f"{listed}: module {module.kind} is not supported", OTHER_MODEL)
    _check_width(path, settings.get("in_features"), width)
    activation = settings.get("activation_function", "torch.nn.modules.activation.Tanh")
    if activation not in ACTIVATIONS or settings.get("use_residual"):
        what = "use_residual" if activation in ACTIVATIONS else f"activation_function {activation!r}"
        raise MissingInput(f"{path}: {what} is not supported", OTHER_MODEL)
    outputs = settings.get("out_features")
    if not isinstance(outputs, int) or outputs < 1:
        raise MissingInput(f"{path}: out_features {outputs!r}", "fetch the file again")
    return DenseStep(
        folder=folder, inputs=width, outputs=outputs, bias=bool(settings.get("bias", True)), activation=activation
    )


def _check_width(path: Path, given: Any, width: int) -> None:
    if given != width:
        raise MissingInput(f"{path}: for vectors of {given} numbers, here they have {width}", "check `weights`")
