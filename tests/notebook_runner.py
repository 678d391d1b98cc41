"""Executes a notebook without Jupyter.

Renew the outputs that are kept in the file, in a folder for its data and output:
    PYTHONPATH=. python tests/notebook_runner.py notebooks/quickstart.ipynb /tmp/quickstart
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def read_notebook(name: str) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def output_types(notebook: dict[str, Any]) -> list[list[str]]:
    """Of each code cell."""
    return [[output["output_type"] for output in cell["outputs"]] for cell in code_cells(notebook)]


def execute_notebook(notebook: dict[str, Any], folder: Path, parameters: dict[str, Any] | None = None) -> None:
    """Run the code cells in one namespace, in `folder`, and keep their outputs in `notebook`.

    `parameters` replace the values that the first code cell assigns.
    """
    os.environ["MPLBACKEND"] = "Agg"
    names: dict[str, Any] = {"__name__": "notebook"}
    with contextlib.chdir(folder):
        for number, cell in enumerate(code_cells(notebook), start=1):
            cell["outputs"] = _execute("".join(cell["source"]), names, number)
            cell["execution_count"] = number
            if number == 1:
                names |= parameters or {}


def _execute(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Outputs of one cell: what it printed, its figures, and the value of its last line unless that ends in ";"."""
    tree, value = ast.parse(source), None
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";") else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, f"cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue().splitlines(True)})
    outputs += [{"output_type": "display_data", "metadata": {}, "data": figure} for figure in _figures()]
    if value is not None:
        data = {"text/plain": repr(value).splitlines(True)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = value._repr_html_().splitlines(True)
        outputs.append({"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data})
    return outputs


def _figures() -> list[dict[str, str]]:
    import matplotlib.pyplot as plt

    found = []
    for figure in map(plt.figure, plt.get_fignums()):
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=80, bbox_inches="tight")
        found.append({"image/png": base64.b64encode(content.getvalue()).decode()})
    plt.close("all")
    return found


if __name__ == "__main__":
    file, place = Path(sys.argv[1]), Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    made = json.loads(file.read_text(encoding="utf-8"))
    execute_notebook(made, place)
    file.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
