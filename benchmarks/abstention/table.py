"""The table of abstentions: one line per set of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.verdicts.verdict import Verdict

HEADINGS = ("files", "set", "judged", "no verdict", "no face", "image unlike", "audio unlike", "words of the others")


@dataclass(frozen=True, slots=True)
class Judged:
    kind: str
    """test files, another codec, made by code, dataset left out."""
    name: str
    verdicts: Sequence[Verdict]


def format_table(judged: Sequence[Judged]) -> str:
    """Markdown; a last line per kind sums it up."""
    kinds = dict.fromkeys(one.kind for one in judged)
    lines = [_format_cells(HEADINGS), _format_cells(["---"] * 2 + ["---:"] * 5 + ["---"])]
    for kind in kinds:
        sets = [one for one in judged if one.kind == kind]
        lines += [_format_set(one) for one in sets]
        if len(sets) > 1:
            lines.append(_format_set(Judged(kind, "all of them", [v for one in sets for v in one.verdicts])))
    return "\n".join(lines) + "\n"


def _format_set(one: Judged) -> str:
    scored = [verdict for verdict in one.verdicts if verdict.score is not None and verdict.scope is not None]
    reasons = [reason for verdict in scored for reason in (verdict.scope.reasons if verdict.scope else ())]
    counts = [
        sum(bool(verdict.scope and not verdict.scope.reliable) for verdict in scored),
        sum("face was found" in reason for reason in reasons),
        sum(reason.startswith("its image") for reason in reasons),
        sum(reason.startswith("its audio") for reason in reasons),
    ]
    words = Counter(verdict.words for verdict in scored if verdict.scope and verdict.scope.reliable)
    told = ", ".join(f"{count} {word}" for word, count in sorted(words.items(), key=lambda pair: -pair[1]))
    shares = [f"{count / len(scored):.0%}" if scored else "-" for count in counts]
    return _format_cells([one.kind, one.name, f"{len(scored)} of {len(one.verdicts)}", *shares, told or "-"])


def _format_cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
