"""Tokens of Whisper's encoder (Radford et al., ICML 2023).

Whisper was trained on windows padded with silence to 30 s, and its position embedding is a fixed sinusoid. Here a clip
of a few seconds is encoded at its own length with the first positions: padding would cost ten times the work and
influence every token through attention. The frames differ slightly from those of the padded window, equally for all
clips. Longer clips are cut into windows of 30 s.

Middle layers describe more *how* something is said, the last layer more *what*: a linear probe for synthetic speech is
better on layers 1 and 2 than on 4. So `layer` is part of the spec, and the default is the middle one.

B clips, A samples at 16 kHz, M mel bands, F frames (50 per second), D numbers per frame
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import nn

from unmask.cache.encoders.audio_base import SAMPLE_RATE, AudioEncoder, LayeredFrames
from unmask.cache.encoders.ctranslate2_file import CT2File
from unmask.cache.encoders.encoder_options import check_layers, check_token_rate, only, simplify_layers
from unmask.cache.encoders.networks.whisper_encoder import WhisperEncoder, WhisperShape, make_mel_filters
from unmask.cache.encoders.whisper_folder import WhisperFolder, describe_config
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.checkpoint import Checkpoint
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import obtain_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

WINDOW, HOP = 400, 160
LAYER = re.compile(r"^encoder/layer_(\d+)/")
LINEAR, NORM = ("weight", "bias"), ("gamma", "beta")
OUTSIDE_LAYERS = (
    *("num_heads", "position_encodings/encodings"),
    *(f"{part}/{name}" for part in ("conv1", "conv2") for name in LINEAR),
    *(f"layer_norm/{name}" for name in NORM),
)
INSIDE_LAYERS = tuple(
    f"{block}/{part}/{name}"
    for block in ("self_attention", "ffn")
    for part, names in (("layer_norm", NORM), ("linear_0", LINEAR), ("linear_1", LINEAR))
    for name in names
)
WINDOW_SAMPLES = 30 * SAMPLE_RATE
PUBLISHED_LAYERS = {384: 4, 512: 6, 768: 12, 1024: 24, 1280: 32}
"""Width -> layers of the encoder, from tiny to large; turbo and distilled models have a smaller decoder only."""


class LogMel(nn.Module):
    """(B, A) -> (B, M, A // 160): Whisper's input, as transformers' WhisperFeatureExtractor computes it."""

    filters_MK: torch.Tensor
    window: torch.Tensor

    def __init__(self, bands: int) -> None:
        super().__init__()
        filters = make_mel_filters(WINDOW // 2 + 1, bands, SAMPLE_RATE / 2)
        self.register_buffer("filters_MK", torch.from_numpy(np.ascontiguousarray(filters.T)).float())
        self.register_buffer("window", torch.hann_window(WINDOW))

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        # Half precision would round the powers before their logarithm.
        with torch.autocast(wave_BA.device.type, enabled=False):
            spectrum = torch.stft(wave_BA, WINDOW, HOP, window=self.window, return_complex=True)[..., :-1]
            mel_BMF = (self.filters_MK @ spectrum.abs().square()).clamp(min=1e-10).log10()
            loudest_B11 = mel_BMF.amax(dim=(1, 2), keepdim=True)
            return (torch.maximum(mel_BMF, loudest_B11 - 8.0) + 4.0) / 4.0


class WhisperFrames(LayeredFrames):
    """(B, A) -> (B, F, D): the output of a layer, or the mean over several layers.

    `norm`: the last layer of `encoder` is Whisper's last layer, whose output is normed.
    """

    def __init__(self, encoder: WhisperEncoder, layers: tuple[int, ...], *, norm: bool) -> None:
        super().__init__()
        if not norm:  # a middle layer's output is not normed
            encoder.layer_norm = nn.Identity()
        self.mel, self.encoder = LogMel(encoder.shape.num_mel_bins), encoder
        self.layers, self.norm = layers, norm

    def compute_layers(self, wave_BA: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        windows = torch.split(wave_BA, WINDOW_SAMPLES, dim=1)
        if windows[-1].shape[1] < WINDOW:  # the remainder is too short for a spectrum
            windows = windows[:-1]
        encoded = [self._encode_window(window, layers) for window in windows]
        return [torch.cat(of_layer, dim=1) for of_layer in zip(*encoded, strict=True)]

    def _encode_window(self, wave_BA: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        outputs = [self.encoder.embed(self.mel(wave_BA))]
        for layer in self.encoder.layers[: layers[-1]]:
            outputs.append(layer(outputs[-1]))
        if self.norm and len(outputs) > len(self.encoder.layers):
            outputs[-1] = self.encoder.layer_norm(outputs[-1])
        return [outputs[layer] for layer in layers]


def whisper_tiny(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """384 wide; layer 2 of 0..4 (0: the input of the first layer) by default.

    `weights`: another Whisper of any size, as a hub name or a folder: model.bin of CTranslate2, or config.json and
    model.safetensors of transformers.
    """
    only(choice, "weights", "layer", "tokens_per_second")
    weights = obtain_weights(choice.name, choice.weights)
    in_folder = weights.tensors.name.startswith("model.safetensors")
    source = WhisperFolder.open(weights) if in_folder else WhisperFile.open(weights.tensors)
    count = source.shape.encoder_layers
    layers = check_layers(choice, 0, count) or (count // 2,)
    spec = EncoderSpec(
        name=choice.name,
        modality="audio",
        weights=weights.origin,
        weights_hash=weights.hash,
        native_dim=source.shape.d_model,
        layer=simplify_layers(layers),
        tokens_per_second=check_token_rate(choice),
        normalisation="log-mel, 80 dB below the loudest of the clip",
    )
    last = layers[-1]

    def load() -> nn.Module:
        return WhisperFrames(source.read_encoder(last), layers, norm=last == count)

    files = {"config.json": describe_config(source.shape)}
    checkpoint = Checkpoint(lambda: dict(source.read_encoder(count).state_dict()), files, prefix="encoder.")
    return AudioEncoder(spec, load, device, checkpoint=checkpoint, layers=range(count + 1))


@dataclass(frozen=True)
class WhisperFile:
    """Shape of the encoder in a CTranslate2 file, and its weights, which are read when they are needed."""

    file: CT2File
    shape: WhisperShape

    @classmethod
    def open(cls, path: Path) -> Self:
        """`MissingInput` for another model than Whisper."""
        file = CT2File(path)
        if file.kind != "WhisperSpec":
            raise MissingInput(f"{file.path}: a {file.kind}, not a Whisper model", "check `weights`")
        return cls(file, read_shape(file, check_encoder(file)))

    def read_encoder(self, layers: int) -> WhisperEncoder:
        return read_encoder(self.file, layers)


def check_encoder(file: CT2File) -> int:
    """Number of layers of the encoder of `file`. `MissingInput` names a variable that is missing or has no place."""
    layers = 1 + max((int(number) for name in file.names for number in LAYER.findall(name)), default=-1)
    names = {f"encoder/{name}" for name in OUTSIDE_LAYERS}
    names |= {f"encoder/layer_{number}/{name}" for number in range(layers) for name in INSIDE_LAYERS}
    given = {name for name in file.names if name.startswith("encoder/")}
    # Settings are scalars, and others of them came and went with the converter's versions.
    extra = {name for name in given - names if file.shape(name) and not name.endswith("_scale")}
    for what, wrong in (("has no", names - given), ("has too much:", extra)):
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise MissingInput(f"{file.path}: {what} {min(wrong)}{more}", "fetch the file again, or check `weights`")
    _check_layer_count(file, layers)
    return layers


def _check_layer_count(file: CT2File, layers: int) -> None:
    """The file has no number of layers: without its last ones it would pass for a smaller model."""
    width = file.shape("encoder/conv1/weight")[0]
    path = file.path.parent / "config.json"
    # The converter's own configuration has no such number, that of transformers has.
    configured = read_settings(path).get("encoder_layers") if path.is_file() else None
    wanted = configured or PUBLISHED_LAYERS.get(width, layers)
    if layers != wanted:
        source = "config.json says" if configured else f"Whisper of width {width} has"
        raise MissingInput(
            f"{file.path}: {layers} layers in the encoder, {source} {wanted}",
            "fetch the file again; beside a model of your own, write its encoder_layers into config.json",
        )


def read_encoder(file: CT2File, layers: int) -> WhisperEncoder:
    """Build the encoder of `file` up to layer `layers`."""
    with torch.device("meta"):  # all tensors are assigned below: no random weights
        encoder = WhisperEncoder(read_shape(file, layers))
    tensors = {name: torch.from_numpy(np.array(values)) for name, values in _read_tensors(file, layers).items()}
    encoder.load_state_dict(tensors, strict=True, assign=True)
    return encoder


def read_shape(file: CT2File, layers: int) -> WhisperShape:
    """Sizes of the encoder of `file` up to layer `layers`."""
    width, bands, _ = file.shape("encoder/conv1/weight")
    return WhisperShape(
        d_model=width,
        num_mel_bins=bands,
        encoder_layers=layers,
        encoder_attention_heads=file.number("encoder/num_heads"),
        encoder_ffn_dim=4 * width,
        max_source_positions=file.shape("encoder/position_encodings/encodings")[0],
    )


def _read_tensors(file: CT2File, layers: int) -> dict[str, np.ndarray]:
    """transformers' names -> tensors of `file`."""
    tensors = {"embed_positions.weight": file.tensor("encoder/position_encodings/encodings")}
    for part in ("conv1", "conv2"):
        tensors |= {f"{part}.{name}": file.tensor(f"encoder/{part}/{name}") for name in ("weight", "bias")}
    tensors |= _read_norm(file, "encoder/layer_norm", "layer_norm")
    for number in range(layers):
        old, new = f"encoder/layer_{number}", f"layers.{number}"
        tensors |= _read_norm(file, f"{old}/self_attention/layer_norm", f"{new}.self_attn_layer_norm")
        tensors |= _read_norm(file, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
        tensors |= _read_attention(file, f"{old}/self_attention", f"{new}.self_attn")
        for position in (0, 1):
            for name in ("weight", "bias"):
                tensors[f"{new}.fc{position + 1}.{name}"] = file.tensor(f"{old}/ffn/linear_{position}/{name}")
    return tensors


def _read_attention(file: CT2File, old: str, new: str) -> dict[str, np.ndarray]:
    """CTranslate2 stores query, key and value as one matrix. Whisper's key has no bias, so that third is zero."""
    query, key, value = np.split(file.tensor(f"{old}/linear_0/weight"), 3)
    query_bias, key_bias, value_bias = np.split(file.tensor(f"{old}/linear_0/bias"), 3)
    if key_bias.any():
        raise MissingInput(f"{file.path}: {old} has a key bias, Whisper has none", "check `weights`")
    return {
        f"{new}.q_proj.weight": query,
        f"{new}.k_proj.weight": key,
        f"{new}.v_proj.weight": value,
        f"{new}.q_proj.bias": query_bias,
        f"{new}.v_proj.bias": value_bias,
        f"{new}.out_proj.weight": file.tensor(f"{old}/linear_1/weight"),
        f"{new}.out_proj.bias": file.tensor(f"{old}/linear_1/bias"),
    }


def _read_norm(file: CT2File, old: str, new: str) -> dict[str, np.ndarray]:
    return {f"{new}.weight": file.tensor(f"{old}/gamma"), f"{new}.bias": file.tensor(f"{old}/beta")}
