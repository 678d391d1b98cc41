"""The members of the shared suite: every encoder whose weights are here, small local models of the families whose
weights are not, and the example of docs/add-an-encoder.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from guides import code_blocks, execute_block

from unmask.cache.encoders import ENCODERS, EncoderEntry, make_encoder
from unmask.cache.spec import Encoder, EncoderSpec
from unmask.cache.weights.resolve import find_weights, needs_weights
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
GUIDE = "add-an-encoder.md"
DOCUMENTED = "crossings"

LOCAL = {
    "vit_b16": "vit_b16",
    "resnet50": "resnet50",
    "dinov2_s": "vit_b16",
    "timm:test_vit": "vit_b16",
    "timm:test_resnet": "resnet50",
    "wav2vec2_base": "wav2vec2_base",
    "wav2vec2_large": "wav2vec2_large",
    "sbert": "sbert",
}
"""Encoder -> the folder of the fixture `local_models` that it is tested with too."""

LONG_TEXT = "a few more words, hello world " * 40
FACTS: list[dict[str, Any]] = [
    {"kind": "image", "container": "png", "bytes": 40_000, "width": 256, "height": 256},
    {"kind": "audio", "container": "wav", "audio_codec": "pcm_16", "sample_rate": 16_000, "duration_s": 3.5},
    {"kind": "video", "container": "avi", "video_codec": "h264", "fps": 25.0, "frames": 250, "channels": 2},
]


def on_this_machine(name: str) -> bool:
    return not needs_weights(name) or find_weights(name) is not None


APART = {"sync"}
"""Tested in test_sync_encoder.py: two encoders in one, with weights that only `unmask adapt` makes."""
HERE = [name for name in ENCODERS if on_this_machine(name) and name not in APART]
ABSENT = [name for name in ENCODERS if name not in HERE and name not in APART]
MEMBERS = [*HERE, *(f"{name} (local)" for name in LOCAL), f"{DOCUMENTED} (documented)"]


@dataclass(frozen=True)
class Member:
    """One encoder of the suite, and how to make it again with other settings."""

    choice: EncoderChoice
    made: dict[str, Encoder] = field(default_factory=dict)

    def make(self, **changes: Any) -> Encoder:
        return make_encoder(EncoderChoice(**{**self.choice.model_dump(exclude_none=True), **changes}), CPU)

    @property
    def encoder(self) -> Encoder:
        """Made once for all tests."""
        if "plain" not in self.made:
            self.made["plain"] = self.make()
        return self.made["plain"]

    @property
    def spec(self) -> EncoderSpec:
        return self.encoder.spec

    def inputs(self, count: int = 3) -> Any:
        """`count` different inputs of equal length."""
        random = torch.Generator().manual_seed(7)
        match self.spec.modality:
            case "image":
                return torch.randint(0, 256, (count, 96, 96, 3), dtype=torch.uint8, generator=random)
            case "audio":
                return torch.rand(count, 24_000, generator=random) - 0.5
            case "text":
                return ["hello", "hello world", LONG_TEXT][:count]
            case "metadata":
                return FACTS[:count]

    def odd_inputs(self) -> Any:
        """Like `inputs`, the middle one as bad as media can make it."""
        batch = self.inputs()
        match self.spec.modality:
            case "image":
                batch[1] = 255
            case "audio":
                batch[1, ::3], batch[1, 1::3] = float("nan"), float("inf")
            case "text":
                batch = [batch[0], " \0\u200b\U0001f600 \x1b", batch[2]]
            case "metadata":
                batch = [batch[0], {"kind": None, "fps": float("nan"), "bytes": -1, "container": "?"}, batch[2]]
        return batch


def member(name: str, local_models: Mapping[str, str]) -> Member:
    """By its name in MEMBERS."""
    encoder, _, kind = name.partition(" ")
    return Member(EncoderChoice(name=encoder, weights=local_models[LOCAL[encoder]] if kind == "(local)" else None))


@contextmanager
def documented() -> Iterator[None]:
    """Register the example of the guide, as if its file and its line were in the repository."""
    file, line = code_blocks(GUIDE)
    entry = eval(f"{{{line}}}", {"EncoderEntry": EncoderEntry})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, f"unmask.cache.encoders.{DOCUMENTED}", execute_block(file, DOCUMENTED))
        patch.setitem(ENCODERS, DOCUMENTED, entry[DOCUMENTED])
        yield
