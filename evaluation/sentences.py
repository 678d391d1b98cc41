"""Results in words: what a comparison with a control shows, what the figures hide, what the audit and encoders say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.results import MACRO_LARGE, DatasetComparison, Evaluation, Interval, Outcome, ScoreTable
from unmask.manifests.audit.results import FLAG_ABOVE, Shortcut
from unmask.metrics.binary import ENOUGH_ITEMS

CHANCE = 0.5
AUDIT = "unmask audit"
DATASETS_NAMED = 8
"""In a sentence; the JSON has all of them."""


def describe_comparison(
    outcome: Outcome, name: str, aucs: tuple[float, float], difference: float, interval: Interval | None, datasets: int
) -> str:
    """`aucs`: of the model and of the control, chance for a control below it; means over so many `datasets`."""
    ours, theirs = aucs
    span = f", 95 % interval {interval[0]:+.3f} to {interval[1]:+.3f}" if interval else ""
    mean = "AUC" if datasets == 1 else f"mean AUC of {datasets} datasets"
    figures = f"{mean} {ours:.3f} against {theirs:.3f} ({difference:+.3f}{span})"
    match outcome:
        case "better":
            return f"The model beats {name}: {figures}."
        case "worse":
            return f"The model does NOT beat {name}, which is better here: {figures}."
        case _:
            why = "the interval includes 0" if interval else "fewer than three groups per class"
            return f"Not shown to beat {name}: {figures}; {why}: too few test groups to tell."


def describe_control(cues: str, auc: float, interval: Interval | None) -> str:
    """What a control's own AUC says about the test items. `cues`: what it reads, as a noun phrase."""
    span = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    if interval and interval[0] > CHANCE:
        return f"By itself it predicts the label with AUC {auc:.3f}{span}: the model may rely on {cues} too."
    if interval and interval[1] < CHANCE:
        return (
            f"It is inverted (AUC {auc:.3f}{span}): what training said about {cues} is the wrong way round on these "
            f"items. A model that relies on it fails here, so the comparison is with chance."
        )
    if auc == CHANCE:
        return "It is at chance."
    if interval or auc > CHANCE:
        return f"By itself it is not shown to predict the label (AUC {auc:.3f}{span})."
    return f"It is below chance ({auc:.3f}), by luck or as an inverted shortcut; the comparison is with chance."


def describe_probe(outcome: Outcome) -> str:
    """What a comparison with a classifier that reads the content says."""
    match outcome:
        case "better":
            return "The fusion adds to a linear model on the same tokens."
        case "worse":
            return "A linear model on the mean tokens is enough on these items."
        case _:
            return ""


def describe_random(outcome: Outcome, by_dataset: Sequence[DatasetComparison]) -> str:
    """What a comparison with random encoders says, over all datasets and in each where the model is not better."""
    if outcome == "better":
        text = "Training adds to what the architecture and the statistics of the input tell."
    else:
        text = (
            "What the architecture and the statistics of the input tell without any learning may be all that the model "
            "reads here."
        )
    beside = [one for one in by_dataset if one.outcome != "better"] if len(by_dataset) > 1 else []
    if not beside:
        return text
    listed = [_describe_dataset(one) for one in beside[:DATASETS_NAMED]]
    more = f" and {len(beside) - len(listed)} more" if len(beside) > len(listed) else ""
    return f"{text} Per dataset it is not shown to beat them in {', '.join(listed)}{more}."


def _describe_dataset(one: DatasetComparison) -> str:
    span = f", {one.interval[0]:+.3f} to {one.interval[1]:+.3f}" if one.interval else ""
    return f"{one.dataset} ({one.model_auc:.3f} against {max(one.control_auc, CHANCE):.3f}{span})"


def describe_calls(items: ItemSet, called_fake: NDArray[np.bool_], threshold: float) -> list[str]:
    """Sentences where every item of a set with both classes was called the same; `called_fake` (N,)."""
    sides = (("fake", "at or above", called_fake), ("real", "below", ~called_fake))
    for word, side, called in sides:
        if called.all() and 0 < items.is_fake.sum() < len(items):
            share = np.mean(items.is_fake == (word == "fake"))
            return [
                f"Everything was called {word}: all {len(items)} scores are {side} the threshold of {threshold:.3f}. "
                f"The accuracy of {share:.3f} is only the share of {word} items."
            ]
    sentences = []
    for word, _, called in sides:
        alike = [name for name in items.datasets if _is_called_alike(items, items.dataset == name, called)]
        if alike:
            sentences.append(f"Everything was called {word} in {', '.join(alike)}: their accuracy says nothing.")
    return sentences


