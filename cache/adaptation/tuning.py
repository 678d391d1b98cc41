"""The training loop of an adaptation, which can be stopped anywhere and resumed at its last whole epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.amp.grad_scaler import GradScaler
from torch.nn import functional as F

from unmask.cache.adaptation.labeled_clips import Draw, LabeledClips
from unmask.cache.adaptation.learning_rate import compute_lr
from unmask.cache.adaptation.progress_file import Standing, load_progress, save_progress
from unmask.cache.adaptation.settings import AdaptSettings
from unmask.cache.adaptation.tunable_encoder import TunableEncoder
from unmask.cache.adaptation.validation import Scores, score_items
from unmask.core.errors import UsageError
from unmask.core.process_pool import count_cores
from unmask.core.progress import Progress

log = logging.getLogger("unmask")

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Threads that read and augment clips while a GPU works. On a CPU they would take its cores from the network.
MOST_READERS = 8


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What the loop works with."""

    settings: AdaptSettings
    train: LabeledClips
    val: LabeledClips
    model: TunableEncoder
    optimizer: torch.optim.AdamW
    scaler: GradScaler
    precision: str
    """fp32, bf16 or fp16."""
    key: str
    """Of the settings, clips and weights; progress of another key is not resumed."""
    folder: Path

    @classmethod
    def of(cls, model: TunableEncoder, precision: str, **parts: Any) -> Tuning:
        """With an optimizer and a gradient scaler."""
        settings: AdaptSettings = parts["settings"]
        optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=0.0)
        scaler = GradScaler(model.device.type, enabled=precision == "fp16")
        scaler.scale(torch.zeros((), device=model.device))  # it initializes itself on the first loss it scales
        return cls(model=model, precision=precision, optimizer=optimizer, scaler=scaler, **parts)

    def run(self) -> Standing:
        """Train until the last epoch, or until validation has not become better for `patience` epochs."""
        standing = self._resume() or self._begin()
        for epoch in range(len(standing.epochs), self.settings.epochs + 1):
            if epoch - standing.best_epoch > self.settings.patience:
                log.info("stopped early: no better validation result for %d epochs", self.settings.patience)
                break
            loss = self._train_epoch(epoch)
            standing = standing.after(epoch, loss, self._validate(), self.model.state())
            self._save(standing)
            _announce(standing, self.settings.epochs)
        return standing

    def _begin(self) -> Standing:
        """Fit the head on frozen tokens of the clips of the first epoch."""
        steps = [[replace(draw, view=0) for draw in step] for step in self.train.draw(1, self.settings)]
        found = self._embed(self.train, steps, "frozen tokens")
        self.model.head.fit(found, self.train.fake[[draw.clip for step in steps for draw in step]])
        standing = Standing().after(0, None, self._validate(), self.model.state())
        self._save(standing)
        _announce(standing, self.settings.epochs)
        return standing

    def _save(self, standing: Standing) -> None:
        state = {
            "key": self.key,
            "epochs": list(standing.epochs),
            "best_epoch": standing.best_epoch,
            "best": standing.best,
            "tuned": self.model.state(),
            "head": self.model.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        save_progress(self.folder, state)

    def _resume(self) -> Standing | None:
        state = load_progress(self.folder, self.key, self.model.device)
        if state is None:
            return None
        self.model.restore(state["tuned"])
        self.model.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        log.info("%s: resuming after epoch %d", self.folder.name, len(state["epochs"]) - 1)
        return Standing(tuple(state["epochs"]), state["best_epoch"], state["best"])

    def _train_epoch(self, epoch: int) -> float:
        """One pass over the draws of the epoch; the mean loss."""
        steps = self.train.draw(epoch, self.settings)
        count = sum(map(len, steps))
        total = 0.0
        with Progress(f"adapt, epoch {epoch}", count, "clips") as bar:
            for number, (step, clips) in enumerate(self._load(self.train, steps)):
                # The middle of the step, so that the learning rate is above 0 in the first and last step.
                done = (epoch - 1 + (number + 0.5) / len(steps)) / self.settings.epochs
                lr = compute_lr(self.settings.lr, self.settings.warmup, done)
                total += self._train_step(step, clips, lr) * len(step)
                bar.advance(len(step))
        if not math.isfinite(total):
            raise UsageError("the training loss is NaN or infinite", f"--set adapt.lr={self.settings.lr / 3:g}")
        return total / count

    def _train_step(self, step: Sequence[Draw], clips: Sequence[torch.Tensor], lr: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        fake = torch.from_numpy(self.train.fake[[draw.clip for draw in step]]).float().to(self.model.device)
        with self._autocast():
            features = self.model.embed(clips)
        loss = F.binary_cross_entropy_with_logits(self.model.head(features), fake)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _validate(self) -> Scores:
        found = self._embed(self.val, self.val.steps(self.settings), "validation")
        with torch.no_grad():
            logits = self.model.head(torch.from_numpy(found).to(self.model.device)).cpu().numpy()
        return score_items(self.val, logits)

    def _embed(self, clips: LabeledClips, steps: Sequence[list[Draw]], what: str) -> NDArray[np.float32]:
        """(N, D) mean tokens of all draws, without gradients."""
        parts = []
        with torch.no_grad(), Progress(f"adapt, {what}", sum(map(len, steps)), "clips") as bar:
            for step, loaded in self._load(clips, steps):
                with self._autocast():
                    parts.append(self.model.embed(loaded).cpu().numpy())
                bar.advance(len(step))
        return np.concatenate(parts)

    def _autocast(self) -> torch.autocast:
        half = HALF.get(self.precision)
        return torch.autocast(self.model.device.type, half or torch.bfloat16, enabled=half is not None)

    def _load(
        self, clips: LabeledClips, steps: Sequence[list[Draw]]
    ) -> Iterator[tuple[list[Draw], list[torch.Tensor]]]:
        """Each step with its clips. For a GPU, threads read and augment those of the next step meanwhile."""
        load: Callable[[Draw], torch.Tensor] = partial(clips.load, settings=self.settings.augmentation)
        if self.model.device.type != "cuda":
            yield from ((step, [load(draw) for draw in step]) for step in steps)
            return
        with ThreadPoolExecutor(min(MOST_READERS, count_cores()), thread_name_prefix="read-clips") as pool:
            coming = [pool.submit(load, draw) for draw in steps[0]]
            for number, step in enumerate(steps):
                ready = coming
                coming = [pool.submit(load, draw) for later in steps[number + 1 : number + 2] for draw in later]
                yield step, [future.result() for future in ready]


def _announce(standing: Standing, epochs: int) -> None:
    line = standing.epochs[-1]
    loss = "frozen" if line["loss"] is None else f"loss {line['loss']:.3f}"
    best = ", best" if line["epoch"] == standing.best_epoch else ""
    figures = f"AUC {line['auc']:.3f} ({line['over']}), loss {line['val_loss']:.3f}"
    log.info("epoch %d/%d: %s; validation %s%s", line["epoch"], epochs, loss, figures, best)
