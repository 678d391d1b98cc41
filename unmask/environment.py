"""Defaults of the process, set before torch and transformers are loaded."""

from __future__ import annotations

import atexit
import gc
import os

from unmask.core.openmp import limit_openmp_spinning


def set_environment() -> None:
    """Short waits of idle OpenMP threads, and no advice from transformers. Variables that are set stay."""
    limit_openmp_spinning()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def ease_collection() -> None:
    """Make the garbage collector look less often, and not at all when the process ends. For processes of our own.

    The libraries leave a million objects that live as long as the process. Looking through them again and again costs
    a fifth of a short command, most of it at its end.
    """
    gc.set_threshold(10_000, 10, 10)
    atexit.register(gc.freeze)
