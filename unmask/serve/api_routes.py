"""The JSON API."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from unmask.evaluation.verdict_page.page import render_page
from unmask.evaluation.verdicts.wording import describe_finding
from unmask.serve.guard import VERDICT_POLICY
from unmask.serve.jobs import Job, QueueFull
from unmask.serve.models import Accepted, Health, Problem, RunFacts, Uploaded, VerdictState
from unmask.serve.service import Service
from unmask.serve.settings import MB
from unmask.serve.uploads import Refused, Upload, UploadReader, refuse_other_types

RETRY_S = 10
"""Seconds after which a client may ask again while the queue is full."""
# A body holds boundaries and headers beside its files.
OVERHEAD_BYTES = 64_000

BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "No file, or no well-formed form"},
    401: {"model": Problem, "description": "The token is missing or wrong"},
    408: {"model": Problem, "description": "The upload took too long"},
    413: {"model": Problem, "description": "Too large, or too many files"},
    415: {"model": Problem, "description": "None of the files is an image, audio file or video"},
    503: {"model": Problem, "description": "The queue is full; see Retry-After"},
}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No verdict of this id"}}


def make_api(service: Service) -> APIRouter:
    api = APIRouter(prefix="/api")
    _add_uploads(api, service)
    _add_verdicts(api, service)
    _add_service(api, service)
    return api


def _add_uploads(api: APIRouter, service: Service) -> None:
    queue = service.queue

    @api.post(
        "/verdicts", tags=["verdicts"], status_code=202, response_model=Uploaded, responses=PROBLEMS, openapi_extra=BODY
    )
    async def judge_files(request: Request) -> Uploaded:
        """Upload images, audio files or videos. Each gets an id to ask for its verdict with."""
        uploads = await _receive(service, request)
        verdicts, refused = [], []
        for upload in uploads:
            try:
                refuse_other_types(upload)
            except Refused as why:
                upload.path.unlink(missing_ok=True)
                queue.release()
                refused.append(why)
                continue
            job = Job(name=upload.name, path=upload.path, bytes=upload.bytes)
            queue.add(job)
            verdicts.append(Accepted(id=job.id, name=job.name, bytes=job.bytes))
        if not verdicts:
            raise refused[0]
        return Uploaded(verdicts=verdicts, refused=[Problem(error=why.problem, hint=why.hint) for why in refused])


def _add_verdicts(api: APIRouter, service: Service) -> None:
    @api.get("/verdicts/{verdict_id}", tags=["verdicts"], response_model=VerdictState, responses=MISSING)
    async def read_verdict(verdict_id: str) -> VerdictState:
        """How far a file is, and its verdict when it is done."""
        return _describe_job(service, _find(service, verdict_id))

    @api.get("/verdicts/{verdict_id}/page", tags=["verdicts"], response_class=HTMLResponse, responses=MISSING)
    async def read_page(verdict_id: str) -> HTMLResponse:
        """The verdict as a page that holds all it needs and can be saved."""
        job = _find(service, verdict_id)
        if job.verdict is None:
            raise Refused(404, "there is no verdict yet", "ask again when its state is done")
        return HTMLResponse(render_page([job.verdict]), headers={"content-security-policy": VERDICT_POLICY})

    @api.delete("/verdicts/{verdict_id}", tags=["verdicts"], status_code=204, responses=MISSING)
    async def forget_verdict(verdict_id: str) -> Response:
        """Forget a file and its verdict now, whatever its state."""
        if not service.queue.discard(verdict_id):
            raise _missing()
        return Response(status_code=204)


def _add_service(api: APIRouter, service: Service) -> None:
    queue = service.queue

    @api.get("/health", response_model=Health, tags=["service"])
    async def read_health() -> Health:
        """Is the service ready, and how full is its queue?"""
        state = "ready" if queue.ready.is_set() else "warming up"
        return Health(state=state, queue=queue.taken, places=service.limits.queue)

    @api.get("/run", response_model=RunFacts, tags=["service"])
    async def read_run() -> RunFacts:
        """The run that judges, what its evaluation found, and the limits of the service."""
        return service.facts


async def _receive(service: Service, request: Request) -> list[Upload]:
    limits = service.limits
    most = limits.files * (limits.file_bytes + OVERHEAD_BYTES)
    if int(request.headers.get("content-length") or 0) > most:
        raise Refused(413, f"larger than {limits.files} files of {limits.file_bytes / MB:g} MB")
    if service.uploading.locked():
        raise _busy("too many uploads at the same time")
    async with service.uploading:
        reader = UploadReader(request.headers.get("content-type", ""), service.uploads, limits, service.queue)
        try:
            async with asyncio.timeout(limits.upload_s):
                return await reader.read(request.stream())
        except TimeoutError as error:
            raise Refused(408, f"the upload took longer than {limits.upload_s:g} s") from error
        except QueueFull as error:
            raise _busy(f"{limits.queue} files are waiting already") from error


def _busy(problem: str) -> Refused:
    return Refused(503, problem, f"try again in {RETRY_S} seconds")


def _missing() -> Refused:
    return Refused(404, "no verdict of this id", "verdicts are kept for a limited time: upload the file again")


def _find(service: Service, verdict_id: str) -> Job:
    job = service.queue.find(verdict_id)
    if job is None:
        raise _missing()
    return job


def _describe_job(service: Service, job: Job) -> VerdictState:
    verdict = job.verdict
    return VerdictState(
        id=job.id,
        name=job.name,
        bytes=job.bytes,
        state=job.state,
        before=service.queue.count_before(job),
        words=None if verdict is None else describe_finding(verdict),
        verdict=None if verdict is None else verdict.as_json(),
        error=job.problem,
    )
