"""Attributes of the shown person that a dataset's folders name. Read when results are sliced, never for training."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_FAKEAVCELEB_PERSON = re.compile(r"id\d{5}", re.IGNORECASE)


def read_fakeavceleb(path: str) -> dict[str, str]:
    """Race and gender from .../<race>/<gender>/<idNNNNN>/<file>; nothing in a flat copy.

    They are the dataset's own labels, with its own words. The folder's names are used as they are.
    """
    folders = path.split("/")[:-1]
    person = next((place for place, name in enumerate(folders) if _FAKEAVCELEB_PERSON.fullmatch(name)), 0)
    # The type's folder comes before both.
    if person < 3:
        return {}
    return {"race": folders[person - 2], "gender": folders[person - 1]}


ATTRIBUTES: Mapping[str, Callable[[str], Mapping[str, str]]] = {"fakeavceleb": read_fakeavceleb}
"""Dataset -> function from a path in it to attributes and their values. A new dataset is one entry."""


def read_attributes(dataset: str, path: str) -> Mapping[str, str]:
    """Attribute -> value of the file's person; empty where the dataset names none."""
    read = ATTRIBUTES.get(dataset)
    return {} if read is None else read(path)
