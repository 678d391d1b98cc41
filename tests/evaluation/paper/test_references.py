"""Every known dataset and encoder has a citation, and what has none is told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from unmask.cache.encoders import BY_TYPE, ENCODERS
from unmask.cache.spec import EncoderSpec
from unmask.evaluation.paper import bibliography
from unmask.evaluation.paper.references import cite_encoder, format_references
from unmask.manifests.datasets import LAYOUTS
from unmask.preprocess.encoder_names import make_file_safe

SPEC = EncoderSpec(name="lfcc", modality="audio", weights="none", weights_hash="0" * 16, native_dim=120)


def spec(name: str, weights: str = "none") -> EncoderSpec:
    return replace(SPEC, name=make_file_safe(name), weights=weights)


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,]+),", text, re.MULTILINE)


def test_every_entry_is_well_formed_and_under_its_own_key() -> None:
    for key, entry in bibliography.ENTRIES.items():
        assert keys(entry) == [key]
        assert entry.count("{") == entry.count("}")
        assert {"title", "author"} <= set(re.findall(r"^  (\w+) = ", entry, re.MULTILINE))
        assert entry.isascii(), "old BibTeX reads no UTF-8"


def test_every_dataset_and_every_encoder_of_the_registries_is_cited() -> None:
    assert bibliography.DATASETS.keys() == LAYOUTS.keys()
    named = {name: spec(name) for name in ENCODERS} | {
        prefix: spec(f"{prefix}{entry.example}") for prefix, entry in BY_TYPE.items()
    }
    assert {name for name, one in named.items() if cite_encoder(one) is None} == set()
    cited = {key for one in named.values() for key in cite_encoder(one) or ()}
    listed = {
        key for entries in (*bibliography.DATASETS.values(), *dict(bibliography.ENCODERS).values()) for key in entries
    }
    assert cited <= listed == bibliography.ENTRIES.keys() - {"unmask"}


@pytest.mark.parametrize(
    ("name", "weights", "first"),
    [
        ("clip:facebook/dinov2-base", "", "oquab2024dinov2"),
        ("clip:yermandy/GenD_CLIP_L_14", "", "yermakov2025gend"),
        ("ssl:facebook/wav2vec2-xls-r-300m", "", "babu2022xlsr"),
        ("wav2vec2_large", "facebook/wav2vec2-xls-r-300m", "babu2022xlsr"),
        ("ssl:microsoft/wavlm-large", "/data/clips/wavlm-large", "chen2022wavlm"),
        ("timm:vit_small_patch14_dinov2.lvd142m", "", "oquab2024dinov2"),
        ("sbert", "sentence-transformers/all-mpnet-base-v2", "song2020mpnet"),
    ],
)
def test_weights_decide_what_is_cited(name: str, weights: str, first: str) -> None:
    cited = cite_encoder(spec(name, weights))
    assert cited is not None
    assert cited[0] == first


def test_each_source_is_there_once_with_its_uses_and_the_unknown_are_listed() -> None:
    encoders = {"w": spec("whisper_tiny"), "w2": spec("whisper:openai/whisper-small"), "m": spec("metadata")}
    text = format_references(["dff", "dfd_faces", "my_films"], encoders | {"own": spec("mine:Mine")}, "9.8")
    assert keys(text) == ["unmask", "dufour2019dfd", "radford2023whisper"]
    assert "% dataset dff, dataset dfd_faces\n@misc{dufour2019dfd" in text
    assert "version = {9.8}" in text
    assert text.endswith("% Missing, to be added by hand: dataset my_films, encoder own\n")
