"""`model-card.md` beside a run: what it is for, what it was trained on, what it was shown to do, and its limits.

Every figure about performance is one of evaluation.json, in the form of the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unmask.cache.spec import EncoderSpec
from unmask.evaluation.model_card.front_matter import format_front_matter
from unmask.evaluation.paper.evaluation_tables import make_controls, make_results
from unmask.evaluation.paper.first_sentence import describe_beaten
from unmask.evaluation.paper.references import format_references, name_weights
from unmask.evaluation.results import Evaluation
from unmask.evaluation.sentences import describe_seen, describe_shortcuts
from unmask.evaluation.tables.text_tables import TextTable, format_markdown, group_rows
from unmask.manifests.manifest import MediaRow
from unmask.train.config import TrainConfig
from unmask.train.run_info import RunSummary

FILE = "model-card.md"

INTENDED = """For research on deepfake detection: comparing models, datasets and splits. It reads {kinds} and gives a
probability of fake per file. It is not meant as evidence about a single file, for moderation without a person, or for
media unlike its training data; scores there are not known to mean anything."""
LIMITS = """- It knows the manipulations it was trained on. Other generators, cameras, languages, codecs and messengers
  shift the scores.
- Compression and resizing remove traces: "real" means that no learned trace was found, not that a file is genuine.
- Probabilities are calibrated on validation files, with their share of fakes.
- Intervals cover the choice of test files, not another training seed, another dataset or another time.
- Whether errors differ between groups of persons is not measured here."""


@dataclass(frozen=True, kw_only=True)
class CardData:
    evaluation: Evaluation
    config: TrainConfig
    summary: RunSummary | None
    """None for a run that was not finished."""
    encoders: Mapping[str, EncoderSpec]
    """Name in the profile -> spec of the tokens."""
    rows: Sequence[MediaRow] | None
    """Of the manifest that the run was trained on; None where it is gone."""
    trained_on: Sequence[str]
    """Datasets."""
    commands: Sequence[str]
    """That make the run again."""
    synthetic: bool
    version: str
    """Of this program."""
    license: str | None = None
    """The hub's id of the licence of the weights."""
    sections: Mapping[str, str] = field(default_factory=dict)
    """Heading -> Markdown, before the citation."""


def format_card(data: CardData) -> str:
    """Markdown after a block of YAML."""
    sections = {
        "Intended use": INTENDED.format(kinds=_join_words(data.config.kinds)),
        "Training data": _describe_training(data),
        "Model": _describe_model(data),
        "Results": _describe_results(data.evaluation),
        "Controls": _describe_controls(data.evaluation),
        "Known shortcuts": _describe_shortcuts(data.evaluation),
        "Limits": LIMITS,
        "Make it again": "\n".join(["```sh", *data.commands, "```"]),
        **data.sections,
        "Citation": f"```bibtex\n{format_references(_list_datasets(data), data.encoders, data.version).rstrip()}\n```",
    }
    about = [f"# {data.evaluation.run}", "", describe_beaten(data.evaluation)[0]]
    if data.synthetic:
        about += ["", "**Trained or tested on synthetic demo data: its results say nothing about real deepfakes.**"]
    body = [line for heading, text in sections.items() for line in ("", f"## {heading}", "", text.rstrip())]
    return "\n".join([format_front_matter(data.evaluation, data.license) + "\n" + about[0], *about[1:], *body]) + "\n"


def _describe_training(data: CardData) -> str:
    evaluation = data.evaluation
    if data.rows is None:
        names, split = ", ".join(data.trained_on), f"`{evaluation.split_scheme}`, hash `{evaluation.split_hash}`"
        return f"On {names}; split scheme {split}."
    used = [row for row in data.rows if row.dataset in data.trained_on and row.kind in data.config.kinds]
    table = TextTable(
        headings=["dataset", "train real", "train fake", "val real", "val fake"],
        groups=group_rows([[name, *_count_files(used, name)] for name in data.trained_on]),
    )
    lines = [
        f"Files per dataset, from the manifest; split scheme `{evaluation.split_scheme}`, hash "
        f"`{evaluation.split_hash}`. Files that could not be read are counted here and were not trained on."
    ]
    if data.summary:
        lines.append(f"Trained on {data.summary.train_items} files ({data.summary.train_clips} clips).")
    return "\n".join([*lines, "", format_markdown(table)])


def _count_files(rows: Sequence[MediaRow], dataset: str) -> list[str]:
    places = [(split, label) for split in ("train", "val") for label in (0, 1)]
    return [str(sum((row.dataset, row.split, row.label) == (dataset, *place) for row in rows)) for place in places]


def _describe_model(data: CardData) -> str:
    size = f", {data.summary.size}, {data.summary.parameters / 1e6:.1f} M parameters" if data.summary else ""
    table = TextTable(
        headings=["encoder", "modality", "layers", "pooling", "weights", "hash of the weights"],
        groups=group_rows([_describe_encoder(name, spec) for name, spec in data.encoders.items()]),
    )
    about = f"Preset `{data.config.preset}`, seed {data.config.seed}{size}, on tokens of frozen encoders"
    return f"{about} (unmask {data.version}):\n\n{format_markdown(table)}"


def _describe_encoder(name: str, spec: EncoderSpec) -> list[str]:
    layers = ", ".join(map(str, spec.layers)) or "default"
    return [name, spec.modality, layers, spec.pooling, name_weights(spec), spec.weights_hash]


def _describe_results(evaluation: Evaluation) -> str:
    scored = f"{evaluation.scored} of {evaluation.given} items of the {evaluation.split} split were scored"
    left = f"{evaluation.out_of_scope} are of kinds that the run does not read, {len(evaluation.failures)} failed"
    threshold = f"A file is called fake from a probability of {evaluation.model.threshold:.3f}, chosen on validation."
    return f"{scored}; {left}. {threshold}\n\n{format_markdown(make_results(evaluation))}"


def _describe_controls(evaluation: Evaluation) -> str:
    lines = [f"- {one.meaning}" for one in evaluation.comparisons]
    return "\n".join([format_markdown(make_controls(evaluation)), *lines])


def _describe_shortcuts(evaluation: Evaluation) -> str:
    said = [text for text, _ in (*describe_seen(evaluation), *describe_shortcuts(evaluation))]
    return "\n".join(f"- {text}" for text in (*said, *evaluation.notes))


def _list_datasets(data: CardData) -> list[str]:
    return list(dict.fromkeys((*data.trained_on, *(row.name for row in data.evaluation.model.datasets))))


def _join_words(words: Sequence[str]) -> str:
    plural = [word if word == "audio" else f"{word}s" for word in words]
    return " and ".join([", ".join(plural[:-1]), plural[-1]]) if len(plural) > 1 else plural[0]
