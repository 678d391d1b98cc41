"""Pages that need nothing from outside themselves: one style for all of them, and every text escaped."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def environment(package: str) -> Environment:
    """For the templates that lie in `package`; a page puts `css` into its <style>."""
    made = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (files("unmask.core.html") / "page.css").read_text(encoding="utf-8")
    made.globals["css"] = Markup(css)  # ours, no user's text
    return made
