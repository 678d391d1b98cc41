"""The audit as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import write_text
from unmask.core.html.pages import make_environment
from unmask.core.html.tables import prepare_tables
from unmask.manifests.audit.charts import draw_auc, draw_distributions, list_constants
from unmask.manifests.audit.results import FLAG_ABOVE, LEVEL, RULE, Audit, DatasetAudit, ProbeLine, describe
from unmask.manifests.audit.terminal_table import list_findings
from unmask.manifests.splits.leaks import count_allowed_leaks
from unmask.metrics.glossary import METRIC_TERMS

FEATURES_SHOWN = 8
LEAKS_SHOWN = 20

TERMS = {
    "AUC": METRIC_TERMS["AUC"],
    "groups": METRIC_TERMS["groups"],
    "prior": "Accuracy of always answering the more frequent label. Its AUC and balanced accuracy are 0.5.",
    "shortcut": "Something that tells the label without the content, such as a codec. A model may learn it instead of "
    "the manipulation.",
    "AUC, held out": "AUC of the classifier on groups that it was not fitted on.",
    "AUC of the value": "AUC of the value itself: above 0.5 if fakes have larger values.",
    "interval": f"Of repeated draws of whole groups, {LEVEL:.0%} lie in it.",
    "leak": "An identity, a recording or a file that is in more than one split: test figures are then too optimistic.",
}


def write_page(audit: Audit, path: Path) -> None:
    """No link to anything outside itself; every text from a file, a name or a table is escaped."""
    write_text(path, render(audit))


def render(audit: Audit) -> str:
    pages = make_environment("unmask.manifests.audit")
    pages.filters |= {"number": _format_number, "percent": _format_percent, "mark": draw_auc}
    page = pages.get_template("page.html").render(
        audit=audit,
        cards=_list_cards(audit),
        families=audit.families,
        flagged=_describe_lines(audit.lines("flagged")),
        suspects=_describe_lines(audit.lines("suspect")),
        sections=[_make_section(one) for one in audit.datasets],
        findings=list_findings(audit),
        leaks=audit.leaks.first(LEAKS_SHOWN),
        allowed=count_allowed_leaks(audit.split_scheme),
        rule=RULE,
        limit=FLAG_ABOVE,
        level=LEVEL,
        json=audit.as_json(),
        terms=TERMS,
    )
    return prepare_tables(page, TERMS)


def _describe_lines(lines: Sequence[tuple[str, ProbeLine]]) -> list[tuple[str, str]]:
    return [(name, describe(line)) for name, line in lines]


def _list_cards(audit: Audit) -> list[tuple[str, str, str]]:
    """(name, figure, remark)"""
    flagged = audit.lines("flagged")
    shared, over = audit.duplicates, len({name for name, _ in flagged})
    return [
        ("files", f"{audit.files:,}", f"{len(audit.datasets)} datasets, split {audit.split_scheme}"),
        ("shortcuts flagged", str(len(flagged)), f"in {over} of them; {len(audit.lines('suspect'))} suspect"),
        ("leaks", str(len(audit.leaks)), "identities, sources or files in several splits"),
        ("duplicates", str(shared.sets), f"sets of equal files; {shared.conflicts} with both labels"),
    ]


def _make_section(one: DatasetAudit) -> dict[str, Any]:
    varying = [line for line in one.features if line.constant is None and line.auc is not None]
    constant = [f"{line.name} {line.constant}" for line in one.features if line.constant is not None]
    return {
        "data": one,
        "tested": [line for line in one.probes if line.auc is not None],
        "untested": [(line.name, line.note) for line in one.probes if line.auc is None],
        "features": varying[:FEATURES_SHOWN],
        "more": max(0, len(varying) - FEATURES_SHOWN),
        "constant": constant,
        "charts": draw_distributions(one.spreads),
        "flat": list_constants(one.spreads),
    }


def _format_number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _format_percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"
