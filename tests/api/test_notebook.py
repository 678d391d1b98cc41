"""notebooks/quickstart.ipynb: its code runs, and the outputs kept in it are from a whole execution."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from notebook_runner import NOTEBOOKS, code_cells, execute_notebook, read_notebook

NAME = "quickstart.ipynb"


def output_types(notebook: dict[str, Any]) -> list[list[str]]:
    return [[output["output_type"] for output in cell["outputs"]] for cell in code_cells(notebook)]


def texts(notebook: dict[str, Any]) -> str:
    """Sources and outputs, without the images."""
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    shown = [{**output, "data": {**output.get("data", {}), "image/png": ""}} for output in outputs]
    return json.dumps([[cell["source"] for cell in notebook["cells"]], shown])


def test_the_notebook_runs_on_the_work_folder_of_the_guide(guide, demo_corpus: Path, tmp_path: Path):
    (tmp_path / "data").symlink_to(demo_corpus)
    shutil.copytree(guide.folder / "work", tmp_path / "work")
    notebook = read_notebook(NAME)
    execute_notebook(notebook, tmp_path, {"PROFILE": "tiny", "SEED": 7, "SCALE": 0.15, "EPOCHS": 1})
    assert output_types(notebook) == output_types(read_notebook(NAME))
    assert ["display_data"] in output_types(notebook)


def test_the_kept_outputs_are_complete_and_name_no_machine():
    notebook = read_notebook(NAME)
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [place for place in ("/home/", "/tmp/", "/root/", "/work/", "/Users/") if place in texts(notebook)]
    assert (NOTEBOOKS / NAME).stat().st_size < 200_000
