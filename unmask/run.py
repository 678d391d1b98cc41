"""A trained run: evaluate it, score new files with it, read what its training logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.machine import choose_device
from unmask.core.work_folder import WorkFolder
from unmask.result_tables.epoch_table import EpochTable
from unmask.tables import EvaluationTable, Row, Table, VerdictTable

if TYPE_CHECKING:
    import torch

    from unmask.bundle_run import BundleRun
    from unmask.evaluation.verdicts.verdict import Verdict
    from unmask.manifests.manifest import Manifest
    from unmask.preprocess.stage import Limits
    from unmask.result_tables.robustness_table import RobustnessTable
    from unmask.train.config import TrainConfig
    from unmask.train.run_choice import Purpose
    from unmask.train.run_info import RunSummary

FIGURES = {
    "macro_auc": ("model", "macro"),
    "macro_5_auc": ("model", "macro 5+"),
    "pooled_auc": ("model", "pooled"),
    "probe_pooled_auc": ("linear probe", "pooled"),
}
"""Column of `Work.runs()` -> scorer and row of the evaluation that its AUC is of."""
INTERVAL = ("macro_auc_low", "macro_auc_high")


class Run:
    """One trained model and its files, in a folder under `<work>/runs`."""

    def __init__(self, folder: Path, work: WorkFolder, summary: RunSummary | None = None) -> None:
        self.folder = folder
        self._work = work
        self._summary = summary

    @property
    def name(self) -> str:
        """<preset>-s<seed>-<8 hex digits of settings and data>, or <preset>-ensemble<members>-s<first seed>-<...>."""
        return self.folder.name

    @cached_property
    def config(self) -> TrainConfig:
        """The settings it was trained with, "auto" resolved."""
        from unmask.train.config import TrainConfig
        from unmask.train.run_folder import CONFIG

        return TrainConfig.model_validate(_read(self.folder / CONFIG))

    @property
    def summary(self) -> RunSummary:
        """Size, epochs, training time, validation metrics of the best epoch. `MissingInput` for an unfinished run."""
        from unmask.train.run_folder import read_summary

        return self._summary or read_summary(self.folder)

    @property
    def purpose(self) -> Purpose:
        """ "train"; "ablation", "control" or "member" of an ensemble for a run that is only taken where it is named."""
        from unmask.train.run_choice import read_purpose

        return read_purpose(self.folder)

    @property
    def members(self) -> RunTable:
        """The runs of an ensemble; empty for any other run."""
        from unmask.train.run_choice import list_members

        return RunTable(Run(self.folder.parent / name, self._work) for name in list_members(self.folder))

    @property
    def finished(self) -> bool:
        """False where training was stopped: the same call of `Work.train` continues it."""
        from unmask.train.run_folder import SUMMARY

        return (self.folder / SUMMARY).is_file()

    @property
    def metrics(self) -> EpochTable:
        """Losses and validation metrics, one row per epoch."""
        from unmask.train.run_folder import read_metrics

        return EpochTable(read_metrics(self.folder))

    @property
    def evaluation(self) -> EvaluationTable | None:
        """The stored evaluation of the present weights; None before `evaluate`."""
        from unmask.evaluation.evaluate import find_evaluation

        found = find_evaluation(self.folder)
        return None if found is None else EvaluationTable(found)

    def evaluate(
        self,
        split: Literal["test", "val"] = "test",
        *,
        random: Literal["own", "tiny"] | None = None,
        device: str = "auto",
    ) -> EvaluationTable:
        """Metrics per dataset on `split`, beside the controls; also written to the run folder.

        `random`: also extract tokens of random encoders to compare with, of the run's "own" networks or of "tiny" ones
        (docs/reading-results.md). None: compare with those that are extracted already.
        `MissingInput` where the manifest's split, the profile or the tokens are not those of the training.
        """
        from unmask.evaluation.evaluate import evaluate

        at = choose_device(device)
        return EvaluationTable(evaluate(self.folder, self._work, device=at, split=split, random=random))

    def export_scores(self, path: str | Path) -> None:
        """Write the scores of the last `evaluate`: .csv with ids, or .txt or .tsv as ASVspoof (high is real)."""
        from unmask.evaluation.foreign.export import export_scores

        export_scores(self.folder, Path(path))

    def robustness(
        self,
        only: Sequence[str] = (),
        strengths: Sequence[int] = (),
        *,
        device: str = "auto",
        batch_size: int = 64,
    ) -> RobustnessTable:
        """AUC on the evaluated items under corruptions (docs/robustness.md); also written to the run folder.

        `only`: names such as "jpeg", `strengths`: some of 1, 2, 3; none: all. Corrupted tokens are kept.
        `MissingInput` for a run that was not evaluated, and where split, media or encoders are not its own.
        """
        from unmask.result_tables.robustness_table import measure_run

        at = choose_device(device)
        return measure_run(self.folder, self._work, only, strengths, device=at, batch_size=batch_size)

    def predict(
        self,
        files: Iterable[str | Path] | str | Path,
        *,
        explain: bool = False,
        html: str | Path | None = None,
        out: str | Path | None = None,
        limits: Limits | None = None,
        show: Callable[[Verdict], None] | None = None,
        device: str = "auto",
    ) -> VerdictTable:
        """Score images, audio files or videos: one `Verdict` per file, in their order (docs/predict.md).

        A folder stands for the media files in and below it, a pattern ("clips/*.mp4") for the files that match it.
        `explain`: with `Verdict.explanation` (docs/explanations.md). `html`: where a page of the verdicts, with
        pictures, is written (docs/verdict-page.md). `out`: a file of JSON lines that a repeated call continues.
        `show`: called with each verdict as it is ready.
        """
        from unmask.evaluation.verdicts.options import PredictOptions
        from unmask.result_tables.verdict_table import judge_files

        options = PredictOptions(explain=explain, pictures=html is not None, out=None if out is None else Path(out))
        options = options if limits is None else replace(options, limits=limits)
        verdicts = judge_files(self.folder, files, device=choose_device(device), options=options, show=show)
        if html is not None:
            verdicts.write_html(html)
        return verdicts

    def report(self, figures: str | Path | None = None) -> Path:
        """Write the HTML report about this run, which must have been evaluated; the page's path.

        Its model card is written to the run's folder. `figures`: a folder for figures, tables and references for a
        paper (docs/reading-results.md).
        """
        from unmask.evaluation.report import report

        return report(self._work, self.folder, None if figures is None else Path(figures))

    def bundle(self, path: str | Path, *, license: str | None = None) -> BundleRun:
        """Write it, evaluated, as a bundle that needs no work folder (docs/bundles.md); the same bundle is kept.

        `license`: the hub's id of the licence of the weights, for the model card.
        """
        from unmask.bundle_run import make_bundle

        return make_bundle(self.folder, Path(path), self._work, license)

    def as_row(self) -> Row:
        """Its row in `Work.runs()`."""
        about, done = self.config, self.summary if self.finished else None
        evaluation = self._stored_evaluation()
        return {
            "run": self.name,
            "purpose": self.purpose,
            "preset": about.preset,
            "seed": about.seed,
            "members": len(self.members),
            "finished": done is not None,
            "epochs": done and done.epochs,
            "best_epoch": done and done.best_epoch,
            "validation_macro_auc": ((done and done.validation) or {}).get("macro", {}).get("auc"),
            "datasets": self._list_datasets(),
            "split_scheme": evaluation.get("split_scheme"),
            "evaluated": evaluation.get("split"),
            **_read_figures(evaluation),
            **_read_interval(evaluation),
        }

    def _stored_evaluation(self) -> Row:
        """`evaluation.json` where it is of the present weights, read without loading them."""
        from unmask.evaluation.stored.one_evaluation import FILE, check_together
        from unmask.train.run_folder import INPUTS

        path, inputs = self.folder / FILE, _read(self.folder / INPUTS)
        evaluation = _read(path, "unmask evaluate") if path.is_file() else {}
        check_together(self.folder, evaluation.get("files", {}))
        return evaluation if all(evaluation.get(name) == inputs[name] for name in ("key", "best_epoch")) else {}

    def _list_datasets(self) -> str | None:
        """Of the training data, in one text; None in a run that does not say."""
        from unmask.train.run_folder import INPUTS

        return ", ".join(_read(self.folder / INPUTS).get("shape", {}).get("datasets", ())) or None

    def __repr__(self) -> str:
        return f"Run({self.name}, {'finished' if self.finished else 'unfinished'})"

    def _repr_html_(self) -> str:
        return RunTable([self])._repr_html_()


class RunTable(Table, list[Run]):
    """One row per run, newest first."""

    def as_rows(self) -> list[Row]:
        return [run.as_row() for run in self]


def list_runs(work: WorkFolder) -> RunTable:
    """Every run under `work`, the one trained or asked for last first."""
    from unmask.train.run_choice import list_run_folders

    return RunTable(Run(folder, work) for folder in list_run_folders(work.runs))


def find_run(work: WorkFolder, run: Run | str | Path | None, ensemble: int | None) -> Run:
    """`run` by its folder or name; None: the newest that `train` was asked for. `MissingInput` where there is none."""
    from unmask.bundle_run import open_folder
    from unmask.train import run_choice

    return run if isinstance(run, Run) else open_folder(run_choice.find_run(work.runs, run, ensemble), work)


def train_run(
    work: WorkFolder, manifest: Manifest, config: TrainConfig, ensemble: int | None, device: torch.device
) -> Run:
    """The run of `config`, or of an ensemble of so many."""
    from unmask.cache.stage import open_tokens
    from unmask.train.data.token_data import TokenData
    from unmask.train.ensemble import fit_ensemble
    from unmask.train.fit import fit
    from unmask.train.run_folder import run_folder

    data = TokenData.load(manifest, open_tokens(work, manifest))
    if ensemble is not None:
        summary = fit_ensemble(data, config, ensemble, work.runs, device=device)
    else:
        summary = fit(data, config, run_folder(work.runs, data, config), device=device)
    return Run(Path(summary.run), work, summary)


def _read_figures(evaluation: Row) -> Row:
    """FIGURES of a stored evaluation; None without one."""
    tables = {table["name"]: table for table in [evaluation.get("model"), *evaluation.get("controls", ())] if table}
    found = {(name, row["name"]): row.get("auc") for name, table in tables.items() for row in table["rows"]}
    return {figure: found.get(place) for figure, place in FIGURES.items()}


def _read_interval(evaluation: Row) -> Row:
    """95 % interval of the model's macro AUC; None without one."""
    rows = evaluation.get("model", {}).get("rows", ())
    interval = next((row.get("auc_interval") for row in rows if row["name"] == "macro"), None)
    return dict(zip(INTERVAL, interval or (None, None), strict=True))


def _read(path: Path, remedy: str = "train again") -> Row:
    try:
        return sealed_files.read_json(path)
    except (OSError, ValueError) as error:
        raise as_missing_input(error, f"{path}: not readable ({error})", remedy) from error
