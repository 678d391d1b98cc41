"""The command line. Thin: a command reads options, calls its stage and prints. Stages are imported inside commands."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.console import Console, opened
from core.errors import UnmaskError, UsageError
from core.machine import choose_device
from core.workfolder import WorkFolder

if TYPE_CHECKING:
    from preprocess.profiles import Profile

app = typer.Typer(
    name="unmask",
    help="Multimodal deepfake detection on cached tokens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Work = Annotated[Path, typer.Option("--work", help="Folder for all output.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, everything else on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="auto, offline, hub or tiny; default: as last time.")
]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="YAML file with settings.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", help="key=value, such as preprocess.face_size=160.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")]
MaxFailures = Annotated[
    float, typer.Option("--max-failures", min=0, max=1, help="Failed share that is still a success.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Run = Annotated[Path | None, typer.Option("--run", help="Folder of a run; default: the newest.")]

DEFAULT_WORK = Path("work")
DEFAULT_MAX_FAILURES = 0.05


@app.command()
def scan(
    data: Annotated[Path, typer.Argument(help="Folder that holds the datasets.")],
    work: Work = DEFAULT_WORK,
    scheme: Annotated[str, typer.Option("--split", help="default, official or grouped.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Of the splits.")] = 0,
    workers: Workers = None,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the datasets, probe every file, make leak-proof splits: manifest.parquet."""
    from manifests.item import write_manifest
    from manifests.scan import scan as run_scan

    with opened(as_json, quiet) as console:
        manifest, report = run_scan(data, scheme=scheme, seed=seed, workers=workers, say=console.say)
        target = WorkFolder(work).manifest
        write_manifest(target, manifest)
        console.say(f"{target}: {len(manifest)} rows, split {manifest.split_hash}")
        console.result |= {"manifest": str(target), "rows": len(manifest), "split_hash": manifest.split_hash}
        console.stages([report], max_failures)


@app.command()
def preprocess(
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    workers: Workers = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds a file may take.")] = 120.0,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn media into faces and 16 kHz audio: Zarr media shards."""
    from manifests.item import read_manifest
    from preprocess.build import preprocess as run_preprocess

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        chosen = _profile(folder, profile, settings, assignments, console)
        report = run_preprocess(manifest, chosen.preprocess, folder, workers=workers, timeout_s=timeout)
        console.stages([report], max_failures)


@app.command()
def extract(
    work: Work = DEFAULT_WORK,
    profile: ProfileName = None,
    settings: SettingsFile = None,
    assignments: Assignments = None,
    device: Device = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1)] = 64,
    max_failures: MaxFailures = DEFAULT_MAX_FAILURES,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn media shards into tokens with every encoder of the profile. What is cached is not computed again."""
    from cache.build import extract as run_extract
    from manifests.item import read_manifest

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        chosen = _profile(folder, profile, settings, assignments, console)
        reports = run_extract(manifest, chosen, folder, device=choose_device(device), batch_size=batch_size)
        console.stages(reports, max_failures)


@app.command()
def train(
    work: Work = DEFAULT_WORK,
    preset: Annotated[str, typer.Option("--preset", help="Which system; `unmask presets` lists them.")] = "full",
    seed: Annotated[int, typer.Option("--seed")] = 0,
    settings: SettingsFile = None,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="train.key=value")] = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one model on the tokens, keep its best checkpoint."""
    from cache.build import open_streams
    from core.settings import apply
    from manifests.item import read_manifest
    from train.checkpoint import run_folder
    from train.data import TokenData
    from train.fit import fit
    from train.presets import preset_config

    with opened(as_json, quiet) as console:
        folder = WorkFolder(work)
        manifest = read_manifest(folder.manifest)
        config = apply(preset_config(preset), settings, assignments or [], under="train.").changed({"seed": seed})
        data = TokenData.load(manifest, open_streams(folder, manifest))
        run = run_folder(folder.runs, data, config)
        summary = fit(data, config, run, device=choose_device(device))
        console.say(f"run: {run}")
        console.result |= summary.as_json() | {"run": str(run)}


@app.command()
def presets(as_json: Json = False) -> None:
    """List the systems that `train` and `ablate` know."""
    from train.presets import PRESETS

    with opened(as_json) as console:
        for name, made in PRESETS.items():
            console.result[name] = (made.__doc__ or "").split("\n")[0]
            console.say(f"{name:28} {console.result[name]}")


