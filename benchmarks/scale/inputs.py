"""What the model of a million videos starts from: each number with its unit, its source and whether it was measured.

Prices and rates that nobody measured here are assumptions, to be replaced by the reader's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest

Kind = Literal["measured", "assumption"]
TWO_COLLECTIONS = "195 videos of two collections of public datasets, 9.8 s long on average"
ONE_CORE = "processor time of one core of an AMD EPYC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    name: str
    value: float
    unit: str
    kind: Kind
    source: str
    figure: tuple[str, str] | None = None
    """(measurement, figure) of benchmarks/results.jsonl that replaces the value where there is one."""
    only_on: str = ""
    """Part of the name of the machine that such a figure has to be from; "" for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A node that is rented by the hour; its GPU is relative to the one that was measured."""

    name: str
    cores: float
    gpu_rate: float
    """Of dense half-precision matrix products by the data sheet, relative to an H200; 0: no GPU."""
    price: float
    """Money per hour, whatever the currency."""


INPUTS: tuple[Input, ...] = (
    Input(name="videos", value=1e6, unit="videos", kind="assumption", source="the question"),
    Input(
        name="video_mb",
        value=2.0,
        unit="MB per video",
        kind="assumption",
        source="10 s at 1.6 Mbit/s; the videos of the two collections below have 0.54 MB",
    ),
    Input(name="clips", value=2.2, unit="clips per video", kind="measured", source=TWO_COLLECTIONS),
    Input(name="faces", value=8, unit="face crops per clip", kind="measured", source="the default, `frames_per_clip`"),
    Input(
        name="audio_tokens",
        value=7.7,
        unit="audio tokens per clip",
        kind="measured",
        source="the same; some have no audio",
    ),
    Input(
        name="media_mb",
        value=1.83,
        unit="MB of media shards per video",
        kind="measured",
        source="the same: 17.6 crops of 224 px and 3.4 s of audio, compressed 1.51 times",
    ),
    Input(name="token_kb", value=1.03, unit="kB per token", kind="measured", source="512 float16 numbers, and a time"),
    Input(
        name="probe_s",
        value=0.0033,
        unit="core s per video, scan",
        kind="measured",
        source=f"195 video headers, {ONE_CORE}",
    ),
    Input(
        name="preprocess_s",
        value=0.61,
        unit="core s per video, preprocess",
        kind="measured",
        source=f"54 videos: decoding 0.29 s, detection 0.28 s, writing the rest, {ONE_CORE}",
        figure=("stage", "core s per video"),
    ),
    Input(
        name="gpu_clips_s",
        value=620,
        unit="clips/s, ViT-B/16 at half precision through the stage on an H200",
        kind="measured",
        source="one H200 with 16 cores, before shards were read ahead by several threads",
        figure=("encode-gpu", "vit_b16 clips/s"),
        only_on="H200",
    ),
    Input(
        name="gpu_audio_share",
        value=0.2,
        unit="of the time of ViT-B/16, for Wav2Vec2 Base on a GPU",
        kind="assumption",
        source="by arithmetic: about 57 against 281 GFLOP per clip of 4 s and 8 faces",
    ),
    Input(
        name="cpu_clip_s",
        value=0.13,
        unit="core s per clip, encoders of the profile `offline`",
        kind="measured",
        source=f"EfficientNet-Lite0 0.11, Whisper tiny 0.02, LFCC 0.001 s, {ONE_CORE}, busy",
    ),
    Input(
        name="own_s",
        value=0.0085,
        unit="core s per video, the program's own cost",
        kind="measured",
        source="`python -m benchmarks scale --items 200,400` on a busy machine: an encoder that costs nothing",
        figure=("scale-items", "seconds per item"),
    ),
    Input(
        name="train_clips_s",
        value=375,
        unit="training clips/s, SMALL, two cores",
        kind="measured",
        source="cost.md",
        figure=("training", "cpu clips/s"),
    ),
    Input(
        name="train_gpu_clips_s",
        value=10_800,
        unit="training clips/s, LARGE, on a GPU",
        kind="assumption",
        source="predicted for an RTX A6000 by the model of cost.md; taken for every GPU, since memory bounds it",
        figure=("training", "cuda clips/s"),
    ),
    Input(name="epochs", value=30, unit="epochs", kind="assumption", source="the default of `full`"),
    Input(
        name="read_mb_s",
        value=500,
        unit="MB/s per node, videos and shards read",
        kind="assumption",
        source="a network file system or bucket from one node",
    ),
    Input(name="storage_price", value=0.023, unit="money per GB and month", kind="assumption", source="object storage"),
)

# Data sheets: dense half-precision TFLOP/s H200 and H100 989, A100 312, RTX A6000 155, L4 121.
MACHINES: tuple[Machine, ...] = (
    Machine(name="1 x H200", cores=16, gpu_rate=1.0, price=4.00),
    Machine(name="1 x H100", cores=16, gpu_rate=1.0, price=3.00),
    Machine(name="1 x A100", cores=12, gpu_rate=0.32, price=1.80),
    Machine(name="1 x RTX A6000", cores=16, gpu_rate=0.16, price=0.80),
    Machine(name="1 x L4", cores=8, gpu_rate=0.12, price=0.80),
    Machine(name="no GPU", cores=64, gpu_rate=0.0, price=2.60),
)


def read_values(
    figures: Mapping[tuple[str, str], tuple[float, str]] = {}, changes: Mapping[str, float] = {}
) -> dict[str, Input]:
    """Name -> input. `figures`: (measurement, figure) -> (value, where from), which replace those above; `changes` are
    the reader's own. `UsageError` for a name that is none.
    """
    inputs = {one.name: _replace(one, figures) for one in INPUTS}
    for name, value in changes.items():
        if name not in inputs:
            raise UsageError(f"no input {name}", f"{suggest(name, inputs)}inputs: {', '.join(inputs)}")
        inputs[name] = replace(inputs[name], value=value, kind="assumption", source="given by the reader")
    return inputs


def change_prices(machines: Iterable[Machine], prices: Mapping[str, float]) -> list[Machine]:
    """`prices`: name of a machine -> money per hour. `UsageError` for a name that is none."""
    named = {one.name: one for one in machines}
    for name, price in prices.items():
        if name not in named:
            raise UsageError(f"no machine {name}", f"{suggest(name, named)}machines: {', '.join(named)}")
        named[name] = replace(named[name], price=price)
    return list(named.values())


def _replace(one: Input, figures: Mapping[tuple[str, str], tuple[float, str]]) -> Input:
    if one.figure is None or one.figure not in figures:
        return one
    value, source = figures[one.figure]
    if one.only_on not in source:
        return one
    return replace(one, value=value, kind="measured", source=source)
