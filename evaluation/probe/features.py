"""Mean tokens of a sample by encoder, layer and pooling: one pass per network, nothing is stored.

N files, D numbers per token
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.adaptation.labeled_clips import Kind
from unmask.cache.encoder_runner import Output, Runner, stack_waves
from unmask.cache.encoders import find_stream_name, make_encoder
from unmask.cache.projections.projection import NATIVE
from unmask.core.errors import UsageError
from unmask.evaluation.probe.sample import Sample
from unmask.preprocess.profiles import EncoderChoice, Profile

POOLINGS = ("mean", "cls", "cls+mean")
# Files whose media are in memory at once: 128 of 4 crops of 224 px are 77 MB.
BLOCK = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One encoder, layer and pooling, with its features."""

    choice: EncoderChoice
    """Of this layer and pooling alone, as it would be extracted."""
    modality: Kind
    values: NDArray[np.float32]
    """(N, D) mean token of each file, at the network's own width."""

    @property
    def name(self) -> str:
        layer = "" if self.choice.layer is None else f", layer {self.choice.layer}"
        return find_stream_name(self.choice) + layer + (f", {self.choice.pooling}" if self.choice.pooling else "")


def list_networks(profile: Profile, device: torch.device) -> list[tuple[EncoderChoice, Kind]]:
    """Image and audio encoders of `profile`, each network once whatever layers and poolings it is there with.

    Without those that read the crops of a clip together, because the sample has frames one by one.
    """
    found: dict[str, tuple[EncoderChoice, Kind]] = {}
    for choice in profile.encoders:
        spec = make_encoder(choice, device).spec
        if spec.modality in ("image", "audio") and not spec.reads:
            alone = choice.model_copy(update={"layer": None, "alias": None, "pooling": None})
            found.setdefault(alone.model_dump_json(), (alone, spec.modality))
    if not found:
        raise UsageError(f"profile {profile.name} has no image or audio encoder", "--encoders whisper_tiny,vit_b16")
    return list(found.values())


def compute_candidates(
    choice: EncoderChoice,
    sample: Sample,
    layers: Sequence[int] | None,
    poolings: Sequence[str],
    *,
    device: torch.device,
    batch_size: int,
) -> list[Candidate]:
    """Features of every layer of `layers` (None: all) that the network has, and every one of `poolings`.

    All from one pass over the files of `sample`. `UsageError` when the network has none of these layers.
    """
    both = _pool_both(choice, device) if set(poolings) - {"mean"} else None
    asked = both or choice
    single = [asked.model_copy(update={"layer": layer}) for layer in _find_layers(asked, layers, device)]
    encoders = [make_encoder(one.model_copy(update={"projection": NATIVE}), device) for one in single]
    outputs = [Output(encoder.spec, None, device) for encoder in encoders]
    runner = Runner(encoders[-1], device, batch_size, outputs)
    means = [np.concatenate(parts) for parts in zip(*_encode(sample, runner), strict=True)]
    found = []
    for one, values in zip(single, means, strict=True):
        kept: list[Any] = [name for name in POOLINGS if name in poolings] if both else [None]
        for pooling in kept:
            settings = one.model_copy(update={"pooling": pooling})
            part = values if pooling is None else _take_part(values, pooling)
            found.append(Candidate(choice=settings, modality=sample.clips.modality, values=part))
    return found


def _pool_both(choice: EncoderChoice, device: torch.device) -> EncoderChoice | None:
    """`choice` with class token and mean side by side, from which both are cut; None without a class token."""
    both = choice.model_copy(update={"pooling": "cls+mean"})
    try:
        return both if make_encoder(both, device).spec.modality == "image" else None
    except UsageError:
        return None


def _take_part(values: NDArray[np.float32], pooling: str) -> NDArray[np.float32]:
    half = values.shape[1] // 2
    return {"cls": values[:, :half], "mean": values[:, half:], "cls+mean": values}[pooling]


def _find_layers(choice: EncoderChoice, wanted: Sequence[int] | None, device: torch.device) -> list[int | None]:
    known: Sequence[int] = getattr(make_encoder(choice, device), "layers", ())
    if not known:
        return [None]
    found: list[int | None] = [layer for layer in known if wanted is None or layer in wanted]
    if not found:
        remedy = f"--layers all, or some of {known[0]} to {known[-1]}"
        raise UsageError(f"encoder {choice.name} has none of the layers {', '.join(map(str, wanted or ()))}", remedy)
    return found


def _encode(sample: Sample, runner: Runner) -> Iterator[list[NDArray[np.float32]]]:
    """Per block of files, (n, D) mean tokens of each output of the runner."""
    encode = _encode_faces if sample.clips.modality == "image" else _encode_waves
    for start in range(0, len(sample), BLOCK):
        yield encode([sample.load(number) for number in range(start, min(len(sample), start + BLOCK))], runner)


def _encode_faces(files: list[torch.Tensor], runner: Runner) -> list[NDArray[np.float32]]:
    ends = np.cumsum([len(faces) for faces in files])[:-1].tolist()
    tokens = runner.run(torch.cat(files))
    return [np.stack([_average(part) for part in np.split(of_output, ends)]) for of_output in tokens]


def _encode_waves(files: list[torch.Tensor], runner: Runner) -> list[NDArray[np.float32]]:
    """Files of equal length together, so that no padding enters a token."""
    of_length: dict[int, list[int]] = defaultdict(list)
    for number, wave in enumerate(files):
        of_length[len(wave)].append(number)
    means: list[dict[int, Any]] = [{} for _ in runner.outputs]
    groups = sorted(of_length.items())
    waves = [_stack_files([files[number] for number in numbers]) for _, numbers in groups]
    for (_, numbers), outputs in zip(groups, runner.run_groups(waves), strict=True):
        for of_output, tokens in zip(means, outputs, strict=True):
            of_output.update({number: _average(part) for number, part in zip(numbers, tokens, strict=True)})
    return [np.stack([of_output[number] for number in range(len(files))]) for of_output in means]


def _stack_files(files: list[torch.Tensor]) -> torch.Tensor:
    """Files of equal length -> (n, length) float32."""
    length = len(files[0])
    return stack_waves(torch.cat(files), range(0, length * len(files), length), length)


def _average(tokens: NDArray[np.float16]) -> NDArray[np.float32]:
    """(..., D) -> (D,); 0 for what half precision cannot hold."""
    flat = tokens.reshape(-1, tokens.shape[-1]).astype(np.float32)
    return np.asarray(np.nan_to_num(flat, posinf=0.0, neginf=0.0).mean(axis=0), np.float32)
