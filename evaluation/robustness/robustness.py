"""The evaluated items of a run again under corruptions, scored from kept tokens.

N evaluated items
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput, UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import find_evaluation
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.open_run import OpenRun, check_split, open_run
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.results import Evaluation
from unmask.evaluation.robustness.cell_tokens import Cell, encode_cells, list_changed
from unmask.evaluation.robustness.corruptions import (
    CORRUPTIONS,
    Corruption,
    Stream,
    choose_corruptions,
    choose_strengths,
)
from unmask.evaluation.robustness.measure import measure_figures
from unmask.evaluation.robustness.results import (
    CellResult,
    Robustness,
    merge_cells,
    read_robustness,
    write_robustness,
)
from unmask.manifests.manifest import read_manifest
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.sync_curves import SyncCurves
from unmask.train.data.token_data import TokenData

log = logging.getLogger("unmask")

STREAMS: tuple[Stream, ...] = ("image", "audio")
SAME = 1e-6
"""Difference of a score from that of the evaluation that other hardware may make."""


def measure_robustness(
    run: Path,
    work: WorkFolder,
    *,
    only: Sequence[str] = (),
    strengths: Sequence[int] = (),
    device: torch.device,
    batch_size: int = 64,
) -> Robustness:
    """AUC of `run` on its evaluated items under each corruption and strength; also written to its folder.

    `only`: names of corruptions, `strengths`: some of 1, 2, 3; none: all. What an earlier call measured of the same
    weights and items stays in the result. `batch_size` of the encoders. `MissingInput` for a run that has not been
    evaluated, and where the split, the media or the encoders are not those of its training.
    """
    chosen, steps = choose_corruptions(only), choose_strengths(strengths)
    test = _Test.open(run, work, device)
    possible = [one for one in chosen if test.touched(one.stream).any()]
    if not possible:
        has = ", ".join(stream for stream in STREAMS if test.touched(stream).any()) or "neither"
        raise UsageError(
            f"{run.name}: no evaluated item has a stream that these corruptions change (it reads {has})",
            f"--only {','.join(one.name for one in CORRUPTIONS if test.touched(one.stream).any())}",
        )
    cells = [Cell(corruption, strength) for corruption in possible for strength in steps]
    media_ids = {stream: {row.media_id for row in test.items.only(test.touched(stream)).rows} for stream in STREAMS}
    tokens = encode_cells(test.opened, work, media_ids, cells, device=device, batch_size=batch_size)
    log.info("robustness: %d corrupted clips encoded, %d conditions scored", tokens.encoded, len(cells))
    results = [test.measure(one, 0, test.clean) for one in possible]
    results += [test.score(cell, tokens.stores[cell], device) for cell in cells]
    found = test.summarize(results)
    write_robustness(run, found)
    return found


def find_robustness(run: Path, evaluation: Evaluation) -> Robustness | None:
    """The robustness of the weights and items of `evaluation`; None if it was not measured."""
    try:
        found = read_robustness(run)
    except MissingInput:
        return None
    ours = (found.key, found.best_epoch, found.threshold, found.split, found.scored)
    theirs = (
        evaluation.key,
        evaluation.best_epoch,
        evaluation.model.threshold,
        evaluation.split,
        evaluation.scored,
    )
    return found if ours == theirs else None


@dataclass(frozen=True, kw_only=True)
class _Test:
    """The evaluated items of a run, and their clean scores."""

    opened: OpenRun
    evaluation: Evaluation
    items: ItemSet
    """In the order of predictions.parquet."""
    numbers: NDArray[np.int64]
    """(N,) in the clip table."""
    clean: NDArray[np.float64]
    """(N,) scored again, from the clean tokens."""
    stored: NDArray[np.float64]
    """(N,) scores of predictions.parquet."""

    @classmethod
    def open(cls, run: Path, work: WorkFolder, device: torch.device) -> _Test:
        evaluation = find_evaluation(run)
        if evaluation is None:
            raise MissingInput(f"{run.name}: its current weights have not been evaluated", "unmask evaluate")
        opened = open_run(run, work, read_manifest(work.manifest), device)
        check_split(run, opened.info, opened.manifest)
        table, scorable = read_predictions(run), opened.list_scorable()
        media_ids: list[str] = table.column("media_id").to_pylist()
        rows = {row.media_id: row for row in opened.manifest.rows()}
        if not set(media_ids) <= scorable.keys() & rows.keys():
            raise MissingInput(f"{run.name}: items of its evaluation have no tokens here", "unmask evaluate")
        numbers = np.array([scorable[one] for one in media_ids], np.int64)
        items = ItemSet(tuple(rows[one] for one in media_ids))
        clean = _score(opened, numbers, device)
        assert np.isfinite(clean).all()
        stored = np.array(table.column("score").to_pylist(), np.float64)
        return cls(opened=opened, evaluation=evaluation, items=items, numbers=numbers, clean=clean, stored=stored)

    def touched(self, stream: Stream) -> NDArray[np.bool_]:
        """(N,) items with tokens that a corruption of `stream` changes."""
        names = list_changed(self.opened, stream)
        if not names:
            return np.zeros(len(self.items), np.bool_)
        clips = np.flatnonzero(self.opened.data.lengths(names).sum(axis=1) > 0)
        return np.isin(self.numbers, self.opened.data.clips.item[clips])

    def score(self, cell: Cell, stores: Mapping[str, TokenStore], device: torch.device) -> CellResult:
        """Scores of the touched items with the corrupted tokens, and their figures."""
        touched = self.touched(cell.corruption.stream)
        corrupted = replace(self.opened, data=_replace_tokens(self.opened.data, stores))
        scores = self.clean.copy()
        scores[touched] = _score(corrupted, self.numbers[touched], device)
        return self.measure(cell.corruption, cell.strength, scores)

    def measure(self, corruption: Corruption, strength: int, scores: NDArray[np.float64]) -> CellResult:
        """`scores` (N,); NaN: lost under the corruption."""
        touched = self.touched(corruption.stream)
        lost = ~np.isfinite(scores)
        scores = np.where(lost, self.clean, scores)
        figures = measure_figures(
            self.items.only(touched), self.clean[touched], scores[touched], seed=self.evaluation.seed
        )
        return CellResult(
            corruption=corruption.name,
            title=corruption.title,
            stream=corruption.stream,
            strength=strength,
            value=corruption.describe(strength),
            items=int(touched.sum()),
            lost=int(lost.sum()),
            figures=figures,
        )

    def summarize(self, cells: Sequence[CellResult]) -> Robustness:
        """With the cells of an earlier call."""
        found = Robustness(
            run=self.opened.run.name,
            key=self.evaluation.key,
            best_epoch=self.evaluation.best_epoch,
            threshold=self.evaluation.model.threshold,
            split=self.evaluation.split,
            seed=self.evaluation.seed,
            scored=len(self.items),
            clean=measure_figures(self.items, self.clean, self.clean, seed=self.evaluation.seed),
            cells=tuple(cells),
            encoders={stream: list_changed(self.opened, stream) for stream in STREAMS},
        )
        try:
            before = read_robustness(self.opened.run)
            cells = merge_cells(found, before if before.belongs_to(found) else found)
        except MissingInput:
            cells = merge_cells(found, found)
        return replace(found, cells=cells, notes=self._write_notes(cells))

    def _write_notes(self, cells: Sequence[CellResult]) -> tuple[str, ...]:
        notes, settings = [], self.opened.data.profile.preprocess
        if (apart := float(np.abs(self.clean - self.stored).max())) > SAME:
            notes.append(f"Clean scores differ from those of the evaluation by up to {apart:.1g}: other hardware?")
        names = {cell.corruption for cell in cells}
        if settings.trim_silence and "add-silence" in names:
            notes.append(
                "The profile trims silence, so it would cut silence that is added to a file away again: the rows "
                "of added silence show what it would cost without that."
            )
        if settings.trim_silence and "trim-silence" in names:
            notes.append(
                f"The profile trims silence below {settings.silence_db:g} dB: trimmed silence starts from there."
            )
        if lost := [cell for cell in cells if cell.lost]:
            notes.append(f"{max(cell.lost for cell in lost)} items could not be scored in a condition (kept clean).")
        return tuple(notes)


def _score(opened: OpenRun, numbers: NDArray[np.int64], device: torch.device) -> NDArray[np.float64]:
    """(len(numbers),) probability of fake; NaN for an item without tokens."""
    clips = opened.select_clips()
    have = np.unique(opened.data.clips.item[clips])
    scored = np.intersect1d(numbers, have)
    found, _ = opened.score(scored.tolist(), device=device)
    score_of = dict(zip(scored.tolist(), found.score.tolist(), strict=True))
    return np.array([score_of.get(number, np.nan) for number in numbers.tolist()], np.float64)


def _replace_tokens(data: TokenData, stores: Mapping[str, TokenStore]) -> TokenData:
    """`data` with the tokens of `stores` in place of those of the same encoders; the other encoders stay clean."""
    changed = {name: StreamTokens.of(store, data.clips.keys) for name, store in stores.items()}
    streams = {name: changed.get(name, stream) for name, stream in data.streams.items()}
    sync = data.sync and SyncCurves.find(
        {name: changed.get(name, side) for name, side in data.sync.sides.items()}, data.clips
    )
    return replace(data, streams=streams, sync=sync)
