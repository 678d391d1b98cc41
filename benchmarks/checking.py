"""What comparing media shards with their checksums adds to the extract stage, which does so when it reads them."""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.encode import make_media
from benchmarks.figures import Figures
from unmask.cache.stage import extract
from unmask.core.checksums import find_damage
from unmask.preprocess.profiles import offline
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

CLIPS, WARM_UP = 64, 4
AIM = 0.05


def main() -> str:
    return f"checksums of media shards: {measure()['share']:.1%} of the extract stage's processor time (aim {AIM:.0%})"


def measure(clips: int = CLIPS) -> Figures:
    """All encoders of the profile `offline`; processor time, which other work on the machine changes little."""
    logging.getLogger("unmask").setLevel(logging.ERROR)
    cpu, profile = torch.device("cpu"), offline()
    with tempfile.TemporaryDirectory() as name:
        for count in (WARM_UP, clips):  # the first loads the networks
            work, manifest = make_media(Path(name) / str(count), count)
            began = time.process_time()
            extract(manifest, profile, work, device=cpu)
            stage = time.process_time() - began
        began = time.process_time()
        for shard in find_shards(get_media_folder(work, profile.preprocess), manifest):
            assert not find_damage(shard)
        return {"share": (time.process_time() - began) / stage}
