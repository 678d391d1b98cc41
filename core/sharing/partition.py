"""Division of a stage among machines: each does one partition, without knowing of the others."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from unmask.core.errors import UsageError

Shard = TypeVar("Shard")


@dataclass(frozen=True, slots=True)
class Partition:
    """Partition `number` of `count`, counted from 1."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str | None) -> Partition:
        """From "2/8"; None is the whole. Raises `UsageError` for anything else."""
        if text is None:
            return WHOLE
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        partition = cls(*map(int, match.groups())) if match else cls(0, 0)
        if not 1 <= partition.number <= partition.count:
            raise UsageError(f"--shard {text}: not a partition number", "use 1/8 to 8/8 on eight machines")
        return partition

    @property
    def is_whole(self) -> bool:
        return self.count == 1

    def select(self, shards: Sequence[Shard]) -> list[Shard]:
        """Every `count`-th shard: neighboring shards are of one dataset, and datasets differ in cost."""
        return list(shards[self.number - 1 :: self.count])

    def choose(self, names: Set[str]) -> Set[str] | None:
        """`names`, those of its shards; None for the whole, which has all."""
        return None if self.is_whole else names

    def contains(self, media_id: str) -> bool:
        """Does a file belong to it? By the hash of its name, so that a new file moves no other."""
        return int(media_id[:8], 16) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Partition()
