"""The first sentence of the report and the model card: whether the model beats its controls, where that is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from unmask.evaluation.results import Comparison, Evaluation, Outcome

PROBE = "linear probe"


def describe_beaten(evaluation: Evaluation) -> tuple[str, Literal["good", "bad", "open"]]:
    """(sentence, state): good where every control is beaten, bad where one is better, else open.

    Controls are those that do not look for manipulations. The linear probe, which reads the content, is told apart.
    """
    blind = {table.name for table in evaluation.controls if not table.reads_content}
    compared = [one for one in evaluation.comparisons if one.control in blind]
    by_outcome = {outcome: [one for one in compared if find_outcome(one) == outcome] for outcome in OUTCOMES}
    better, worse = by_outcome["better"], by_outcome["worse"]
    unclear = [one.control for one in compared if find_outcome(one) in ("not shown", "not comparable")]
    if not better and not worse:
        why = "no dataset has both classes" if not any(one.datasets for one in compared) else "too few test groups"
        return f"It cannot be told whether the model beats its controls: {why}.", "open"
    parts = []
    if worse:
        parts.append(f"The model does not beat {_list_names([one.control for one in worse])}, which scored higher")
    if better:
        count = "all" if len(better) == len(compared) else f"{len(better)} of"
        beaten = f"{count} {len(compared)} controls" if len(compared) > 1 else f"its only control, {better[0].control}"
        parts.append(f"{'it beats' if parts else 'The model beats'} {beaten}{_describe_strongest(better)}")
    if unclear:
        parts.append(f"for {_list_names(unclear)} it cannot be told")
    if probe := _describe_probe(evaluation):
        parts.append(probe)
    return "; ".join(parts) + ".", "bad" if worse else "open" if unclear else "good"


OUTCOMES: tuple[Outcome, ...] = ("better", "worse", "not shown", "not comparable")


def find_outcome(comparison: Comparison) -> Outcome:
    """Evaluations of earlier versions only say whether the control was beaten."""
    return comparison.outcome or ("better" if comparison.beaten else "not shown")


def _describe_strongest(beaten: Sequence[Comparison]) -> str:
    """The one with the highest AUC of its own, beside that of the model on the same datasets."""
    known = [(one.control_auc, one.model_auc, one.control) for one in beaten if one.control_auc and one.model_auc]
    if not known:
        return ""
    theirs, ours, name = max(known)
    return f" (the strongest, {name}, has AUC {theirs:.3f}, the model {ours:.3f})"


def _describe_probe(evaluation: Evaluation) -> str:
    found = next((one for one in evaluation.comparisons if one.control == PROBE), None)
    match found and find_outcome(found):
        case "better":
            return "it also beats a linear probe on the same tokens"
        case "worse":
            return "a linear probe on the same tokens is better"
        case "not shown":
            return "it is not shown to beat a linear probe on the same tokens"
        case _:
            return ""


def _list_names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
