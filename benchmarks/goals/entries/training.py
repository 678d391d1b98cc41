"""Training on cached tokens."""

from __future__ import annotations

from benchmarks.goals.goal import Goal, Measurement

MEASUREMENTS = (
    Measurement(
        name="training",
        function="benchmarks.training:measure",
        minutes=8,
        needs=("work",),
        topic="Training",
        goals=(
            Goal(
                figure="data path",
                what="steps per second relative to the same batches prepared in advance",
                at_least=0.95,
            ),
            Goal(figure="padding", what="slots of a batch that are padding", at_most=10, unit="%"),
            Goal(
                figure="plain",
                what="ten epochs on cached tokens: times faster than with the encoders in the loop",
                at_least=100,
                headline=True,
            ),
            Goal(
                figure="thrifty",
                what="the same, where that loop encodes a repeated clip once and dropped modalities not at all",
                at_least=30,
            ),
        ),
    ),
    Measurement(
        name="part-passes",
        function="benchmarks.part_passes:measure",
        minutes=3,
        needs=("work",),
        topic="Training",
        goals=(
            Goal(
                figure="both",
                what="a step of part fusion relative to joint fusion, clips with image and audio",
                at_most=1.6,
            ),
            Goal(figure="one", what="the same, clips with one of both", at_most=1),
            Goal(figure="lag", what="what the lag token adds to a step", at_most=5, unit="%"),
        ),
    ),
    Measurement(
        name="disk-training",
        function="benchmarks.disk_training:measure",
        minutes=6,
        topic="Training",
        goals=(
            Goal(
                figure="disk, not cached",
                what="training on tokens that are read from the disk in every step: step rate relative to memory",
                at_least=0.8,
                headline=True,
            ),
            Goal(
                figure="disk, cached",
                what="the same, tokens in the operating system's cache of files",
                at_least=0.8,
            ),
        ),
    ),
    Measurement(
        name="ablation",
        function="benchmarks.workflows:measure_ablation",
        minutes=12,
        needs=("work",),
        topic="Training",
        goals=(
            Goal(
                figure="seconds",
                what="`unmask ablate`: 8 presets and `linear`, 3 seeds, trained and evaluated",
                at_most=20,
                unit="min",
            ),
        ),
    ),
)
