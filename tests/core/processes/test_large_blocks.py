"""Pages that large arrays need: new ones each time, or the same ones again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import unmask

PROGRAM = """
import resource
import numpy as np
from unmask.core.processes.large_blocks import return_large_blocks

def count_new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with return_large_blocks():
    within = count_new_pages()
count_new_pages()
print(within, count_new_pages())
"""

NETWORK = """
import resource
import torch
from unmask.cache.encoders.networks.efficientnet_lite0 import EfficientNetLite0
from unmask.core.processes.large_blocks import keep_large_blocks

torch.set_num_threads(1)
network, images = EfficientNetLite0().eval(), torch.zeros(4, 3, 224, 224)

def count_new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with torch.inference_mode():
        for _ in range(3):
            network(images)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

count_new_pages()
usual = count_new_pages()
keep_large_blocks()
count_new_pages()
print(usual, count_new_pages())
"""


THREADS = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from unmask.core.processes.large_blocks import keep_large_blocks, share_heap

if sys.argv[1] == "shared":
    share_heap()
keep_large_blocks()

def make_features(_):
    return [np.ones(2**18) for _ in range(48)][-1].sum()  # 96 MB together, then all of it is free

def count_new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make_features, range(20)))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

count_new_pages()
print(count_new_pages())
"""


def count(program: str, *arguments: str) -> list[int]:
    folder = Path(unmask.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=folder, check=True
    )
    return [int(one) for one in done.stdout.split()]


def test_the_features_of_a_network_lie_in_the_pages_of_the_batch_before():
    """glibc by itself gives them back after each layer."""
    usual, kept = count(NETWORK)
    assert usual > 20 + 4 * kept


def test_freed_arrays_are_returned_within_the_context_and_kept_after_it():
    within, after = count(PROGRAM)
    assert within > 20 + 10 * after  # 20 arrays, of one page each at the least


def test_threads_of_one_heap_keep_their_pages():
    """A heap of a thread's own goes back to the system whenever all in it is free."""
    (own,), (shared,) = count(THREADS, "own"), count(THREADS, "shared")
    assert shared < own / 10
