"""No pickle in the program: an audit hook that fails whatever code of ours unpickles a class.

A pickle is a program: opening one runs what its author wrote. Processes of one program send each other their own, by
multiprocessing or Ray, and PyTorch's compiler keeps its own cache. torch.load with weights_only=True has an unpickler
that makes tensors only, and raises no such event.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

ALLOWED = (
    *("multiprocessing.", "concurrent.futures.", "pebble.", "unmask.core.process_pool", "torch.multiprocessing."),
    # Ray's processes send each other their own, too.
    *("ray.", "stub_ray."),
    *("torch._inductor.", "torch._dynamo.", "torch._functorch.", "torch.distributed."),
)


class Unpickled(BaseException):
    """No `Exception`, so that nothing takes it for a damaged file."""


def watch_pickle(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "pickle.find_class":
        return
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = f"{frame.f_globals.get('__name__', '')}."
        if module.startswith(ALLOWED):
            return
        if module.startswith("unmask."):
            raise Unpickled(f"{module}{frame.f_lineno} unpickles {'.'.join(map(str, arguments))}")
        frame = frame.f_back


sys.addaudithook(watch_pickle)
