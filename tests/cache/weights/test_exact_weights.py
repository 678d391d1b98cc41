"""A model folder is exactly the model that was named, or it is refused: files, tensors, families."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    Data2VecAudioConfig,
    Data2VecAudioModel,
    GPT2Config,
    GPT2Model,
    HubertConfig,
    HubertModel,
    T5Config,
    T5EncoderModel,
    Wav2Vec2Config,
    Wav2Vec2ForPreTraining,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

from unmask.cache.encoders import make_encoder
from unmask.cache.weights.completeness import check_weights
from unmask.cache.weights.tensor_files import read_tensors, reading_headers_only
from unmask.cli.app import main
from unmask.core.errors import MissingInput
from unmask.manifests.manifest import write_manifest
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
FAMILIES = ("vit_b16", "resnet50", "wav2vec2_base", "wav2vec2_large", "sbert")
TENSORS = "model.safetensors"
AUDIO: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
NOT_READ = ("masked_spec_embed", "pooler.dense.weight", "pooler.dense.bias", "num_batches_tracked")
"""Tensors that no token depends on."""


@pytest.fixture
def copied(local_models: dict[str, str], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the folder of a small model, to be damaged."""

    def copy(family: str) -> Path:
        folder = tmp_path / "model"
        copytree(local_models[family], folder, dirs_exist_ok=True)
        return folder

    return copy


def encode(family: str, weights: Path) -> torch.Tensor:
    encoder = make_encoder(EncoderChoice(name=family, weights=str(weights)), CPU)
    match encoder.spec.modality:
        case "image":
            return encoder.encode(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
        case "audio":
            return encoder.encode(torch.rand(1, 1600, generator=torch.Generator().manual_seed(0)) - 0.5)
    return encoder.encode(["hello world"])


def refusal(family: str, weights: Path) -> str:
    with pytest.raises(MissingInput) as refused:
        encode(family, weights)
    assert refused.value.exit_code == 4
    return str(refused.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_file_of_a_folder_is_needed(copied: Callable[[str], Path], family: str):
    folder = copied(family)
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(names) >= 2
    for name in names:
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        assert name.as_posix() in refusal(family, folder)
        (folder / name).write_bytes(kept)
    assert encode(family, folder).isfinite().all()


@pytest.mark.parametrize("family", ["vit_b16", "resnet50", "wav2vec2_base", "sbert"])
def test_each_tensor_of_a_checkpoint_is_needed_and_no_other_may_be_there(copied: Callable[[str], Path], family: str):
    folder = copied(family)
    whole = load_file(folder / TENSORS)
    load: Callable[[], Any] = make_encoder(EncoderChoice(name=family, weights=str(folder)), CPU)._load  # type: ignore[attr-defined]
    for name in whole:
        save_file({other: values for other, values in whole.items() if other != name}, folder / TENSORS)
        if name.endswith(NOT_READ):
            load()
        else:
            with pytest.raises(MissingInput, match=re.escape(name)):
                load()
    save_file(whole | {"encoder.of.another.model": torch.zeros(1)}, folder / TENSORS)
    assert "encoder.of.another.model" in refusal(family, folder)
    name = max(whole, key=lambda name: whole[name].numel())
    save_file(whole | {name: whole[name][:-1]}, folder / TENSORS)
    assert name in refusal(family, folder)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("damage", ["pointer", "half", "empty", "other"])
def test_a_damaged_file_is_named(copied: Callable[[str], Path], family: str, damage: str):
    folder = copied(family)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        kept = path.read_bytes()
        damaged = {
            "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
            "half": kept[: len(kept) // 2],
            "empty": b"",
            "other": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        }
        path.write_bytes(damaged[damage])
        assert str(path) in refusal(family, folder)
        path.write_bytes(kept)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("content", ["[]", "{}", "null", '"text"', '{"model_type": ["wav2vec2"]}'])
def test_a_configuration_of_something_else_is_refused(copied: Callable[[str], Path], family: str, content: str):
    folder = copied(family)
    (folder / "config.json").write_text(content)
    assert "config.json" in refusal(family, folder)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("wav2vec2_base", {"hidden_size": "wide"}),
        ("wav2vec2_base", {"num_attention_heads": 5}),
        ("wav2vec2_base", {"num_hidden_layers": 2}),
        ("wav2vec2_base", {"num_hidden_layers": 4}),
        ("wav2vec2_base", {"conv_dim": [16, 16]}),
        ("wav2vec2_base", {"add_adapter": True}),
        ("wav2vec2_base", {"quantization_config": {"quant_method": "bitsandbytes"}}),
        ("sbert", {"hidden_size": 32}),
        ("sbert", {"vocab_size": 5}),
        ("sbert", {"num_hidden_layers": 1}),
        ("vit_b16", {"model_args": {"depth": "deep"}}),
        ("vit_b16", {"model_args": {"num_classes": 4}}),
        ("vit_b16", {"architecture": "vit_of_nobody"}),
        ("vit_b16", {"pretrained_cfg": {"mean": [0.5]}}),
        ("vit_b16", {"pretrained_cfg": {"interpolation": "lanczos"}}),
        ("vit_b16", {"pretrained_cfg": {"std": [0, 0, 0]}}),
        ("vit_b16", {"pretrained_cfg": {"std": [0.2, float("nan"), 0.2]}}),
    ],
)
def test_a_configuration_that_does_not_fit_its_weights_is_refused(
    copied: Callable[[str], Path], family: str, changes: dict[str, Any]
):
    folder = copied(family)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert str(folder) in refusal(family, folder)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (HubertConfig, HubertModel),
        (WavLMConfig, WavLMModel),
        (Data2VecAudioConfig, Data2VecAudioModel),
    ],
)
def test_another_family_is_no_wav2vec2(copied: Callable[[str], Path], config: Any, kind: Any):
    folder = copied("wav2vec2_base")
    kind(config(**AUDIO)).save_pretrained(folder)
    said = refusal("wav2vec2_base", folder)
    assert f"model_type {config.model_type!r}" in said
    assert "model_type wav2vec2" in said


