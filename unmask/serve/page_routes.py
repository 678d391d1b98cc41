"""The pages for people: upload, log in, the list of the API's calls."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from unmask.core.html.pages import make_environment
from unmask.media.media_kind import KINDS
from unmask.serve.service import Service
from unmask.serve.settings import MB
from unmask.serve.uploads import Refused

STATIC = {"app.js": "text/javascript", "app.css": "text/css"}
LONGEST_FORM = 4096
WRONG_TOKEN_S = 1.0
"""Seconds that a wrong token waits for its answer."""


def make_pages(service: Service) -> APIRouter:
    pages = APIRouter(include_in_schema=False)

    @pages.get("/")
    async def show_upload() -> HTMLResponse:
        return _show("upload.html", limits=service.limits, facts=service.facts, mb=MB, suffixes=",".join(KINDS))

    @pages.get("/docs")
    async def show_calls(request: Request) -> HTMLResponse:
        return _show("docs.html", calls=_list_calls(request.app.openapi()))

    @pages.get("/login")
    async def show_login() -> HTMLResponse:
        return _show("login.html", wrong=False)

    @pages.post("/login")
    async def log_in(request: Request) -> Response:
        given = parse_qs((await _read_form(request)).decode("utf-8", "replace")).get("token", [""])[0]
        if not service.session.check_token(given.strip()):
            await asyncio.sleep(WRONG_TOKEN_S)
            return _show("login.html", status=401, wrong=True)
        return RedirectResponse("/", 303, {"set-cookie": service.session.make_cookie()})

    @pages.get("/static/{name}")
    async def read_static(name: str) -> Response:
        if name not in STATIC:
            raise Refused(404, "no such page")
        return Response(_read(name), media_type=STATIC[name])

    @pages.get("/favicon.ico")
    async def read_icon() -> Response:
        return Response(status_code=204)

    return pages


async def _read_form(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise Refused(413, "the form is too large")
    return body


def _list_calls(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Method, path, description and refusals of each call."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "about": call.get("description", ""),
            "refusals": {code: one for code, one in call["responses"].items() if code[0] != "2" and code != "422"},
        }
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
    ]


def _show(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(template).render(**values), status)


@cache
def _templates() -> Environment:
    return make_environment("unmask.serve")


@cache
def _read(name: str) -> str:
    text = (files("unmask.serve") / "static" / name).read_text(encoding="utf-8")
    return f"{_templates().globals['css']}\n{text}" if name == "app.css" else text
