"""`unmask serve`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from unmask.cli.options import Call, Device, Ensemble, RunFolder, command
from unmask.core.errors import MissingInput

NEEDED = ("fastapi", "uvicorn", "python_multipart")


@command()
def serve(
    call: Call,
    run: RunFolder = None,
    ensemble: Ensemble = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any free one.")] = 8000,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. Other than this machine's own, it needs --token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="UNMASK_TOKEN", help="Secret that every request must show.", show_default=False),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Host name under which it is reached too (repeatable).")
    ] = None,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Largest file, in MB.")] = 200,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Most files that wait.")] = 20,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Seconds to decode one file.")] = 120,
    device: Device = "auto",
) -> None:
    """Serve verdicts of a trained run on a web page and by a JSON API.

    Uploads are deleted after their verdict, and when the service ends.
    """
    if missing := [module for module in NEEDED if find_spec(module) is None]:
        raise MissingInput(f"unmask serve needs {' and '.join(missing)}", "pip install 'unmask[serve]'")
    from unmask.serve.settings import MB, Access, ServeLimits

    access = Access(host=host, token=token, names=tuple(name or ()))
    limits = ServeLimits(file_bytes=max_mb * MB, queue=queue, file_s=seconds)
    chosen = call.choose_run(run, ensemble)
    from unmask.core.machine import choose_device
    from unmask.serve.server import serve as serve_run  # loads torch: a wrong option is told before

    serve_run(chosen, device=choose_device(device), port=port, access=access, limits=limits, say=call.console.say)
