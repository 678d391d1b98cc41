"""README.md of a bundle: the model card of the run, with how to use the bundle, what it needs and its licence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import add_audit
from unmask.evaluation.model_card.card import CardData, format_card
from unmask.evaluation.report.provenance import list_commands
from unmask.evaluation.report.stage_counts import is_synthetic
from unmask.evaluation.results import Evaluation
from unmask.manifests.manifest import Manifest, read_manifest
from unmask.train.bundles.listing import Need
from unmask.train.run_folder import LoadedRun
from unmask.train.run_info import RunSummary

USE = """This folder is a bundle of unmask: data, no code.

```sh
hf download OWNER/NAME --local-dir bundle   # or copy the folder
unmask predict --run bundle clip.mp4
```

```python
import unmask

for verdict in unmask.open_bundle("bundle").predict(["clip.mp4"]):
    print(verdict)
```

Every file is compared with `bundle.json` before it is read; a changed file is refused."""
UNLICENSED = """No licence was chosen for these weights. Who publishes them chooses one, within the terms of the
datasets that they were trained on and of the encoders that they read."""
LICENSED = """`{license}`, chosen by who made this bundle. The datasets that it was trained on and the encoders that it
reads have terms of their own."""


@dataclass(frozen=True, kw_only=True)
class CardParts:
    """What the card of a bundle is made from."""

    loaded: LoadedRun
    evaluation: Evaluation
    summary: RunSummary
    needs: Sequence[Need]
    license: str | None


def make_card(parts: CardParts, work: WorkFolder) -> str:
    """Markdown after a block of YAML.

    Files are counted where `work` still has the manifest of the training, and left out where it has not.
    """
    loaded = parts.loaded
    manifest = _find_manifest(work, loaded.info.split_hash)
    evaluation = add_audit(parts.evaluation, work.audit_results, manifest) if manifest else parts.evaluation
    return format_card(
        CardData(
            evaluation=evaluation,
            config=loaded.config,
            summary=parts.summary,
            encoders={name: stream.spec for name, stream in loaded.info.streams.items()},
            rows=list(manifest.rows()) if manifest else None,
            trained_on=loaded.info.shape.datasets,
            commands=list_commands(loaded.config, evaluation, members=len(loaded.members)),
            synthetic=bool(manifest and is_synthetic(manifest)),
            version=version("unmask"),
            license=parts.license,
            sections={"How to use it": _describe_use(parts.needs), "Licence": _describe_license(parts.license)},
        )
    )


def _find_manifest(work: WorkFolder, split_hash: str) -> Manifest | None:
    if not work.manifest.is_file():
        return None
    manifest = read_manifest(work.manifest)
    return manifest if manifest.split_hash == split_hash else None


def _describe_use(needs: Sequence[Need]) -> str:
    lines = [f"- `{need.stream}`: {describe_need(need)}, hash `{need.weights_hash}`" for need in needs]
    return "\n".join([USE, "", "Encoders:", "", *lines])


def describe_need(need: Need) -> str:
    """Where the weights of an encoder come from, in words."""
    if need.source == "none":
        return "no weights needed"
    if need.source == "inside":
        return f"weights inside, `{need.where}`"
    if need.source == "own code":
        return f"code of its author, `{need.where}`, which is not inside"
    return f"weights of the {'model hub' if need.source == 'hub' else 'package'}, `{need.where}`"


def _describe_license(license: str | None) -> str:
    return LICENSED.format(license=license) if license else UNLICENSED