@pytest.mark.parametrize(
    "model",
    [
        lambda: T5EncoderModel(T5Config(d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=11)),
        lambda: GPT2Model(GPT2Config(n_embd=24, n_layer=1, n_head=2, vocab_size=11)),
        lambda: Wav2Vec2Model(Wav2Vec2Config(**AUDIO)),
    ],
    ids=["t5", "gpt2", "wav2vec2"],
)
def test_another_family_is_no_sentence_encoder(copied: Callable[[str], Path], model: Callable[[], Any]):
    folder = copied("sbert")
    made = model()
    made.save_pretrained(folder)
    assert f"model_type {made.config.model_type!r}" in refusal("sbert", folder)


def test_a_folder_of_one_modality_is_refused_by_an_encoder_of_another(local_models: dict[str, str]):
    for family, other in (("sbert", "wav2vec2_base"), ("wav2vec2_base", "sbert"), ("vit_b16", "wav2vec2_base")):
        refusal(family, Path(local_models[other]))


def test_heads_are_left_out(copied: Callable[[str], Path]):
    """A model that was saved with a head has the tensors of its network under a prefix."""
    folder = copied("wav2vec2_base")
    network = Wav2Vec2ForPreTraining(Wav2Vec2Config(**AUDIO, codevector_dim=16, proj_codevector_dim=16))
    network.wav2vec2.save_pretrained(folder)
    bare = encode("wav2vec2_base", folder)
    network.save_pretrained(folder)
    assert torch.equal(encode("wav2vec2_base", folder), bare)
    tensors = load_file(folder / TENSORS)
    save_file(tensors | {"wav2vec2.encoder.layers.7.bias": torch.zeros(1)}, folder / TENSORS)
    assert "encoder.layers.7.bias" in refusal("wav2vec2_base", folder)


def test_a_masked_language_model_without_pooler_is_a_sentence_encoder(copied: Callable[[str], Path]):
    folder = copied("sbert")
    config = BertConfig.from_pretrained(folder)
    network = BertForMaskedLM(config)
    network.save_pretrained(folder)
    assert encode("sbert", folder).isfinite().all()


def test_the_old_names_of_weight_norm_are_the_same_tensors(copied: Callable[[str], Path]):
    folder = copied("wav2vec2_base")
    before = encode("wav2vec2_base", folder)
    renamed = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = load_file(folder / TENSORS)
    for new, old in renamed.items():
        tensors = {name.replace(new, old): values for name, values in tensors.items()}
    (folder / TENSORS).unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    assert torch.equal(encode("wav2vec2_base", folder), before)
    for name in [name for name in tensors if name.endswith(("weight_g", "weight_v"))]:
        torch.save({other: values for other, values in tensors.items() if other != name}, folder / "pytorch_model.bin")
        assert "pos_conv_embed" in refusal("wav2vec2_base", folder)


