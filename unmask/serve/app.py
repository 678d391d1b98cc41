"""The application: API and pages behind the guard."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

import unmask
from unmask.serve.api_routes import RETRY_S, make_api
from unmask.serve.guard import Guard
from unmask.serve.page_routes import make_pages
from unmask.serve.service import Service
from unmask.serve.uploads import Refused

log = logging.getLogger("unmask")

ABOUT = """Verdicts on images, audio files and videos.

Upload files with POST /api/verdicts, then ask for each id until its state is done. A score is an estimate of one run
about files like those it was trained and tested on."""
PLAIN: dict[int, str] = {404: "no such page", 405: "this page has no such method"}


def create_app(service: Service) -> Any:
    """The ASGI application of `service`, whose queue is running."""
    # Swagger UI and ReDoc load scripts from elsewhere: /docs is a page of ours.
    app = FastAPI(
        title="unmask",
        version=unmask.__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.include_router(make_api(service))
    app.include_router(make_pages(service))

    @app.exception_handler(Refused)
    async def refuse(request: Request, why: Refused) -> JSONResponse:
        return _problem(why.status, why.problem, why.hint)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def refuse_unknown(request: Request, why: Exception) -> JSONResponse:
        code = getattr(why, "status_code", 404)
        return _problem(code, PLAIN[code], "the calls are listed at /docs")

    @app.exception_handler(RequestValidationError)
    async def refuse_wrong(request: Request, why: RequestValidationError) -> JSONResponse:
        return _problem(422, "the request is not as /openapi.json says", "the calls are listed at /docs")

    @app.exception_handler(Exception)
    async def hide(request: Request, error: Exception) -> JSONResponse:
        return _problem(500, "an error in the service; its log says more", "")

    return Guard(app, service.access, service.session)


def _problem(status: int, problem: str, hint: str) -> JSONResponse:
    headers = {"retry-after": str(RETRY_S)} if status == 503 else {}
    if status in (408, 413, 503):  # the rest of the body is not read
        headers["connection"] = "close"
    return JSONResponse({"error": problem, "hint": hint}, status, headers)
