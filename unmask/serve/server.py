"""The process of `unmask serve`: one address, one judging thread, one folder that does not outlive it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import uvicorn

from unmask.core.errors import UsageError
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.warm import WarmPredictor
from unmask.serve.app import create_app
from unmask.serve.jobs import JobQueue
from unmask.serve.models import RunFacts
from unmask.serve.private_folder import PrivateFolders
from unmask.serve.service import Service
from unmask.serve.settings import Access, ServeLimits

if TYPE_CHECKING:
    import torch

    from unmask.run import Run

FIGURES = ("macro_auc", "macro_auc_low", "macro_auc_high", "pooled_auc", "probe_pooled_auc")
IDLE_S = 10
STOP_S = 3
"""Seconds that answers in progress have when the service ends."""


def serve(
    run: Run, *, device: torch.device, port: int, access: Access, limits: ServeLimits, say: Callable[[str], None]
) -> None:
    """Serve verdicts of `run` until Ctrl-C. `UsageError` for an address that cannot be bound."""
    for name in ("unmask", "uvicorn.error"):  # the stages' lines name a folder of a moment, for every file
        logging.getLogger(name).setLevel(logging.WARNING)
    with _bind(access.host, port) as listener, PrivateFolders() as folders:

        def open_predictor() -> AbstractContextManager[Any]:
            options = PredictOptions(pictures=True, folder=folders.work)
            options = replace(options, limits=replace(options.limits, timeout_s=limits.file_s))
            return WarmPredictor(run.folder, device, options)

        with JobQueue(open_predictor, limits) as queue:
            service = Service(
                queue=queue,
                limits=limits,
                access=access,
                uploads=folders.uploads,
                facts=describe_run(run, limits),
            )
            server = uvicorn.Server(_configure(create_app(service)))

            def stop() -> None:
                server.should_exit = True

            queue.on_failure = stop
            if queue.failure is not None:  # before there was anything to stop
                raise queue.failure
            say(f"unmask serve: {_format_url(listener)} (Ctrl-C ends it)")
            server.run(sockets=[listener])
            if queue.failure is not None:
                raise queue.failure


def describe_run(run: Run, limits: ServeLimits) -> RunFacts:
    row = run.as_row()
    return RunFacts(
        run=run.name,
        datasets=row["datasets"],
        evaluated=row["evaluated"],
        figures={name: row[name] for name in FIGURES},
        limits={name: getattr(limits, name) for name in limits.__slots__},
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        problem = f"{host}:{port}: {error.strerror or error}"
        raise UsageError(problem, "name another --port (0: any that is free), or another --host") from error


def _format_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _configure(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=100,
    )
