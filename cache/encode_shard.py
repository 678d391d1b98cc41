"""Tokens of one media shard from one network: a pure function of the shard's arrays and the encoder.

C clips, F faces, T tokens of all clips one after another
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.encoder_runner import Output, Runner, stack_waves
from unmask.cache.encoders.audio_base import count_parts, count_tokens
from unmask.cache.shard_media import ShardMedia
from unmask.cache.spec import EncoderSpec, Input
from unmask.cache.store.ragged import ClipKey
from unmask.preprocess.profiles import MOUTH_FPS
from unmask.preprocess.shards.media_shard import MediaShard


@dataclass(slots=True)
class ShardTokens:
    """Ready to be written."""

    tokens: NDArray[np.float16]
    """(T, W), W the spec's width."""
    times: NDArray[np.float32]
    """(T,) seconds on the clock of the recording."""
    lengths: list[int]
    """Tokens per clip, 0 when the clip does not have this modality."""
    failed: dict[str, str] = field(default_factory=dict)
    """"media_id/clip" -> why it was refused."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """A network with the outputs that are wanted of it."""

    runner: Runner
    outputs: Sequence[Output]

    @property
    def spec(self) -> EncoderSpec:
        """Of one output: inputs and pooling of all of them are the same."""
        return self.outputs[0].spec

    @property
    def widths(self) -> list[int]:
        return [output.spec.width for output in self.outputs]

    def encode(self, inputs: Any) -> list[NDArray[np.float16]]:
        """N inputs -> their tokens (N, T, W), of every output."""
        return self.runner.run(inputs, self.outputs)

    def encode_groups(self, groups: Sequence[Any]) -> list[list[NDArray[np.float16]]]:
        """`encode` of each group of equally long inputs."""
        return self.runner.run_groups(groups, self.outputs)


def encode_shard(media: ShardMedia, runner: Runner, outputs: Sequence[Output] | None = None) -> list[ShardTokens]:
    """Encode all clips of a shard, for each of `outputs` (None: all of the runner's) in one pass of the network.

    A clip whose tokens are not finite gets no tokens and a line in `failed`.
    """
    asked = _Pass(runner, runner.outputs if outputs is None else outputs)
    made = ENCODE_INPUT[asked.spec.input](media, asked)
    return [_refuse_nonfinite(one, media.keys, asked.spec.name) for one in made]


def _encode_images(media: ShardMedia, asked: _Pass) -> list[ShardTokens]:
    """All faces of a shard have one size, so they are batched across clips."""
    per_frame = asked.spec.tokens_per_frame
    assert per_frame is not None
    lengths = (np.diff(media.face_offsets) * per_frame).tolist()
    if len(media.faces) == 0:
        return [_make_empty(len(lengths), width) for width in asked.widths]
    faces = torch.from_numpy(media.faces) if media.faces_there is None else media.faces_there
    times = np.repeat(media.face_times, per_frame)
    return [ShardTokens(tokens.reshape(-1, tokens.shape[2]), times, list(lengths)) for tokens in asked.encode(faces)]


def _encode_clips(media: ShardMedia, asked: _Pass) -> list[ShardTokens]:
    """Clips with equally many faces are batched together, so that no padding is ever encoded."""
    lengths = np.diff(media.face_offsets)
    made = [np.zeros((len(media.faces), width), np.float16) for width in asked.widths]
    groups = [
        _FaceBatches(media, media.face_offsets[clips][:, None] + np.arange(length))
        for length, clips in _group_by_length(lengths)
    ]
    for group, outputs in zip(groups, asked.encode_groups(groups), strict=True):
        for of_output, tokens in zip(made, outputs, strict=True):
            of_output[group.rows] = tokens
    return [ShardTokens(tokens, media.face_times, lengths.tolist()) for tokens in made]


def _encode_audio(media: ShardMedia, asked: _Pass) -> list[ShardTokens]:
    """Clips of equal length are batched together, so that no padding is ever encoded."""
    lengths = np.diff(media.audio_offsets)
    found = _Found(asked.widths)
    groups = [_AudioBatches(media, clips, length) for length, clips in _group_by_length(lengths)]
    for group, tokens in zip(groups, asked.encode_groups(groups), strict=True):
        found.add([[clip] for clip in group.clips], tokens)
    return found.join(media, lambda clip: float(lengths[clip]) / media.sample_rate)


def _encode_texts(media: ShardMedia, asked: _Pass) -> list[ShardTokens]:
    """Encode each text once: all clips of a media file have its text. Sorted by length, so that batches pad little."""
    clips_of: dict[str, list[int]] = defaultdict(list)
    for clip, text in enumerate(media.texts):
        if text and text.strip():
            clips_of[text].append(clip)
    texts = sorted(clips_of, key=lambda text: (len(text), text))
    found = _Found(asked.widths)
    if texts:
        found.add([clips_of[text] for text in texts], asked.encode(texts))
    return found.join(media, lambda clip: 0.0)


def _encode_metadata(media: ShardMedia, asked: _Pass) -> list[ShardTokens]:
    clips = [clip for clip, facts in enumerate(media.facts) if facts is not None]
    found = _Found(asked.widths)
    if clips:
        found.add([[clip] for clip in clips], asked.encode([media.facts[clip] for clip in clips]))
    return found.join(media, lambda clip: 0.0)


def _encode_mouths(media: ShardMedia, asked: _Pass) -> list[ShardTokens]:
    """Clips of equal length are batched together, so that no padding is ever encoded."""
    frames = [select_frames(count, media.mouth_fps) for count in np.diff(media.mouth_offsets).tolist()]
    lengths = np.array([len(each) for each in frames], np.int64)
    found = _Found(asked.widths)
    groups = [clips for _, clips in _group_by_length(lengths)]
    batches = [
        _MouthBatches(media, [int(media.mouth_offsets[clip]) + frames[clip] for clip in clips]) for clips in groups
    ]
    for clips, tokens in zip(groups, asked.encode_groups(batches), strict=True):
        found.add([[clip] for clip in clips], tokens)
    return found.join(media, lambda clip: float(lengths[clip]) / MOUTH_FPS)


def _group_by_length(lengths: NDArray[np.int64]) -> list[tuple[int, list[int]]]:
    """(length, its clips) of each length above 0, the shortest first."""
    return [(length, np.flatnonzero(lengths == length).tolist()) for length in np.unique(lengths[lengths > 0]).tolist()]


def select_frames(count: int, fps: float) -> NDArray[np.int64]:
    """Of `count` mouth crops, `fps` per second, those that show each time of MOUTH_FPS."""
    times = np.arange(round(count / fps * MOUTH_FPS)) / MOUTH_FPS
    # A thousandth, because a time that falls on a crop must not be taken from the one before by rounding.
    return np.minimum((times * fps + 1e-3).astype(np.int64), count - 1)


ENCODE_INPUT: dict[Input, Callable[[ShardMedia, _Pass], list[ShardTokens]]] = {
    "image": _encode_images,
    "clip": _encode_clips,
    "mouth": _encode_mouths,
    "audio": _encode_audio,
    "text": _encode_texts,
    "metadata": _encode_metadata,
}


def count_expected_tokens(shard: MediaShard, spec: EncoderSpec) -> int:
    """Count the tokens of the shard without reading faces or audio."""
    if spec.input == "mouth":
        fps, rate = float(shard.settings.get("mouth_fps") or MOUTH_FPS), spec.tokens_per_second or MOUTH_FPS
        shown = [len(select_frames(count, fps)) for count in np.diff(shard.mouth_offsets).tolist()]
        return sum(count_parts(count / MOUTH_FPS, rate) for count in shown if count)
    if spec.modality == "image":
        return int(shard.face_offsets[-1]) * (spec.tokens_per_frame or 1)
    if spec.modality == "audio":
        lengths = np.diff(shard.audio_offsets)
        rate = spec.tokens_per_second or 1.0
        return sum(count_tokens(length, rate) for length in lengths[lengths > 0].tolist())
    return sum(bool(text and text.strip()) for text in shard.clip_texts) if spec.modality == "text" else len(shard)


@dataclass(frozen=True, slots=True)
class _AudioBatches:
    """Clips of one length as a sequence: a slice of it is a batch, converted to float32 when it is taken."""

    media: ShardMedia
    clips: list[int]
    length: int

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, part: slice) -> torch.Tensor:
        starts = [int(self.media.audio_offsets[clip]) for clip in self.clips[part]]
        audio = torch.from_numpy(self.media.audio) if self.media.audio_there is None else self.media.audio_there
        return stack_waves(audio, starts, self.length)


@dataclass(frozen=True, slots=True)
class _FaceBatches:
    """Faces of clips of one length as a sequence: a slice of it is a batch (B, F, S, S, 3)."""

    media: ShardMedia
    rows: NDArray[np.int64]
    """(N, F) rows of `media.faces`, one line per clip."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> torch.Tensor:
        faces = torch.from_numpy(self.media.faces) if self.media.faces_there is None else self.media.faces_there
        return faces[torch.from_numpy(self.rows[part]).to(faces.device)]


@dataclass(frozen=True, slots=True)
class _MouthBatches:
    """Mouths of clips of one length as a sequence: a slice of it is a batch (B, M, S, S)."""

    media: ShardMedia
    frames: list[NDArray[np.int64]]
    """Of each clip, (M,) rows of `media.mouth`."""

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, part: slice) -> torch.Tensor:
        return torch.from_numpy(self.media.mouth[np.stack(self.frames[part])])


