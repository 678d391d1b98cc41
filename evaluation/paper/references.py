"""`references.bib`: the entries of the datasets that were evaluated or trained on, and of the encoders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from unmask.cache.spec import EncoderSpec
from unmask.evaluation.paper.bibliography import DATASETS, ENCODERS, ENTRIES, UNPUBLISHED

SOFTWARE = "unmask"


def format_references(datasets: Iterable[str], encoders: Mapping[str, EncoderSpec], version: str) -> str:
    """BibTeX, one entry per source, each with a comment that says what it is of; what has no entry is a comment.

    `encoders`: name in the profile -> spec of its tokens.
    """
    uses: dict[str, list[str]] = {SOFTWARE: ["this program"]}
    missing = []
    named = [(f"dataset {name}", DATASETS.get(name)) for name in datasets]
    named += [(f"encoder {name}", cite_encoder(spec)) for name, spec in encoders.items()]
    for use, keys in named:
        if keys is None:
            missing.append(use)
        for key in keys or ():
            uses.setdefault(key, []).append(use)
    entries = [f"% {', '.join(used)}\n{ENTRIES[key]}" for key, used in uses.items()]
    text = "\n\n".join(entries).replace("VERSION", version)
    note = f"\n% Missing, to be added by hand: {', '.join(missing)}\n" if missing else ""
    return f"{text}\n{note}"


def cite_encoder(spec: EncoderSpec) -> tuple[str, ...] | None:
    """Keys of ENTRIES; () for an encoder of this program without a paper, None for an unknown one."""
    if spec.name in UNPUBLISHED:
        return ()
    words = re.sub(r"[_ ]", "-", f"{spec.name} {spec.weights}".lower()).replace("wav2vec-2", "wav2vec2")
    # Whole words only: a folder "clips" is no CLIP.
    return next((keys for word, keys in ENCODERS if re.search(rf"(?<![a-z]){word}(?![a-z])", words)), None)


def name_weights(spec: EncoderSpec) -> str:
    """Where the weights are from, without the folders of this machine: they help no reader, the hash tells them."""
    path = PurePath(spec.weights.removeprefix("local "))
    return f"folder {path.name}" if path.is_absolute() else spec.weights
