"""Batches of a network on a CPU: several at once, each computed by one thread.

All threads on one batch wait for the slowest of them after every operation, also while another thread of the process
reads shards. And they divide the sums of a convolution between them, so that the number of cores would change the last
digits of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")

_SETTING_THREADS = Lock()


def compute_in_threads(compute: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    """compute(task) of every task, in order, by as many threads as torch takes; each operation stays in its thread.

    The first error ends it. Calls from several threads take turns: part of torch's number of threads holds for the
    whole process, and is changed meanwhile.
    """
    if torch.get_num_threads() == 1:
        return [compute(task) for task in tasks]
    with _SETTING_THREADS:
        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(min(threads, len(tasks)) or 1, "encode", torch.set_num_threads, (1,))
        try:
            return list(pool.map(compute, tasks))
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)
