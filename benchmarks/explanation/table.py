"""The table: how often each way names the faked half, with intervals over groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.explanation.measure import Named, measure_share


def format_table(found: Mapping[str, Sequence[Named]], title: str) -> str:
    """`found`: form of the clips, such as "tokens" or "files" -> the clips."""
    lines = [title, ""]
    for form, clips in found.items():
        ways = list(clips[0].named) if clips else []
        lines += [f"| {form} | clips | groups | {' | '.join(ways)} |", "|---|---|---|" + "---|" * len(ways)]
        lines += [_format_row(name, chosen, ways) for name, chosen in list_sets(clips).items() if chosen]
        lines.append("")
    return "\n".join(lines)


def list_sets(clips: Sequence[Named]) -> dict[str, list[Named]]:
    sets = {
        "all": list(clips),
        "both sources scored correctly": [one for one in clips if one.correct],
        "both from one source": [one for one in clips if one.same_source],
    }
    for modality in ("audio", "image"):
        mine = [one for one in clips if one.modality == modality]
        sets[f"{modality} faked"] = mine
        sets[f"{modality} faked, scored correctly"] = [one for one in mine if one.correct]
    return sets


def _format_row(name: str, clips: Sequence[Named], ways: Sequence[str]) -> str:
    groups = len({group for one in clips for group in one.groups})
    cells = []
    for way in ways:
        share, low, high = measure_share(clips, way)
        cells.append(f"{share:.3f} [{low:.2f}, {high:.2f}]")
    return f"| {name} | {len(clips)} | {groups} | {' | '.join(cells)} |"
