"""The nine datasets' layouts as data: which files exist, who is in them, how the fakes were made.

Names follow the datasets' own releases. Fakes join people within small cliques only, so that a split by identity can
keep every clique whole and still have both classes in train, validation and test. `scale` thins the corpus: fewer
cliques (three at least) and fewer files of each (a real and a fake one at least).
"""

from __future__ import annotations

from collections.abc import Callable

from unmask.demo.audio_datasets import deepvoice, deepvoice_demo
from unmask.demo.image_datasets import archive, deepfake_images
from unmask.demo.items import Item, dealt
from unmask.demo.thinning import Group
from unmask.demo.video_datasets import celeb_df, dfd_faces, dff, faceforensics, fakeavceleb

MAKERS: tuple[Callable[[int, float], Group], ...] = (
    deepfake_images,
    archive,
    faceforensics,
    celeb_df,
    deepvoice,
    deepvoice_demo,
    fakeavceleb,
)


def all_items(seed: int, scale: float) -> list[Item]:
    """Every media file of the corpus, in a fixed order."""
    films = dealt(dff(seed, scale), seed)
    by_dataset = [dealt(make(seed, scale), seed) for make in MAKERS] + [dealt(dfd_faces(films), seed), films]
    return [item for items in by_dataset for item in items]
