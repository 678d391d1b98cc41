"""The problems: how the items of each are drawn, and what is asked of them.

M items: `size` to train and validate on, and TEST to measure with. T tokens per modality, D width
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.systems import CHOSEN, DOMAIN_LOSSES, FUSIONS, PROBE, UNBALANCED
from benchmarks.claims.tokens import Bits, Floats, Halves, Items, TokenSource, draw_direction
from unmask.cache.spec import Modality

TEST = 600
VALIDATION = 0.25
"""Share of `size`."""
TOKENS = 4
# Artefacts lie along the first half of the axes, what a token is about along the first few.
ARTEFACT_AXES, CONTENT_AXES = 64, 16
# Deviations by which a signal moves a token each way.
ARTEFACT, CONTENT = 0.7, 1.5

Random = np.random.Generator
Draw = Callable[[Random, int], Items]


@dataclass(frozen=True, kw_only=True)
class Problem:
    title: str
    about: str
    """What is constructed, in one sentence of docs/claims.md."""
    draw: Draw
    systems: tuple[str, ...] = FUSIONS
    """Names in systems.SYSTEMS."""
    sizes: tuple[int, ...] = (300, 1000, 3000)
    """Of which the table is made unless --sizes says otherwise."""
    questions: tuple[tuple[str, str], ...] = (("full", PROBE),)
    """Pairs (system, compared with) of which a sentence gives the paired difference."""
    choice: tuple[str, ...] = ()
    """Systems of which one more row takes, per seed, the one with the highest validation AUC."""
    hidden: tuple[Modality, ...] = ()
    """A second measure: each test item without one of these modalities, in turns."""


def make_items(label: Bits, split: NDArray[np.str_], image: Halves, audio: Halves, **other: Any) -> Items:
    """Videos of one dataset whose manifest does not say what is fake, unless `other` columns say otherwise."""
    count = len(label)
    unknown = np.full(count, -1, np.int64)
    columns = {"dataset": np.full(count, "one"), "kind": np.full(count, "video")}
    flags = {"video_fake": unknown, "audio_fake": unknown}
    return Items(label=label, split=split, image=image, audio=audio, **{**columns, **flags, **other})


def draw_splits(random: Random, size: int) -> NDArray[np.str_]:
    """(M,) a share VALIDATION of the `size` items is val, the rest train; then TEST items."""
    held = round(size * VALIDATION)
    return np.concatenate([random.permutation(["val"] * held + ["train"] * (size - held)), np.full(TEST, "test")])


def draw_bits(random: Random, count: int) -> Bits:
    return random.integers(0, 2, count)


def move(amount: NDArray[Any], direction: Floats) -> Floats:
    """(M, 1, D): `amount` (M,) deviations along `direction` (D,)."""
    moved: Floats = amount[:, None, None] * direction
    return moved


def sign(bit: Bits) -> Bits:
    return 2 * bit - 1


def draw_artefacts(random: Random, fake: Bits) -> Halves:
    """(M, T, D) tokens of one modality, moved one way in fakes and the other way in reals."""
    signal = move(sign(fake) * ARTEFACT, draw_direction(random, ARTEFACT_AXES))
    return TokenSource.of(random).draw(random, signal, TOKENS)


def draw_linear(random: Random, size: int, *, wrong: float = 0.0) -> Items:
    """Artefacts in image and audio; a share `wrong` of the train and validation labels is flipped."""
    split = draw_splits(random, size)
    label = draw_bits(random, len(split))
    image, audio = draw_artefacts(random, label), draw_artefacts(random, label)
    flipped = (random.random(len(split)) < wrong) & (split != "test")
    return make_items(np.where(flipped, 1 - label, label), split, image, audio)


def draw_xor(random: Random, size: int) -> Items:
    split = draw_splits(random, size)
    bits = [draw_bits(random, len(split)) for _ in range(2)]
    image, audio = (
        TokenSource.of(random).draw(random, move(sign(bit) * CONTENT, draw_direction(random, CONTENT_AXES)), TOKENS)
        for bit in bits
    )
    return make_items(bits[0] ^ bits[1], split, image, audio)


LAG_TOKENS, LAG_RATE = 12, 8.0
LAGS = (-4, -3, -2, 2, 3, 4)
"""Of fakes, in tokens: a quarter to half a second."""


def draw_time_shift(random: Random, size: int) -> Items:
    split = draw_splits(random, size)
    label, most = draw_bits(random, len(split)), max(LAGS)
    activity = CONTENT * random.standard_normal((len(split), LAG_TOKENS + 2 * most))
    lag = np.where(label == 1, random.choice(LAGS, len(split)), 0)
    steps = np.arange(LAG_TOKENS) + most
    courses = (activity[:, steps], np.take_along_axis(activity, steps + lag[:, None], axis=1))
    image, audio = (
        TokenSource.of(random).draw(random, course[:, :, None] * draw_direction(random, CONTENT_AXES), LAG_TOKENS)
        for course in courses
    )
    return make_items(label, split, image, audio, tokens_per_second=LAG_RATE)


SKEW = 0.95
LOOK = 1.5
"""Deviations by which a dataset's look moves a token."""


