"""Pages that arrays of 8 MB need: new ones each time within the context, the same ones after it."""

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


def test_freed_arrays_are_returned_within_the_context_and_kept_after_it():
    folder = Path(unmask.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=folder, check=True)
    within, after = map(int, done.stdout.split())
    assert within > 20 + 10 * after  # 20 arrays, of one page each at the least
