"""The sections of the report. SECTIONS lists each one once; the page and its JSON follow it.

A section is a template part in sections/ and a function that gives the variables of that part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from unmask.evaluation.ablation.ablation_table import list_cells, write_notes
from unmask.evaluation.random_control import TOGETHER
from unmask.evaluation.report.charts import (
    BESIDE,
    draw_calibration,
    draw_roc_charts,
    draw_scores,
    draw_sync,
    draw_training,
    list_small_sets,
)
from unmask.evaluation.report.class_differences import FACTS, list_facts
from unmask.evaluation.report.contact_sheet import Face
from unmask.evaluation.report.forest_plot import draw_forest, list_legend
from unmask.evaluation.report.glossary import list_terms
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.section_data.likelihood import show_likelihood
from unmask.evaluation.report.section_data.robustness import export_robustness, show_robustness
from unmask.evaluation.report.section_data.slices import show_slices
from unmask.evaluation.report.section_data.suites import export_suites, show_suites
from unmask.evaluation.results import Evaluation
from unmask.evaluation.sentences import describe_seen, describe_shortcuts, list_flagged
from unmask.evaluation.swap_control.results import MOST_LOST
from unmask.evaluation.swap_control.table import TITLE, list_rows
from unmask.evaluation.sync.table import HEADINGS, MEANING, format_row, name_row
from unmask.evaluation.terminal_table import PARTIAL, format_beside, format_change
from unmask.metrics import binary

# More rows help no reader; all of them are in the page's JSON.
FAILURES_SHOWN = 200
STYLES = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")

Context = dict[str, Any]


def _add_nothing(data: PageData) -> Context:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    id: str
    """Anchor on the page; its template part is sections/<id>.html."""
    title: str
    """Heading; "{split}" stands for the evaluated split."""
    context: Callable[[PageData], Context]
    """Variables of the template part. `evaluation` is always there."""
    json: Callable[[PageData], Context] = _add_nothing
    """Keys of the page's JSON that the section adds."""
    is_shown: Callable[[PageData], bool] = lambda data: True
    """False: the page is without the section."""


def show_results(data: PageData) -> Context:
    styles = _assign_styles(data.evaluation)
    ordered = sorted(binary.METRICS, key=lambda metric: metric.weighted is None)
    return {
        "columns": [metric for metric in ordered if metric.terminal],
        "more_columns": [metric for metric in ordered if not metric.terminal],
        "forest": draw_forest(data.evaluation, styles),
        "legend": list_legend(data.evaluation, styles),
        "flagged": list_flagged(data.evaluation),
        "said": [*describe_seen(data.evaluation), *describe_shortcuts(data.evaluation)],
    }


def show_controls(data: PageData) -> Context:
    kinds = {table.name: (table.reads_content, table.is_random) for table in data.evaluation.controls}
    parts = [
        ("Compared with controls that do not look for manipulations", (False, False)),
        ("Compared with a linear probe, which reads the tokens", (True, False)),
        ("Compared with linear probes of random encoders, which learned nothing", (True, True)),
    ]
    compared = [
        (heading, [one for one in data.evaluation.comparisons if kinds[one.control] == kind]) for heading, kind in parts
    ]
    return {
        "beside": format_beside,
        "partial": PARTIAL,
        "flagged": list_flagged(data.evaluation),
        "compared": [(heading, comparisons) for heading, comparisons in compared if comparisons],
    }


def show_swaps(data: PageData) -> Context:
    return {
        "swap_title": TITLE,
        "swap_rows": list_rows(data.evaluation.swaps),
        "change": format_change,
        "most_lost": MOST_LOST,
    }


def show_sync(data: PageData) -> Context:
    return {
        "sync_headings": HEADINGS,
        "sync_rows": [(name_row(row), format_row(row)) for row in data.evaluation.sync],
        "sync_meaning": MEANING,
        "sync_chart": draw_sync(data.predictions),
    }


def show_roc(data: PageData) -> Context:
    styles = _assign_styles(data.evaluation)
    beside_model = [(styles[name], name) for name in BESIDE if name in styles]
    return {
        "roc": draw_roc_charts(data.evaluation, data.predictions, styles),
        "roc_keys": [("model", "model"), *beside_model, ("chance", "chance")],
        "small": list_small_sets(data.evaluation),
        "fewest": binary.ENOUGH_ITEMS,
    }


def show_scores(data: PageData) -> Context:
    return {"scores": [draw_scores(data.predictions), draw_calibration(data.evaluation, data.predictions)]}


def show_training(data: PageData) -> Context:
    return {"training": draw_training(data.training), "members": data.members}


def show_model(data: PageData) -> Context:
    return {"inside": data.inside, "mixed": any(one.share is not None for one in data.inside.encoders)}


