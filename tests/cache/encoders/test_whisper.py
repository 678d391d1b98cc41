"""The reader of CTranslate2 files, and the Whisper encoder made from one."""

from __future__ import annotations

import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.ctranslate2_file import CT2File
from unmask.cache.encoders.whisper_tiny import LogMel, WhisperFrames, check_encoder, read_encoder
from unmask.cache.weights.resolve import obtain_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
KINDS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "bfloat16": 5}


def noise(samples: int, rows: int = 1) -> torch.Tensor:
    return torch.rand(rows, samples, generator=torch.Generator().manual_seed(3)) - 0.5


def ct2(path: Path, variables: dict[str, tuple[str, NDArray[Any]]], version: int = 6) -> Path:
    """A file in CTranslate2's format."""

    def string(text: str) -> bytes:
        raw = text.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    parts = [struct.pack("<I", version), string("WhisperSpec"), struct.pack("<II", 3, len(variables))]
    for name, (kind, values) in variables.items():
        parts += [string(name), struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)]
        parts += [struct.pack("<BI", KINDS[kind], values.nbytes), values.tobytes()]
    path.write_bytes(b"".join([*parts, struct.pack("<I", 1), string("alias"), string(next(iter(variables)))]))
    return path


@pytest.fixture(scope="module")
def shipped() -> CT2File:
    return CT2File(obtain_weights("whisper_tiny").tensors)


