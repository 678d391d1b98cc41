"""The model card has the numbers of the evaluation, and the hub reads its front matter."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results
from made_evaluation import Made, row

from unmask.cache.spec import EncoderSpec
from unmask.evaluation.model_card.card import CardData, format_card
from unmask.evaluation.model_card.front_matter import name_metric
from unmask.evaluation.paper.first_sentence import describe_beaten
from unmask.evaluation.sentences import describe_shortcuts
from unmask.metrics import binary
from unmask.train.config import TrainConfig

SPEC = EncoderSpec(
    name="whisper_tiny", modality="audio", weights="/home/me/w-tiny", weights_hash="0123456789abcdef", native_dim=384
)
# Three digits after the point: what a figure about performance looks like.
FIGURE = re.compile(r"(?<![\w.])[+-]?\d\.\d{3}(?![\d.])")
HEADINGS = [
    "Intended use",
    "Training data",
    "Model",
    "Results",
    "Controls",
    "Known shortcuts",
    "Limits",
    "Make it again",
    "Citation",
]


@pytest.fixture
def data(made: Made) -> CardData:
    return CardData(
        evaluation=made.evaluation,
        config=TrainConfig(seed=3),
        summary=None,
        encoders={"w": SPEC},
        rows=[row(number, "archive", 0, number % 4 // 2) for number in range(8)],
        trained_on=["archive"],
        commands=["unmask train --preset full"],
        synthetic=False,
        version="9.8",
    )


def split_card(card: str) -> tuple[dict[str, object], str]:
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def test_every_section_is_there_and_no_placeholder_is_left(data: CardData) -> None:
    _, body = split_card(format_card(data))
    assert re.findall(r"^## (.*)", body, re.MULTILINE) == HEADINGS
    assert not re.search(r"\{\w+\}|\bNone\b|\bnan\b", body.split("## Citation")[0])
    assert body.startswith(f"\n# {data.evaluation.run}\n\n{describe_beaten(data.evaluation)[0]}\n")


def test_every_figure_of_the_body_is_one_of_the_evaluation(data: CardData) -> None:
    value = json.loads(json.dumps(data.evaluation.as_json()))
    known = {f"{number:{form}}" for number in list_numbers(value) for form in (".3f", "+.3f")}
    known |= set(FIGURE.findall(json.dumps(value)))  # within sentences
    found = FIGURE.findall(split_card(format_card(data))[1])
    assert len(found) > 50
    assert set(found) - known == set()


def list_numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for one in value.values() for number in list_numbers(one)]
    if isinstance(value, list):
        return [number for one in value for number in list_numbers(one)]
    return [float(value)] if isinstance(value, int | float) else []


def test_the_hub_reads_the_front_matter_with_the_very_numbers(data: CardData) -> None:
    front, _ = split_card(format_card(data))
    name, results = model_index_to_eval_results(front["model-index"])  # type: ignore[arg-type]
    assert name == data.evaluation.run
    found = {(one.dataset_name, one.metric_type): one.metric_value for one in results}
    expected = {
        (line.name, name_metric(metric.name)): line[metric.name]
        for line in data.evaluation.model.rows
        for metric in binary.METRICS
        if line[metric.name] is not None
    }
    assert found == expected
    assert {one.dataset_split for one in results} == {"test"}
    assert "&id" not in format_card(data), "an alias that other readers of YAML may refuse"


def test_training_files_are_counted_per_split_and_class(data: CardData) -> None:
    # Numbers 0..7: even ones are train (labels 0 1 0 1), odd ones are test.
    assert "| archive | 2 | 2 | 0 | 0 |" in format_card(data)
    other_kind = replace(data, config=TrainConfig(kinds=("audio",)))
    assert "| archive | 0 | 0 | 0 | 0 |" in format_card(other_kind)


def test_encoders_have_their_hash_and_no_folder_of_this_machine(data: CardData) -> None:
    card = format_card(data)
    assert "| w | audio | default | mean | folder w-tiny | 0123456789abcdef |" in card
    assert "/home/me" not in card


def test_shortcuts_and_synthetic_data_are_told(data: CardData) -> None:
    card = format_card(data)
    assert all(f"- {text}" in card for text, _ in describe_shortcuts(data.evaluation))
    assert "synthetic" not in card
    assert "say nothing about real deepfakes" in format_card(replace(data, synthetic=True))


def test_what_is_cited_is_what_was_trained_and_tested_on(data: CardData) -> None:
    citation = format_card(data).split("## Citation")[1]
    assert "@inproceedings{li2020celebdf" in citation, "tested on"
    assert "@inproceedings{le2021openforensics" in citation, "trained on"
    assert "@inproceedings{radford2023whisper" in citation
    assert "% Missing, to be added by hand: dataset only_fakes" in citation