def draw_skewed(random: Random, size: int, *, validation: bool) -> Items:
    """Two datasets of different look; in training SKEW of one is fake and of the other real, in test half of each.

    With `validation` the validation items are as skewed as training, else half and half.
    """
    split = draw_splits(random, size)
    second = draw_bits(random, len(split))
    skewed = (split == "train") | (validation & (split == "val"))
    label = np.where(skewed, second ^ (random.random(len(split)) >= SKEW), draw_bits(random, len(split)))
    image, audio = (
        TokenSource.of(random).draw(
            random,
            move(sign(label) * ARTEFACT, draw_direction(random, ARTEFACT_AXES))
            + move(sign(second) * LOOK, draw_direction(random, CONTENT_AXES)),
            TOKENS,
        )
        for _ in range(2)
    )
    return make_items(label, split, image, audio, dataset=np.array(["one", "two"])[second])


SEEN, UNSEEN = 4, 2
"""Generators of training, and of test alone. Each dataset has two of the former."""
ALIKE = 0.5
"""Share of an artefact's energy that all generators have in common."""


def draw_unseen(random: Random, size: int) -> Items:
    split = draw_splits(random, size)
    label, second = draw_bits(random, len(split)), draw_bits(random, len(split))
    seen = 2 * second + draw_bits(random, len(split))
    generator = np.where(split == "test", SEEN + draw_bits(random, len(split)), seen)
    parts = []
    for _ in range(2):
        common, *own = (draw_direction(random, ARTEFACT_AXES) for _ in range(1 + SEEN + UNSEEN))
        artefacts = np.sqrt(ALIKE) * common + np.sqrt(1 - ALIKE) * np.stack(own)
        signal = (2 * ARTEFACT * label)[:, None, None] * artefacts[generator][:, None]
        signal = signal + move(sign(second) * LOOK, draw_direction(random, CONTENT_AXES))
        parts.append(TokenSource.of(random).draw(random, signal, TOKENS))
    return make_items(label, split, *parts, dataset=np.array(["one", "two"])[second])


FORGERY = 1.0


def draw_forged_audio(random: Random, size: int) -> Items:
    """Train and val: recordings, half of them forged; videos with genuine audio, half of them with a forged image.

    Test: videos with a genuine image, half of them with forged audio.
    """
    split = draw_splits(random, size)
    label, test = draw_bits(random, len(split)), split == "test"
    recording = (draw_bits(random, len(split)) == 1) & ~test
    image_fake = np.where(recording | test, 0, label)
    audio_fake = np.where(recording | test, label, 0)
    image, audio = (
        TokenSource.of(random).draw(random, move(sign(fake) * FORGERY, draw_direction(random, ARTEFACT_AXES)), TOKENS)
        for fake in (image_fake, audio_fake)
    )
    kind, dataset = np.where(recording, "audio", "video"), np.where(recording, "recordings", "videos")
    flags = {"video_fake": image_fake, "audio_fake": audio_fake}
    return make_items(label, split, image, audio, kind=kind, dataset=dataset, **flags)


