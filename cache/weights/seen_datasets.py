"""Datasets that published weights were trained on: by the name of their repository on the hub, or as the profile says.

An encoder that was trained on a dataset, or on one that shares its recordings, cannot be evaluated on it as on unseen
data. What `unmask adapt` makes has a record of its own, per file: trained_on.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from unmask.cache.encoders import find_given_weights
from unmask.cache.weights.trained_on import find_trained_on
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.folder_names import normalize_name
from unmask.preprocess.profiles import EncoderChoice

FACEFORENSICS = ("faceforensics",)
# Ge, Wang et al., "Post-training for Deepfake Speech Detection" (2025).
ANTI_DEEPFAKE = (
    *("aishell3", "asvspoof2019", "asvspoof2021", "asvspoof5", "cfad", "cnceleb2", "codecfake", "cvoicefake", "decro"),
    *("dfadd", "diffssd", "diffuse_or_confuse", "dsd", "fleurs", "habla", "libritts", "ljspeech", "mlaad", "mls"),
    *("spoofceleb", "voxceleb2", "wavefake"),
)

HUB: dict[str, tuple[str, ...]] = {
    # GenD (Yermakov et al., WACV 2026) and its predecessor (2025).
    "yermandy/gend_*": FACEFORENSICS,
    "yermandy/deepfake-detection": FACEFORENSICS,
    "nii-yamagishilab/*-anti-deepfake*": ANTI_DEEPFAKE,
    "speechantispoofingbenchmarks/*-antideepfake*": ANTI_DEEPFAKE,
    "speechbrain/spkrec-*-voxceleb": ("voxceleb1", "voxceleb2"),
    "microsoft/wavlm-*-sv": ("voxceleb1",),
    "abhishtagatya/*-asv19-deepfake": ("asvspoof2019",),
    "dima806/deepfake_vs_real_image_detection": ("archive",),
}
"""Pattern of hub names in lower case -> what the weights were trained on: keys of datasets here, or names of others."""

SHARED: tuple[frozenset[str], ...] = (
    # DFD was released as a part of FaceForensics++; dfd_faces are faces of its videos.
    frozenset({"faceforensics", "dff", "dfdfaces"}),
    # The real videos of FakeAVCeleb and the faces and voices of its fakes are VoxCeleb2's.
    frozenset({"fakeavceleb", "voxceleb2"}),
    frozenset({"deepvoice", "deepvoicedemo"}),
    frozenset({"archive", "openforensics"}),
)
"""Datasets with recordings in common, as `_simplify` writes them."""

# Shorter names, such as "dff", are not compared by their beginnings.
SHORTEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDataset:
    """One encoder that was trained on a dataset, or on one that shares its recordings."""

    encoder: str
    dataset: str
    """Of the manifest."""
    trained_on: str
    """As the table or the profile names it."""
    known_by: str
    """Where that is from: "the profile", or the weights in words."""


def find_seen_datasets(
    encoder: str, choice: EncoderChoice | None, weights: str, datasets: Iterable[str]
) -> Iterator[SeenDataset]:
    """Those of the manifest's `datasets` that `encoder` has seen.

    `choice`: its settings, whose `trained_on` counts instead of the table. `weights`: of its `EncoderSpec`, in words.
    """
    told = choice.trained_on if choice else None
    record = find_trained_on(find_given_weights(choice)) if choice else None
    if record is not None:  # adapted here: what it began with has seen datasets too
        told, weights = record.encoder.trained_on if told is None else told, record.weights
    names = _look_up(weights) if told is None else told
    for dataset in datasets:
        shared = next((name for name in names if shares_recordings(name, dataset)), None)
        if shared is not None:
            known_by = weights if told is None else "the profile"
            yield SeenDataset(encoder=encoder, dataset=dataset, trained_on=shared, known_by=known_by)


def shares_recordings(one: str, other: str) -> bool:
    """Do two datasets, by key or name, have recordings in common? "ASVspoof2019" and "asvspoof2019_la" do."""
    first, second = _simplify(one), _simplify(other)
    groups = ({first}, *(group for group in SHARED if any(_is_same(first, name) for name in group)))
    return any(_is_same(second, name) for group in groups for name in group)


def _look_up(weights: str) -> tuple[str, ...]:
    """By "hub owner/name", or "local /path/owner/name" of a copy."""
    name = weights.partition(" ")[2].lower().rstrip("/")
    found = (seen for pattern, seen in HUB.items() if fnmatchcase(name, pattern) or fnmatchcase(name, f"*/{pattern}"))
    return next(found, ())


def _simplify(name: str) -> str:
    """The key of a known dataset under any of its names, in letters and digits alone."""
    folded = normalize_name(name)
    for key, layout in LAYOUTS.items():
        if folded in (normalize_name(known) for known in layout.names if known not in layout.generic):
            name = key
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_same(one: str, other: str) -> bool:
    """Equal, or a part or version of the other: voxceleb is 1 or 2."""
    begins = one.startswith(other) or other.startswith(one)
    return one == other or (min(len(one), len(other)) >= SHORTEST and begins)
