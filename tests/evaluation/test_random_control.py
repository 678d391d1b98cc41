"""The control of random encoders: its networks, its linear probes, and its place in an evaluation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from test_controls import made
from tiny_chain import CPU, Chain

from unmask.cache.store.profile_index import LATEST
from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.predictions import CONTROL, read_predictions
from unmask.evaluation.random_control import MISSING, TOGETHER, make_random_profile, score_random_encoders
from unmask.evaluation.report.provenance import list_commands
from unmask.evaluation.results import read_evaluation
from unmask.evaluation.score_tables import Scorer, compare, measure
from unmask.evaluation.terminal_table import format_evaluation
from unmask.preprocess.profiles import EncoderChoice, Profile, hub, offline
from unmask.train.run_folder import load_run

LAYERS = tuple(f"efficientnet_lite0-l{layer}" for layer in (3, 4, 5))
OFFLINE = {**dict.fromkeys(LAYERS, "image"), "lfcc": "audio", "whisper_tiny": "audio", "minilm": "text"}


def test_own_networks_are_shuffled_with_their_settings() -> None:
    found = make_random_profile(offline(), OFFLINE, "own")
    names = [one.name.removeprefix("random:") for one in found.encoders]
    assert names == ["efficientnet_lite0"] * 3 + ["whisper_tiny", "minilm"]
    assert [one.alias for one in found.encoders[:3]] == [f"random-{name}" for name in LAYERS]
    layered = EncoderChoice(name="wav2vec2_base", layer=3, alias="w2v_l3", trained_on=("archive",))
    mixed = Profile(name="mixed", encoders=(layered, EncoderChoice(name="timm:resnet18", weights="here", grid=2)))
    first, second = make_random_profile(mixed, {"w2v_l3": "audio", "timm-resnet18": "image"}, "own").encoders
    assert first == EncoderChoice(name="random:wav2vec2_base", layer=3, alias="random-w2v_l3")
    long = [EncoderChoice(name="wav2vec2_base", layer=n, alias="a" * 61 + f"-l{n}") for n in (1, 2)]
    both = Profile(name="long", encoders=tuple(long))
    found = make_random_profile(both, {one.alias_or_name: "audio" for one in long}, "own").encoders
    assert len({one.alias for one in found}) == 2
    assert second == EncoderChoice(name="random:timm:resnet18", weights="here", grid=2)


def test_both_sides_of_an_audio_visual_network_are_shuffled() -> None:
    profile = offline().changed({"encoders": ["av:facebook/pe-av-large", "sync"]})
    modalities = {choice.alias_or_name: str(choice.side) for choice in profile.encoders}
    found = make_random_profile(profile, modalities, "own").encoders
    assert {one.name for one in found} == {"random:av:facebook/pe-av-large"}
    assert [one.alias for one in found] == [f"random-av-pe-av-large-{side}" for side in ("image", "audio")]
    assert [one.side for one in found] == ["image", "audio"]


def test_a_modality_whose_encoders_have_no_weights_gets_the_tiny_network() -> None:
    profile = Profile(name="p", encoders=(EncoderChoice(name="lfcc"), EncoderChoice(name="vit_b16")))
    found = make_random_profile(profile, {"lfcc": "audio", "vit_b16": "image"}, "own")
    assert [one.name for one in found.encoders] == ["random:vit_b16", "tiny_audio"]


def test_tiny_networks_are_one_per_modality_over_the_same_media() -> None:
    profile = hub()
    found = make_random_profile(profile, {"vit_b16": "image", "sbert": "text"}, "tiny")
    assert [one.name for one in found.encoders] == ["tiny_image", "tiny_text"]
    assert found.preprocess == profile.preprocess
    assert found.fingerprint() != make_random_profile(profile, {"vit_b16": "image"}, "tiny").fingerprint()


def test_header_fields_alone_have_no_random_encoder() -> None:
    profile = Profile(name="p", encoders=(EncoderChoice(name="metadata"),))
    with pytest.raises(UsageError, match="no encoder of image, audio or text"):
        make_random_profile(profile, {"metadata": "metadata"}, "own")


class MadeTokens:
    """As much of `TokenData` as `score_random_encoders` reads: one clip per item, one token per clip."""

    def __init__(self, items: ItemSet, tokens: dict[str, tuple[str, np.ndarray]], left_out: int = 0) -> None:
        from types import SimpleNamespace as Some

        import torch

        kept = items.rows[left_out:]
        count = len(kept)
        self.clips: Any = Some(media_id=np.array([row.media_id for row in kept]), item=np.arange(count), items=count)
        self.streams: Any = {}
        self._modality = {name: modality for name, (modality, _) in tokens.items()}
        for name, (_, values) in tokens.items():
            filled = np.isfinite(values[left_out:]).all(axis=1)
            all_values = torch.from_numpy(values[left_out:].astype(np.float32))
            self.streams[name] = Some(
                lengths=filled.astype(np.int64),
                spec=Some(width=values.shape[1]),
                take=lambda clips, values=all_values: (values[torch.from_numpy(clips)], None),
            )

    def widths(self, names: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self.streams[name].spec.width for name in names)

    def modality(self, name: str) -> str:
        return self._modality[name]


def drawn_tokens(items: ItemSet) -> dict[str, tuple[str, np.ndarray]]:
    """The image tokens tell the label, the audio tokens do not, and every third item has no audio."""
    random = np.random.default_rng(5)
    image, audio = random.normal(size=(2, len(items), 6))
    image[:, 0] += 4 * items.is_fake
    audio[::3] = np.nan
    return {"sounds": ("audio", audio), "faces": ("image", image)}


def auc_on_test(items: ItemSet, scorer: Scorer) -> float:
    test = (items.split == "test") & (True if scorer.applies is None else scorer.applies)
    return float(roc_auc_score(items.is_fake[test], scorer.score[test]))


def test_each_modality_has_a_probe_of_its_own_beside_all_together() -> None:
    items = made(400)
    data: Any = MadeTokens(items, drawn_tokens(items))
    together, image, audio = score_random_encoders(items, data, seed=0)
    assert [one.name for one in (together, image, audio)] == [TOGETHER, "random image encoder", "random audio encoder"]
    assert all(one.reads_content and one.is_random for one in (together, image, audio))
    assert auc_on_test(items, together) > 0.95
    assert auc_on_test(items, image) > 0.95
    assert auc_on_test(items, audio) < 0.7
    assert "of sounds, which learned nothing" in audio.about


def test_items_without_tokens_get_the_share_of_fakes_in_training() -> None:
    items = made(120)
    data: Any = MadeTokens(items, drawn_tokens(items), left_out=8)
    together, image, audio = score_random_encoders(items, data, seed=0)
    share = items.is_fake[items.split == "train"].mean()
    assert together.applies is not None
    assert not together.applies[:8].any()
    assert together.applies[8:].all()
    assert set(image.score[:8].tolist()) == {share}
    assert audio.applies is not None
    assert set(audio.score[~audio.applies].tolist()) == {share}


def test_a_single_modality_has_one_row() -> None:
    items = made(80)
    data: Any = MadeTokens(items, {"faces": drawn_tokens(items)["faces"]})
    assert [one.name for one in score_random_encoders(items, data, seed=0)] == [TOGETHER]


def test_the_sentence_names_the_datasets_in_which_random_encoders_are_not_beaten() -> None:
    rows = [replace(row, dataset="ab"[number % 2], domain_id=number % 2) for number, row in enumerate(made(400).rows)]
    items = ItemSet(tuple(rows))
    random = np.random.default_rng(6)
    theirs = Scorer(
        TOGETHER, "", items.is_fake * (items.dataset == "a") + random.random(400), 0.5, cues="their features"
    )
    theirs = replace(theirs, reads_content=True, is_random=True)
    ours = Scorer("model", "", items.is_fake + random.random(400), 0.5)
    found = compare(items, measure(items, ours, seed=0), measure(items, theirs, seed=0), theirs)
    alone = {one.dataset: one for one in found.by_dataset}
    assert (alone["a"].outcome, alone["b"].outcome) == ("not shown", "better")
    interval = alone["a"].interval
    assert interval is not None
    assert "The model beats their features: mean AUC of 2 datasets" in found.meaning
    assert "Training adds to what the architecture and the statistics of the input tell." in found.meaning
    figures = (
        f"a ({alone['a'].model_auc:.3f} against {alone['a'].control_auc:.3f}, {interval[0]:+.3f} to {interval[1]:+.3f})"
    )
    assert found.meaning.endswith(f"Per dataset it is not shown to beat them in {figures}.")
    same = compare(items, measure(items, theirs, seed=0), measure(items, theirs, seed=0), theirs)
    assert "Not shown to beat their features: " in same.meaning
    assert "without any learning may be all that the model reads here" in same.meaning


def test_evaluate_extracts_them_once_and_finds_them_again(chain: Chain, tmp_path: Path) -> None:
    work = WorkFolder(Path(shutil.copytree(chain.work.root, tmp_path / "work")))
    run, latest = work.runs / chain.run.name, (work.tokens / LATEST).read_bytes()
    without = evaluate(run, work, device=CPU)
    assert (without.random, without.notes[-1]) == ("", MISSING)
    found = evaluate(run, work, device=CPU, random="tiny")
    names = [table.name for table in found.controls]
    assert names == [
        *(table.name for table in without.controls),
        TOGETHER,
        "random image encoder",
        "random audio encoder",
    ]
    assert [table.name for table in found.controls if table.is_random] == names[-3:]
    assert found.controls[: len(without.controls)] == without.controls
    assert MISSING not in found.notes
    assert (work.tokens / LATEST).read_bytes() == latest, "train takes the same tokens as before"
    # The encoders of the tiny profile are these very networks.
    probe, random = (table.row("pooled").auc for table in found.controls[-4:-2])
    assert probe == random
    assert f"{CONTROL}{TOGETHER}" in read_predictions(run).column_names
    assert read_evaluation(run) == found == evaluate(run, work, device=CPU)
    text = format_evaluation(found)
    assert "and of one on random encoders" in text
    assert "beat the features of a random image encoder" in text
    commands = list_commands(load_run(run, CPU).config, found)
    assert commands[1].endswith("--random tiny")
