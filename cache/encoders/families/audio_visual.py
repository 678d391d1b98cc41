"""`av:<hub name or folder>`: the audio tower and the video tower of an audio-visual network of transformers.

The families are in `families/table.py`: Perception Encoder Audio-Video. Each tower reads its own side alone, so a file
without audio or without faces has the tokens of the other side.

B clips, A samples at 16 kHz, F face crops of a clip or frames of audio, S pixels per side, D numbers per token
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torchaudio
from torch import nn
from torch.nn import functional as F

from unmask.cache.encoders.audio_base import SAMPLE_RATE, AudioEncoder, LayeredFrames, average_layers
from unmask.cache.encoders.encoder_options import check_layers, check_token_rate, only, simplify_layers
from unmask.cache.encoders.families.image_recipe import ImageRecipe
from unmask.cache.encoders.families.pretrained import load_exactly, read_config, refuse_misfits
from unmask.cache.encoders.families.table import AUDIO_VISUAL, Family, list_families
from unmask.cache.encoders.frozen import freeze
from unmask.cache.encoders.image_base import resize_images
from unmask.cache.spec import Encoder, EncoderSpec
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.cache.weights.sources import RECIPE, VIDEO_RECIPE
from unmask.core.errors import MissingInput, UsageError
from unmask.preprocess.profiles import EncoderChoice

SWITCHES = ("do_resize", "do_rescale", "do_normalize")
"""Steps of a video processor, which leaves out those that its file does not name."""
# The widest activation of a ViT-L/14 at 336 px takes 0.3 GB for these, in float32.
FRAMES_AT_ONCE = 32
HINT = "fetch it too: it was published beside the weights"


class ResampledWave(nn.Module):
    """(B, A) at 16 kHz -> (B, 1, A') at `rate`, mirrored at its end to a whole number of the network's frames."""

    def __init__(self, rate: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.resample = torchaudio.transforms.Resample(SAMPLE_RATE, rate)

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        with torch.autocast(wave_BA.device.type, enabled=False):
            wave_B1A: torch.Tensor = self.resample(wave_BA)[:, None]
            return F.pad(wave_B1A, (0, -wave_B1A.shape[2] % self.hop), mode="reflect")


class PreparedFaces(nn.Module):
    """(B, F, S, S, 3) uint8 RGB -> (B, F, 3, S', S') as `recipe` says."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, recipe: ImageRecipe) -> None:
        super().__init__()
        self.size, self.interpolation = recipe.size, recipe.interpolation
        self.register_buffer("mean", torch.tensor(recipe.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(recipe.std).view(1, 3, 1, 1))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        x_NCSS = faces.flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        x_NCSS = (resize_images(x_NCSS, self.size, self.interpolation) - self.mean) / self.std
        return torch.as_tensor(x_NCSS.unflatten(0, faces.shape[:2])).contiguous()


class FramesInParts(nn.Module):
    """The image network of a video tower, on some frames at a time: a batch of clips has hundreds of them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x_NCSS: torch.Tensor) -> SimpleNamespace:
        """As transformers' output: `logits` (N, D)."""
        return SimpleNamespace(logits=torch.cat([self.network(part).logits for part in x_NCSS.split(FRAMES_AT_ONCE)]))


class TowerFrames(LayeredFrames):
    """A tower, truncated after the highest of `layers`: its input -> (B, F, D) without the class token.

    Equal to transformers' hidden_states[layer]. The last layer is followed by a norm and a linear map, no other is.
    """

    def __init__(self, model: Any, layers: tuple[int, ...], prepare: nn.Module) -> None:
        super().__init__()
        if layers[-1] < len(model.layers):
            model.norm, model.output = nn.Identity(), nn.Identity()
        model.layers = model.layers[: layers[-1]]
        self.model, self.layers, self.prepare = model, layers, prepare

    def compute_layers(self, wave_BA: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """`wave_BA`: for the video tower (B, F, S, S, 3) uint8 RGB."""
        highest = self.layers[-1]
        found = self.model(self.prepare(wave_BA), output_hidden_states=tuple(layers) != (highest,))
        return [
            torch.as_tensor(found.last_hidden_state if layer == highest else found.hidden_states[layer][:, 1:])
            for layer in layers
        ]


class ClipEncoder:
    """A network that reads the face crops of a clip together. Loaded at the first `encode`."""

    checkpoint, is_thread_safe = None, True

    def __init__(
        self, spec: EncoderSpec, load: Callable[[], LayeredFrames], device: torch.device, *, layers: range
    ) -> None:
        """`layers`: those of the whole network."""
        self.spec, self.layers = spec, layers
        self._load, self._device = load, device

    @cached_property
    def network(self) -> LayeredFrames:
        return freeze(self._load(), self._device)

    def load(self) -> None:
        """See `ThreadSafeEncoder`."""
        _ = self.network

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, F, S, S, 3) uint8 RGB -> (B, F, D) float32."""
        return self.encode_layers(batch, [self.spec.layers])[0]

    def encode_layers(self, batch: torch.Tensor, layers: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """See `LayeredEncoder`."""
        asked = sorted({one for several in layers for one in several})
        with torch.inference_mode():
            tokens = dict(zip(asked, self.network.compute_layers(batch.to(self._device), asked), strict=True))
            return [average_layers([tokens[one] for one in several]) for several in layers]


def from_weights(choice: EncoderChoice, device: torch.device) -> Encoder:
    """Make the encoder of one side. Layer None: the output of the tower, which its training compared between the sides.

    `MissingInput` for another `model_type`, a recipe that is missing or of another kind, and other tensors than the
    configuration says; `UsageError` without a side.
    """
    if choice.side is None:
        raise UsageError(f"encoder {choice.name}: image or audio is not said", "set `side` to image or audio")
    weights = obtain_weights(choice.name, choice.weights)
    config = read_config(weights, list_families(AUDIO_VISUAL), "audio-visual networks")
    tower = list_families(AUDIO_VISUAL)[config.model_type].sides[choice.side]
    with refuse_misfits(weights.folder / "config.json", "not a configuration of this kind"):
        part = attrgetter(str(tower.part))(config)
    make = _make_audio if choice.side == "audio" else _make_video
    return make(choice, device, weights, tower, part)


def _make_audio(
    choice: EncoderChoice, device: torch.device, weights: Weights, tower: Family, config: Any
) -> AudioEncoder:
    only(choice, "weights", "layer", "side", "tokens_per_second")
    rate, hop = _read_rate(weights)
    normalisation = "none" if rate == SAMPLE_RATE else f"none, {SAMPLE_RATE} Hz resampled to {rate} Hz"
    spec = _describe(choice, weights, config, normalisation, tokens_per_second=check_token_rate(choice))

    def load() -> TowerFrames:
        model = load_exactly(tower.load_class(tower.model), config, weights, anchor=tower.anchor)
        return TowerFrames(model, spec.layers, ResampledWave(rate, hop))

    return AudioEncoder(spec, load, device, layers=_list_layers(config))


def _make_video(
    choice: EncoderChoice, device: torch.device, weights: Weights, tower: Family, config: Any
) -> ClipEncoder:
    only(choice, "weights", "layer", "side")
    recipe = _read_images(weights)
    normalisation = f"{recipe.words}, the face crops of a clip in place of the frames of a video"
    spec = _describe(choice, weights, config, normalisation, reads="clip")

    def load() -> TowerFrames:
        model = load_exactly(tower.load_class(tower.model), config, weights, anchor=tower.anchor)
        model.embedder.vision_model = FramesInParts(model.embedder.vision_model)
        return TowerFrames(model, spec.layers, PreparedFaces(recipe))

    return ClipEncoder(spec, load, device, layers=_list_layers(config))


def _list_layers(config: Any) -> range:
    """0 is the input of the first layer, k the output of layer k."""
    return range(int(config.num_hidden_layers) + 1)


def _describe(choice: EncoderChoice, weights: Weights, config: Any, normalisation: str, **settings: Any) -> EncoderSpec:
    highest = _list_layers(config)[-1]
    return EncoderSpec(
        name=choice.name,
        modality="audio" if choice.side == "audio" else "image",
        weights=weights.origin,
        weights_hash=weights.hash,
        native_dim=int(config.hidden_size),
        layer=simplify_layers(check_layers(choice, 0, highest) or (highest,)),
        pooling="mean" if choice.side == "audio" else "none",
        normalisation=normalisation,
        **settings,
    )


def _read_rate(weights: Weights) -> tuple[int, int]:
    """Samples per second that the audio tower expects, and samples per frame."""
    recipe, path = _find_recipe(weights, "feature_extractor", "sampling_rate")
    with refuse_misfits(path, "not the preparation of audio"):
        rate, hop = int(recipe["sampling_rate"]), int(recipe["hop_length"])
    if recipe.get("feature_size", 1) != 1 or min(rate, hop) < 1:
        problem = f"{path}: feature_size {recipe.get('feature_size')}, sampling_rate {rate}, hop_length {hop}"
        raise MissingInput(problem, "this encoder reads models of mono audio")
    return rate, hop


def _read_images(weights: Weights) -> ImageRecipe:
    recipe, path = _find_recipe(weights, "video_processor", "image_mean")
    off = [name for name in SWITCHES if not recipe.get(name)]
    if off:
        raise MissingInput(f"{path}: without {', '.join(off)}", "use the file as it was published beside the weights")
    return ImageRecipe.from_settings(recipe, path)


def _find_recipe(weights: Weights, part: str, key: str) -> tuple[Mapping[str, Any], Path]:
    """The recipe of one side, with `key` in it, from a file of its own or as `part` of a processor's file."""
    names = (*RECIPE, *VIDEO_RECIPE)
    for path in (path for path in weights.others if path.name in names):
        about = read_settings(path)
        about = about[part] if isinstance(about.get(part), dict) else about
        if key in about:
            return about, path
    problem = f"{weights.folder}: no {part.replace('_', ' ')} ({key}) in {', '.join(names)}"
    raise MissingInput(problem, HINT)