@pytest.mark.parametrize("kind", ["float32", "float16", "int32"])
def test_numbers_are_read_as_they_were_written(tmp_path: Path, kind: str):
    values = np.arange(6).reshape(2, 3).astype(kind)
    file = CT2File(ct2(tmp_path / "model.bin", {"a/weight": (kind, values)}))
    np.testing.assert_array_equal(file.tensor("a/weight"), values.astype(np.float32))
    np.testing.assert_array_equal(file.tensor("alias"), file.tensor("a/weight"))


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path):
    values = np.array([1.0, -2.5, 0.15625], np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    file = CT2File(ct2(tmp_path / "model.bin", {"a/weight": ("bfloat16", upper)}))
    np.testing.assert_array_equal(file.tensor("a/weight"), values)


@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_quantised_weights_are_divided_by_their_scale(tmp_path: Path, kind: str):
    weight = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    scale = (120 / np.abs(weight).max(axis=1)).astype(np.float32) if kind == "int8" else np.float32(1000)
    stored = np.rint(weight * (scale[:, None] if kind == "int8" else scale)).astype(kind)
    file = ct2(
        tmp_path / "model.bin",
        {"a/weight": (kind, stored), "a/weight_scale": ("float32", np.asarray(scale, np.float32))},
    )
    np.testing.assert_allclose(CT2File(file).tensor("a/weight"), weight, atol=0.02)


def test_every_way_of_cutting_a_file_off_is_noticed(tmp_path: Path):
    whole = ct2(tmp_path / "whole.bin", {"a/weight": ("float32", np.ones((2, 2), np.float32))}).read_bytes()
    for length in range(1, len(whole)):
        (tmp_path / "cut.bin").write_bytes(whole[:length])
        with pytest.raises(MissingInput, match="not a complete CTranslate2 model"):
            CT2File(tmp_path / "cut.bin")


def test_another_format_is_refused(tmp_path: Path):
    path = ct2(tmp_path / "model.bin", {"a": ("int32", np.zeros(1, np.int32))}, version=99)
    with pytest.raises(MissingInput, match="format 99"):
        CT2File(path)


def test_the_shipped_file_is_a_whole_tiny_english_whisper(shipped: CT2File):
    assert (shipped.kind, len(shipped.names)) == ("WhisperSpec", 149)  # 148 variables and an alias
    assert shipped.shape("encoder/conv1/weight") == (384, 80, 3)
    assert shipped.shape("encoder/position_encodings/encodings") == (1500, 384)
    assert shipped.shape("encoder/layer_3/self_attention/linear_0/weight") == (3 * 384, 384)
    assert all(np.isfinite(shipped.tensor(name)).all() for name in shipped.names)


def small_whisper() -> dict[str, tuple[str, NDArray[Any]]]:
    """The variables of an encoder of 2 layers, 8 wide, and a decoder that is not read."""
    random = np.random.default_rng(0)
    norm, shapes = {"gamma": (8,), "beta": (8,)}, {"position_encodings/encodings": (20, 8)}
    shapes |= {"conv1/weight": (8, 4, 3), "conv1/bias": (8,), "conv2/weight": (8, 8, 3), "conv2/bias": (8,)}
    parts = {"layer_norm": norm}
    for layer in range(2):
        for block, (inner, outer) in {"self_attention": (24, 8), "ffn": (32, 32)}.items():
            parts[f"layer_{layer}/{block}/layer_norm"] = norm
            parts[f"layer_{layer}/{block}/linear_0"] = {"weight": (inner, 8), "bias": (inner,)}
            parts[f"layer_{layer}/{block}/linear_1"] = {"weight": (8, outer), "bias": (8,)}
    shapes |= {f"{part}/{name}": shape for part, names in parts.items() for name, shape in names.items()}
    variables = {f"encoder/{name}": ("float32", random.normal(size=shape)) for name, shape in shapes.items()}
    for layer in range(2):
        variables[f"encoder/layer_{layer}/self_attention/linear_0/bias"][1][8:16] = 0  # a key has no bias
    made = {name: (kind, values.astype(np.float32)) for name, (kind, values) in variables.items()}
    return made | {"encoder/num_heads": ("int32", np.array(2, np.int32)), "decoder/x": ("int32", np.zeros(1, np.int32))}


def test_each_variable_of_the_encoder_is_needed_and_no_other_may_be_there(tmp_path: Path):
    whole, path = small_whisper(), tmp_path / "model.bin"

    def make() -> torch.Tensor:
        return make_encoder(EncoderChoice(name="whisper_tiny", weights=str(tmp_path)), CPU).encode(noise(4000))

    ct2(path, whole)
    assert make().isfinite().all()
    for name in whole:
        ct2(path, {other: variable for other, variable in whole.items() if other != name})
        if name.startswith("encoder/"):
            with pytest.raises(MissingInput, match=f"has no {name}"):
                make()
    for name in ("encoder/layer_1/ffn/linear_2/weight", "encoder/adapter/weight"):
        ct2(path, whole | {name: ("float32", np.zeros(3, np.float32))})
        with pytest.raises(MissingInput, match=f"has too much: {name}"):
            make()
    ct2(path, whole | {"encoder/scale_outputs": ("int32", np.array(0, np.int32))})
    assert make().isfinite().all(), "a setting of another version of the converter"


@pytest.mark.parametrize("configured", [None, 2, 4])
def test_a_whisper_without_its_last_layers_is_refused(tmp_path: Path, configured: int | None):
    variables = small_whisper()
    if configured is None:  # as wide as Whisper tiny, which has 4 layers
        kernel = variables["encoder/conv1/weight"][1]
        variables["encoder/conv1/weight"] = ("float32", np.zeros((384, *kernel.shape[1:]), np.float32))
    else:
        (tmp_path / "config.json").write_text(f'{{"encoder_layers": {configured}}}')
    file = CT2File(ct2(tmp_path / "model.bin", variables))
    if configured == 2:
        assert check_encoder(file) == 2
    else:
        with pytest.raises(MissingInput, match=r"2 layers in the encoder, .* 4"):
            check_encoder(file)


def test_its_positions_are_the_sinusoids_of_the_paper(shipped: CT2File):
    # Evidence that the tensors are read in the right order and scale: these have a formula.
    rate = np.exp(-np.log(10_000) / (192 - 1) * np.arange(192))
    angle = np.arange(1500)[:, None] * rate
    expected = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    np.testing.assert_allclose(shipped.tensor("encoder/position_encodings/encodings"), expected, atol=2e-3)


def test_the_log_mel_spectrogram_is_whispers_own():
    wave = noise(48_000)
    theirs = WhisperFeatureExtractor()(wave[0].numpy(), sampling_rate=16_000, padding=False, return_tensors="pt")
    torch.testing.assert_close(LogMel(80)(wave), theirs.input_features, rtol=1e-4, atol=1e-4)


def test_a_full_window_gives_what_transformers_own_encoder_gives(shipped: CT2File):
    wave = noise(480_000)
    encoder = read_encoder(shipped, 4).eval()
    reference = WhisperEncoder(WhisperConfig(**asdict(encoder.shape))).eval()
    reference.load_state_dict(encoder.state_dict(), strict=True)
    with torch.inference_mode():
        theirs = reference(LogMel(80)(wave)).last_hidden_state
        ours = WhisperFrames(encoder, (4,), norm=True)(wave)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("layer", range(5))
def test_each_layer_is_finite_and_far_from_the_limits_of_float16(layer: int):
    tokens = make_encoder(EncoderChoice(name="whisper_tiny", layer=layer), CPU).encode(noise(32_000, 2))
    assert tokens.shape == (2, 10, 384)
    assert torch.isfinite(tokens).all()
    assert tokens.norm(dim=2).max() < 1000


def test_longer_audio_is_encoded_in_windows(shipped: CT2File):
    frames = WhisperFrames(read_encoder(shipped, 1).eval(), (1,), norm=False)
    wave = noise(480_000 + 16_000)
    with torch.inference_mode():
        whole, rest = frames(wave), frames(wave[:, 480_000:])
    assert whole.shape[1] == 1550
    torch.testing.assert_close(whole[:, 1500:], rest)


def test_a_linear_probe_tells_synthetic_speech_apart(corpus: Path):
    paths = sorted((corpus / "own_speech").glob("*/*.flac"))
    encoder = make_encoder(EncoderChoice(name="whisper_tiny"), CPU)
    means = []
    for path in paths:
        wave, rate = soundfile.read(path, dtype="float32", frames=48_000)
        assert rate == 16_000
        means.append(encoder.encode(torch.from_numpy(wave)[None])[0].mean(dim=0).numpy())
    fake = np.array([path.parent.name == "fake" for path in paths])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    score = cross_val_predict(probe, np.stack(means), fake, cv=5, method="decision_function")
    assert roc_auc_score(fake, score) > 0.9
