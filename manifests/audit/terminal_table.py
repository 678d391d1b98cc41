"""An audit for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.manifests.audit.feature_families import EVERYTHING
from unmask.manifests.audit.results import RULE, Audit, ProbeLine, SharedSummary, describe

STYLES = {"flagged": "bold red", "suspect": "yellow", "clear": "", "untested": "dim"}
SHORT = {"silence and duration": "silence", "audio format": "format", EVERYTHING: "all"}
SHOWN = 5


def make_audit_table(audit: Audit) -> RenderableType:
    """One line per dataset, the AUC of each family of features; then flags, leaks, duplicates and small cells."""
    parts: list[RenderableType] = [_make_table(audit), Text(RULE), Text("")]
    parts += [Text(f"FLAG {text}", style="bold red") for text in audit.flags]
    parts += [
        Text(f"suspect {name}: {describe(line)}", style="yellow") for name, line in audit.lines("suspect") if line.auc
    ]
    parts += [Text(f"{line.name}, all datasets: {_format_auc(line)} ({line.about})") for line in audit.collection]
    parts += [Text(text, style="bold red" if bad else "") for text, bad in list_findings(audit)]
    return Group(*parts)


def list_findings(audit: Audit) -> list[tuple[str, bool]]:
    """(sentence, whether it is a problem) about leaks, duplicates, and cells too small for a reliable figure."""
    first = "; ".join(str(leak) for leak in audit.leaks.first(SHOWN))
    leaks = f"identities, sources or files in several splits: {len(audit.leaks)}" + (f" ({first})" if first else "")
    found = [(leaks, len(audit.leaks) > 0), *_describe_sets("the same content", audit.duplicates)]
    if audit.near is not None:
        found += _describe_sets("nearly the same content", audit.near)
    cells = [(one.name, cell) for one in audit.datasets for cell in one.small_cells]
    shown = ", ".join(f"{name} {cell.split}/{cell.label} {cell.files} in {cell.groups}" for name, cell in cells[:SHOWN])
    more = f", and {len(cells) - SHOWN} more" if len(cells) > SHOWN else ""
    if cells:
        found.append((f"cells too small for a reliable figure (files in groups): {shown}{more}", False))
    return found


def _describe_sets(what: str, summary: SharedSummary) -> list[tuple[str, bool]]:
    if not summary.sets:
        return [(f"files with {what}: none", False)]
    text = (
        f"sets of files with {what}: {summary.sets} ({summary.files} files), "
        f"{summary.across_datasets} across datasets, {summary.across_splits} across splits"
    )
    labels = f"{summary.conflicts} of these sets have both labels: check these first"
    conflicts = [(labels, True)] if summary.conflicts else []
    return [(text, summary.across_splits > 0), *conflicts]


def _make_table(audit: Audit) -> WideTable:
    datasets = audit.datasets
    priors = ["" if one.prior_accuracy is None else f"{one.prior_accuracy:.1%}" for one in datasets]
    counts = {name: [str(getattr(one, name)) for one in datasets] for name in ("real", "fake", "groups")}
    families = [
        [Text(_format_auc(line), style=STYLES[line.verdict]) for line in lines]
        for lines in zip(*(one.probes for one in datasets), strict=True)
    ]
    headings = [SHORT.get(name, name) for name in audit.families]
    return WideTable(
        title=f"{audit.files} files, split {audit.split_scheme}: AUC of shortcuts, without the content",
        names=Column(heading="dataset", cells=[one.name for one in datasets]),
        columns=[
            *(Column(heading=name, cells=cells) for name, cells in (counts | {"prior": priors}).items()),
            *(Column(heading=name, cells=cells) for name, cells in zip(headings, families, strict=True)),
        ],
    )


def _format_auc(line: ProbeLine) -> str:
    if line.auc is None:
        return "-"
    return f"{line.auc:.3f}" + {"flagged": "!", "suspect": "?"}.get(line.verdict, "")
