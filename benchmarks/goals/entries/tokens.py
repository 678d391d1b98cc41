"""The token store, and the encoders that fill it."""

from __future__ import annotations

from benchmarks.goals.goal import Goal, Measurement

MEASUREMENTS = (
    Measurement(
        name="gather",
        function="benchmarks.gather:measure",
        minutes=2,
        topic="Tokens",
        goals=(
            Goal(
                figure="by_hand",
                what="ragged batches in random order: rate relative to a memory map written by hand",
                at_least=0.8,
            ),
            Goal(
                figure="zarr",
                what="ragged batches in random order: rate relative to zarr-python on a sharded array",
                at_least=100,
                headline=True,
            ),
        ),
    ),
    Measurement(
        name="load",
        function="benchmarks.load:measure",
        minutes=1,
        topic="Tokens",
        goals=(Goal(figure="np_load", what="loading a whole store: rate relative to `np.load`, warm", at_least=0.7),),
    ),
    Measurement(
        name="opening",
        function="benchmarks.opening:measure",
        minutes=6,
        topic="Tokens",
        goals=(
            Goal(
                figure="seconds",
                what="opening 5,000 shards and joining a million clips with their manifest",
                at_most=10,
                unit="s",
                headline=True,
            ),
            Goal(figure="gb", what="the same: most memory of the process", at_most=2, unit="GB"),
        ),
    ),
    Measurement(
        name="encode-cpu",
        function="benchmarks.encode:measure_on_cpu",
        minutes=8,
        topic="Extract",
        goals=(
            Goal(
                figure="efficientnet_lite0",
                what="EfficientNet-Lite0 through the stage on a CPU, relative to its own forward pass",
                at_least=1,
            ),
            Goal(figure="whisper_tiny", what="Whisper tiny on a CPU, the same", at_least=1),
            Goal(figure="vit_b16", what="ViT-B/16 on a CPU, the same", at_least=1),
            Goal(
                figure="lfcc",
                what="LFCC on a CPU, the same (half a millisecond per clip, about what reading it takes)",
                at_least=0.9,
            ),
        ),
    ),
    Measurement(
        name="encode-gpu",
        function="benchmarks.encode:measure_on_gpu",
        minutes=3,
        needs=("gpu",),
        topic="Extract",
        goals=(
            Goal(
                figure="vit_b16",
                what="ViT-B/16 at half precision through the stage on a GPU, relative to its own forward pass",
                at_least=0.9,
                headline=True,
            ),
            Goal(figure="efficientnet_lite0", what="EfficientNet-Lite0 on a GPU, the same", at_least=0.9),
            Goal(figure="whisper_tiny", what="Whisper tiny on a GPU, the same", at_least=0.9),
        ),
    ),
    Measurement(
        name="layers",
        function="benchmarks.layers:measure",
        minutes=5,
        topic="Extract",
        goals=(
            Goal(
                figure="timm:vit_tiny_patch16_224",
                what="12 layers of a ViT-Ti/16 kept apart: time relative to the deepest alone",
                at_most=1.1,
            ),
            Goal(figure="whisper_tiny", what="5 layers of Whisper tiny, the same", at_most=1.1),
            Goal(figure="efficientnet_lite0", what="5 stages of EfficientNet-Lite0, the same", at_most=1.1),
        ),
    ),
    Measurement(
        name="checking",
        function="benchmarks.checking:measure",
        minutes=2,
        topic="Extract",
        goals=(
            Goal(
                figure="share",
                what="comparing media shards with their checksums, as a share of the stage",
                at_most=5,
                unit="%",
            ),
        ),
    ),
)
