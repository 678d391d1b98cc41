"""Counts per dataset and stage, read from the files of the stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.cache.store.profile_index import ProfileTokens
from unmask.cache.store.token_store import Finished
from unmask.evaluation.results import Evaluation
from unmask.evaluation.sentences import list_flagged
from unmask.evaluation.unscored_items import format_reason
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.outcomes import Outcome, may_show_fake_face
from unmask.train.best_epoch import describe_choice
from unmask.train.run_info import RunSummary

# Marks of demo data in the folder of the datasets: a file of this name, or a README with this title.
SYNTHETIC = "SYNTHETIC.txt"
TITLE = "# Synthetic demo corpus"

Outcomes = Mapping[str, Outcome]
"""media_id -> outcome of preprocessing."""


@dataclass(frozen=True, slots=True)
class DatasetLine:
    name: str
    kinds: str
    real: int
    fake: int
    splits: tuple[int, int, int, int]
    """train, val, test, no split."""
    failed: int
    faces: int
    fallback: int
    """Center crops among the faces, taken where no face was found."""


@dataclass(frozen=True, slots=True)
class StageLine:
    stage: str
    unit: str
    given: int
    done: int
    failed: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class FailureLine:
    stage: str
    item: str
    reason: str


def is_synthetic(manifest: Manifest) -> bool:
    """True if a dataset is in a folder that is marked as demo data."""
    folders = {folder for root in map(Path, manifest.roots.values()) for folder in (root, *list(root.parents)[:3])}
    return any((folder / SYNTHETIC).is_file() or _has_title(folder / "README.md") for folder in folders)


def _has_title(readme: Path) -> bool:
    if not readme.is_file():
        return False
    with readme.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip() == TITLE


def count_datasets(rows: Sequence[MediaRow], outcomes: Outcomes) -> list[DatasetLine]:
    names = {row.dataset: row.domain_id for row in rows}
    ordered = sorted(names, key=lambda name: (names[name], name))
    return [_count_dataset(name, [row for row in rows if row.dataset == name], outcomes) for name in ordered]


def _count_dataset(name: str, rows: list[MediaRow], outcomes: Outcomes) -> DatasetLine:
    splits = Counter(row.split for row in rows)
    known = [outcomes[row.media_id] for row in rows if row.status == "ok" and row.media_id in outcomes]
    return DatasetLine(
        name=name,
        kinds=", ".join(sorted({row.kind for row in rows})),
        real=sum(row.label == 0 for row in rows),
        fake=sum(row.label == 1 for row in rows),
        splits=(splits["train"], splits["val"], splits["test"], splits[None]),
        failed=sum(row.status == "failed" for row in rows) + sum(one.outcome == "failed" for one in known),
        faces=sum(one.faces for one in known),
        fallback=sum(one.fallback_faces for one in known),
    )


def count_stages(
    rows: Sequence[MediaRow],
    outcomes: Outcomes,
    streams: ProfileTokens,
    finished: Mapping[str, list[Finished]],
    evaluation: Evaluation,
) -> list[StageLine]:
    """Files or clips given, done and failed per stage, over all its runs."""
    usable = [row for row in rows if row.status == "ok"]
    processed = [outcomes[row.media_id] for row in usable if row.media_id in outcomes]
    refused = sum(one.outcome == "failed" for one in processed)
    fakes = {row.media_id for row in usable if may_show_fake_face(row.label, row.video_fake)}
    ambiguous = sum(one.ambiguous_windows > 0 and one.media_id in fakes for one in processed)
    plural = "s" * (ambiguous != 1)
    unclear = f", {ambiguous} fake{plural} with several faces of similar size and no mask" if ambiguous else ""
    lines = [
        StageLine("scan", "files", len(rows), len(usable), len(rows) - len(usable)),
        StageLine(
            "preprocess",
            "files",
            len(usable),
            len(processed) - refused,
            len(usable) - len(processed) + refused,
            f"{sum(one.clips for one in processed)} clips, {sum(one.faces for one in processed)} faces, "
            f"{sum(one.audio_s for one in processed) / 60:.1f} min of audio{unclear}",
        ),
    ]
    for encoder, store in streams.stores.items():
        shards = finished[encoder]
        given, failed = sum(len(shard.keys) for shard in shards), sum(len(shard.failed) for shard in shards)
        note = f"{int((store.lengths > 0).sum())} clips have {store.spec.modality}, {int(store.lengths.sum())} tokens"
        lines.append(StageLine(f"extract {encoder}", "clips", given, given - failed, failed, note))
    in_scope = evaluation.given - evaluation.out_of_scope
    stage = f"evaluate ({evaluation.split})"
    lines.append(StageLine(stage, "items", in_scope, evaluation.scored, len(evaluation.failures)))
    return lines


def read_finished_shards(streams: ProfileTokens) -> dict[str, list[Finished]]:
    """Encoder -> its finished token shards."""
    finished: dict[str, list[Finished]] = {}
    for encoder, store in streams.stores.items():
        shards = [Finished.read(store.folder / name, store.fingerprint) for name in streams.shards]
        finished[encoder] = [shard for shard in shards if shard is not None]
    return finished


def list_failures(
    rows: Sequence[MediaRow], outcomes: Outcomes, finished: Mapping[str, list[Finished]]
) -> list[FailureLine]:
    """One line per item that failed in a stage or is incomplete, with the reason."""
    names = {row.media_id: f"{row.dataset}/{row.path}" for row in rows}
    lines = [FailureLine("scan", names[row.media_id], row.reason or "") for row in rows if row.status == "failed"]
    for row in rows:
        outcome = outcomes.get(row.media_id)
        if row.status == "ok" and (outcome is None or outcome.outcome == "failed"):
            lines.append(FailureLine("preprocess", names[row.media_id], format_reason(row, outcome)))
        elif row.status == "ok" and outcome is not None and outcome.problem:
            lines.append(FailureLine("preprocess", names[row.media_id], f"in part: {outcome.problem}"))
    for encoder, shards in finished.items():
        for clip, why in sorted(pair for shard in shards for pair in shard.failed.items()):
            media_id, _, number = clip.rpartition("/")
            lines.append(FailureLine(f"extract {encoder}", f"{names.get(media_id, media_id)}, clip {number}", why))
    return lines


def describe_run(evaluation: Evaluation, preset: str, seed: int, summary: RunSummary | None) -> list[tuple[str, str]]:
    """(name, value) pairs about the model, its training and the machine."""
    seeds = f"{seed} to {seed + summary.members - 1}" if summary and summary.members else str(seed)
    facts = [("preset", preset), ("profile", evaluation.profile), ("training seed", seeds)]
    if summary is not None:
        facts += [
            ("model", f"{summary.size}, {summary.parameters / 1e6:.1f} M parameters"),
            ("training items", f"{summary.train_items} ({summary.train_clips} clips)"),
            ("epochs", _describe_epochs(summary)),
            ("training time", f"{summary.train_seconds:.1f} s"),
        ]
    facts += [
        ("split scheme", evaluation.split_scheme),
        ("split hash", evaluation.split_hash),
        ("threshold", f"{evaluation.model.threshold:.3f} (validation)"),
    ]
    facts += [("shortcuts in the data", _describe_shortcuts(evaluation))]
    facts += [("evaluated on", evaluation.machine.get("device", ""))]
    return facts + [(name, value) for name, value in evaluation.machine.items() if name != "device"]


def _describe_epochs(summary: RunSummary) -> str:
    if summary.members:
        return f"{summary.epochs} in all, of {summary.members} members; mean of their logits"
    return f"{summary.epochs}, {summary.best_epoch} is kept ({describe_choice(summary.criterion)})"


def _describe_shortcuts(evaluation: Evaluation) -> str:
    flagged = list_flagged(evaluation)
    words = f"in {', '.join(flagged)}" if flagged else "none flagged"
    by = {"audit": "by the audit", "headers": "by file headers; not audited", "none": "not audited"}[evaluation.audit]
    return by if evaluation.audit == "none" else f"{words} ({by})"
