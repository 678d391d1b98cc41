"""Load a user's own encoder, fusion or loss, named `module:attribute` in the settings.

The module is searched on Python's path and then in the current folder, so that a local file works and never hides an
installed package.
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from unmask.core.errors import MissingInput, UsageError
from unmask.core.hashing import fingerprint, hash_file

NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_IMPORTED: dict[str, str] = {}
"""Module -> hash of its source when it was imported: later changes of the file are not in this process."""


def is_extension(name: str) -> bool:
    """True if `name` has the form `module:attribute`."""
    return NAME.fullmatch(name) is not None


def load_extension(name: str, kind: str) -> Any:
    """Import and return the object named `module:attribute`; `kind` ("fusion", "loss") appears in errors.

    `MissingInput` when there is no such module, `UsageError` when it has no such attribute, or when its file has
    changed since it was imported.
    """
    _check(name, kind)
    module_name, attribute = name.split(":")
    found = hash_extension(f"{module_name}:module", kind)
    if module_name not in sys.modules:
        _IMPORTED[module_name] = found
    module = importlib.import_module(module_name)
    if _IMPORTED.get(module_name, found) != found:
        raise UsageError(f"{kind} {name}: {module_name} has changed since it was imported", "start Python anew")
    if not hasattr(module, attribute):
        public = ", ".join(sorted(n for n in vars(module) if not n.startswith("_"))) or "nothing"
        raise UsageError(f"{kind} {name}: module {module_name} has no {attribute!r}", f"{module_name} has {public}")
    return getattr(module, attribute)


def hash_extension(name: str, kind: str) -> str:
    """16 hex digits over the name and the source of its module (of a package: every .py file of it).

    Part of the fingerprint of everything computed with the extension: changed code is computed anew.
    """
    _check(name, kind)
    source = _find_source(name, kind)
    files = sorted(source.parent.rglob("*.py")) if source.name == "__init__.py" else [source]
    contents = [(path.relative_to(source.parent).as_posix(), hash_file(path)) for path in files]
    return fingerprint("extension-1", name, contents)


def _check(name: str, kind: str) -> None:
    if not is_extension(name):
        raise UsageError(f"{kind} {name!r}: not of the form module:attribute", f"my_module:My{kind.title()}")


def _find_source(name: str, kind: str) -> Path:
    module_name = name.split(":")[0]
    if module_name.split(".")[0] in sys.stdlib_module_names:
        # A bundle or an export of somebody else may name it: os:abort is no encoder.
        raise UsageError(f"{kind} {name}: {module_name} is a module of Python itself", "name a module of your own")
    here = str(Path.cwd())
    if here not in sys.path and not module_name.startswith("unmask."):
        sys.path.append(here)
    try:
        spec = find_spec(module_name)
    except (ModuleNotFoundError, ValueError):  # no parent package; __main__ of a notebook
        spec = None
    if spec is None or (spec.origin and spec.origin.endswith(".py") and not Path(spec.origin).is_file()):
        remedy = f"run in the folder that holds {module_name.split('.')[0]}.py, or install it"
        raise MissingInput(f"{kind} {name}: no module {module_name!r}", remedy)
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise UsageError(f"{kind} {name}: {module_name} is not a Python source file", "name a module with its .py file")
    return Path(spec.origin)
