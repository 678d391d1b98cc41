"""What there is to say about the scores of another system."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.evaluation.foreign.placed_scores import PlacedScores
from unmask.evaluation.foreign.threshold import Threshold
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.results import POOLED, ScoreTable
from unmask.evaluation.score_tables import Scorer
from unmask.evaluation.sentences import CHANCE, describe_calls, describe_small
from unmask.manifests.manifest import Split
from unmask.manifests.splits.leaks import count_allowed_leaks

SHOWN = 3
KINDS = {
    "probability": "probabilities of fake",
    "logit": "log odds or log-likelihood ratios",
    "raw": "numbers without a scale",
}


def write_notes(
    placed: PlacedScores, items: ItemSet, model: Scorer, table: ScoreTable, threshold: Threshold, split: Split
) -> tuple[str, ...]:
    """Sentences, the gravest first."""
    notes = []
    if leaking := count_allowed_leaks(items.rows[0].split_scheme):
        leak = f"{leaking} identities, recordings or files are in several splits"
        notes.append(f"THIS SPLIT LEAKS: {leak}. Do not report these results.")
    notes.append(
        f"Scores of another system, read as {KINDS[placed.kind]}; a high score means {placed.higher_is} "
        f"(--score-kind, --higher-is). Whether its training saw these files is not known here."
    )
    notes += _describe_direction(table)
    notes += _describe_others(placed, len(items))
    single = [name for name in items.datasets if len(set(items.is_fake[items.dataset == name].tolist())) < 2]
    if single:
        notes.append(f"Only one class in {', '.join(single)}: no AUC, and not part of the macro mean.")
    notes += threshold.notes
    notes += describe_small(table)
    if "recall" not in threshold.undefined:
        notes += describe_calls(items, model.score >= model.threshold, model.threshold)
    if split != "test":
        notes.append(f"Biased if the threshold was chosen on {split} items. Do not report these results.")
    return tuple(notes)


def _describe_direction(table: ScoreTable) -> Sequence[str]:
    span = table.row(POOLED).interval("auc")
    if span is None or span[1] >= CHANCE:
        return ()
    return (f"The pooled AUC is below chance [{span[0]:.3f}, {span[1]:.3f}]: is --higher-is the other class?",)


def _describe_others(placed: PlacedScores, used: int) -> Sequence[str]:
    notes = []
    if placed.unknown:
        listed = ", ".join(map(repr, placed.unknown[:SHOWN]))
        more = ", ..." if len(placed.unknown) > SHOWN else ""
        notes.append(
            f"{len(placed.unknown)} ids of no labeled media file in the manifest were left out: {listed}{more}."
        )
    if other := len(placed.score) - used:
        notes.append(f"{other} scores are of files of other splits; those of validation choose the threshold.")
    return notes
