"""`unmask evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unmask.cli.options import Call, Device, Ensemble, RunFolder, command
from unmask.core.errors import UsageError

if TYPE_CHECKING:
    from unmask.tables import EvaluationTable

MIN_COVERAGE = 0.99


Random = Annotated[
    Literal["own", "tiny"] | None,
    typer.Option(
        "--random",
        help="Also extract tokens of random encoders to compare with: the networks of the run's own encoders with "
        "shuffled weights (takes as long as extract), or tiny networks (faster).",
    ),
]
Slices = Annotated[
    bool, typer.Option("--slices", help="Show the table per method, compression, category, media and person.")
]
Coverage = Annotated[
    float,
    typer.Option(
        "--min-coverage", min=0, max=1, help="Exit with code 3 if a smaller share of the expected items has a score."
    ),
]
Export = Annotated[
    list[Path] | None,
    typer.Option(
        "--export",
        help="Write the scores too: .csv with ids, high is fake; .txt or .tsv as ASVspoof, high is real (repeatable).",
    ),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        "--scores", help='Evaluate this file of another system instead of a run: a .csv, or lines "id score".'
    ),
]
Name = Annotated[
    str | None, typer.Option("--name", help="With --scores: folder under work/foreign (default: the file's name).")
]
HigherIs = Annotated[
    Literal["fake", "real"] | None,
    typer.Option("--higher-is", help="With --scores: class of high scores (default: fake in a .csv, else real)."),
]
ScoreKind = Annotated[
    Literal["probability", "logit", "raw"] | None,
    typer.Option(
        "--score-kind",
        help="With --scores: logit is also a log-likelihood ratio (default: probability if all are in 0..1 and high "
        "is fake, else raw).",
    ),
]


@command()
def evaluate(
    call: Call,
    run: RunFolder = None,
    ensemble: Ensemble = None,
    split: Annotated[Literal["test", "val"], typer.Option("--on", help="Split to evaluate on.")] = "test",
    random: Random = None,
    slices: Slices = False,
    min_coverage: Coverage = MIN_COVERAGE,
    export: Export = None,
    scores: Scores = None,
    name: Name = None,
    higher_is: HigherIs = None,
    score_kind: ScoreKind = None,
    device: Device = "auto",
) -> None:
    """Compute metrics per file and dataset on the test split, beside simple controls."""
    from unmask.evaluation.foreign.export import check_export

    for path in export or ():
        check_export(path)
    if scores is None:
        if name or higher_is or score_kind:
            raise UsageError("--name, --higher-is and --score-kind are about a file of scores", "add --scores FILE")
        chosen = call.choose_run(run, ensemble)
        folder, found = chosen.folder, chosen.evaluate(split, random=random, device=device)
    else:
        if run or ensemble or random:
            raise UsageError("--run, --ensemble and --random are about a run, --scores about a file", "use one of both")
        found = call.work.evaluate_scores(scores, split, name=name, higher_is=higher_is, kind=score_kind)
        folder = call.work.folder.foreign / found.details.run
        call.console.say(f"scores: {folder}")
    _show(call, found, folder, slices, export or [], min_coverage)


def _show(
    call: Call, found: EvaluationTable, folder: Path, slices: bool, export: list[Path], min_coverage: float
) -> None:
    from unmask.evaluation.foreign.export import export_scores
    from unmask.evaluation.slices.coverage import check_coverage
    from unmask.evaluation.terminal_table import render_evaluation

    call.console.show(render_evaluation(found.details, slices=slices))
    call.console.result |= found.details.as_json()
    for path in export:
        export_scores(folder, path)
        call.console.say(f"{path}: {found.details.scored} scores")
    check_coverage(found.details, min_coverage)