def _is_called_alike(items: ItemSet, here: NDArray[np.bool_], called: NDArray[np.bool_]) -> bool:
    fakes = items.is_fake[here]
    return bool(called[here].all() and fakes.any() and not fakes.all())


def describe_small(table: ScoreTable) -> list[str]:
    """A sentence on the datasets whose figures are mostly luck."""
    small = [row.name for row in table.datasets if row.auc is not None and row.is_small]
    if not small:
        return []
    large = table.find(MACRO_LARGE)
    rest = "no dataset has more" if large is None or large.auc is None else f"{MACRO_LARGE} leaves them out"
    return [
        f"Fewer than {ENOUGH_ITEMS} real or fake items in {', '.join(small)}: their figures are mostly luck, yet each "
        f"counts as much as a large dataset in macro; {rest}."
    ]


def describe_seen(evaluation: Evaluation) -> list[tuple[str, bool]]:
    """(sentence, True) per encoder that was trained on an evaluated dataset: all of them are problems."""
    lines = []
    for encoder in dict.fromkeys(one.encoder for one in evaluation.seen):
        seen = [one for one in evaluation.seen if one.encoder == encoder]
        listed = ", ".join(
            one.dataset if one.trained_on == one.dataset else f"{one.dataset} (by {one.trained_on})" for one in seen
        )
        text = f"Seen in training: the encoder {encoder} was trained on {listed}, as {seen[0].known_by} says"
        lines.append((f"{text}: results there are not those of unseen data.", True))
    return lines


def list_flagged(evaluation: Evaluation) -> list[str]:
    """Datasets among the evaluated ones with a flagged shortcut that is not known to be absent in the split."""
    flagged = [one for one in evaluation.shortcuts if one.verdict == "flagged" and _is_in_split(one, evaluation)]
    return list(dict.fromkeys(one.dataset for one in flagged))


def describe_shortcuts(evaluation: Evaluation) -> list[tuple[str, bool]]:
    """(sentence, whether it is a problem) about shortcuts in the evaluated data, the problems first."""
    lines = [_describe_shortcut(one, evaluation) for one in evaluation.shortcuts]
    return [*sorted(lines, key=lambda line: not line[1]), (_describe_audit(evaluation), False)]


def _describe_shortcut(one: Shortcut, evaluation: Evaluation) -> tuple[str, bool]:
    """An audit looks at whole datasets; where it knows the files of the split, their own AUC decides."""
    split, alone = evaluation.split, one.splits.get(evaluation.split)
    if alone is not None and not _is_in_split(one, evaluation):
        text = f"No shortcut in the {split} data, {one.dataset} (AUC {alone:.3f}), but in all files of the dataset"
        return f"{text}: {one.text}", False
    known = "not known for" if alone is None else f"AUC {alone:.3f} in"
    scope = f" (all its files; {known} the {split} files alone)" if evaluation.audit == "audit" else ""
    if one.verdict == "flagged":
        return f"Shortcut in the {split} data, {one.dataset}: {one.text}{scope}", True
    return f"Suspected shortcut in the {split} data, {one.dataset}: {one.text}{scope}; too few groups to tell", False


def _is_in_split(one: Shortcut, evaluation: Evaluation) -> bool:
    alone = one.splits.get(evaluation.split)
    return alone is None or alone > FLAG_ABOVE


def _describe_audit(evaluation: Evaluation) -> str:
    none = "" if evaluation.shortcuts else "No shortcut found in these datasets. "
    match evaluation.audit:
        case "audit":
            return f"{none}Audited by `unmask audit`: headers, encoding, silence and texts of these datasets."
        case "headers":
            return f"{none}Not audited: only the file headers of these items were looked at. Run `{AUDIT}`."
        case _:
            return f"Not audited for shortcuts: run `{AUDIT}`, then evaluate again."
