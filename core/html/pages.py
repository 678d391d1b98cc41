"""Templates of self-contained HTML pages with one common style; every text is escaped."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unmask.core.html.tables import make_anchor, write_stacking_css
from unmask.core.terminal.shown_text import escape_hidden_in_lines


def make_environment(package: str) -> Environment:
    """Environment of the templates in `package`, which extend base.html. A page keeps the `json` that it is given."""
    templates = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("unmask.core.html", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_show_hidden,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (files("unmask.core.html") / "page.css").read_text(encoding="utf-8") + write_stacking_css()
    templates.globals["css"] = Markup(css)  # our own files, without user text
    templates.filters["anchor"] = make_anchor
    return templates


def escape_invisible(name: str) -> str:
    """`name` with its invisible and direction-changing characters (newlines, controls) escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in name)


def _show_hidden(value: Any) -> Any:
    """Of every text that a template writes, so that no name turns around or hides what stands beside it."""
    return escape_hidden_in_lines(value) if type(value) is str else value  # Markup is ours, and escaped


def encode_jpeg_uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
