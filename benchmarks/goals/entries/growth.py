"""What must not grow faster than the work."""

from __future__ import annotations

from benchmarks.goals.goal import Goal, Measurement

MEASUREMENTS = (
    Measurement(
        name="scale-rows",
        function="benchmarks.scale.growth:measure_rows_growth",
        minutes=5,
        topic="Growth",
        goals=(
            Goal(
                figure="growth",
                what="cost per row from 10^3 to 10^6 rows, the dearest step: relative to its cheapest size",
                at_most=1.2,
                headline=True,
            ),
        ),
    ),
    Measurement(
        name="scale-items",
        function="benchmarks.scale.growth:measure_items_growth",
        minutes=30,
        topic="Growth",
        goals=(
            Goal(
                figure="growth",
                what="cost per item from 10^3 to 2 x 10^5 tiny items through extract, verify and open, the dearest step:"
                " relative to its cheapest size",
                at_most=1.2,
                headline=True,
            ),
        ),
    ),
    Measurement(
        name="memory",
        function="benchmarks.memory:measure_goals",
        minutes=8,
        topic="Growth",
        goals=tuple(
            Goal(
                figure=kind,
                what=f"memory of {what} at its end, relative to after its warm-up",
                at_most=1.1,
            )
            for kind, what in (
                ("preprocess-worker", "a worker of `preprocess`"),
                ("preprocess", "`preprocess`"),
                ("extract", "`extract`"),
                ("train", "`train`"),
                ("serve", "`serve`"),
            )
        ),
    ),
)
