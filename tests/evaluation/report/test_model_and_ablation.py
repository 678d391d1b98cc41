"""The sections on the model itself and on the newest ablation."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_ablation import make_ablation
from tiny_chain import CPU, Chain

from unmask.core.files import sealed_files
from unmask.evaluation.ablation.ablation_files import write_ablation
from unmask.evaluation.ablation.newest_ablation import FILE, find_newest
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.section_data.model_inside import EncoderLine, ModelInside, TermLine, look_inside
from unmask.train.models.layer_mixing import LayerMixing
from unmask.train.run_folder import load_run


def read_section(page: str, name: str) -> str:
    return page.split(f'<section id="{name}">')[1].split("</section>")[0]


def write(folder: Path, name: str, seconds: int, **changes: object) -> None:
    write_ablation(folder / name, replace(make_ablation(), name=name, **changes))  # type: ignore[arg-type]
    os.utime(folder / name / FILE, (seconds, seconds))


def test_the_newest_ablation_with_the_preset_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, "old", 1)
    write(tmp_path, "new", 2)
    write(tmp_path, "others", 3, rows=make_ablation().rows[:1])  # only `linear`
    found = find_newest(tmp_path, "full")
    assert found == replace(make_ablation(), name="new")
    assert find_newest(tmp_path, "early-fusion") is None
    assert find_newest(tmp_path / "nowhere", "full") is None


@pytest.mark.parametrize("text", ['{"version": 1}', "{", '{"version": 4, "rows": [{}]}', "[]"])
def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path, "good", 1)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / FILE).write_text(text)
    found = find_newest(tmp_path, "full")
    assert found is not None
    assert found.name == "good"


def test_what_others_added_to_the_file_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "good", 1)
    path = tmp_path / "good" / FILE
    value = sealed_files.read_json(path) | {"later": [1]}
    value["rows"][0]["later"] = 2
    path.write_text(json.dumps(value))
    assert find_newest(tmp_path, "full") is not None


def test_the_section_shows_the_table_and_whether_the_split_is_another(page_data: PageData) -> None:
    shown = replace(page_data, ablation=make_ablation(), preset="full")
    section = read_section(render(shown), "ablation")
    assert '<th scope="row">full (this run)</th>' in section
    assert "0.900 ± 0.020" in section
    assert "made on another split (hash 5f)" in section
    same = replace(make_ablation(), split_hash=page_data.evaluation.split_hash)
    assert "another split" not in read_section(render(replace(shown, ablation=same)), "ablation")
    assert "No ablation in this work folder has the preset full" in render(replace(shown, ablation=None))


def test_the_model_tells_its_encoders_and_terms(chain: Chain) -> None:
    loaded = load_run(chain.run, CPU)
    inside = look_inside(loaded)
    assert [one.name for one in inside.encoders] == list(loaded.info.streams)
    assert all(one.weights_hash == loaded.info.streams[one.name].spec.weights_hash for one in inside.encoders)
    assert all(one.share is None for one in inside.encoders), "no layers are apart in this profile"
    assert [(one.modality, one.slope) for one in inside.terms] == [
        (one.modality, one.slope) for one in loaded.info.terms
    ]


def test_weights_of_mixed_layers_are_those_of_the_model(chain: Chain) -> None:
    loaded = load_run(chain.run, CPU)
    mixture = tuple(loaded.info.streams)[:2]
    loaded.model.mixing = LayerMixing([mixture])
    with torch.no_grad():
        loaded.model.mixing.logits[0].copy_(torch.tensor([1.0, 0.0]))
    shares = {one.name: one.share for one in look_inside(loaded).encoders}
    assert shares[mixture[0]] == pytest.approx(0.731, abs=1e-3)
    assert sum(share or 0 for share in shares.values()) == pytest.approx(1)


def test_the_section_shows_weights_and_terms_and_what_is_not_known(page_data: PageData) -> None:
    lines = [
        EncoderLine(
            name=f"w-l{layer}", modality="audio", layer=str(layer), weights="hub", weights_hash="0", share=share
        )
        for layer, share in ((6, 0.8), (9, 0.2))
    ]
    terms = [TermLine(modality="audio", kinds="audio, video", slope=0.25, intercept=-0.5)]
    section = read_section(render(replace(page_data, inside=ModelInside(encoders=lines, terms=terms))), "model")
    assert ">80 %</td>" in section
    assert ">0.250</td>" in section
    alone = [replace(lines[0], share=None)]
    section = read_section(render(replace(page_data, inside=ModelInside(encoders=alone))), "model")
    assert "%</td>" not in section
    assert "tells nothing about its use of each modality" in section
