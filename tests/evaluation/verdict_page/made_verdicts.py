"""Verdicts made without a model: one with every part, and one with none beside its score."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from unmask.evaluation.verdicts.findings import (
    ContentCredentials,
    Contribution,
    Custody,
    Evidence,
    Explanation,
    FaceMap,
    FaceVerdict,
    Neighbor,
    Pictures,
    Scope,
    TokenDistance,
)
from unmask.evaluation.verdicts.verdict import ClipVerdict, SyncVerdict, Verdict

SECONDS = 12.0
LONG = "a_name_without_a_space_that_is_longer_than_a_phone_is_wide_" * 3
HOSTILE = "folder/<script>alert(1)</script>\"'&\u202egpj.exe\x00\n\udcff.mp4"


def make_jpeg(width: int, height: int, seed: int = 0) -> bytes:
    """Blocks of random color."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), np.uint8)
    memory = io.BytesIO()
    Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC).save(memory, "JPEG")
    return memory.getvalue()


def make_evidence(llr: float = 2.6, supports: str = "fake", strength: str = "moderate") -> Evidence:
    return Evidence(
        llr=llr,
        interval=(llr - 1, llr + 1),
        lowest=-3.4,
        highest=3.4,
        strength=strength,  # type: ignore[arg-type]
        supports=supports,  # type: ignore[arg-type]
        validation_items=60,
    )


def make_pictures() -> Pictures:
    rng = np.random.default_rng(1)
    loud = np.abs(rng.normal(0, 0.3, 900)).clip(0, 1)
    times = np.linspace(0, SECONDS, 900, endpoint=False)
    return Pictures(
        frames=tuple(((n + 0.5) / 8 * SECONDS, make_jpeg(320, 180, n)) for n in range(8)),
        faces=tuple((n * 1.5, make_jpeg(160, 160, 9 + n)) for n in range(8)),
        waveform=tuple((float(at), -float(one), float(one)) for at, one in zip(times, loud, strict=True)),
        end_s=SECONDS,
    )


def make_explanation() -> Explanation:
    rng = np.random.default_rng(2)
    parts = [
        Contribution(modality=name, start_s=float(s), end_s=float(s + 1), logit=float(rng.normal(0.1, 0.4)))
        for name in ("image", "audio")
        for s in range(int(SECONDS))
    ]
    rows = tuple(tuple(map(float, row)) for row in rng.normal(0, 1, (7, 7)))
    return Explanation(
        logit=sum(part.logit for part in parts) - 0.4,
        base=-0.4,
        contributions=tuple(parts),
        maps=(FaceMap(time_s=1.5, stream="vit_b16", rows=rows), FaceMap(time_s=6.0, stream="vit_b16", rows=rows)),
        neighbors=(
            Neighbor(media_id="0" * 16, dataset="FakeAVCeleb", path=LONG, label="fake", start_s=0.0, similarity=0.93),
        ),
        notes=("whisper_tiny has no grid over the face",),
    )


def make_custody(state: str = "valid", claims: tuple[str, ...] = ("signed by a camera",)) -> Custody:
    return Custody(
        sha256="ab" * 32,
        bytes=1_234_567,
        program="unmask 0.1",
        run="full-s0-12345678",
        run_sha256="cd" * 32,
        encoders=(("vit_b16", "ef" * 8), ("whisper_tiny", "01" * 8)),
        judged_at="2026-01-02T03:04:05Z",
        settings=(("device", "cpu"), ("threshold", "0.553")),
        content_credentials=ContentCredentials(state=state, claims=claims),  # type: ignore[arg-type]
    )


def make_full(path: str = "clips/interview.mp4") -> Verdict:
    """Every field is filled."""
    scores = ((0.0, 0.91), (3.0, 0.42), (6.0, 0.97), (9.0, 0.2))
    return Verdict(
        path=path,
        verdict="fake",
        threshold=0.55,
        score=0.83,
        video_score=0.9,
        audio_score=0.3,
        clips=tuple(ClipVerdict(start_s=at, end_s=at + 3, score=score) for at, score in scores),
        sync=SyncVerdict(
            offset_ms=-80,
            fit=5.0,
            fits=0.7,
            over_time=tuple((float(at), 4 + np.sin(at).item()) for at in np.arange(0.5, SECONDS)),
        ),
        faces_found=0.87,
        reason=None,
        run="full-s0-12345678",
        evidence=make_evidence(),
        image_evidence=make_evidence(3.1, strength="strong"),
        audio_evidence=make_evidence(-0.5, "neither", "none"),
        scope=Scope(
            reliable=True,
            distances=(TokenDistance(stream="vit_b16", distance=0.8, limit=2.0),),
            notes=("no training file had container webm",),
        ),
        judged=("image", "audio"),
        not_judged=("text: there is no transcript beside the file",),
        faces=tuple(
            FaceVerdict(face=n, start_s=0.0, end_s=6.0, score=0.9 - n / 2, clips=2, thumbnail=make_jpeg(96, 96, n))
            for n in range(2)
        ),
        explanation=make_explanation(),
        custody=make_custody(),
        pictures=make_pictures(),
    )


def make_bare(path: str = "bare.wav", score: float | None = 0.91) -> Verdict:
    """As of a run that was not evaluated, with nothing that is optional."""
    if score is None:
        return Verdict(path=path, verdict="unreadable", threshold=0.55, reason="no frame in it can be decoded")
    return Verdict(path=path, verdict="fake" if score >= 0.55 else "real", threshold=0.55, score=score)
