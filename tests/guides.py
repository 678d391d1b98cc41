"""The code blocks of the guides in docs/, for the tests that execute them."""

from __future__ import annotations

import re
import types
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def code_blocks(guide: str, language: str = "python") -> list[str]:
    """The fenced blocks of docs/`guide`, in order."""
    text = (DOCS / guide).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def execute_block(block: str, name: str) -> types.ModuleType:
    """A module of this name, not registered in `sys.modules`, with the block's code executed in it."""
    module = types.ModuleType(name)
    exec(compile(block, f"{name}.py", "exec"), module.__dict__)
    return module
