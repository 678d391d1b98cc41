"""The kinds of slices. SLICE_KINDS lists each one once; the tables, the JSON and the report follow it.

A part of a dataset's fakes is compared with real items of the same dataset: with all of them where it is a method, with
those of the same compression, media kind or attribute where the real items have one too.

N items
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.slices.identity_attributes import read_attributes
from unmask.evaluation.slices.results import EVERYTHING
from unmask.manifests.manifest import COMPRESSIONS

CATEGORIES = {
    (False, False): "real video, real audio",
    (False, True): "real video, fake audio",
    (True, False): "fake video, real audio",
    (True, True): "fake video, fake audio",
}
"""FakeAVCeleb's four types, by (video_fake, audio_fake)."""


@dataclass(frozen=True)
class Slice:
    """Which items a row is about."""

    dataset: str
    name: str
    members: NDArray[np.bool_]
    """(N,)"""


@dataclass(frozen=True, kw_only=True)
class SliceKind:
    name: str
    """In evaluation.json."""
    title: str
    """Heading of its rows."""
    find: Callable[[ItemSet], Iterable[Slice]]
    has_parts: bool = False
    """Its rows show the AUC of the image's and of the audio's own score too."""


def find_methods(items: ItemSet) -> Iterator[Slice]:
    """The fakes of each method against all real items of their dataset; none where no method is known."""
    for dataset, here in _split_datasets(items):
        methods = _list_methods(items, here)
        for method in methods if methods != ["unknown"] else []:
            yield Slice(dataset, method, here & (~items.is_fake | (_get_methods(items) == method)))


def find_compressions(items: ItemSet) -> Iterator[Slice]:
    """Both classes at each level."""
    for dataset, here in _split_datasets(items):
        for level in _list_levels(items, here):
            yield Slice(dataset, level, here & (_get_levels(items) == level))


def find_compressed_methods(items: ItemSet) -> Iterator[Slice]:
    """The fakes of each method against the real items, both at one level; only of datasets with several levels."""
    for dataset, here in _split_datasets(items):
        levels, methods = _list_levels(items, here), _list_methods(items, here)
        for level in levels if len(levels) > 1 and methods != ["unknown"] else []:
            at_level = here & (_get_levels(items) == level)
            for method in methods:
                chosen = at_level & (~items.is_fake | (_get_methods(items) == method))
                if (chosen & items.is_fake).any():
                    yield Slice(dataset, f"{method}, {level}", chosen)


def find_categories(items: ItemSet) -> Iterator[Slice]:
    """Each category of fakes against the items with real video and real audio, where a dataset has two or more."""
    kinds = np.array([_name_category(row.video_fake, row.audio_fake) for row in items.rows], np.str_)
    genuine = kinds == CATEGORIES[False, False]
    for dataset, here in _split_datasets(items):
        present = [name for name in CATEGORIES.values() if (here & (kinds == name)).any()]
        for name in present if len(present) > 1 else []:
            yield Slice(dataset, name, here & ((kinds == name) | genuine))


def find_media_kinds(items: ItemSet) -> Iterator[Slice]:
    """Images, audio files and videos, of all datasets together and of each dataset with more than one kind."""
    kinds = np.array([row.kind for row in items.rows], np.str_)
    for dataset, here in [(EVERYTHING, np.ones(len(items), np.bool_)), *_split_datasets(items)]:
        present = np.unique(kinds[here]).tolist()
        for kind in present if dataset == EVERYTHING or len(present) > 1 else []:
            yield Slice(dataset, kind, here & (kinds == kind))


def find_attributes(items: ItemSet) -> Iterator[Slice]:
    """Each value of each attribute of the shown person, of datasets that name them."""
    found = [read_attributes(row.dataset, row.path) for row in items.rows]
    for dataset, here in _split_datasets(items):
        for name in sorted({name for one, inside in zip(found, here, strict=True) if inside for name in one}):
            values = np.array([one.get(name, "") for one in found], np.str_)
            for value in sorted(set(values[here].tolist()) - {""}):
                yield Slice(dataset, f"{name}: {value}", here & (values == value))


SLICE_KINDS: tuple[SliceKind, ...] = (
    SliceKind(name="method", title="per method", find=find_methods),
    SliceKind(name="compression", title="per compression", find=find_compressions),
    SliceKind(name="method_compression", title="per method and compression", find=find_compressed_methods),
    SliceKind(name="category", title="per category of video and audio", find=find_categories, has_parts=True),
    SliceKind(name="media", title="per kind of media", find=find_media_kinds),
    SliceKind(name="attribute", title="per attribute of the person", find=find_attributes),
)
"""In the order of the tables."""


def _split_datasets(items: ItemSet) -> list[tuple[str, NDArray[np.bool_]]]:
    return [(name, np.array(items.dataset == name, np.bool_)) for name in items.datasets]


def _get_methods(items: ItemSet) -> NDArray[np.str_]:
    return np.array([row.method for row in items.rows], np.str_)


def _list_methods(items: ItemSet, here: NDArray[np.bool_]) -> list[str]:
    methods: list[str] = np.unique(_get_methods(items)[here & items.is_fake]).tolist()
    return methods


def _get_levels(items: ItemSet) -> NDArray[np.str_]:
    return np.array([row.compression or "" for row in items.rows], np.str_)


def _list_levels(items: ItemSet, here: NDArray[np.bool_]) -> list[str]:
    present = set(_get_levels(items)[here].tolist())
    return [level for level in COMPRESSIONS if level in present]


def _name_category(video_fake: bool | None, audio_fake: bool | None) -> str:
    """ "" where one of both is not known."""
    return "" if video_fake is None or audio_fake is None else CATEGORIES[video_fake, audio_fake]
