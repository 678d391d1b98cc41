"""Which media file an id in a foreign file means.

N ids
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import UsageError
from unmask.core.files.csv_tables import MARK, unguard_cell
from unmask.manifests.manifest import MediaRow

SHOWN = 3


class _Ends:
    """Positions of paths by their end: `full` is "dataset/path" of each row, `paths` its path alone."""

    def __init__(self, full: Sequence[str], paths: Sequence[str]) -> None:
        self._full = full
        # By one and by two names: many folders may hold a file of one name.
        self._by_end: dict[str, list[int]] = {}
        self._by_path: dict[str, list[int]] = {}
        for number, (whole, path) in enumerate(zip(full, paths, strict=True)):
            self._by_path.setdefault(path, []).append(number)
            for end in {_take_end(whole, 1), _take_end(whole, 2)}:
                self._by_end.setdefault(end, []).append(number)

    def find(self, wanted: str) -> list[int]:
        """Rows that end with `wanted`; without one, those of the longest path that `wanted` ends with."""
        near = self._by_end.get(_take_end(wanted, 2), [])
        inside = [number for number in near if f"/{self._full[number]}".endswith(f"/{wanted}")]
        longer = (self._by_path[end] for end in _list_ends(wanted) if end in self._by_path)
        return inside or next(longer, [])


class ItemIds:
    """Finds rows by media_id, "dataset/path", the end of a path, or the file's name without its extension.

    The end is that of either: `videos/1.mp4` means `celeb_df/real/videos/1.mp4`, and a path of another machine,
    `/data/Celeb-DF/real/videos/1.mp4`, the row that it ends with; the longest such path counts.
    """

    def __init__(self, rows: Sequence[MediaRow]) -> None:
        self._full = [f"{row.dataset}/{row.path}" for row in rows]
        self._paths = [row.path for row in rows]
        self._exact = {full: number for number, full in enumerate(self._full)}
        self._exact |= {row.media_id: number for number, row in enumerate(rows)}

    @cached_property
    def _named(self) -> _Ends:
        return _Ends(self._full, self._paths)

    @cached_property
    def _stems(self) -> _Ends:
        return _Ends(list(map(_cut_extension, self._full)), list(map(_cut_extension, self._paths)))

    def find(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """(N,) position of each id's row, -1 for an unknown id. `UsageError` where an id fits several rows."""
        numbers, unclear = [], []
        for key in ids:
            found = self._find(key)
            if len(found) > 1:
                unclear.append((key, found))
            numbers.append(found[0] if found else -1)
        if unclear:
            raise UsageError(
                f"{len(unclear)} ids fit several media files: {'; '.join(map(self._describe, unclear[:SHOWN]))}",
                "name them by dataset/path or media_id, as `unmask evaluate --export FILE.csv` writes them",
            )
        return np.array(numbers, np.int64)

    def _find(self, key: str) -> list[int]:
        if key in self._exact:
            return [self._exact[key]]
        # Our own tables mark names that a spreadsheet would calculate.
        return self._find_end(key) or (self._find_end(unguard_cell(key)) if key.startswith(MARK) else [])

    def _find_end(self, key: str) -> list[int]:
        wanted = key.replace("\\", "/").removeprefix("./")
        # A dot may belong to the name: the whole name is a stem before it is cut.
        return self._named.find(wanted) or self._stems.find(wanted) or self._stems.find(_cut_extension(wanted))

    def _describe(self, one: tuple[str, list[int]]) -> str:
        key, numbers = one
        more = f" and {len(numbers) - 2} more" if len(numbers) > 2 else ""
        return f"{key!r} fits {self._full[numbers[0]]} and {self._full[numbers[1]]}{more}"


def _take_end(path: str, names: int) -> str:
    return "/".join(path.split("/")[-names:])


def _list_ends(path: str) -> Iterator[str]:
    """The parts of `path` after each of its slashes, the longest first."""
    parts = path.split("/")
    return ("/".join(parts[start:]) for start in range(1, len(parts)))


def _cut_extension(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem else name}"
