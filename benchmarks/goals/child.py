"""One measurement, in a process of its own: `python -m benchmarks.goals.child FUNCTION OUT` writes a JSON object."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures, NotMeasured
from benchmarks.goals.facts import describe_machine
from benchmarks.goals.results import ROOT
from unmask.core.errors import UnmaskError

OWN = "benchmarks.goals"
"""Its modules change no figure."""


def run(function: str) -> dict[str, Any]:
    """The figures of `module:function`, or why there are none; the sources of benchmarks that it loaded."""
    found: dict[str, Any] = {"figures": {}, "error": "", "reason": ""}
    try:
        found["figures"] = _check(_load(function)())
    except NotMeasured as error:
        found["reason"] = str(error).removeprefix("not measured: ")
    except UnmaskError as error:
        found["error"] = str(error).partition("\n")[0]
    except Exception as error:  # of the benchmark, which must not end the others
        traceback.print_exc()
        found["error"] = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    return found | {"sources": list_sources(), "machine": describe_machine()}


def _load(function: str) -> Callable[[], Figures]:
    module, _, name = function.partition(":")
    loaded: Callable[[], Figures] = getattr(importlib.import_module(module), name)
    return loaded


def _check(figures: Figures) -> Figures:
    return {str(name): float(value) for name, value in figures.items()}


def list_sources() -> list[str]:
    """Paths in the repository of the loaded modules of benchmarks."""
    files = [getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if _is_benchmark(name)]
    paths = [Path(file).resolve() for file in files if file]
    return sorted({path.relative_to(ROOT).as_posix() for path in paths if path.is_relative_to(ROOT)})


def _is_benchmark(module: str) -> bool:
    return module.startswith("benchmarks.") and module != OWN and not module.startswith(f"{OWN}.")


if __name__ == "__main__":
    result = run(sys.argv[1])
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