def test_half_precision_is_read_in_single_precision(copied: Callable[[str], Path]):
    folder = copied("wav2vec2_base")
    halved = {name: values.half().float() for name, values in load_file(folder / TENSORS).items()}
    save_file(halved, folder / TENSORS)
    single = encode("wav2vec2_base", folder)
    save_file({name: values.half() for name, values in halved.items()}, folder / TENSORS)
    assert torch.equal(encode("wav2vec2_base", folder), single)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_a_sharded_checkpoint_is_read_and_each_of_its_shards_is_needed(
    copied: Callable[[str], Path], family: str, suffix: str
):
    folder = copied(family)
    before = encode(family, folder)
    key = make_encoder(EncoderChoice(name=family, weights=str(folder)), CPU).spec.weights_hash
    shards = shard(folder, suffix)
    assert torch.equal(encode(family, folder), before)
    sharded = make_encoder(EncoderChoice(name=family, weights=str(folder)), CPU).spec.weights_hash
    assert sharded != key
    for path in shards:
        kept = path.read_bytes()
        path.unlink()
        assert path.name in refusal(family, folder)
        path.write_bytes(kept[:-1])
        assert path.name in refusal(family, folder)
        path.write_bytes(kept)


def shard(folder: Path, suffix: str) -> list[Path]:
    """Divide the checkpoint of `folder` into two shards, as transformers does."""
    tensors = load_file(folder / TENSORS)
    (folder / TENSORS).unlink()
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    paths = [folder / f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
    for number, path in enumerate(paths):
        part = {name: tensors[name] for name in list(tensors)[number::2]}
        save_file(part, path) if suffix == "safetensors" else torch.save(part, path)
    weight_map = {name: paths[place % 2].name for place, name in enumerate(tensors)}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return paths


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd"])
def test_an_index_names_no_file_outside_its_folder(copied: Callable[[str], Path], name: str):
    folder = copied("sbert")
    (folder / TENSORS).unlink()
    (folder / f"{TENSORS}.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    assert "outside its folder" in refusal("sbert", folder)


def test_a_pickled_file_of_something_else_is_refused(copied: Callable[[str], Path]):
    folder = copied("vit_b16")
    tensors = load_file(folder / TENSORS)
    (folder / TENSORS).unlink()
    for content in ([1, 2], {"state_dict": tensors}, {"epoch": 3}):
        torch.save(content, folder / "pytorch_model.bin")
        assert "not tensors by name" in refusal("vit_b16", folder)


def test_a_file_is_no_folder(local_models: dict[str, str]):
    for family in ("wav2vec2_base", "sbert"):
        said = refusal(family, Path(local_models[family]) / TENSORS)
        assert f"set `weights` to the folder {local_models[family]}" in said


@pytest.mark.parametrize("recipe", [{"do_normalize": True, "sampling_rate": 8000}, {"sampling_rate": 16_000}])
def test_a_model_of_another_rate_or_without_its_recipe_is_refused(
    copied: Callable[[str], Path], recipe: dict[str, Any]
):
    folder = copied("wav2vec2_base")
    (folder / "preprocessor_config.json").write_text(json.dumps(recipe))
    assert "preprocessor_config.json" in refusal("wav2vec2_base", folder)


def test_the_recipe_may_be_part_of_a_processors_file(copied: Callable[[str], Path]):
    folder = copied("wav2vec2_base")
    before = encode("wav2vec2_base", folder)
    recipe = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": recipe}))
    assert torch.equal(encode("wav2vec2_base", folder), before)


@pytest.mark.parametrize("family", ["vit_b16", "wav2vec2_base", "sbert"])
def test_extract_ends_with_exit_code_4_and_writes_no_tokens(
    media: Any, copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str], family: str
):
    folder = copied(family)
    tensors = load_file(folder / TENSORS)
    tensors.pop(next(name for name in tensors if not name.endswith(NOT_READ)))
    save_file(tensors, folder / TENSORS)
    media.add("image-2", "audio-1", "video-3")
    write_manifest(media.work.manifest, media.manifest)
    encoders = f"encoders=[{{name: {family}, weights: {folder}}}]"
    with pytest.raises(SystemExit) as ended:
        main(["extract", "--work", str(media.work.root), "--profile", "tiny", "--set", encoders, "--device", "cpu"])
    assert ended.value.code == 4
    said = capsys.readouterr().err
    assert f"{folder / TENSORS}: has no" in said or f"{folder / TENSORS}: not the weights of" in said
    assert "hint: " in said
    assert "Traceback" not in said
    assert not list(media.work.tokens.glob(f"{family}-*/shard-*"))


@pytest.mark.parametrize("family", ["vit_b16", "resnet50", "wav2vec2_base", "sbert"])
@pytest.mark.parametrize("form", ["safetensors", "pickled", "sharded"])
def test_the_headers_of_a_checkpoint_tell_what_it_lacks(copied: Callable[[str], Path], family: str, form: str):
    folder = copied(family)
    whole = load_file(folder / TENSORS)
    encoder = make_encoder(EncoderChoice(name=family, weights=str(folder)), CPU)
    check_weights(encoder)
    lost = [name for name in sorted(whole) if not name.endswith(NOT_READ)][len(whole) // 2]
    kept = {name: values for name, values in whole.items() if name != lost}
    (folder / TENSORS).unlink()
    match form:
        case "safetensors":
            save_file(kept, folder / TENSORS)
        case "pickled":
            torch.save(kept, folder / "pytorch_model.bin")
        case "sharded":
            save_file(kept, folder / "part.safetensors")
            shards = {"weight_map": dict.fromkeys(whole, "part.safetensors")}
            (folder / "model.safetensors.index.json").write_text(json.dumps(shards))
    encoder = make_encoder(EncoderChoice(name=family, weights=str(folder)), CPU)
    with pytest.raises(MissingInput, match=re.escape(lost)):
        check_weights(encoder)
    with pytest.raises(MissingInput, match=re.escape(lost)):
        encoder._load()  # type: ignore[attr-defined]


def test_headers_are_read_without_the_numbers_and_leave_no_trace(copied: Callable[[str], Path]):
    folder = copied("vit_b16")
    before = encode("vit_b16", folder)
    with reading_headers_only():
        tensors = read_tensors(folder / TENSORS)
    assert {name: values.shape for name, values in tensors.items()} == {
        name: values.shape for name, values in load_file(folder / TENSORS).items()
    }
    assert all(values.untyped_storage().nbytes() == 4 for values in tensors.values())
    encoder = make_encoder(EncoderChoice(name="vit_b16", weights=str(folder)), CPU)
    check_weights(encoder)
    assert torch.equal(encoder.encode(torch.zeros(1, 64, 64, 3, dtype=torch.uint8)), before)


def test_a_dry_run_and_the_doctor_look_into_the_weights_of_the_profile(
    copied: Callable[[str], Path], media: Any, capsys: pytest.CaptureFixture[str]
):
    """No item has a text, so nothing would be encoded."""
    folder = copied("sbert")
    media.profile = media.profile.model_copy(update={"encoders": (EncoderChoice(name="sbert", weights=str(folder)),)})
    media.add("image-2")
    write_manifest(media.work.manifest, media.manifest)
    media.work.profile.write_text(media.profile.model_dump_json())
    arguments = ["--work", str(media.work.root), "--quiet"]

    def call(*command: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stopped:
            main([*command, *arguments])
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out + captured.err

    assert call("extract", "--dry-run")[0] == 0
    assert (
        json.loads(call("doctor", "--json")[1])["encoder_weights"]["sbert of the profile"] == f"found: local {folder}"
    )
    tensors = load_file(folder / TENSORS)
    lost = "encoder.layer.1.output.dense.weight"
    save_file({name: values for name, values in tensors.items() if name != lost}, folder / TENSORS)
    code, said = call("extract", "--dry-run")
    assert code == 4
    assert lost in said
    code, said = call("doctor", "--json")
    assert code == 0
    assert lost in json.loads(said)["encoder_weights"]["sbert of the profile"]


@pytest.mark.parametrize("family", ["vit_b16", "wav2vec2_base", "sbert"])
@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn])
@pytest.mark.parametrize("pickled", [False, True])
def test_quantized_tensors_are_not_taken_for_numbers(
    copied: Callable[[str], Path], family: str, kind: torch.dtype, pickled: bool
):
    folder = copied(family)
    tensors = load_file(folder / TENSORS)
    name = max(tensors, key=lambda name: tensors[name].numel())
    changed = tensors | {name: tensors[name].to(kind)}
    if pickled:
        (folder / TENSORS).unlink()
        torch.save(changed, folder / "pytorch_model.bin")
    else:
        save_file(changed, folder / TENSORS)
    assert f"quantized weights ({name} is " in refusal(family, folder)
    encoder = make_encoder(EncoderChoice(name=family, weights=str(folder)), CPU)
    with pytest.raises(MissingInput, match="quantized"):
        check_weights(encoder)


@pytest.mark.parametrize("family", ["resnet50", "wav2vec2_base"])
def test_weights_that_are_no_numbers_are_named(copied: Callable[[str], Path], family: str):
    folder = copied(family)
    tensors = load_file(folder / TENSORS)
    name = max(tensors, key=lambda name: tensors[name].numel())
    tensors[name].view(-1)[7] = float("nan")
    save_file(tensors, folder / TENSORS)
    assert f"{name} has values that are no numbers" in refusal(family, folder)
