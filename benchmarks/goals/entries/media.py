"""Reading names, media and faces."""

from __future__ import annotations

from benchmarks.goals.goal import Goal, Measurement

MEASUREMENTS = (
    Measurement(
        name="splits",
        function="benchmarks.splits:measure_goals",
        minutes=1,
        topic="Manifest",
        goals=(
            Goal(figure="seconds", what="a million rows grouped by identity and split", at_most=60, unit="s"),
            Goal(figure="gb", what="the same: most memory", at_most=2, unit="GB"),
        ),
    ),
    Measurement(
        name="preprocess",
        function="benchmarks.preprocess:measure",
        minutes=2,
        needs=("corpus",),
        topic="Preprocess",
        goals=(
            Goal(
                figure="1920 px",
                what="1080p videos: speed per core relative to the usual loop (full-size MTCNN on each sampled frame)",
                at_least=4,
                headline=True,
            ),
            Goal(figure="512 px", what="512 px videos: the same", at_least=1.5),
            Goal(figure="faces", what="its faces that are detected here (IoU over 0.7)", at_least=99, unit="%"),
        ),
    ),
    Measurement(
        name="detection",
        function="benchmarks.detection:measure",
        minutes=8,
        needs=("corpus",),
        topic="Preprocess",
        goals=(
            Goal(
                figure="time",
                what="detection from key frames: processor time relative to a search of every frame, as it was",
                at_most=0.33,
            ),
            Goal(figure="missed", what="the same: frames in which a face is missed", at_most=1, unit="%"),
            Goal(figure="crops", what="the same: crops within a pixel", at_least=99, unit="%"),
            Goal(
                figure="stage",
                what="the stage's work relative to decoding and the detection that was, together",
                at_most=0.7,
            ),
        ),
    ),
    Measurement(
        name="stage",
        function="benchmarks.stage:measure",
        minutes=8,
        needs=("corpus",),
        topic="Preprocess",
        goals=(
            Goal(
                figure="wall",
                what="the stage's wall time relative to the larger of decoding and detection, divided by the cores",
                at_most=1.3,
            ),
            Goal(figure="parent", what="memory of the stage with 400 items relative to 100", at_most=1.1),
            Goal(figure="worker", what="memory of its largest worker, the same", at_most=1.1),
        ),
    ),
    Measurement(
        name="mouth",
        function="benchmarks.mouth:measure",
        minutes=2,
        needs=("corpus",),
        topic="Preprocess",
        goals=(
            Goal(figure="time", what="videos with mouth crops: processor time relative to without", at_most=1.3),
            Goal(figure="bytes", what="the same: bytes of the media shards", at_most=2),
        ),
    ),
)
