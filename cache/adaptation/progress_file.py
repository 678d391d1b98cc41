"""Progress of an unfinished adaptation: all that the next epoch depends on, in one file."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Self

import torch

from unmask.cache.adaptation.validation import Scores
from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_files

log = logging.getLogger("unmask")

PROGRESS = "unfinished.pth"
PARTS = {"key", "epochs", "best_epoch", "best", "tuned", "head", "optimizer", "scaler"}


@dataclass(frozen=True, slots=True)
class Standing:
    """After an epoch; epoch 0 is the frozen encoder with its fitted head."""

    epochs: tuple[dict[str, Any], ...] = ()
    """Figures of each epoch."""
    best_epoch: int = 0
    best: Mapping[str, torch.Tensor] | None = None
    """Tuned weights of the best epoch; None before epoch 0."""

    def after(self, epoch: int, loss: float | None, scores: Scores, tuned: Mapping[str, torch.Tensor]) -> Self:
        """Better is a higher AUC; where it is equal, a lower loss."""
        line = {"epoch": epoch, "loss": loss, "auc": scores.auc, "over": scores.over, "val_loss": scores.loss}
        before = self.epochs[self.best_epoch] if self.epochs else None
        better = before is None or (scores.auc, -scores.loss) > (before["auc"], -before["val_loss"])
        best_epoch, best = (epoch, tuned) if better else (self.best_epoch, self.best)
        return type(self)((*self.epochs, line), best_epoch, best)


def save_progress(folder: Path, state: Mapping[str, Any]) -> None:
    """`state` has a "key" and the parts that `load_progress` will ask for; tensors, numbers and strings only."""
    content = io.BytesIO()  # torch has an error of its own for a full disk
    torch.save(dict(state), content)
    sealed_files.write_archive(folder / PROGRESS, content.getbuffer())


def load_progress(
    folder: Path, key: str, device: torch.device, parts: Set[str] = frozenset(PARTS)
) -> dict[str, Any] | None:
    """What `save_progress` kept for `key`; None where there is nothing that can be read, or it is of another key."""
    try:
        content, _ = sealed_files.read_archive(folder / PROGRESS)
        state: dict[str, Any] = torch.load(content, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except (RuntimeError, ValueError, KeyError, UnpicklingError, EOFError, OSError) as error:
        raise_read_failure(error)
        log.warning("%s: not readable (%s), starting over", folder / PROGRESS, error)
        return None
    if set(state) != parts or state["key"] != key:
        log.warning("%s: of other settings or clips, starting over", folder / PROGRESS)
        return None
    return state
