"""Verdicts one after the other from one warm process: run, networks and worker processes stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import soundfile
import torch
from PIL import Image

from unmask.core.files.temporary_folder import make_temporary_folder
from unmask.core.process_pool import start_server
from unmask.core.warm.kept_values import keep_values
from unmask.evaluation.verdicts.options import PredictOptions, Stage
from unmask.evaluation.verdicts.predict import predict
from unmask.evaluation.verdicts.verdict import Verdict

PRELOADED = ("unmask.manifests.scan.probe", "unmask.evaluation.verdicts.warm_worker")
"""Loaded once by the process that the workers are forked from, the face detector included."""
RATE = 16_000


class WarmPredictor:
    """`predict` of one run, for one thread. A file that crashes or hangs its worker costs only itself.

    Scores are those of `predict` to the last bit: kept are only values that it would make anew each time.
    """

    def __init__(self, run: Path, device: torch.device, options: PredictOptions) -> None:
        # A process that copies itself would copy its threads' locks too.
        limits = replace(options.limits, workers=1, fork=False)
        self.run, self.device, self.options = run, device, replace(options, limits=limits)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        # Started here: the first pool would have it load only what that pool's workers need. It counts where no worker
        # process was started before.
        start_server(PRELOADED)
        self._stack.enter_context(keep_values())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def warm_up(self) -> None:
        """Load what the first files would wait for, by judging a gray image and a second of noise."""
        with make_temporary_folder(self.options.folder) as folder:
            image, audio = folder / "gray.png", folder / "noise.wav"
            Image.new("RGB", (64, 64), (128, 128, 128)).save(image)
            soundfile.write(audio, 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
            for path in (image, audio):
                self.predict([path])

    def predict(self, files: Sequence[Path], on_stage: Callable[[Stage], object] | None = None) -> list[Verdict]:
        """As `unmask.evaluation.verdicts.predict.predict`; `on_stage`: see PredictOptions."""
        options = self.options if on_stage is None else replace(self.options, on_stage=on_stage)
        return predict(files, self.run, device=self.device, options=options)
