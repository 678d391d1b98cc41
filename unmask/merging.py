"""`merge`: joins the parts that scan, preprocess and extract made on several machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.open_work import OpenWork
from unmask.scanning import find_parts

if TYPE_CHECKING:
    from unmask.preprocess.profiles import Profile


def merge_parts(
    work: OpenWork, others: Sequence[WorkFolder], choose_profile: Callable[[], Profile], workers: int | None = None
) -> list[StageReport]:
    """Join the parts of every stage that has some, in `work` or in `others`; one report per stage or encoder.

    A stage whose parts are unfinished raises `MissingInput`, after the stages before it are joined. No report where
    all parts are joined already, also by another `merge` at the same time.
    """
    reports: list[StageReport] = []
    folders = [work.folder, *others]
    if parts := find_parts(work.folder, others):
        reports += work.merge_scan(parts, workers).reports
    has_shards = any(chain.from_iterable(folder.media.glob("*/plan.json") for folder in folders))
    if not has_shards and any(chain.from_iterable(folder.scan_parts.glob("*-of-*.json") for folder in folders)):
        return reports
    return reports + _merge_shards(work, others, choose_profile())


def _merge_shards(work: OpenWork, others: Sequence[WorkFolder], profile: Profile) -> list[StageReport]:
    from unmask.cache.merge import has_parts, merge_tokens
    from unmask.preprocess.partition import merge

    manifest = work.read_manifest()
    reports = [merge(manifest, profile.preprocess, work.folder, others)]
    if has_parts(profile, [work.folder, *others]):
        reports += merge_tokens(manifest, profile, work.folder, others)
    return reports
