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
    reads: tuple[str, ...]
    """What it reads of the work folder, as the beginnings of names."""
    reads_media: bool = False
    has_workers: bool = False
    forks: bool = False
    """Its workers are copies of itself."""

    def call(self, data: Path, work: Path, *, again: bool = False) -> list[str]:
        run = next((path.name for path in (work / "runs").glob("*") if path.is_dir()), "")
        texts = [*self.arguments, *(self.again if again else ())]
        return [text.format(data=data, work=work, run=run) for text in texts] + ["--work", str(work), "--quiet"]


TWO = ("--workers", "2")
STAGES = {
    stage.name: stage
    for stage in (
        Stage(name="scan", reads=("probes",), arguments=("scan", "{data}", *TWO), reads_media=True, has_workers=True),
        Stage(name="split", reads=("manifest", "probes", "findings"), arguments=("split", "default", "--seed", "1")),
        Stage(
            name="preprocess",
            reads=("manifest", "profile"),
            arguments=("preprocess", "--profile", "tiny", *TWO),
            again=("--retry", FAILED),
            reads_media=True,
            has_workers=True,
        ),
        Stage(
            name="extract",
            reads=("manifest", "media/", "profile"),
            arguments=("extract", "--profile", "tiny", "--device", "cpu"),
        ),
        Stage(
            name="train",
            reads=("manifest", "media/", "tokens/", "profile"),
            arguments=("train", "--device", "cpu", "--set", "train.epochs=3", "--set", "train.patience=3"),
        ),
        Stage(
            name="evaluate", reads=("manifest", "tokens/", "media/", "runs/"), arguments=("evaluate", "--device", "cpu")
        ),
        Stage(name="report", reads=("manifest", "findings", "media/", "runs/", "tokens/"), arguments=("report",)),
        Stage(
            name="predict",
            reads=("runs/", "profile"),
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
            forks=True,
        ),
        Stage(name="bundle", reads=("runs/", "manifest"), arguments=("bundle", "{run}", "{work}/bundle")),
        Stage(
            name="export", reads=("manifest", "tokens/", "media/"), arguments=("cache", "export", "{work}/tokens.h5")
        ),
        Stage(
            name="verify",
            reads=("media/", "tokens/", "manifest"),
            arguments=("cache", "verify", "--repair", "--device", "cpu"),
        ),
    )
}
