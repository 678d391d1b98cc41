"""A connection to Ray: to a cluster, or to one that is started on this machine for one command."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from unmask.core.crashes import read_message
from unmask.core.engines.cluster import Cluster
from unmask.core.engines.ray_cluster import RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.core.errors import MachineFailed, MissingInput, UsageError
from unmask.core.files.temporary_folder import make_temporary_folder
from unmask.core.process_pool import LONGEST_SOCKET_NAME, count_cores
from unmask.core.work_folder import WorkFolder

log = logging.getLogger("unmask")

INSTALL = "pip install 'unmask[ray]'"
CLUSTER_HINT = "ray start --head on one machine of the cluster prints the address; or leave --address out"
# What Ray puts after its temporary folder, and the random end of ours.
SOCKET_NAME = "/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store"
OBJECT_STORE_BYTES = 100 << 20
"""Parts and results are small: the media and tokens are read and written as files."""
STARTS = 3
"""A machine under load starts Ray too slowly for Ray's own limit of 30 s now and then."""
ANSWER_S = 10.0


@contextmanager
def open_ray(
    work: WorkFolder, address: str | None, *, cpus: int | None = None, gpus: int | None = None
) -> Iterator[Cluster]:
    """The cluster at `address`; None: one of this machine alone, with so many `cpus` and `gpus` (None: all it has).

    Ray's own files lie in the work folder meanwhile. `MissingInput` without the package `ray`; `MachineFailed` for an
    address that does not answer, and where Ray does not start.
    """
    ray = import_ray()
    place = work.temporary.absolute()
    place.mkdir(parents=True, exist_ok=True)
    try:
        with make_temporary_folder(place) as folder:
            site = Site(folder, read_program_version())
            if ray.is_initialized():  # by the caller, in Python
                yield RayCluster(ray, site)
                return
            with _tame() as keep_sigterm, _connect(ray, folder, address, cpus, gpus):
                keep_sigterm()
                yield RayCluster(ray, site)
    finally:
        with suppress(OSError):  # another command is at work there
            place.rmdir()


def import_ray() -> Any:
    """The module. `MissingInput` where it is not installed."""
    # It reads these when it is loaded.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingInput(f"--engine ray needs the package ray ({error})", INSTALL) from error


@contextmanager
def _connect(ray: Any, folder: Path, address: str | None, cpus: int | None, gpus: int | None) -> Iterator[None]:
    with ExitStack() as stack:
        if address is not None:
            _join(ray, address)
            stack.callback(ray.shutdown)
        else:
            short = stack.enter_context(_shorten(folder))
            stack.enter_context(_change_environment(_choose_variables(short)))
            stack.callback(ray.shutdown)  # before the others end: it still needs the folder under its short name
            _start(ray, short, cpus or count_cores(), gpus)
        yield


def _start(ray: Any, folder: str, cpus: int, gpus: int | None) -> None:
    _check_sockets(folder)
    for attempt in range(1, STARTS + 1):
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=folder,
                _plasma_directory=folder,
            )
            return
        except Exception as error:  # Ray raises all kinds
            log.info("ray: start %d of %d failed: %s", attempt, STARTS, read_message(error))
            ray.shutdown()
            if attempt == STARTS:
                problem = f"Ray does not start on this machine: {read_message(error)}"
                raise MachineFailed(
                    problem, "try again when the machine is less busy, or leave --engine out"
                ) from error


def _join(ray: Any, address: str) -> None:
    if address.startswith("ray://"):
        hint = "run this command on a machine of the cluster, with --address auto or HOST:6379"
        raise UsageError(f"--address {address}: Ray Client is not supported", hint)
    _check_answer(address)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except Exception as error:  # Ray raises all kinds
        raise MachineFailed(f"--address {address}: {read_message(error)}", CLUSTER_HINT) from error


def _check_answer(address: str) -> None:
    """Ray itself asks an address without an answer for a minute and more."""
    host, separator, port = address.rpartition(":")
    if address == "auto":
        return
    if not separator or not port.isdigit():
        raise UsageError(f"--address {address}: not of the form HOST:PORT", CLUSTER_HINT)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise MachineFailed(f"--address {address}: no answer ({error})", CLUSTER_HINT) from error


@contextmanager
def _shorten(folder: Path) -> Iterator[str]:
    """A name of the folder that leaves room for the sockets of Ray: its own, or one of this process's handles."""
    if len(os.fsencode(f"{folder}{SOCKET_NAME}")) <= LONGEST_SOCKET_NAME:
        yield str(folder)
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/{os.getpid()}/fd/{handle}"
    finally:
        os.close(handle)


def _check_sockets(folder: str) -> None:
    path = Path(folder) / "socket"
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
        path.unlink()
    except OSError as error:
        problem = f"Ray cannot keep its sockets in the work folder ({error.strerror or error})"
        raise MachineFailed(problem, "give --work on a local disk, or --address of a cluster") from error


def _choose_variables(folder: str) -> dict[str, str]:
    """For the processes of a cluster of one command."""
    tempfile.gettempdir()  # this process keeps its own
    return {
        "TMPDIR": folder,
        # Ray listens on every network of the machine, and runs whatever it is sent. Only this process knows the token.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }


@contextmanager
def _change_environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    _forget_token()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _forget_token()


def _forget_token() -> None:
    """Let Ray read the variables of its token again, which it does once per process."""
    raylet = sys.modules.get("ray._raylet")
    if raylet is not None:
        raylet.AuthenticationTokenLoader.instance().reset_cache()
        raylet.Config.initialize("")


@contextmanager
def _tame() -> Iterator[Callable[[], None]]:
    """Keep Ray from what a command does by itself; yields what to call when Ray has begun.

    It takes SIGTERM, with which a command ends as with Ctrl-C, and prints what befalls its workers on stdout, where
    --json has one object.
    """
    usual = signal.getsignal(signal.SIGTERM)

    def keep_sigterm(handler: object = None) -> None:
        # Again and again: its library in C++ takes it too, and prints a trace.
        if threading.current_thread() is threading.main_thread() and usual is not None:
            signal.signal(signal.SIGTERM, usual)

    changes = (
        ("ray._private.utils", "set_sigterm_handler", keep_sigterm),
        ("ray._private.worker", "print_to_stdstream", _log_lines),
    )
    there = [change for change in changes if change[0] in sys.modules]  # not so with a stand-in for Ray
    before = [(sys.modules[name], attribute, getattr(sys.modules[name], attribute)) for name, attribute, _ in there]
    for name, attribute, replacement in there:
        setattr(sys.modules[name], attribute, replacement)
    try:
        yield keep_sigterm
    finally:
        for module, attribute, value in before:
            setattr(module, attribute, value)
        keep_sigterm()


def _log_lines(data: Mapping[str, Any], **_: object) -> None:
    for line in data.get("lines", ()):
        log.info("ray: %s", str(line).strip().partition(". ")[0])
