"""A page opened in headless Chromium: what it logs, how it is laid out, and its PDF. No pixel is compared.

The measuring script runs in a copy of the page, whose content policy lets that one script through and nothing else.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCHEMES = {"light": 1, "dark": 0}
"""Values of Blink's setting preferredColorScheme."""
SECONDS = 120
MEASURE = """
<script nonce="measure">
addEventListener("load", () => {
  const wide = innerWidth, name = (node) => node.tagName + "." + (node.getAttribute("class") || "") + " " +
    node.textContent.trim().slice(0, 40);
  const seen = (node) => node.getClientRects().length && !node.closest("thead, script, style, title");
  const past = [...document.body.querySelectorAll("*")].filter(seen)
    .filter((node) => node.getBoundingClientRect().right > wide + 0.5).map(name);
  const letters = [...document.querySelectorAll("svg text")].filter(seen).map((node) => {
    const svg = node.ownerSVGElement, scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [parseFloat(getComputedStyle(node).fontSize) * scale, name(node)];
  }).sort((a, b) => a[0] - b[0]);
  const found = {
    width: wide, scrolled: document.documentElement.scrollWidth, past: past, letters: letters.slice(0, 5),
    page: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
  };
  parent.postMessage(JSON.stringify(found), "*");
});
</script>
"""
# A window of Chromium is at least 500 pixels wide, a frame in it as narrow as a phone.
WINDOW = """<!doctype html><body><script>
addEventListener("message", (event) => document.body.replaceChildren(Object.assign(document.createElement("pre"), {{
  id: "measured", textContent: event.data}})));
</script><iframe src="measured.html" style="border: 0; width: {width}px; height: 2000px"></iframe></body>
"""


@dataclass(frozen=True, kw_only=True)
class Layout:
    width: int
    """Of the frame that shows the page, in CSS pixels."""
    scrolled: int
    """Width of the content: more than `width` where the page can be scrolled to the side."""
    past: list[str]
    """Elements that end right of the frame."""
    letters: list[tuple[float, str]]
    """The smallest letters in drawings: (height in CSS pixels as shown, element)."""
    page: str
    ink: str
    """Colors of the page and its text, "rgb(1, 2, 3)"."""
    logged: list[str]
    """Lines of the console."""


def find_chromium() -> str:
    """Path of the browser; the test is skipped where there is none."""
    given = os.environ.get("UNMASK_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is installed, and UNMASK_CHROMIUM is not set")
    return found


def lay_out(page: str, folder: Path, *, width: int, scheme: Literal["light", "dark"]) -> Layout:
    """Open `page` in a frame of this width."""
    (folder / "measured.html").write_text(_let_measure(page), encoding="utf-8")
    window = folder / "window.html"
    window.write_text(WINDOW.format(width=width), encoding="utf-8")
    scheme_setting = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    size = f"--window-size={width + 200},2000"
    done = _run(folder, size, scheme_setting, "--virtual-time-budget=10000", "--dump-dom", window.as_uri())
    (found,) = re.findall(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    measured: dict[str, Any] = json.loads(html.unescape(found))
    return Layout(**measured, logged=_list_console(done.stderr))


def print_pdf(page: str, folder: Path) -> tuple[bytes, list[str]]:
    """The PDF, and the lines of the console of the page as it is."""
    copy, pdf = folder / "page.html", folder / "page.pdf"
    copy.write_text(page, encoding="utf-8")
    done = _run(folder, f"--print-to-pdf={pdf}", copy.as_uri())
    return pdf.read_bytes(), _list_console(done.stderr)


def _let_measure(page: str) -> str:
    policy, allowed = "default-src 'none';", "default-src 'none'; script-src 'nonce-measure';"
    assert page.count(policy) == 1
    return page.replace(policy, allowed).replace("</body>", f"{MEASURE}</body>")


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The sandbox does not work for root, which containers run as; the page is our own.
    always = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr")
    command = [find_chromium(), *always, f"--user-data-dir={folder / 'browser'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)


def _list_console(log: str) -> list[str]:
    return [line for line in log.splitlines() if ":CONSOLE" in line]
