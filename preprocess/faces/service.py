"""A process that owns the GPU and looks for faces on behalf of all decoding workers.

Workers load no CUDA: each context would take half a gigabyte of GPU memory, and a batch of one clip's frames leaves a
GPU idle. The service puts the requests that wait at the same time into one batch, whichever worker and file they are
from.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from queue import Empty, SimpleQueue

import numpy as np

from unmask.core.errors import MissingInput
from unmask.preprocess.faces.detector import Address, Found, Problem, Search, Views

Find = Callable[[Views, Search], list[Found]]

# An H100 is busy with it, and at 320 px it takes a gigabyte.
MOST_FRAMES = 128
START_WITHIN_S, END_WITHIN_S = 180.0, 10.0
# Workers that connect at the same moment.
BACKLOG = 128
SWITCH_S = 0.0002


@dataclass(slots=True)
class Request:
    views: Views
    search: Search
    answer: list[Found] | Problem = field(default_factory=list)
    answered: threading.Event = field(default_factory=threading.Event)

    @property
    def frames(self) -> int:
        return len(self.views[0])

    @property
    def like(self) -> tuple[object, ...]:
        """Requests that are equal here can share a batch."""
        return (*self.views[0].shape[1:], self.search)


@contextmanager
def detection_service(device: str) -> Iterator[Address]:
    """Look for faces on `device` ("cuda", "cuda:1", "cpu") for whoever calls `use_service(address)`.

    The service ends with the `with` block, and with this process however that ends.
    """
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    ours, theirs = context.Pipe()
    # No file to leave behind, and no limit of a path's length: a name of Linux' own, gone with the process.
    address = Address(path=f"\0unmask-faces-{os.getpid()}-{secrets.token_hex(8)}", key=secrets.token_bytes(32))
    process = context.Process(target=_serve, args=(device, address, theirs), name="unmask-faces", daemon=True)
    process.start()
    theirs.close()
    try:
        _wait_for_start(ours, device)
        yield address
    finally:
        ours.close()
        process.join(END_WITHIN_S)
        if process.is_alive():
            process.kill()
            process.join()


def answer_waiting(first: Request, queue: SimpleQueue[Request], find: Find) -> None:
    """Answer `first` and every request that waits behind it, those alike in one batch."""
    groups: dict[tuple[object, ...], list[Request]] = {first.like: [first]}
    frames = first.frames
    with suppress(Empty):
        while frames < MOST_FRAMES:
            request = queue.get_nowait()
            groups.setdefault(request.like, []).append(request)
            frames += request.frames
    for requests in groups.values():
        _answer(requests, find)


def in_halves(find: Find, views: Views, search: Search) -> list[Found]:
    """What `find` gives; a batch that does not fit into the GPU's memory is done in two."""
    import torch

    try:
        return find(views, search)
    except torch.OutOfMemoryError:
        if len(views[0]) == 1:
            raise
    torch.cuda.empty_cache()  # outside `except`: the error holds on to the tensors that were in the way
    middle = len(views[0]) // 2
    first, second = [view[:middle] for view in views], [view[middle:] for view in views]
    return in_halves(find, first, search) + in_halves(find, second, search)


def _wait_for_start(ours: Connection, device: str) -> None:
    try:
        problem = ours.recv() if ours.poll(START_WITHIN_S) else f"nothing heard for {START_WITHIN_S:g} s"
    except EOFError:
        problem = "its process died"
    if problem is not None:
        hint = "Is the device there and free? `--device cpu` works without"
        raise MissingInput(f"face detection does not start on {device}: {problem}", hint)


def _serve(device: str, address: Address, owner: Connection) -> None:
    try:
        from unmask.preprocess.faces.image_pyramid import views_of
        from unmask.preprocess.faces.mtcnn import Cascade

        find = Cascade(device).find
        find(views_of(np.zeros((1, 64, 64, 3), np.uint8), 20.0), Search(smallest=20.0, thresholds=(0.6, 0.7, 0.7)))
        listener = Listener(address.path, "AF_UNIX", BACKLOG, authkey=address.key)
    except Exception as error:
        owner.send(f"{type(error).__name__}: {error}")
        return
    # The networks are many short calls: at Python's 5 ms each could wait that long for threads that unpack frames.
    sys.setswitchinterval(SWITCH_S)
    queue: SimpleQueue[Request] = SimpleQueue()
    for work in (lambda: _end_with(owner), lambda: _accept(listener, queue)):
        threading.Thread(target=work, daemon=True).start()
    owner.send(None)
    while True:
        answer_waiting(queue.get(), queue, lambda views, search: in_halves(find, views, search))


def _end_with(owner: Connection) -> None:
    """The owner never sends: what arrives is the end of its side, which the kernel closes even when it is killed."""
    with suppress(EOFError, OSError):
        owner.recv()
    os._exit(0)


def _accept(listener: Listener, queue: SimpleQueue[Request]) -> None:
    while True:
        # A client that is killed while it shows its key, or shows a wrong one.
        with suppress(OSError, EOFError, multiprocessing.AuthenticationError):
            connection = listener.accept()
            threading.Thread(target=_attend, args=(connection, queue), daemon=True).start()


def _attend(connection: Connection, queue: SimpleQueue[Request]) -> None:
    """One client, until it leaves; killed in mid-request it leaves too, and its answer is thrown away."""
    with connection, suppress(OSError, EOFError):
        while True:
            request = Request(*connection.recv())
            queue.put(request)
            request.answered.wait()
            connection.send(request.answer)


def _answer(requests: list[Request], find: Find) -> None:
    try:
        views = [np.concatenate(each) for each in zip(*(request.views for request in requests), strict=True)]
        found = find(views, requests[0].search)
    except Exception as error:  # told to the clients, whose run it ends
        problem = Problem(f"{type(error).__name__}: {error}")
        for request in requests:
            request.answer = problem
    else:
        for request in requests:
            request.answer, found = found[: request.frames], found[request.frames :]
    for request in requests:
        request.answered.set()
