"""notebooks/quickstart.ipynb: the outputs kept in it are from a whole execution. test_python_api.py runs its code."""

from __future__ import annotations

import json
from typing import Any

from notebook_runner import NOTEBOOKS, code_cells, read_notebook

NAME = "quickstart.ipynb"


def texts(notebook: dict[str, Any]) -> str:
    """Sources and outputs, without the images."""
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    shown = [{**output, "data": {**output.get("data", {}), "image/png": ""}} for output in outputs]
    return json.dumps([[cell["source"] for cell in notebook["cells"]], shown])


def test_the_kept_outputs_are_complete_and_name_no_machine():
    notebook = read_notebook(NAME)
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [place for place in ("/home/", "/tmp/", "/root/", "/work/", "/Users/") if place in texts(notebook)]
    assert (NOTEBOOKS / NAME).stat().st_size < 200_000
