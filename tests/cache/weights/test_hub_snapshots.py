"""Model folders in the hub's cache: complete snapshots, files that were never published, and what is fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unmask.cache.weights import hub
from unmask.cache.weights.resolve import find_weights, list_weights, obtain_weights
from unmask.core.errors import MissingInput

NAME = "me/sentences"
COMMIT = "abc123"
POOLING, DENSE = "1_Pooling/config.json", "2_Dense/config.json"
MODULES = [
    {"path": "", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
]
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
REPOSITORY = {
    "config.json": {},
    "model.safetensors.index.json": {"weight_map": dict(zip("ab", SHARDS, strict=True))},
    **{name: {} for name in SHARDS},
    "tokenizer.json": {},
    "tokenizer_config.json": {},
    "special_tokens_map.json": {},
    "modules.json": MODULES,
    POOLING: {},
    DENSE: {},
    "2_Dense/pytorch_model.bin": {},
    "sentence_bert_config.json": {},
    "config_sentence_transformers.json": {},
    "README.md": {},
}
READ = set(REPOSITORY) - {"README.md"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty cache of a machine without a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    root = tmp_path / "models--me--sentences"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    return root


def put(cache: Path, name: str) -> None:
    path = cache / "snapshots" / COMMIT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(REPOSITORY[name]))


def test_a_snapshot_is_complete_with_the_files_that_its_own_files_list(cache: Path):
    for name in READ:
        put(cache, name)
    found = find_weights("sbert", NAME)
    assert found
    assert found.tensors.name == "model.safetensors.index.json"
    listed = {found.tensors, *found.others}
    assert {path.relative_to(found.folder).as_posix() for path in listed} == READ


@pytest.mark.parametrize("missing", sorted(READ - {"special_tokens_map.json"}))
def test_a_snapshot_that_lacks_a_file_is_named_with_the_file(cache: Path, missing: str):
    for name in READ - {missing}:
        put(cache, name)
    assert find_weights("sbert", NAME) is None
    with pytest.raises(MissingInput, match=missing) as refused:
        obtain_weights("sbert", NAME)
    assert "no complete snapshot of me/sentences" in str(refused.value)


def test_a_file_that_the_hub_does_not_have_is_not_needed(cache: Path):
    for name in READ - {"config_sentence_transformers.json"}:
        put(cache, name)
    absent = cache / ".no_exist" / COMMIT
    absent.mkdir(parents=True)
    (absent / "config_sentence_transformers.json").touch()
    assert find_weights("sbert", NAME)


def test_a_local_folder_says_what_stands_for_a_file_that_was_never_published(cache: Path):
    for name in READ - {"config_sentence_transformers.json"}:
        put(cache, name)
    folder = cache / "snapshots" / COMMIT
    assert obtain_weights("sbert", str(folder)), "saved by a version without prompts"
    (folder / POOLING).write_text('{"include_prompt": true}')
    with pytest.raises(MissingInput, match=r'write \{"prompts": \{\}\} into it'):
        obtain_weights("sbert", str(folder))
    (folder / "config_sentence_transformers.json").write_text('{"prompts": {}}')
    assert obtain_weights("sbert", str(folder))


def test_everything_that_is_read_is_fetched_and_nothing_else(cache: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def download(repository: str, revision: str | None, name: str, remedy: str) -> bool:
        asked.append(name)
        if name in REPOSITORY:
            put(cache, name)
        return name in REPOSITORY

    monkeypatch.setattr(hub, "check_hub", lambda: True)
    monkeypatch.setattr(hub, "_download", download)
    found = obtain_weights("sbert", NAME)
    assert {path.relative_to(found.folder).as_posix() for path in (found.tensors, *found.others)} == READ
    assert "README.md" not in asked


def test_a_repository_without_a_needed_file_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub, "check_hub", lambda: True)
    monkeypatch.setattr(hub, "_download", lambda repository, revision, name, remedy: name != "modules.json")
    with pytest.raises(MissingInput, match=r"me/sentences: no modules\.json on the model hub"):
        obtain_weights("sbert", NAME)


def test_the_doctor_names_a_damaged_file_and_goes_on(cache: Path):
    folder = cache.parent / "models--timm--resnet50.a1_in1k"
    for name, content in {"config.json": "{}", "model.safetensors": "version https://git-lfs.github.com/x"}.items():
        path = folder / "snapshots" / COMMIT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    states = {line.encoder: line for line in list_weights()}
    assert states["resnet50"].state == "not found"
    assert "Git-LFS pointer" in states["resnet50"].where
    assert states["minilm"].state == "found"