def show_ablation(data: PageData) -> Context:
    headings, rows = list_cells(data.ablation) if data.ablation else ([], [])
    return {
        "ablation": data.ablation,
        "preset": data.preset,
        "ablation_headings": headings,
        "ablation_rows": rows,
        "ablation_notes": write_notes(data.ablation) if data.ablation else [],
    }


def show_run(data: PageData) -> Context:
    return {"facts": [*data.dates, *data.headline], "commands": data.commands, "settings": data.settings}


def export_run(data: PageData) -> Context:
    return {"headline": dict([*data.headline, *data.dates]), "commands": list(data.commands)} | {
        "settings": dict(data.settings),
        "members": list(data.members),
    }


def show_datasets(data: PageData) -> Context:
    return {
        "datasets": data.datasets,
        "stages": data.stages,
        "by_label": data.by_label,
        "facts": list_facts(data.by_label),
        **_label_differences(data),
    }


def export_datasets(data: PageData) -> Context:
    return {
        "datasets": [asdict(line) for line in data.datasets],
        "stages": [asdict(line) for line in data.stages],
        "by_label": [asdict(line) for line in data.by_label],
        "differences": [asdict(one) for one in data.differences],
    }


def show_faces(data: PageData) -> Context:
    return {"faces": _arrange_sheet(data), "missed": data.missed, **_label_differences(data)}


def export_faces(data: PageData) -> Context:
    return {"without_face": {f"{one.dataset}/{one.label}": list(one.items) for one in data.missed or ()}}


def show_failures(data: PageData) -> Context:
    reasons = Counter((line.stage, line.reason.split(":")[0]) for line in data.failures)
    return {
        "lost": [(name, list(groups)) for name, groups in groupby(data.lost, lambda group: group.dataset)],
        "lost_files": sum(group.files for group in data.lost),
        "lost_shown": sum(len(group.shown) for group in data.lost),
        "reasons": sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])),
        "failures": data.failures[:FAILURES_SHOWN],
        "failures_in_all": len(data.failures),
    }


SECTIONS: tuple[Section, ...] = (
    Section(
        id="results",
        title="Results on the {split} split",
        context=show_results,
        json=lambda data: {"evaluation": data.evaluation.as_json()},
    ),
    Section(id="controls", title="Controls and the linear probe", context=show_controls),
    Section(id="slices", title="Slices", context=show_slices),
    Section(id="swaps", title="Swap control", context=show_swaps),
    Section(id="sync", title="Mouth and audio in time", context=show_sync),
    Section(
        id="robustness",
        title="Robustness",
        context=show_robustness,
        json=export_robustness,
        is_shown=lambda data: data.robustness is not None,
    ),
    Section(id="roc", title="ROC curves", context=show_roc),
    Section(id="scores", title="Scores and calibration", context=show_scores),
    Section(id="likelihood", title="Likelihood ratios", context=show_likelihood),
    Section(
        id="training", title="Training", context=show_training, json=lambda data: {"training": list(data.training)}
    ),
    Section(
        id="model",
        title="Encoders, layers and modalities",
        context=show_model,
        json=lambda data: {"model": asdict(data.inside)},
    ),
    Section(
        id="ablation",
        title="Ablation",
        context=show_ablation,
        json=lambda data: {"ablation": data.ablation and data.ablation.as_json()},
    ),
    Section(
        id="suites",
        title="Suites: other splits",
        context=show_suites,
        json=export_suites,
        is_shown=lambda data: bool(data.suites),
    ),
    Section(id="run", title="Run and machine", context=show_run, json=export_run),
    Section(id="data", title="Data", context=show_datasets, json=export_datasets),
    Section(id="faces", title="Extracted faces", context=show_faces, json=export_faces),
    Section(
        id="failures",
        title="Failures",
        context=show_failures,
        json=lambda data: {"failures": [asdict(line) for line in data.failures]},
    ),
    Section(id="glossary", title="Glossary", context=lambda data: {"terms": list_terms(data.evaluation)}),
)
"""In the order of the page."""


def _assign_styles(evaluation: Evaluation) -> dict[str, str]:
    """Control -> CSS class of its color. Of the random encoders those together are drawn."""
    drawn = [control for control in evaluation.controls if not control.is_random or control.name == TOGETHER]
    return {control.name: style for control, style in zip(drawn, STYLES, strict=False)}


def _label_differences(data: PageData) -> Context:
    return {
        "differences": [(FACTS[one.fact], one) for one in data.differences],
        "differing": {(one.dataset, one.fact) for one in data.differences},
    }


def _arrange_sheet(data: PageData) -> list[tuple[str, list[tuple[str, list[Face]]]]]:
    """(dataset, [("real", faces), ("fake", faces)]) of the datasets with faces."""
    names = [line.name for line in data.datasets]
    rows = [
        (name, [(word, data.faces.get((name, label), [])) for label, word in ((0, "real"), (1, "fake"))])
        for name in names
    ]
    return [(name, cells) for name, cells in rows if any(faces for _, faces in cells)]
