"""Templates of self-contained HTML pages with one common style; every text is escaped."""

from __future__ import annotations

import base64
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unmask.core.html.tables import make_anchor, write_stacking_css


def make_environment(package: str) -> Environment:
    """Environment of the templates in `package`, which extend base.html. A page keeps the `json` that it is given."""
    templates = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("unmask.core.html", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
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


def encode_jpeg_uri(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
