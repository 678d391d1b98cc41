"""How a model of transformers wants its images: the preprocessor_config.json beside its weights.

Here an image is a face crop, square and chosen with its margin, so the whole of it is resized to the network's size.
A processor that would resize it to more and cut the center out loses a border of the face: that step is left out, and
`normalisation` of the spec says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights
from unmask.cache.weights.sources import RECIPE
from unmask.core.errors import MissingInput

# Pillow's numbers.
INTERPOLATIONS = {0: "nearest", 2: "bilinear", 3: "bicubic"}
HINT = "use the file as it was published beside the weights"
SCALE = 1 / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecipe:
    """Size and statistics of the images that a network expects."""

    size: int
    """Pixels per side."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    """How images are resized, as torch names it."""
    resized: int
    """Pixels of the shorter side before the processor's center crop; `size` where it has none."""

    @classmethod
    def read(cls, weights: Weights) -> Self | None:
        """Read the file beside `weights`; None where there is none. `MissingInput` for a preparation that is not
        supported: another shape than a square, another scale than 0 to 1.
        """
        path = next((path for path in weights.others if path.name in RECIPE), None)
        if path is None:
            return None
        about = read_settings(path)
        part = about.get("image_processor")  # a processor's file holds the recipes of all its parts
        return cls.from_settings(part if isinstance(part, dict) else about, path)

    @classmethod
    def from_settings(cls, about: Mapping[str, Any], path: Path) -> Self:
        """The recipe of an image or video processor, `about`, which `path` has. `MissingInput` as `read`."""
        try:
            return cls(**_read_fields(about))
        except (KeyError, TypeError, ValueError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise MissingInput(f"{path}: not the preparation of an image encoder ({problem})", HINT) from error

    @property
    def words(self) -> str:
        look = (self.size, " ".join(f"{one:g}" for one in self.mean), " ".join(f"{one:g}" for one in self.std))
        whole = "" if self.resized == self.size else f", whole image (its processor cuts {self.size} of {self.resized})"
        return f"size {look[0]}, mean {look[1]}, std {look[2]}, interpolation {self.interpolation}{whole}"

    def as_settings(self) -> dict[str, Any]:
        """Content of preprocessor_config.json."""
        side = {"height": self.size, "width": self.size}
        numbers = {name: number for number, name in INTERPOLATIONS.items()}
        return {
            "size": {"shortest_edge": self.resized},
            "do_center_crop": True,
            "crop_size": side,
            "resample": numbers[self.interpolation],
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }


def _read_fields(about: Mapping[str, Any]) -> dict[str, Any]:
    for switch in ("do_resize", "do_rescale", "do_normalize"):
        if about.get(switch) is False:
            raise ValueError(f"{switch} false")
    if abs(float(about.get("rescale_factor") or SCALE) - SCALE) > 1e-6:
        raise ValueError(f"rescale_factor {about['rescale_factor']}")
    if about["resample"] not in INTERPOLATIONS:
        raise ValueError(f"resample {about['resample']}, supported are {sorted(INTERPOLATIONS)}")
    mean, std = (tuple(map(float, about[name])) for name in ("image_mean", "image_std"))
    if len(mean) != 3 or len(std) != 3 or not all(0 < one < float("inf") for one in std):
        raise ValueError(f"image_mean {list(mean)}, image_std {list(std)}")
    resized = _read_side(about["size"])
    crops = about.get("do_center_crop") and about.get("crop_size")
    size = _read_side(about["crop_size"]) if crops else resized
    interpolation = INTERPOLATIONS[about["resample"]]
    return {"size": size, "mean": mean, "std": std, "interpolation": interpolation, "resized": resized}


def _read_side(size: Any) -> int:
    """Pixels per side of a square: 224, {"shortest_edge": 224} or {"height": 224, "width": 224}."""
    sides = {int(value) for value in size.values() if value} if isinstance(size, dict) else {int(size)}
    if len(sides) != 1 or min(sides) < 1:
        raise ValueError(f"size {size}, supported are squares")
    return sides.pop()
