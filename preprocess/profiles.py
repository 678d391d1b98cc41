"""Profiles: preprocessing settings, and the encoders that turn media shards into tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint
from unmask.core.settings import Settings
from unmask.preprocess.encoder_names import AV, RANDOM, SYNC, TWO_SIDED, UNSAFE, has_sides, make_file_safe

EARLIER: dict[str, Any] = {"mouth_fps": 0.0, "full_search_every": 1}
"""Settings of the preprocessing that earlier versions did not have, with the values that they worked by."""


class PreprocessSettings(Settings):
    """All settings that change the tensors. Workers and the limits of time and memory change none."""

    face_size: int = Field(224, ge=32, le=1024)
    """Pixels of the square face crop."""
    margin: float = Field(0.3, ge=0.0, le=2.0)
    """The crop's side is the detected box's longer side times 1 + margin."""
    align: bool = False
    """Align each crop by its five landmarks (rotation, scale, translation) instead of cropping around the box. Off by
    default, because rotation resamples once more. Frames without a detection keep the plain crop.
    """
    frames_per_clip: int = Field(8, ge=1, le=1024)
    """Frames sampled evenly over the clip's whole window."""
    clip_seconds: float = Field(4.0, gt=0)
    hop_seconds: float | None = Field(None, ge=0.04)
    """From one clip's start to the next; None: clips are spaced evenly over the recording."""
    max_clips: int = Field(4, ge=1)
    """Maximum number of windows per item, spaced evenly over a longer recording."""
    max_faces: int = Field(1, ge=1, le=16)
    """Faces tracked per window, dominant ones first. Each is a clip of its own, with the window's audio."""
    min_seconds: float = Field(0.25, gt=0)
    """Shorter audio is `too_short`; in a video it is dropped and the frames are kept."""
    detector: Literal["mtcnn", "none"] = "mtcnn"
    """`none` for files that are face crops already: the center square of each frame is cropped."""
    detect_side: int = Field(640, ge=64)
    """Faces are detected in frames reduced to this longer side, and cropped from the full frame."""
    smallest_face: float = Field(0.08, gt=0, le=1)
    """Smallest face to detect, as a fraction of the frame's short side. Small faces cost the most; 0.08 is 86 px in a
    1080p frame, about the smallest face in the datasets.
    """
    detector_thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    """Score thresholds of MTCNN's three networks."""
    full_search_every: int = Field(8, ge=1)
    """Frames of a window that are searched for faces everywhere: the first and the last one, those after a cut, at
    least every n-th, and where a face is lost; the others are searched around the faces of these. 1: all, as before
    there was this setting.
    """
    min_confidence: float = Field(0.9, ge=0, le=1)
    no_face: Literal["centre", "skip"] = "centre"
    """Frames without a face: crop the center square and mark it as such, or make no clip."""
    trim_silence: bool = True
    """Trim leading and trailing silence, in audio and video alike and for every label: in FakeAVCeleb leading silence
    nearly separates the classes.
    """
    silence_db: float = Field(-40.0, lt=0, ge=-120)
    """10 ms frames below this level, relative to the loudest frame of the recording, are silent."""
    sample_rate: int = Field(16_000, ge=4_000, le=192_000)
    """Hz, mono."""
    loudness_db: float | None = Field(None, le=0, ge=-80)
    """RMS, in dB of full scale, to which the sound of each recording is brought; its peaks stay below full scale. None:
    loudness is left as it is, and the audit shows whether it separates the classes.
    """
    highest_hz: float | None = Field(None, ge=500)
    """Audio is limited to the band below it, so that a recording's own bandwidth and sample rate cannot be seen. None:
    it is limited by `sample_rate` alone.
    """
    max_pixels: int = Field(100_000_000, ge=1)
    max_seconds: float = Field(4 * 3600.0, gt=0)
    mouth_fps: float = Field(0.0, ge=0, le=100)
    """Aligned gray mouth crops per second of a video's windows, on the clock of the audio, such as 25. 0: none."""

    @model_validator(mode="after")
    def _check_mouth(self) -> Self:
        if self.mouth_fps and self.detector == "none":
            raise UsageError(
                f"preprocess.mouth_fps={self.mouth_fps:g}: mouths are found by the face detector, and "
                "preprocess.detector is none",
                "use preprocess.detector=mtcnn, or preprocess.mouth_fps=0",
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _read_earlier(cls, values: Any) -> Any:
        """Settings written whole but without a later one are those of an earlier version: its work continues."""
        if isinstance(values, Mapping) and cls.model_fields.keys() - values.keys() <= EARLIER.keys():
            return EARLIER | dict(values)
        return values

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is as before there was a setting for it: media folders keep their names."""
        written: dict[str, Any] = write(self)
        return {key: value for key, value in written.items() if key not in EARLIER or value != EARLIER[key]}


LATER = {"pooling": None, "alias": None, "trained_on": None, "layers": "mean", "side": None}
"""Settings of an encoder that earlier versions did not have, with their defaults."""
AS = "as"
"""The setting `alias` where it is written: `as` is a word of Python's own."""
MEAN, APART = "mean", "apart"
MOUTH_FPS = 25.0
"""Mouth crops per second where an encoder of the profile asks for them, and that any encoder of mouths gets."""
LONGEST_ALIAS = 64


class EncoderChoice(Settings):
    """One encoder of a profile. None: the encoder's own default."""

    name: str
    """A key of cache.encoders.ENCODERS, `timm:<name>` for any timm network, or `module:attribute` for your own."""
    alias: str | None = Field(None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=LONGEST_ALIAS)
    """Written as `as`: what the encoder is called in this profile, its runs and reports, so that the same encoder can
    be there several times with different settings. Its tokens are shared whatever it is called.
    """
    weights: str | None = None
    """Hub name or local folder."""
    layer: int | tuple[int, ...] | None = None
    """0 is the input embedding, k the output of layer k; of several see `layers`."""
    layers: Literal["mean", "apart"] = "mean"
    """Of several layers: their mean, or `apart`, each an encoder of the profile by itself, `<name>-l6` for layer 6. All
    of them come from one pass of the network, and a training may use any of them.
    """
    side: Literal["image", "audio"] | None = None
    """Of an encoder of image and audio together, `sync` or `av:<weights>`: whose tokens these are. None: those of both,
    each an encoder of the profile by itself, `sync-image` and `sync-audio`.
    """
    grid: int | None = None
    """Image tokens per frame: grid x grid."""
    pooling: Literal["mean", "cls", "cls+mean"] | None = None
    """How an image becomes one token: the mean over patches (`mean`, the default), the class token, or both side by
    side, `cls+mean`, twice as wide before the projection.
    """
    tokens_per_second: float | None = None
    """Audio tokens are pooled to this rate."""
    projection: str = "orthogonal-seed0"
    """Projection to 512: `orthogonal-seed<n>`, `pca` (fitted on the train split) or `native` (the encoder's width)."""
    precision: Literal["auto", "float32"] = "auto"
    """`auto`: half precision on a GPU, with an error bound that a test checks; `float32`: on every device."""
    trained_on: tuple[str, ...] | None = None
    """Datasets that its weights were trained on, by key or name: an evaluation on one of them says so. None: what is
    known of its hub name (cache/weights/seen_datasets.py). Changes no token.
    """

    @property
    def alias_or_name(self) -> str:
        return self.alias or self.name

    @property
    def network_name(self) -> str:
        """`alias_or_name` without what `split_layers` or `split_sides` added: what its parts are called together."""
        return self.alias_or_name.removesuffix(f"-{self.side}").removesuffix(f"-l{self.layer}")

    @property
    def reads_mouth(self) -> bool:
        return self.name.removeprefix(RANDOM) == SYNC and self.side != "audio"

    @model_validator(mode="before")
    @classmethod
    def _read_as(cls, values: Any) -> Any:
        if isinstance(values, str):  # an encoder with nothing set
            return {"name": values}
        if isinstance(values, Mapping) and AS in values and "alias" not in values:
            return {"alias" if key == AS else key: value for key, value in values.items()}
        return values

    @model_serializer(mode="wrap")
    def _write_as(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later settings at their defaults: profiles that do not use them keep their fingerprints."""
        written: dict[str, Any] = write(self)
        kept = {key: value for key, value in written.items() if key not in LATER or value != LATER[key]}
        return {AS if key == "alias" else key: value for key, value in kept.items()}


def split_layers(choice: EncoderChoice) -> tuple[EncoderChoice, ...]:
    """One choice per layer of `choice` if it keeps its layers apart, else itself.

    Each has the settings, and so the tokens, of a choice of that single layer. `UsageError` for fewer than two layers.
    """
    if choice.layers != APART:
        return (choice,)
    layers = choice.layer if isinstance(choice.layer, tuple) else ()
    if len(layers) < 2 or len(set(layers)) < len(layers):
        asked = "none" if choice.layer is None else list(layers) or choice.layer
        problem = f"encoder {choice.alias_or_name}: layers: apart, and layer is {asked}"
        raise UsageError(problem, "list at least two layers, each once: layer: [6, 9, 12]")
    return tuple(choice.model_copy(update=_name_layer(choice, layer)) for layer in layers)


def _name_layer(choice: EncoderChoice, layer: int) -> dict[str, Any]:
    return {"layer": layer, "layers": MEAN, "alias": _name_part(choice, f"-l{layer}")}


def split_sides(choice: EncoderChoice) -> tuple[EncoderChoice, ...]:
    """One choice per side of an encoder of image and audio, else `choice` itself.

    The tokens of `sync` are compared with each other, so they keep the encoder's own width unless a projection is asked
    for. `UsageError` for a side of an encoder that has none.
    """
    if not has_sides(choice.name):
        if choice.side is not None:
            known = ", ".join((*TWO_SIDED, f"{AV}<weights>"))
            raise UsageError(f"encoder {choice.name}: has no side {choice.side}", f"encoders with sides: {known}")
        return (choice,)
    is_default = choice.projection == EncoderChoice.model_fields["projection"].default
    is_compared = choice.name.removeprefix(RANDOM) == SYNC
    native = {"projection": "native"} if is_default and is_compared else {}
    if choice.side is not None:
        return (choice.model_copy(update=native),)
    return tuple(choice.model_copy(update=native | _name_side(choice, side)) for side in ("image", "audio"))


def _name_side(choice: EncoderChoice, side: str) -> dict[str, Any]:
    return {"side": side, "alias": _name_part(choice, f"-{side}")}


def _name_part(choice: EncoderChoice, suffix: str) -> str:
    name = choice.alias or UNSAFE.sub("-", make_file_safe(choice.name))
    return name[: LONGEST_ALIAS - len(suffix)] + suffix


class AugmentationSettings(Settings):
    """Augmentations: changed copies of the clips, cached too, so that training on tokens can augment."""

    count: int = Field(0, ge=0, le=16)
    """Augmented copies per clip, in addition to the clean one."""
    seed: int = 0
    strength: float = Field(1.0, gt=0, le=2)
    """Strength of the changes to images and audio."""


class Profile(Settings):
    """Preprocessing settings, encoders and augmentations of one token cache."""

    name: str
    preprocess: PreprocessSettings = PreprocessSettings()
    encoders: tuple[EncoderChoice, ...]
    """Layers that are kept apart have a choice each, whichever way they were written; so do the sides of an encoder of
    image and audio."""
    views: AugmentationSettings = AugmentationSettings()

    @field_validator("encoders")
    @classmethod
    def _keep_layers_apart(cls, encoders: tuple[EncoderChoice, ...]) -> tuple[EncoderChoice, ...]:
        return tuple(one for choice in encoders for layer in split_layers(choice) for one in split_sides(layer))

    @model_validator(mode="after")
    def _add_mouth_stream(self) -> Self:
        """Mouth crops where an encoder reads them."""
        if not self.preprocess.mouth_fps and any(choice.reads_mouth for choice in self.encoders):
            changed = self.preprocess.model_dump() | {"mouth_fps": MOUTH_FPS}
            object.__setattr__(self, "preprocess", PreprocessSettings.model_validate(changed))
        return self

    def fingerprint(self) -> str:
        """Without what is only known of the encoders: `trained_on` names no other tokens."""
        plain = tuple(choice.model_copy(update={"trained_on": None}) for choice in self.encoders)
        return fingerprint(self.model_copy(update={"encoders": plain}).model_dump(mode="json"))


def offline() -> Profile:
    """Weights from installed packages; nothing is downloaded at run time.

    The last three stages of the image network, apart: docs/encoders.md says what that gains.
    """
    image = EncoderChoice(name="efficientnet_lite0", layer=(3, 4, 5), layers=APART)
    others = (EncoderChoice(name=name) for name in ("lfcc", "whisper_tiny", "minilm"))
    return Profile(name="offline", encoders=(image, *others))


def hub() -> Profile:
    """Weights from the model hub or from local folders."""
    names = ("vit_b16", "wav2vec2_base", "sbert")
    return Profile(name="hub", encoders=tuple(EncoderChoice(name=name) for name in names))


def tiny() -> Profile:
    """Small seeded models of the same architectures, for tests."""
    names = ("tiny_image", "tiny_audio", "tiny_text")
    small = PreprocessSettings(face_size=64, frames_per_clip=4, clip_seconds=2.0, max_clips=2, detect_side=160)
    return Profile(name="tiny", preprocess=small, encoders=tuple(EncoderChoice(name=name) for name in names))


PROFILES: dict[str, Callable[[], Profile]] = {build.__name__: build for build in (offline, hub, tiny)}
