"""Whole commands, as a user waits for them."""

from __future__ import annotations

from benchmarks.goals.goal import Goal, Measurement

MEASUREMENTS = (
    Measurement(
        name="predict-cost",
        function="benchmarks.predict_cost:measure_goals",
        minutes=3,
        needs=("work",),
        topic="Use",
        goals=(
            Goal(
                figure="image",
                what="`unmask predict` of one image: processor time relative to `import torch`",
                at_most=2,
                headline=True,
            ),
            Goal(figure="video", what="the same of one video of ten seconds", at_most=3),
        ),
    ),
    Measurement(
        name="warm-verdict",
        function="benchmarks.workflows:measure_warm_verdict",
        minutes=1,
        needs=("work",),
        topic="Use",
        goals=(Goal(figure="seconds", what="a further verdict on an image by a warm process", at_most=1, unit="s"),),
    ),
    Measurement(
        name="probe",
        function="benchmarks.workflows:measure_probe",
        minutes=2,
        needs=("work",),
        topic="Use",
        goals=(
            Goal(
                figure="seconds",
                what="`unmask probe`: 12 layers of a ViT-B/16, both poolings, 180 files",
                at_most=2,
                unit="min",
            ),
        ),
    ),
    Measurement(
        name="adapt-sync",
        function="benchmarks.workflows:measure_sync",
        minutes=6,
        needs=("corpus",),
        topic="Use",
        goals=(
            Goal(
                figure="seconds", what="`unmask adapt sync` on the videos of the given folders", at_most=10, unit="min"
            ),
        ),
    ),
    Measurement(
        name="robustness",
        function="benchmarks.workflows:measure_robustness",
        minutes=4,
        needs=("work",),
        topic="Use",
        goals=(
            Goal(
                figure="seconds",
                what="`unmask robustness`: 11 corruptions, 3 strengths, nothing kept from before",
                at_most=15,
                unit="min",
            ),
        ),
    ),
    Measurement(
        name="demo",
        function="benchmarks.workflows:measure_demo",
        minutes=3,
        topic="Use",
        goals=(Goal(figure="seconds", what="`unmask demo`, set up before", at_most=5, unit="min", headline=True),),
    ),
    Measurement(
        name="import",
        function="benchmarks.workflows:measure_import",
        minutes=0.1,
        topic="Use",
        goals=(Goal(figure="seconds", what="`import unmask`, beyond starting Python", at_most=0.1, unit="s"),),
    ),
    Measurement(
        name="tests",
        function="benchmarks.workflows:measure_tests",
        minutes=14,
        needs=("corpus",),
        topic="Use",
        goals=(Goal(figure="seconds", what="`make test` with real media", at_most=8, unit="min"),),
    ),
)
