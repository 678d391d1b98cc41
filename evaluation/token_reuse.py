"""Token stores that the runs of an ablation were trained on, and how many clips were encoded meanwhile."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from unmask.cache.store.inventory import list_stores
from unmask.cache.store.token_store import Finished, read_spec
from unmask.core.work_folder import WorkFolder
from unmask.train.token_usage import list_token_use


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUse:
    encoder: str
    store: str
    """Folder under tokens/."""
    clips: int
    tokens: int
    runs: int
    """Runs of the table that were trained on this store."""
    computed: int
    """Clips encoded since the ablation started."""


def store_uses(work: WorkFolder, runs: Collection[str], since: float) -> tuple[StoreUse, ...]:
    """One entry per store that any of `runs` was trained on. `since`: seconds since 1970."""
    used = [facts for facts in list_stores(work, list_token_use(work.runs)) if set(facts.runs) & set(runs)]
    return tuple(
        StoreUse(
            encoder=facts.encoder,
            store=facts.folder,
            clips=facts.clips,
            tokens=facts.tokens,
            runs=len(set(facts.runs) & set(runs)),
            computed=_count_clips_written(work, facts.folder, since),
        )
        for facts in used
    )


def _count_clips_written(work: WorkFolder, store: str, since: float) -> int:
    spec, media = read_spec(work.tokens / store)
    shards = [path for path in (work.tokens / store).glob("shard-*.zarr") if path.stat().st_mtime >= since]
    finished = (Finished.read(path, spec.fingerprint(media)) for path in shards)
    return sum(len(about.keys) for about in finished if about is not None)


def describe_token_reuse(uses: Collection[StoreUse], runs: int) -> str:
    clips, tokens = max(use.clips for use in uses), sum(use.tokens for use in uses)
    return (
        f"Tokens: {tokens:,} of {clips:,} clips in {len(uses)} stores, shared by the {runs} runs of this table; "
        f"clips encoded for it: {sum(use.computed for use in uses):,}."
    )
