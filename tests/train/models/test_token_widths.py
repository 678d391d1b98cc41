"""Encoders whose tokens are not all 512 wide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens
from unmask.train.config import TrainConfig
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape

SHAPE = ModelShape.of(TrainConfig(size="small", fusion="joint"), ("eye", "ear"), ("a",), ((3, (0,)),), (512, 12))
SPEC = EncoderSpec(name="ear", modality="audio", weights="none", weights_hash="", native_dim=12, projection="native")


def test_each_adapter_takes_its_streams_width():
    adapters = Detector(SHAPE).adapters
    assert [adapters[name][1].in_features for name in ("eye", "ear")] == [512, 12]


def test_a_shape_comes_back_from_json_with_its_widths():
    kept = TypeAdapter(ModelShape)
    assert kept.validate_json(kept.dump_json(SHAPE)) == SHAPE


def test_a_shape_without_widths_is_of_512_wide_tokens():
    about = {name: value for name, value in SHAPE.as_json().items() if name != "widths"}
    assert TypeAdapter(ModelShape).validate_python(about).widths == (512, 512)


def test_widths_are_one_a_stream():
    with pytest.raises(ValueError, match="1 widths for the tokens of 2 encoders"):
        replace(SHAPE, widths=(512,))


def test_native_tokens_are_held_in_their_width(tmp_path: Path):
    create_store(tmp_path, SPEC, "media")
    tokens = np.arange(36, dtype=np.float16).reshape(3, 12)
    key = SPEC.fingerprint("media")
    write_tokens(tmp_path / "shard-0.zarr", key, [("a", 0), ("b", 0)], tokens, np.zeros(3, np.float32), [2, 1])
    stream = StreamTokens.of(TokenStore(tmp_path), [("b", 0), ("c", 0), ("a", 0)])
    assert stream.bytes == 3 * 12 * 2
    for placed in (stream, stream.move_to(torch.device("cpu"))):
        assert placed.take(np.array([0, 1, 2]))[0].tolist() == tokens[[2, 0, 1]].tolist()
