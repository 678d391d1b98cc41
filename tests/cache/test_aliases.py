"""The same encoder several times in one profile, each under a name of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.cache.export.transfer import export_hdf5, import_hdf5
from unmask.cache.extraction_plan import plan_stores
from unmask.cache.profile_choice import replace_weights, resolve_profile
from unmask.cache.stage import extract, open_tokens
from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.train.token_usage import list_token_use

CPU = torch.device("cpu")
LAYERS: list[dict[str, Any]] = [
    {"name": "tiny_audio", "layer": 1, "as": "ear_l1"},
    {"name": "tiny_audio", "layer": 2, "as": "ear_l2"},
    {"name": "tiny_audio", "layer": 0},
]


def with_encoders(profile: Profile, *choices: dict[str, Any]) -> Profile:
    return profile.changed({"encoders": list(choices)})


def run(media: Any, profile: Profile) -> dict[str, int]:
    """Label of each report -> clips that were encoded."""
    return {one.stage: one.done for one in extract(media.manifest, profile, media.work, device=CPU)}


def test_the_alias_is_the_name_of_the_tokens_everywhere(media: Any):
    media.add("video-1", "audio-2")
    profile = with_encoders(media.profile, *LAYERS)
    assert set(run(media, profile)) == {"extract ear_l1", "extract ear_l2", "extract tiny_audio"}
    tokens = open_tokens(media.work, media.manifest)
    assert list(tokens.stores) == ["ear_l1", "ear_l2", "tiny_audio"]
    assert [store.spec.layer for store in tokens.stores.values()] == [1, 2, 0]
    assert len({store.folder for store in tokens.stores.values()}) == 3


def test_tokens_are_shared_whatever_they_are_called(media: Any):
    media.add("audio-1")
    plain = with_encoders(media.profile, {"name": "tiny_audio", "layer": 1})
    renamed = with_encoders(media.profile, LAYERS[0])
    assert run(media, plain) == {"extract tiny_audio": 2}
    assert run(media, renamed) == {"extract ear_l1": 0}
    folders = {store.folder.name for store in open_tokens(media.work, media.manifest).stores.values()}
    assert all(name.startswith("tiny_audio-") for name in folders)
    assert plain.fingerprint() != renamed.fingerprint(), "each has an index of its own"


def test_a_profile_reads_back_as_it_was_written():
    choice = EncoderChoice.model_validate(LAYERS[0])
    assert choice == EncoderChoice(name="tiny_audio", layer=1, alias="ear_l1")
    written = choice.model_dump(mode="json")
    assert written["as"] == "ear_l1"
    assert "alias" not in written
    assert EncoderChoice.model_validate(json.loads(json.dumps(written))) == choice
    assert "as" not in EncoderChoice(name="tiny_audio").model_dump()


@pytest.mark.parametrize(
    "names",
    [
        ({"name": "tiny_audio"}, {"name": "tiny_audio", "layer": 1}),
        ({"name": "tiny_audio", "as": "ear"}, {"name": "lfcc", "as": "ear"}),
        ({"name": "tiny_audio"}, {"name": "lfcc", "as": "tiny_audio"}),
    ],
)
def test_two_encoders_of_one_name_are_refused_with_the_remedy(names: tuple[dict[str, Any], ...], tmp_path: Path):
    assignment = f"encoders={json.dumps(names)}"
    with pytest.raises(UsageError, match="is there 2 times") as refused:
        resolve_profile(WorkFolder(tmp_path), "tiny", None, [assignment], print)
    assert "`as`" in refused.value.hint
    assert "{name: " in refused.value.hint


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "../up", ".hidden", "a:b", "x" * 65])
def test_an_alias_that_is_no_file_name_is_refused(media: Any, alias: str):
    with pytest.raises(UsageError, match="not possible"):
        with_encoders(media.profile, {"name": "lfcc", "as": alias})


def test_the_same_tokens_twice_are_refused(media: Any):
    profile = with_encoders(media.profile, LAYERS[0], {**LAYERS[0], "as": "again"})
    with pytest.raises(UsageError, match="ear_l1 and again have the same tokens"):
        plan_stores(media.manifest, profile, media.work, {}, CPU)


def test_weights_are_replaced_by_alias(media: Any):
    profile = with_encoders(media.profile, {"name": "vit_b16", "as": "eye"}, {"name": "vit_b16", "layer": 6})
    changed = replace_weights(profile, {"eye": "owner/other"})
    assert [choice.weights for choice in changed.encoders] == ["owner/other", None]


def test_an_export_keeps_the_names(media: Any, tmp_path: Path):
    media.add("audio-1")
    run(media, with_encoders(media.profile, *LAYERS[:2]))
    before = open_tokens(media.work, media.manifest)
    export_hdf5(media.work, tmp_path / "tokens.h5")
    other = WorkFolder(tmp_path / "other")
    import_hdf5(other, tmp_path / "tokens.h5")
    index = json.loads((other.tokens / "latest.json").read_text())
    assert index["streams"] == {name: store.folder.name for name, store in before.stores.items()}
    assert all((other.tokens / folder / "spec.json").is_file() for folder in index["streams"].values())


def test_the_stores_of_a_run_are_found_by_the_encoders_own_name(tmp_path: Path):
    streams = {
        "ear_l1": {"spec": {"name": "tiny_audio"}, "fingerprint": "0123"},
        "lfcc": {"fingerprint": "4567"},  # as an earlier version wrote it
    }
    (tmp_path / "full-s0").mkdir()
    (tmp_path / "full-s0" / "inputs.json").write_text(json.dumps({"streams": streams}))
    (use,) = list_token_use(tmp_path)
    assert use.stores == {"tiny_audio-0123", "lfcc-4567"}
