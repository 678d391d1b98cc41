"""What `predict` is asked for beside the score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unmask.preprocess.stage import Limits

Stage = Literal["reading", "judging"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    explain: bool = False
    """Fill `Verdict.explanation`: contributions, maps over the faces, nearest training clips."""
    pictures: bool = False
    """Fill `Verdict.pictures`, for a page."""
    limits: Limits = field(default_factory=lambda: Limits(fork=True))
    """Of the worker processes, per file. `fork` is for few files: more than one batch goes without."""
    out: Path | None = None
    """JSON lines to write the verdicts to, and to take those from that still hold (verdict_file.py)."""
    folder: Path | None = None
    """Where temporary files are written; None: the system's folder for them."""
    on_stage: Callable[[Stage], object] = lambda stage: None
    """Called when the files are read, and when the networks begin."""
