"""The folder of `unmask report --figures DIR`: figures, tables and references about one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from unmask.cache.spec import EncoderSpec
from unmask.core.atomic_files import write_text
from unmask.evaluation.paper.evaluation_tables import write_tables
from unmask.evaluation.paper.figure_data import FigureData
from unmask.evaluation.paper.references import format_references

REFERENCES = "references.bib"


def write_paper(folder: Path, data: FigureData, encoders: Mapping[str, EncoderSpec], version: str) -> list[Path]:
    """Write everything into `folder`, made if it is not there; files of an earlier call are replaced."""
    from unmask.evaluation.paper.figures.registry import write_figures  # matplotlib takes a second to import

    folder.mkdir(parents=True, exist_ok=True)
    written = [*write_figures(folder, data), *write_tables(folder, data.evaluation)]
    datasets = [row.name for row in data.evaluation.model.datasets]
    write_text(folder / REFERENCES, format_references(datasets, encoders, version))
    return [*written, folder / REFERENCES]
