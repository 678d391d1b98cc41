"""Defaults of the process, to be set before torch and transformers are loaded."""

from __future__ import annotations

import os

from unmask.core.openmp import limit_openmp_spinning


def set_environment() -> None:
    """Short waits of idle OpenMP threads, and no advice from transformers. Variables that are set stay."""
    limit_openmp_spinning()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
