"""`clip:<hub name or folder>`: the vision tower of CLIP, SigLIP, DINOv2 or DINOv3 as transformers builds it.

Published detectors that are such a tower with a head are read too, GenD (Yermakov et al., WACV 2026) among them: its
config.json only names the tower that it was tuned from.

B images, S pixels per side, N tokens: class and register tokens, then P x P patches row by row; D numbers per token
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from unmask.cache.encoders.encoder_options import check_layers, only, simplify_layers
from unmask.cache.encoders.families.image_recipe import ImageRecipe
from unmask.cache.encoders.families.pretrained import load_exactly, read_config, refuse_misfits
from unmask.cache.encoders.families.table import FAMILIES, VISION, Family, list_families
from unmask.cache.encoders.image_base import ImageEncoder
from unmask.cache.encoders.image_pooling import check_grid, choose_pooling, count_parts
from unmask.cache.encoders.timm_weights import Features
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.checkpoint import Checkpoint
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.cache.weights.sources import RECIPE
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

DETECTOR = "GenD"
"""model_type of detectors whose config.json names their tower as `backbone`."""
BACKBONES: dict[str, tuple[str, dict[str, Any], ImageRecipe]] = {
    "openai/clip-vit-large-patch14": (
        "clip_vision_model",
        {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 224,
            "patch_size": 14,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
            "projection_dim": 768,
        },
        ImageRecipe(
            size=224,
            mean=(0.48145466, 0.4578275, 0.40821073),
            std=(0.26862954, 0.26130258, 0.27577711),
            interpolation="bicubic",
            resized=224,
        ),
    ),
}
"""Hub name -> model_type, configuration and images of the tower, as its own repository has them."""


class VisionTower(nn.Module):
    """A network of `family`, truncated after the highest of `layers`; () for all with the norm after the last."""

    def __init__(self, model: Any, family: Family, layers: Sequence[int]) -> None:
        super().__init__()
        self.class_token, self.interpolates = family.class_token, family.interpolates
        if layers:
            del family.find_layers(model)[max(layers) :]
        self.model, self.norm = model, family.find_norm(model)

    def forward(self, x_BCSS: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, S, S) -> (B, N, D) before the first layer, and of each layer."""
        resize = self.interpolates and x_BCSS.shape[-1] != self.model.config.image_size
        options = {"interpolate_pos_encoding": True} if resize else {}
        found = self.model(pixel_values=x_BCSS, output_hidden_states=True, **options)
        return tuple(found.hidden_states)


def compute_tower_features(
    network: VisionTower, x_BCSS: torch.Tensor, layers: Sequence[int], *, class_token: bool = False
) -> list[Features]:
    """As `compute_features` of a timm network: layer k is transformers' hidden_states[k]."""
    states = network(x_BCSS)
    chosen = [states[layer] for layer in layers] or [network.norm(states[-1])]
    side = x_BCSS.shape[-1] // network.model.config.patch_size
    return [
        Features(
            tokens_BND[:, -side * side :].transpose(1, 2).unflatten(2, (side, side)),
            tokens_BND[:, 0] if class_token else None,
        )
        for tokens_BND in chosen
    ]


def from_weights(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """Make the encoder of `choice`. Layer None: the last one with the norm after it.

    `MissingInput` for another `model_type`, images of another kind, and other tensors than the configuration says.
    """
    only(choice, "weights", "layer", "grid", "pooling")
    weights = obtain_weights(choice.name, choice.weights)
    family, config, recipe = _read_folder(weights)
    spec = _describe(choice, family, config, recipe, weights)

    def load() -> nn.Module:
        return VisionTower(_load_model(family, config, weights), family, spec.layers)

    highest = int(config.num_hidden_layers)
    encoder = ImageEncoder(spec, recipe, load, device, compute=compute_tower_features, highest=highest)
    encoder.checkpoint = Checkpoint(
        lambda: dict(_load_model(family, config, weights).state_dict()),
        {"config.json": config.to_dict(), RECIPE[0]: recipe.as_settings()},
        prefix="model.",
    )
    return encoder


def _load_model(family: Family, config: Any, weights: Weights) -> Any:
    return load_exactly(family.load_class(family.model), config, weights, anchor=family.anchor)


def _read_folder(weights: Weights) -> tuple[Family, Any, ImageRecipe]:
    """Family and configuration of the tower, and its images."""
    path = weights.folder / "config.json"
    about = read_settings(path)
    if about.get("model_type") == DETECTOR:
        name = str(about.get("backbone"))
        if name not in BACKBONES:
            problem = f"{path}: backbone {name!r}, and known are {', '.join(BACKBONES)}"
            raise MissingInput(problem, "set `weights` to a detector with one of these, or to a tower itself")
        kind, settings, published = BACKBONES[name]
        family = FAMILIES[kind]
        return family, family.load_class(family.config).from_dict(settings), ImageRecipe.read(weights) or published
    config = read_config(weights, list_families(VISION), "vision towers")
    family, own = FAMILIES[str(about["model_type"])], ImageRecipe.read(weights)
    if own is None:
        problem = f"{weights.folder}: no {' or '.join(RECIPE)}, which says how its images are prepared"
        raise MissingInput(problem, "fetch it too: it was published beside the weights")
    with refuse_misfits(path, "not a configuration of this kind"):
        return family, getattr(config, family.part) if family.part else config, own


def _describe(choice: EncoderChoice, family: Family, config: Any, recipe: ImageRecipe, weights: Weights) -> EncoderSpec:
    grid, pooling = check_grid(choice), choose_pooling(choice, family.class_token)
    if recipe.size < config.patch_size:
        raise MissingInput(
            f"{weights.folder}: images of {recipe.size} px, patches of {config.patch_size}", "check both"
        )
    return EncoderSpec(
        name=choice.name,
        modality="image",
        weights=weights.origin,
        weights_hash=weights.hash,
        native_dim=int(config.hidden_size) * count_parts(pooling),
        layer=simplify_layers(check_layers(choice, 1, int(config.num_hidden_layers))),
        pooling=pooling,
        tokens_per_frame=grid * grid,
        normalisation=recipe.words,
    )
