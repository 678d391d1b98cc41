"""Multimodal deepfake detection on cached tokens. docs/python-api.md documents everything named here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.api import Work as Work
    from unmask.bundle_run import BundleRun as BundleRun
    from unmask.bundle_run import open_bundle as open_bundle
    from unmask.clip_dataset import ClipDataset as ClipDataset
    from unmask.clip_dataset import collate_clips as collate_clips
    from unmask.core.errors import ItemsFailed as ItemsFailed
    from unmask.core.errors import MissingInput as MissingInput
    from unmask.core.errors import UnmaskError as UnmaskError
    from unmask.core.errors import UsageError as UsageError
    from unmask.demo import write_demo as write_demo
    from unmask.evaluation.verdicts.verdict import Verdict as Verdict
    from unmask.result_tables.ablation_table import AblationTable as AblationTable
    from unmask.result_tables.adaptation_table import AdaptationTable as AdaptationTable
    from unmask.result_tables.comparison_table import ComparisonTable as ComparisonTable
    from unmask.result_tables.epoch_table import EpochTable as EpochTable
    from unmask.result_tables.probe_table import ProbeTable as ProbeTable
    from unmask.result_tables.robustness_table import RobustnessTable as RobustnessTable
    from unmask.result_tables.suite_table import SuiteTable as SuiteTable
    from unmask.run import Run as Run
    from unmask.run import RunTable as RunTable
    from unmask.tables import AuditTable as AuditTable
    from unmask.tables import EvaluationTable as EvaluationTable
    from unmask.tables import ManifestTable as ManifestTable
    from unmask.tables import StageTable as StageTable
    from unmask.tables import Table as Table
    from unmask.tables import VerdictTable as VerdictTable
    from unmask.train.config import TrainConfig as TrainConfig

    __version__: str

# Where each name is defined. It is loaded when the name is first used, so that `import unmask` loads no stage.
_MODULES = {
    "AblationTable": "unmask.result_tables.ablation_table",
    "AdaptationTable": "unmask.result_tables.adaptation_table",
    "ProbeTable": "unmask.result_tables.probe_table",
    "RobustnessTable": "unmask.result_tables.robustness_table",
    "AuditTable": "unmask.tables",
    "BundleRun": "unmask.bundle_run",
    "ClipDataset": "unmask.clip_dataset",
    "ComparisonTable": "unmask.result_tables.comparison_table",
    "EpochTable": "unmask.result_tables.epoch_table",
    "EvaluationTable": "unmask.tables",
    "ItemsFailed": "unmask.core.errors",
    "ManifestTable": "unmask.tables",
    "MissingInput": "unmask.core.errors",
    "Run": "unmask.run",
    "RunTable": "unmask.run",
    "StageTable": "unmask.tables",
    "SuiteTable": "unmask.result_tables.suite_table",
    "Table": "unmask.tables",
    "TrainConfig": "unmask.train.config",
    "UnmaskError": "unmask.core.errors",
    "UsageError": "unmask.core.errors",
    "Verdict": "unmask.evaluation.verdicts.verdict",
    "VerdictTable": "unmask.tables",
    "Work": "unmask.api",
    "collate_clips": "unmask.clip_dataset",
    "open_bundle": "unmask.bundle_run",
    "write_demo": "unmask.demo",
}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("unmask")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
