"""Where a run comes from: dates, the commands that make it again, and all of its settings."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

from unmask.evaluation.results import FILE, Evaluation
from unmask.train.config import TrainConfig
from unmask.train.presets import PRESETS
from unmask.train.run_folder import SUMMARY


def list_dates(run: Path) -> list[tuple[str, str]]:
    """When the files of the run were written, in UTC."""
    files = (("trained", run / SUMMARY), ("evaluated", run / FILE))
    return [(name, _format_time(path.stat().st_mtime)) for name, path in files if path.is_file()]


def list_commands(config: TrainConfig, evaluation: Evaluation, *, members: int = 0) -> list[str]:
    """Commands for the same work folder; settings that the preset leaves to the machine are named."""
    preset = PRESETS[config.preset]() if config.preset in PRESETS else TrainConfig()
    usual, used = preset.model_dump(mode="json"), config.model_dump(mode="json")
    changed = [name for name in used if name not in ("preset", "seed") and used[name] != usual[name]]
    settings = [f"--set {shlex.quote(f'train.{name}={_format_value(used[name])}')}" for name in changed]
    chosen = config.preset if config.preset in PRESETS else "full"
    ensemble = [f"--ensemble {members}"] if members else []
    split = "" if evaluation.split == "test" else f" --on {evaluation.split}"
    random = f" --random {evaluation.random}" if evaluation.random else ""
    return [
        " ".join(["unmask train", f"--preset {chosen}", f"--seed {config.seed}", *ensemble, *settings]),
        f"unmask evaluate --run {shlex.quote(evaluation.run)}{split}{random}",
        f"unmask report --run {shlex.quote(evaluation.run)}",
    ]


def list_settings(config: TrainConfig) -> list[tuple[str, str]]:
    return [(f"train.{name}", _format_value(value)) for name, value in config.model_dump(mode="json").items()]


def _format_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