def draw_both_forged(random: Random, size: int) -> Items:
    items = draw_linear(random, size)
    return replace(items, video_fake=items.label, audio_fake=items.label)


_CHOICE = ("linear", *DOMAIN_LOSSES)
_DOMAIN_QUESTIONS = tuple((name, "erm") for name in DOMAIN_LOSSES[1:])

PROBLEMS: dict[str, Problem] = {
    "linear": Problem(
        title="A sum of weak traces",
        about="In fakes the tokens of image and audio are moved along one direction each: a linear model of the mean "
        "tokens is the right one, and a fusion can only lose.",
        draw=draw_linear,
        questions=(("full", PROBE), ("joint", PROBE), ("early", PROBE), ("late", PROBE)),
    ),
    "xor": Problem(
        title="Image and audio that do not fit",
        about="Fake is the exclusive or of a bit in the image and a bit in the audio: neither alone tells anything.",
        draw=draw_xor,
        questions=(("full", PROBE), ("full", "joint"), ("full", "early")),
    ),
    "time-shift": Problem(
        title="Image and audio out of time",
        about="Image and audio follow the same random course at 8 tokens per second; in fakes the audio is a "
        "quarter to half a second early or late.",
        draw=draw_time_shift,
        systems=(*FUSIONS, "no-lag"),
        sizes=(300, 1000),
        questions=(("full", PROBE), ("full", "joint"), ("full", "no-lag")),
    ),
    "skewed": Problem(
        title="The dataset gives the label away",
        about="Two datasets of different look: 95 % of one is fake and 95 % of the other real in training, half and "
        "half in validation and test.",
        draw=partial(draw_skewed, validation=False),
        systems=(PROBE, "linear", *DOMAIN_LOSSES, *UNBALANCED),
        sizes=(300, 1000),
        choice=_CHOICE,
        questions=(("erm", PROBE), (CHOSEN, PROBE), *_DOMAIN_QUESTIONS, ("erm", "erm-unbalanced")),
    ),
    "skewed-throughout": Problem(
        title="The same, and validation is as skewed as training",
        about="As above, with 95 % and 5 % in validation too, as a random split of such datasets gives.",
        draw=partial(draw_skewed, validation=True),
        systems=(PROBE, "linear", *DOMAIN_LOSSES),
        sizes=(1000,),
        choice=_CHOICE,
        questions=(("erm", PROBE), (CHOSEN, PROBE), *_DOMAIN_QUESTIONS),
    ),
    "unseen": Problem(
        title="Unseen generators",
        about="Two datasets with two generators each; in test, fakes of two others, whose traces have half of their "
        "energy in common with the known ones.",
        draw=draw_unseen,
        systems=(PROBE, "linear", *DOMAIN_LOSSES, "dann-strong"),
        sizes=(300, 1000),
        choice=_CHOICE,
        questions=(("erm", PROBE), (CHOSEN, PROBE), *_DOMAIN_QUESTIONS, ("dann-strong", "erm")),
    ),
    "forged-audio": Problem(
        title="Forged audio under a genuine image",
        about="In training audio is forged only in recordings without image, and images only under genuine audio; in "
        "test genuine images have forged audio. Second figure: the same audio alone.",
        draw=draw_forged_audio,
        sizes=(300, 1000),
        questions=(("full", PROBE), ("full", "joint")),
        hidden=("image",),
    ),
    **{
        f"wrong-labels-{share}": Problem(
            title=f"{share} % wrong labels",
            about=f"The first problem with {share} % of the labels of training and validation flipped.",
            draw=partial(draw_linear, wrong=share / 100),
            sizes=(1000,),
            questions=(("full", PROBE), ("linear", PROBE)),
        )
        for share in (5, 10, 20)
    },
    "missing": Problem(
        title="A modality missing in test",
        about="Image and audio are forged together in training; second figure: each test item has only one of the two.",
        draw=draw_both_forged,
        sizes=(300, 1000),
        questions=(("full", PROBE), ("full", "late")),
        hidden=("image", "audio"),
    ),
}