@app.command()
def evaluate(
    work: Work = DEFAULT_WORK,
    run: Run = None,
    split: Annotated[str, typer.Option("--on", help="test or val.")] = "test",
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Item-level metrics on the test split, per dataset, beside the controls."""
    from evaluation.scoring import evaluate as run_evaluate
    from evaluation.tables import evaluation_table
    from train.checkpoint import find_run

    with opened(as_json, quiet) as console:
        result = run_evaluate(
            find_run(WorkFolder(work).runs, run), WorkFolder(work), device=choose_device(device), split=split
        )
        console.show(evaluation_table(result))
        console.result |= result.as_json()


@app.command()
def report(work: Work = DEFAULT_WORK, run: Run = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """One self-contained HTML page about a run and its data."""
    from evaluation.report import report as run_report
    from train.checkpoint import find_run

    with opened(as_json, quiet) as console:
        page = run_report(WorkFolder(work), find_run(WorkFolder(work).runs, run))
        console.say(f"report: {page}")
        console.result["report"] = str(page)


@app.command()
def predict(
    files: Annotated[list[Path], typer.Argument(help="Images, audio or video files.")],
    work: Work = DEFAULT_WORK,
    run: Run = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A verdict for new media, through the same stages as the training data."""
    from evaluation.predict import predict as run_predict
    from train.checkpoint import find_run

    with opened(as_json, quiet) as console:
        verdicts = run_predict(files, find_run(WorkFolder(work).runs, run), device=choose_device(device))
        for verdict in verdicts:
            console.say(str(verdict))
        console.result["verdicts"] = [verdict.as_json() for verdict in verdicts]


@app.command()
def ablate(
    work: Work = DEFAULT_WORK,
    presets: Annotated[str, typer.Option("--presets", help="Comma-separated; default: all.")] = "",
    seeds: Annotated[str, typer.Option("--seeds", help="Comma-separated.")] = "0,1,2",
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train and evaluate presets x seeds on the same tokens: one table."""
    from evaluation.ablate import ablate as run_ablate
    from evaluation.ablation import ablation_table

    with opened(as_json, quiet) as console:
        result = run_ablate(WorkFolder(work), _names(presets), _numbers(seeds), device=choose_device(device))
        console.show(ablation_table(result))
        console.result |= result.as_json()


@app.command("demo-data")
def demo_data(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    seed: Annotated[int, typer.Option("--seed")] = 0,
    scale: Annotated[float, typer.Option("--scale", min=0.01, help="Share of the usual number of files.")] = 1.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a synthetic corpus in all nine layouts. Numbers on it mean nothing about real deepfakes."""
    from manifests.demo import write_demo

    with opened(as_json, quiet) as console:
        console.result |= write_demo(out, seed, scale=scale)
        console.say(f"{out}: " + ", ".join(f"{dataset} {count}" for dataset, count in console.result.items()))


@app.command()
def demo(
    work: Work = DEFAULT_WORK / "demo",
    seed: Annotated[int, typer.Option("--seed")] = 0,
    scale: Annotated[float, typer.Option("--scale", min=0.01, help="Share of the usual number of files.")] = 1.0,
) -> None:
    """Every stage on the synthetic corpus, with the offline profile. Run it again: everything is reused."""
    data = work / "data"
    if not (data / "SYNTHETIC.txt").exists():
        demo_data(data, seed=seed, scale=scale)
    scan(data, work=work)
    preprocess(work=work, profile="offline")
    extract(work=work, profile="offline")
    train(work=work)
    evaluate(work=work)
    report(work=work)


@app.command()
def datasets(as_json: Json = False) -> None:
    """The datasets this program knows, and the folder names it looks for."""
    from manifests.layouts import LAYOUTS

    with opened(as_json) as console:
        for key, layout in LAYOUTS.items():
            console.result[key] = list(layout.names)
            console.say(f"{key:18} {', '.join(layout.names)}")


@app.command()
def doctor(work: Work = DEFAULT_WORK, as_json: Json = False) -> None:
    """What this machine has, and which settings it would get."""
    from cache.weights import inventory
    from core.machine import describe
    from train.config import TrainConfig
    from train.sizing import resolved

    with opened(as_json) as console:
        console.result |= describe(work)
        console.result["model_size"] = resolved(TrainConfig(), choose_device("auto"), 0).size
        console.result["encoder_weights"] = {a.encoder: f"{a.state}: {a.where}" for a in inventory()}
        for key, value in console.result.items():
            console.say(f"{key}: {value}" if not isinstance(value, dict) else f"{key}:")
            for name, entry in value.items() if isinstance(value, dict) else ():
                console.say(f"    {name:22} {entry}")


def _profile(
    folder: WorkFolder, name: str | None, settings: Path | None, assignments: list[str] | None, console: Console
) -> Profile:
    from cache.auto import resolve_profile

    profile = resolve_profile(folder, name, settings, assignments or [], say=console.say)
    console.result["profile"] = profile.name
    return profile


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _numbers(listed: str) -> list[int]:
    try:
        return [int(name) for name in _names(listed)]
    except ValueError as error:
        raise UsageError(f"--seeds {listed}: not whole numbers", "--seeds 0,1,2") from error


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exit codes 0 done, 1 our bug, 2 wrong usage, 3 too many failed items, 4 input missing."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    code: Any = 0
    try:
        app(arguments)
    except UnmaskError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except SystemExit as stop:
        code = stop.code
        if code == 2:
            print("hint: unmask --help, unmask COMMAND --help", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped. Run the same command again: it goes on where it was", file=sys.stderr)
        code = 130
    except Exception:
        traceback.print_exc()
        print("hint: this is a bug in unmask; please report it with the lines above", file=sys.stderr)
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
