"""Every face of a clip becomes a clip of its own, with its tokens of every image encoder and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec, Modality
from unmask.cache.store.in_memory import InMemory
from unmask.evaluation.suites.frame_scores import split_into_faces
from unmask.preprocess.profiles import tiny
from unmask.train.data.clip_table import ClipTable
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.token_data import TokenData

WIDTH = 4


def make_stream(name: str, modality: Modality, times: list[list[float]]) -> StreamTokens:
    """Tokens whose numbers are 0, 1, 2, ...: times of each clip's tokens."""
    spec = EncoderSpec(name=name, modality=modality, weights="", weights_hash="0" * 16, native_dim=WIDTH)
    store: Any = SimpleNamespace(spec=spec)
    lengths = np.array([len(clip) for clip in times], np.int64)
    tokens = torch.arange(int(lengths.sum()), dtype=torch.float16)[:, None].repeat(1, WIDTH)
    seconds = np.array([time for clip in times for time in clip], np.float32)
    held = InMemory(spec, lengths, np.cumsum(lengths) - lengths, tokens, seconds)
    return StreamTokens(store, np.arange(len(times)), lengths, held)


def make_data(**streams: StreamTokens) -> TokenData:
    def column(*values: Any) -> NDArray[Any]:
        return np.array(values)

    clips = ClipTable(
        media_id=column("x", "y", "y"),
        clip=column(0, 0, 1),
        item=column(0, 1, 1),
        domain=column(0, 0, 0),
        kind=column("video", "video", "video"),
        label=column(0, 1, 1).astype(np.int8),
        video_fake=column(0, 1, 1).astype(np.int8),
        audio_fake=column(-1, -1, -1).astype(np.int8),
        split=column("test", "test", "test"),
        group=column("x", "y", "y"),
        origins=np.array([(), (), ()], dtype=object),
        datasets=("celeb_df",),
    )
    return TokenData(clips, streams, tiny(), "media", "hash", 0)


FACES = [[0.0, 1.0], [0.5], [4.0, 5.0, 6.0]]


def test_faces_are_clips_with_all_their_tokens_and_without_sound():
    grid = [[time for time in clip for _ in range(2)] for clip in FACES]
    eye, patches = make_stream("eye", "image", FACES), make_stream("patches", "image", grid)
    data = make_data(eye=eye, patches=patches, ear=make_stream("ear", "audio", [[0.0, 0.1]] * 3))
    found = split_into_faces(data, ["eye", "patches", "ear"], np.array([0, 2]))
    assert found is not None
    assert found.clips.media_id.tolist() == ["x", "x", "y", "y", "y"]
    assert found.clips.item.tolist() == [0, 0, 1, 1, 1]
    every = np.arange(5)
    assert found.streams["eye"].take(every)[0][:, 0].tolist() == [0, 1, 3, 4, 5]
    assert found.streams["patches"].lengths.tolist() == [2] * 5
    assert found.streams["patches"].take(np.array([1, 2]))[0][:, 0].tolist() == [2, 3, 6, 7]
    assert found.streams["patches"].take(np.array([4]))[1].tolist() == [6.0, 6.0]
    assert found.streams["ear"].lengths.tolist() == [0] * 5
    assert found.batch(every, ["eye", "patches", "ear"], device=torch.device("cpu")).slots == 1 + 3


def test_encoders_that_saw_other_faces_and_clips_without_a_face_have_no_frames():
    other = make_stream("other", "image", [[0.0, 1.0], [0.5], [4.0, 5.0, 7.0]])
    data = make_data(eye=make_stream("eye", "image", FACES), other=other)
    assert split_into_faces(data, ["eye", "other"], np.array([0, 2])) is None
    assert split_into_faces(data, ["eye", "other"], np.array([0, 1])) is not None
    silent = make_data(ear=make_stream("ear", "audio", FACES))
    assert split_into_faces(silent, ["ear"], np.array([0])) is None
