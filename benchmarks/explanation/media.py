"""Real media of which one half was replaced, judged by `predict` with explanations.

A samples of 16 kHz mono, F frames
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from benchmarks.explanation.measure import ALONE, Named, compare
from benchmarks.explanation.pairs import HALVES, SHORTEST_S, Half, Pair, list_pairs
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.verdicts.findings import Explanation
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.predict import predict
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.manifests.manifest import Split

CPU = torch.device("cpu")
RATE, FPS = 16_000, 25
LONGEST_S = 8.0
FADE_S = 0.01
"""Between the halves of the audio: a click would tell where they meet."""


@dataclass(frozen=True)
class _Media:
    frames: list[NDArray[np.uint8]]
    """F of (H, W, 3) at FPS; empty for audio."""
    wave: NDArray[np.float32]
    """(A,)"""

    @property
    def seconds(self) -> float:
        lengths = [len(self.frames) / FPS] * bool(self.frames) + [len(self.wave) / RATE] * bool(len(self.wave))
        return min(lengths, default=0.0)


def measure_media(opened: OpenRun, split: Split, most: int, way: str = "shapley") -> Iterator[Named]:
    """Of up to `most` pairs per modality, in both directions, from files that are encoded alike."""
    pairs = list_pairs(list(opened.manifest.rows()), split, opened.list_scorable())
    for modality in ("audio", "image"):
        chosen = [pair for pair in pairs if pair.modality == modality]
        order = np.random.default_rng(0).permutation(len(chosen))[:most].tolist()
        with tempfile.TemporaryDirectory() as folder:
            yield from _judge(opened, [chosen[one] for one in order], Path(folder), way)


def _judge(opened: OpenRun, pairs: Sequence[Pair], folder: Path, way: str) -> Iterator[Named]:
    """All files of all pairs in one call: real, fake, and one with each half replaced."""
    made: list[tuple[Pair, dict[str, Path]]] = []
    for number, pair in enumerate(pairs):
        real, fake = (_read(opened.manifest.locate(row)) for row in (pair.real, pair.fake))
        if min(real.seconds, fake.seconds) < 2 * SHORTEST_S:
            continue
        kinds: dict[str, _Media] = {"real": real, "fake": _mix(real, fake, pair.modality, None)}
        kinds |= {half: _mix(real, fake, pair.modality, half) for half in HALVES}
        made.append((pair, {kind: _write(folder / f"{number}-{kind}", media) for kind, media in kinds.items()}))
    files = [path for _, paths in made for path in paths.values()]
    if not files:
        return
    verdicts = dict(
        zip(files, predict(files, opened.run, device=CPU, options=PredictOptions(explain=True)), strict=True)
    )
    for pair, paths in made:
        sources = (verdicts[paths["real"]].verdict, verdicts[paths["fake"]].verdict)
        for half in HALVES:
            verdict = verdicts[paths[half]]
            if verdict.explanation is None:
                continue
            yield Named(
                dataset=pair.real.dataset,
                modality=pair.modality,
                same_source=pair.same_source,
                groups=(pair.real.group or pair.real.media_id, pair.fake.group or pair.fake.media_id),
                faked=half,
                correct=sources == ("real", "fake"),
                named={
                    way: compare(*_sum_halves(verdict.explanation, pair.modality), half),
                    ALONE: _compare_clips(verdict, half),
                },
            )


def _sum_halves(explanation: Explanation, modality: str) -> tuple[float, float]:
    mine = [one for one in explanation.contributions if one.modality == modality]
    middle = (min(one.start_s for one in mine) + max(one.end_s for one in mine)) / 2 if mine else 0.0
    sums = [0.0, 0.0]
    for one in mine:
        sums[(one.start_s + one.end_s) / 2 >= middle] += one.logit
    return sums[0], sums[1]


def _compare_clips(verdict: Verdict, half: Half) -> float:
    """By the scores of the clips in each half, which a verdict without explanation has; 0.5 for a single clip."""
    clips = verdict.clips
    middle = (min(clip.start_s for clip in clips) + max(clip.end_s for clip in clips)) / 2
    sides: list[list[float]] = [[], []]
    for clip in clips if len(clips) > 1 else ():
        sides[(clip.start_s + clip.end_s) / 2 >= middle].append(clip.score)
    return compare(float(np.mean(sides[0])), float(np.mean(sides[1])), half) if all(sides) else 0.5


def _read(path: Path) -> _Media:
    """Up to LONGEST_S of frames and audio."""
    frames: list[NDArray[np.uint8]] = []
    waves: list[NDArray[np.float32]] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        streams = [*container.streams.video[:1], *container.streams.audio[:1]]
        for frame in container.decode(*streams):
            if not isinstance(frame, av.VideoFrame | av.AudioFrame):
                continue
            if (frame.time or 0.0) > LONGEST_S + 1:
                break
            if isinstance(frame, av.VideoFrame):
                if (frame.time or 0.0) < LONGEST_S:
                    wanted = round((frame.time or 0.0) * FPS)
                    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                    frames += [image] * max(0, wanted + 1 - len(frames))
            else:
                waves += [one.to_ndarray()[0] for one in resampler.resample(frame)]
    wave = np.concatenate(waves) if waves else np.zeros(0, np.float32)
    return _Media(frames, wave[: round(LONGEST_S * RATE)])


def _mix(real: _Media, fake: _Media, modality: str, half: Half | None) -> _Media:
    """`real` with `half` of its audio or its frames from `fake`; None: all of them. As long as the shorter one."""
    if modality == "audio":
        length = min(len(real.wave), len(fake.wave))
        return _Media(real.frames, _join(real.wave[:length], fake.wave[:length], half))
    count = min(len(real.frames), len(fake.frames))
    size = real.frames[0].shape[1], real.frames[0].shape[0]
    faked = range(count) if half is None else range(count // 2) if half == "first" else range(count // 2, count)
    frames = [_resize(fake.frames[one], size) if one in faked else real.frames[one] for one in range(count)]
    return _Media(frames, real.wave)


def _join(real: NDArray[np.float32], fake: NDArray[np.float32], half: Half | None) -> NDArray[np.float32]:
    if half is None:
        return fake
    at = (np.arange(len(real)) - len(real) / 2) / (FADE_S * RATE)
    second = np.clip(at + 0.5, 0, 1).astype(np.float32)
    share = second if half == "second" else 1 - second
    return np.asarray(real * (1 - share) + fake * share, np.float32)


def _resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(width=size[0], height=size[1])
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _write(path: Path, media: _Media) -> Path:
    """A WAV file, or H.264 with uncompressed audio."""
    if not media.frames:
        path = path.with_suffix(".wav")
        soundfile.write(path, media.wave, RATE)
        return path
    path = path.with_suffix(".mkv")
    with av.open(str(path), "w") as container:
        height, width = (side // 2 * 2 for side in media.frames[0].shape[:2])
        video = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono") if len(media.wave) else None
        for image in media.frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            samples = (np.clip(media.wave, -1, 1) * 32767).astype(np.int16)[None]
            sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            sound.sample_rate = RATE
            container.mux(audio.encode(sound))
            container.mux(audio.encode())
    return path