class _Found:
    """Tokens of clips, of every output of a pass."""

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = widths
        self._of_clip: list[dict[int, NDArray[np.float16]]] = [{} for _ in widths]

    def add(self, clips: Sequence[Sequence[int]], tokens: Sequence[NDArray[np.float16]]) -> None:
        """`tokens` (N, T, W) per output, of N inputs; `clips`: those that each input belongs to."""
        for of_clip, of_output in zip(self._of_clip, tokens, strict=True):
            of_clip.update({clip: of_input for some, of_input in zip(clips, of_output, strict=True) for clip in some})

    def join(self, media: ShardMedia, seconds: Callable[[int], float]) -> list[ShardTokens]:
        """The tokens of the clips in order.

        Times are centers of equal bins of `seconds(clip)` from the clip's start.
        """
        return [
            _join_clips(of_clip, media, width, seconds)
            for of_clip, width in zip(self._of_clip, self._widths, strict=True)
        ]


def _join_clips(
    found: Mapping[int, NDArray[np.float16]], media: ShardMedia, width: int, seconds: Callable[[int], float]
) -> ShardTokens:
    clips = range(len(media.keys))
    times = [
        _center_times(float(media.starts[clip]), seconds(clip), len(found[clip])) for clip in clips if clip in found
    ]
    tokens = [found[clip] for clip in clips if clip in found]
    lengths = [len(found[clip]) if clip in found else 0 for clip in clips]
    empty = _make_empty(0, width)
    return ShardTokens(np.concatenate([empty.tokens, *tokens]), np.concatenate([empty.times, *times]), lengths)


def _center_times(start: float, seconds: float, tokens: int) -> NDArray[np.float32]:
    return (start + (np.arange(tokens) + 0.5) * seconds / tokens).astype(np.float32)


def _make_empty(clips: int, width: int) -> ShardTokens:
    tokens = np.zeros((0, width), np.float16)
    return ShardTokens(tokens, np.zeros(0, np.float32), [0] * clips)


def _refuse_nonfinite(made: ShardTokens, keys: list[ClipKey], encoder: str) -> ShardTokens:
    finite = np.isfinite(made.tokens).all(axis=1)
    if finite.all():
        return made
    clip_of = np.repeat(np.arange(len(keys)), made.lengths)
    refused = set(clip_of[~finite].tolist())
    keep = ~np.isin(clip_of, sorted(refused))
    failed = {
        f"{keys[clip][0]}/{keys[clip][1]}": f"refused: {encoder} gives values beyond float16"
        for clip in sorted(refused)
    }
    lengths = [0 if clip in refused else length for clip, length in enumerate(made.lengths)]
    return ShardTokens(made.tokens[keep], made.times[keep], lengths, failed)
