"""The commands that the campaign disturbs, in the order in which each needs those before it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FAILED = "vanished,timeout,unreadable,unsupported,crashed,memory"


@dataclass(frozen=True, kw_only=True)
class Stage:
    name: str
    arguments: tuple[str, ...]
    """`{data}` and `{work}` stand for the folders of the round, `{run}` for the name of its run."""
    again: tuple[str, ...] = ()
    """What a user adds to try items again that failed."""
    reads_media: bool = False
    has_workers: bool = False

    def call(self, data: Path, work: Path, *, again: bool = False) -> list[str]:
        run = next((path.name for path in (work / "runs").glob("*") if path.is_dir()), "")
        texts = [*self.arguments, *(self.again if again else ())]
        return [text.format(data=data, work=work, run=run) for text in texts] + ["--work", str(work), "--quiet"]


TWO = ("--workers", "2")
STAGES = {
    stage.name: stage
    for stage in (
        Stage(name="scan", arguments=("scan", "{data}", *TWO), reads_media=True, has_workers=True),
        Stage(name="split", arguments=("split", "default", "--seed", "1")),
        Stage(
            name="preprocess",
            arguments=("preprocess", "--profile", "tiny", *TWO),
            again=("--retry", FAILED),
            reads_media=True,
            has_workers=True,
        ),
        Stage(name="extract", arguments=("extract", "--profile", "tiny", "--device", "cpu")),
        Stage(
            name="train",
            arguments=("train", "--device", "cpu", "--set", "train.epochs=3", "--set", "train.patience=3"),
        ),
        Stage(name="evaluate", arguments=("evaluate", "--device", "cpu")),
        Stage(name="report", arguments=("report",)),
        Stage(
            name="predict",
            arguments=(
                "predict",
                "{data}/pictures/test/fake",
                "{data}/sounds/test/real/0.wav",
                "--out",
                "{work}/verdicts.jsonl",
                "--device",
                "cpu",
                *TWO,
            ),
            reads_media=True,
            has_workers=True,
        ),
        Stage(name="bundle", arguments=("bundle", "{run}", "{work}/bundle")),
        Stage(name="export", arguments=("cache", "export", "{work}/tokens.h5")),
        Stage(name="verify", arguments=("cache", "verify", "--repair", "--device", "cpu")),
    )
}
