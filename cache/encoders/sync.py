"""The sync encoder (cache/sync): tokens of the mouth, or of the audio, that are close where the two fit in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from unmask.cache.encoders.audio_base import AudioEncoder
from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.frozen import freeze
from unmask.cache.spec import Encoder, EncoderSpec
from unmask.cache.sync.networks import CONFIG, MODEL_TYPE, VERSION, SyncNetworks, WaveNetwork
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.cache.weights.tensor_files import read_tensors
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import MOUTH_FPS, EncoderChoice


class MouthEncoder:
    """The mouth's side. Its network is loaded at the first `encode`."""

    checkpoint, is_thread_safe = None, True

    def __init__(self, spec: EncoderSpec, load: Callable[[], nn.Module], device: torch.device) -> None:
        self.spec, self._load, self._device = spec, load, device

    @cached_property
    def network(self) -> nn.Module:
        return freeze(self._load(), self._device)

    def load(self) -> None:
        """See `ThreadSafeEncoder`."""
        _ = self.network

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, T, S, S) uint8 gray, MOUTH_FPS per second -> (B, T, D) float32."""
        with torch.inference_mode():
            tokens_BTD: torch.Tensor = self.network(batch.to(self._device)).float()
            return tokens_BTD


def sync(choice: EncoderChoice, device: torch.device) -> Encoder:
    """64 wide unless it was learned otherwise; MOUTH_FPS tokens per second, on the clock of the clip's start."""
    only(choice, "weights", "side")
    weights = obtain_weights(choice.name, choice.weights)
    width = _read_width(weights)
    is_mouth = choice.side == "image"
    spec = EncoderSpec(
        name=choice.name,
        modality="image" if is_mouth else "audio",
        weights=weights.origin,
        weights_hash=weights.hash,
        native_dim=width,
        pooling="none",
        tokens_per_second=MOUTH_FPS,
        normalisation="per clip",
        reads="mouth" if is_mouth else "",
    )

    def load() -> SyncNetworks:
        networks = SyncNetworks(width)
        _load_exactly(networks, weights.tensors)
        return networks

    if is_mouth:
        return MouthEncoder(spec, lambda: load().mouth, device)
    return AudioEncoder(spec, lambda: WaveNetwork(load().audio), device, pool=lambda tokens_BTD, _: tokens_BTD)


def _read_width(weights: Weights) -> int:
    path = weights.folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        known = config["model_type"] == MODEL_TYPE and config["version"] == VERSION
        width = int(config["width"])
    except (ValueError, KeyError, TypeError) as error:
        raise MissingInput(f"{path}: not the configuration of a sync encoder ({error})", "unmask adapt sync") from error
    if not known:
        problem = f"{path}: {config['model_type']} version {config['version']}, expected {MODEL_TYPE} version {VERSION}"
        raise MissingInput(problem, "unmask adapt sync")
    return width


def _load_exactly(networks: SyncNetworks, path: Path) -> None:
    """`MissingInput` when a tensor is missing, extra, or of another shape."""
    try:
        networks.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[2].strip().partition(". ")[0]
        raise MissingInput(f"{path}: not the weights of a sync encoder ({reason})", "unmask adapt sync") from error
