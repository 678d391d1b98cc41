"""Sentence encoders do what modules.json and the configurations beside it say, and refuse what they cannot do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertModel, RobertaConfig

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.sentences.text_settings import read_text_settings
from unmask.cache.encoders.sentences.tokenizer import load_tokenizer
from unmask.cache.weights.resolve import obtain_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
TEXTS = ["hello world", "a few more words hello", "hello", "a"]
OLD, NEW = "sentence_transformers.models", "sentence_transformers.sentence_transformer.modules"
WIDTH, NARROW = 24, 6
FLAGS = ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
TANH = "torch.nn.modules.activation.Tanh"


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))


@pytest.fixture
def model(local_models: dict[str, str], tmp_path: Path) -> Callable[..., Path]:
    def make(*steps: str, pooling: dict[str, Any], package: str = OLD, dense: dict[str, Any] | None = None) -> Path:
        """A folder of sentence-transformers with `steps` after the transformer and the pooling."""
        folder = tmp_path / "model"
        copytree(local_models["sbert"], folder, dirs_exist_ok=True)
        places = {"": "Transformer", "1_Pooling": "Pooling"}
        places |= {f"{number}_{kind}": kind for number, kind in enumerate(steps, start=2)}
        listed = [
            {"idx": idx, "name": str(idx), "path": path, "type": f"{package}.{kind}"}
            for idx, (path, kind) in enumerate(places.items())
        ]
        write(folder, "modules.json", listed)
        write(folder, "1_Pooling/config.json", {"word_embedding_dimension": WIDTH} | pooling)
        for path, kind in places.items():
            if kind == "Dense":
                settings = {"in_features": WIDTH, "out_features": NARROW, "bias": True, "activation_function": TANH}
                write(folder, f"{path}/config.json", settings | (dense or {}))
                generator = torch.Generator().manual_seed(1)
                layer = {"weight": torch.randn(NARROW, WIDTH, generator=generator), "bias": torch.arange(6.0)}
                save_file({f"linear.{key}": value for key, value in layer.items()}, folder / path / "model.safetensors")
            elif kind == "Normalize":
                write(folder, f"{path}/config.json", {})
        return folder

    return make


def encoder_of(folder: Path) -> Any:
    return make_encoder(EncoderChoice(name="sbert", weights=str(folder)), CPU)


def vectors(folder: Path, texts: list[str] = TEXTS) -> torch.Tensor:
    tokens: torch.Tensor = encoder_of(folder).encode(texts)
    return tokens[:, 0]


def hidden(folder: Path, text: str) -> torch.Tensor:
    """(N, 24): the last layer for one text, without padding."""
    tokenizer, network = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        return network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]


def flags(*names: str) -> dict[str, bool]:
    """The configuration as versions 0 to 4 wrote it."""
    return {f"pooling_mode_{name}": name in names for name in FLAGS}


EXPECTED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda x: x.mean(dim=0),
    "cls": lambda x: x[0],
    "max": lambda x: x.max(dim=0).values,
    "weightedmean": lambda x: sum((n + 1) * row for n, row in enumerate(x)) / sum(range(1, len(x) + 1)),  # type: ignore
}
FORMS = [({"pooling_mode": name}, name) for name in EXPECTED]
FORMS += [({"pooling_mode": [name]}, name) for name in EXPECTED]
FORMS += [(flags("cls_token"), "cls"), (flags("max_tokens"), "max"), (flags("mean_tokens"), "mean")]
FORMS += [(flags("weightedmean_tokens"), "weightedmean")]


@pytest.mark.parametrize(("pooling", "name"), FORMS)
def test_a_pooling_is_read_in_both_of_its_forms(model: Callable[..., Path], pooling: dict[str, Any], name: str):
    folder = model(pooling=pooling)
    assert encoder_of(folder).spec.pooling == name
    expected = torch.stack([EXPECTED[name](hidden(folder, text)) for text in TEXTS])
    torch.testing.assert_close(vectors(folder), expected, rtol=1e-4, atol=1e-5)


def test_several_poolings_are_concatenated(model: Callable[..., Path]):
    folder = model(pooling=flags("mean_tokens", "cls_token"))
    expected = torch.cat([hidden(folder, "hello")[0], hidden(folder, "hello").mean(dim=0)])
    torch.testing.assert_close(vectors(folder, ["hello"])[0], expected, rtol=1e-4, atol=1e-5)
    assert encoder_of(folder).spec.native_dim == 2 * WIDTH


@pytest.mark.parametrize("package", [OLD, NEW])
def test_dense_and_normalize_are_applied_in_their_order(model: Callable[..., Path], package: str):
    folder = model("Dense", "Normalize", pooling=flags("mean_tokens"), package=package)
    weight = torch.randn(NARROW, WIDTH, generator=torch.Generator().manual_seed(1))
    mean = torch.stack([hidden(folder, text).mean(dim=0) for text in TEXTS])
    expected = torch.nn.functional.normalize(torch.tanh(mean @ weight.T + torch.arange(6.0)), dim=1)
    torch.testing.assert_close(vectors(folder), expected, rtol=1e-4, atol=1e-5)
    spec = encoder_of(folder).spec
    assert (spec.native_dim, spec.pooling) == (NARROW, "mean, dense 24 to 6 tanh, unit length")


def test_the_library_of_these_folders_gives_the_same_vectors(model: Callable[..., Path]):
    library = pytest.importorskip("sentence_transformers")
    for pooling in (flags("cls_token"), flags("mean_tokens", "max_tokens"), {"pooling_mode": "weightedmean"}):
        steps = ["Normalize"] if pooling.get("pooling_mode_max_tokens") else ["Dense", "Normalize"]
        folder = model(*steps, pooling=pooling)
        write(folder, "config_sentence_transformers.json", {"prompts": {"x": "more "}, "default_prompt_name": "x"})
        write(folder, "sentence_bert_config.json", {"max_seq_length": 5, "do_lower_case": True})
        theirs = library.SentenceTransformer(str(folder), device="cpu").encode(TEXTS, convert_to_tensor=True)
        torch.testing.assert_close(vectors(folder), theirs.cpu(), rtol=1e-4, atol=1e-5)


def test_the_default_prompt_is_put_before_each_text(model: Callable[..., Path]):
    folder = model(pooling=flags("mean_tokens"))
    plain, longer = vectors(folder, ["hello"]), vectors(folder, ["few words hello"])
    before = encoder_of(folder).spec
    prompts = {"query": "few words ", "document": ""}
    write(folder, "config_sentence_transformers.json", {"prompts": prompts})
    torch.testing.assert_close(vectors(folder, ["hello"]), plain, rtol=0, atol=0)
    write(folder, "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": "query"})
    torch.testing.assert_close(vectors(folder, ["hello"]), longer, rtol=0, atol=0)
    assert "prompt 'few words '" in encoder_of(folder).spec.normalisation
    assert encoder_of(folder).spec.fingerprint("m") != before.fingerprint("m")


@pytest.mark.parametrize(
    ("ours", "tokenizers", "pieces"),
    [
        ({"max_seq_length": 4}, 512, 4),
        ({}, 3, 3),
        ({"max_seq_length": None}, 1e30, 512),
        ({"max_seq_length": 9999}, 5, 512),
    ],
)
def test_a_text_is_read_to_the_models_maximum_length(
    model: Callable[..., Path], ours: dict[str, Any], tokenizers: float, pieces: int
):
    folder = model(pooling={"pooling_mode": "cls"})
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    write(folder, "tokenizer_config.json", settings | {"model_max_length": tokenizers})
    write(folder, "sentence_bert_config.json", ours)
    assert f"first {pieces} word pieces" in encoder_of(folder).spec.normalisation
    words = "hello world a few " * math.ceil(pieces / 4)
    kept = " ".join(words.split()[: pieces - 2])  # two places are the tokenizer's own
    torch.testing.assert_close(vectors(folder, [words]), vectors(folder, [kept]), rtol=0, atol=0)


def test_positions_that_begin_after_the_padding_are_not_counted(local_models: dict[str, str], tmp_path: Path):
    """RoBERTa has 514 positions and reads 512 word pieces."""
    weights = obtain_weights("sbert", local_models["sbert"])
    folder = tmp_path / "model"
    copytree(weights.folder, folder)
    write(folder, "sentence_bert_config.json", {"max_seq_length": 514})
    settings = read_text_settings(
        obtain_weights("sbert", str(folder)),
        RobertaConfig(max_position_embeddings=514, pad_token_id=1),
        prompt_counts=True,
    )
    assert settings.pieces == 512


REFUSED: list[tuple[str, Any, str]] = [
    ("1_Pooling/config.json", flags("lasttoken"), "pooling lasttoken"),
    ("1_Pooling/config.json", flags("mean_sqrt_len_tokens"), "pooling mean_sqrt_len_tokens"),
    ("1_Pooling/config.json", flags(), "pooling of no kind"),
    ("1_Pooling/config.json", {"pooling_mode": "attention"}, "pooling attention"),
    ("1_Pooling/config.json", {"pooling_mode_new": True}, "pooling pooling_mode_new"),
    ("1_Pooling/config.json", flags("cls_token") | {"word_embedding_dimension": 7}, "for vectors of 7 numbers"),
    ("2_Dense/config.json", {"activation_function": "my.package.Act"}, "activation_function 'my.package.Act'"),
    ("2_Dense/config.json", {"use_residual": True}, "use_residual is not supported"),
    ("2_Dense/config.json", {"in_features": 5}, "for vectors of 5 numbers"),
    ("2_Dense/config.json", {"out_features": 5}, "not the layer of its config.json"),
    ("2_Dense/config.json", {"bias": False}, "not the layer of its config.json"),
    ("2_Dense/config.json", {"module_input_name": "token_embeddings"}, "module_input_name 'token_embeddings'"),
    ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "has no prompt 'query'"),
    ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "model_type 'SparseEncoder'"),
    ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "transformer_task 'fill-mask'"),
    ("sentence_bert_config.json", {"max_seq_length": "long"}, "maximum length of 'long'"),
    ("tokenizer.json", {"version": "1.0"}, "its tokenizer cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "said"), REFUSED)
def test_what_is_not_supported_is_refused_by_its_name(
    model: Callable[..., Path], name: str, changes: dict[str, Any], said: str
):
    folder = model("Dense", pooling=flags("mean_tokens"))
    before = json.loads((folder / name).read_text()) if name != "tokenizer.json" else {}
    kept = {key: value for key, value in before.items() if "pooling_mode" not in key}
    write(folder, name, kept | changes)
    with pytest.raises(MissingInput) as refused:
        vectors(folder)
    assert said in str(refused.value)
    assert str(folder) in str(refused.value)


@pytest.mark.parametrize("kind", ["LayerNorm", "LSTM", "CNN", "WordWeights", "Dropout", "Router"])
def test_a_module_that_is_not_supported_is_refused_by_its_name(model: Callable[..., Path], kind: str):
    with pytest.raises(MissingInput, match=f"module {kind} is not supported"):
        vectors(model("Normalize", kind, pooling=flags("mean_tokens")))


@pytest.mark.parametrize(
    "modules",
    [
        [],
        [{"path": "", "type": f"{OLD}.Transformer"}],
        [{"path": "", "type": f"{OLD}.StaticEmbedding"}, {"path": "1_Pooling", "type": f"{OLD}.Pooling"}],
        [{"path": "0_Transformer", "type": f"{OLD}.Transformer"}, {"path": "1_Pooling", "type": f"{OLD}.Pooling"}],
        [{"path": "", "type": "my_code.Transformer"}, {"path": "1_Pooling", "type": f"{OLD}.Pooling"}],
        [{"path": "", "type": f"{OLD}.Transformer"}, {"path": "../../etc", "type": f"{OLD}.Pooling"}],
        {"0": "Transformer"},
        ["Transformer", "Pooling"],
    ],
)
def test_another_list_of_modules_is_refused(model: Callable[..., Path], modules: Any):
    folder = model(pooling=flags("mean_tokens"))
    write(folder, "modules.json", modules)
    with pytest.raises(MissingInput, match=r"modules\.json"):
        vectors(folder)


def test_a_pooling_without_the_prompt_is_refused_only_where_there_is_one(model: Callable[..., Path]):
    folder = model(pooling=flags("mean_tokens") | {"include_prompt": False})
    assert vectors(folder).isfinite().all()
    write(folder, "config_sentence_transformers.json", {"prompts": {"x": "hello"}, "default_prompt_name": "x"})
    with pytest.raises(MissingInput, match="leaves out the prompt 'hello'"):
        vectors(folder)


@pytest.mark.parametrize("missing", ["2_Dense/config.json", "2_Dense/model.safetensors", "3_Normalize/config.json"])
def test_each_file_of_a_listed_module_is_needed(model: Callable[..., Path], missing: str):
    folder = model("Dense", "Normalize", pooling=flags("mean_tokens"), package=NEW)
    (folder / missing).unlink()
    with pytest.raises(MissingInput, match=missing):
        vectors(folder)


def test_a_dense_module_is_read_from_a_pickled_file_too(model: Callable[..., Path]):
    folder = model("Dense", pooling=flags("mean_tokens"))
    before = vectors(folder)
    path = folder / "2_Dense" / "model.safetensors"
    weight = torch.randn(NARROW, WIDTH, generator=torch.Generator().manual_seed(1))
    torch.save({"linear.weight": weight, "linear.bias": torch.arange(6.0)}, path.with_name("pytorch_model.bin"))
    path.unlink()
    torch.testing.assert_close(vectors(folder), before, rtol=0, atol=0)
    torch.save({"linear.weight": weight}, path.with_name("pytorch_model.bin"))
    with pytest.raises(MissingInput, match="not the layer"):
        vectors(folder)


def test_a_tokenizer_of_another_model_is_refused(model: Callable[..., Path]):
    weights = obtain_weights("sbert", str(model(pooling=flags("mean_tokens"))))
    settings = read_text_settings(weights, RobertaConfig(), prompt_counts=True)
    load_tokenizer(weights, settings, words=11)
    with pytest.raises(MissingInput, match="a tokenizer of 11 word pieces, the network has 5"):
        load_tokenizer(weights, settings, words=5)
