"""Learn the sync encoder: among the same window's audio at other times and that of other clips, which one fits?

Every step is a function of the settings, the clips and the step before, and progress is saved, so that an interrupted
call goes on to the same weights.

B windows, T tokens, L lags
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from unmask.cache.adaptation.learning_rate import compute_lr
from unmask.cache.adaptation.progress_file import load_progress, save_progress
from unmask.cache.encoders.frozen import build_seeded
from unmask.cache.sync.comparison import LEAST_TOKENS, center, compare_lags
from unmask.cache.sync.networks import SyncNetworks
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.windows import SyncClips
from unmask.core.errors import UsageError
from unmask.core.progress import Progress
from unmask.metrics.binary import auc
from unmask.preprocess.profiles import MOUTH_FPS

log = logging.getLogger("unmask")

PARTS = {"key", "done", "epochs", "networks", "scale", "optimizer"}
"""Of the progress file."""
BLOCK = 100
"""Steps between two savings, with a validation each: an "epoch" of the record."""
WARMUP = 0.1
FIRST_SCALE = 2.5
"""Natural logarithm of the first inverse temperature."""
SHIFT_S = 0.4
"""Shift of the audio that validation tells from none."""
CLIP_NORM = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The networks in evaluation mode, and figures of each block of steps."""

    networks: SyncNetworks
    epochs: list[dict[str, Any]]


class SyncLearning:
    """The loop."""

    def __init__(
        self,
        settings: SyncSettings,
        train: SyncClips,
        val: SyncClips,
        *,
        device: torch.device,
        folder: Path | None = None,
        key: str = "",
    ) -> None:
        """`folder`: where progress of `key` is saved and resumed; None: nowhere. `val` may be empty."""
        self.settings, self.train, self.val = settings, train, val
        self.device, self.folder, self.key = device, folder, key
        self.networks = build_seeded(settings.seed, lambda: SyncNetworks(settings.width, settings.dropout)).to(device)
        self.scale = nn.Parameter(torch.tensor(FIRST_SCALE, device=device))
        parameters = [*self.networks.parameters(), self.scale]
        self.optimizer = torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
        self.epochs: list[dict[str, Any]] = []

    def run(self) -> Learned:
        """Learn until the last step. `UsageError` when the loss is no number."""
        done = self._resume()
        with Progress("adapt sync", self.settings.steps, "steps") as bar:
            bar.advance(done)
            while done < self.settings.steps:
                until = min(done + BLOCK, self.settings.steps)
                loss = self._run_block(done, until, bar)
                done = until
                self._record(done, loss)
                self._save(done)
        return Learned(networks=self.networks.eval(), epochs=self.epochs)

    def _run_block(self, done: int, until: int, bar: Progress) -> float:
        self.networks.train()
        # Dropout alone draws from the global state, and that must not depend on where the call was interrupted.
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.settings.seed * 1_000_003 + done)
            losses = []
            for step in range(done, until):
                losses.append(self._run_step(step))
                bar.advance(1)
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise UsageError("the training loss is NaN or infinite", f"--set adapt.lr={self.settings.lr / 3:g}")
        return mean

    def _run_step(self, step: int) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = compute_lr(self.settings.lr, WARMUP, (step + 0.5) / self.settings.steps)
        mouths, mels, files = self.train.draw(step, self.settings)
        mouth_BTD = center(self.networks.mouth(mouths.to(self.device)))
        audio_BTD = center(self.networks.audio(mels.to(self.device)))
        loss = compute_loss(mouth_BTD, audio_BTD, files, self.settings.max_lag, self.scale.exp())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        self.optimizer.step()
        return loss.detach()

    def _record(self, done: int, loss: float) -> None:
        score = measure_shift_auc(self.networks, self.val, self.device)
        line = {"epoch": len(self.epochs) + 1, "steps": done, "loss": loss, "val_loss": None, "auc": score}
        self.epochs.append(line)
        told = "" if score is None else f"; validation AUC {score:.3f}"
        log.info("step %d/%d: loss %.3f%s", done, self.settings.steps, loss, told)

    def _save(self, done: int) -> None:
        if self.folder is None:
            return
        state = {
            "key": self.key,
            "done": done,
            "epochs": self.epochs,
            "networks": self.networks.state_dict(),
            "scale": self.scale.detach(),
            "optimizer": self.optimizer.state_dict(),
        }
        save_progress(self.folder, state)

    def _resume(self) -> int:
        """Steps that were done before, 0 without progress of this key."""
        state = None if self.folder is None else load_progress(self.folder, self.key, self.device, PARTS)
        if state is None:
            return 0
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            self.scale.copy_(state["scale"])
        self.epochs = list(state["epochs"])
        log.info("sync: resuming after step %d", state["done"])
        return int(state["done"])


def compute_loss(
    mouth_BTD: torch.Tensor,
    audio_BTD: torch.Tensor,
    files: NDArray[np.int64],
    max_lag_s: float,
    scale: torch.Tensor,
) -> torch.Tensor:
    """Cross-entropy of the right audio of each window among its own at other lags and that of other files' windows.

    The tokens are centered, `files` (B,) the file of each window. InfoNCE: van den Oord et al., 2018.
    """
    reach = min(round(max_lag_s * MOUTH_FPS), mouth_BTD.shape[1] - LEAST_TOKENS)
    own_BL = compare_lags(mouth_BTD, audio_BTD, reach)
    others_BB = torch.einsum("itd,jtd->ij", mouth_BTD, audio_BTD) / mouth_BTD.shape[1]
    same_BB = torch.from_numpy(files[:, None] == files[None]).to(own_BL.device)
    logits = torch.cat([own_BL * scale, (others_BB * scale).masked_fill(same_BB, -torch.inf)], dim=1)
    right = torch.full((len(files),), reach, device=logits.device)
    return F.cross_entropy(logits, right)


@torch.no_grad()
def measure_shift_auc(networks: SyncNetworks, clips: SyncClips, device: torch.device) -> float | None:
    """AUC of the mean cosine at lag 0 against those at SHIFT_S both ways; None without clips that are long enough."""
    networks.eval()
    shift = round(SHIFT_S * MOUTH_FPS)
    right, wrong = [], []
    for clip in clips.clips:
        if len(clip) < shift + LEAST_TOKENS:
            continue
        mouth = center(networks.mouth(torch.from_numpy(clip.mouth)[None].to(device)))
        audio = center(networks.audio(torch.from_numpy(clip.mel)[None].to(device)))
        early, here, late = compare_lags(mouth, audio, shift)[0, [0, shift, 2 * shift]].tolist()
        right.append(here)
        wrong += [late, early]
    if not right:
        return None
    return auc(np.repeat([True, False], [len(right), len(wrong)]), np.array([*right, *wrong]))
