"""bundle.json: what a bundle is, what it needs, and the size and SHA-256 of each of its other files.

<bundle>/
    bundle.json                 BundleInfo, with a hash of itself
    README.md                   the model card
    config.json, inputs.json    as in a run folder, without the paths of the machine that made them
    model.safetensors           weights of a single run
    members/<run>/              config.json, inputs.json and model.safetensors of each member of an ensemble
    encoders/<hash>/<name>/     encoder weights that come from no package and no hub
    projections/                fitted projections
    and those of COPIED that the run has
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, ValidationError

from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.settings import Settings

BUNDLE = "bundle.json"
CARD = "README.md"
WEIGHTS = "model.safetensors"
ENCODERS = "encoders"
MEMBERS = "members"
COPIED = ("summary.json", "evaluation.json", "verdict-models.json", "verdict-models.npz", "training_features.npz")
"""Files of a run folder that a bundle takes along as they are: what a verdict needs beside the weights. A file that
`predict` reads from the run folder is listed here; it has no path of this machine, no media and no pickle in it."""

FORMAT: Literal["unmask-bundle"] = "unmask-bundle"
VERSION: Literal[1] = 1
AGAIN = "copy or download the bundle again, or make it again: unmask bundle RUN OUT"
LARGEST_LISTING = 16 * 1024**2
SHA256 = r"^[0-9a-f]{64}$"
UNSAFE = re.compile(r"[^\w.+@=-]")
"""Characters that the name of a run does not keep in a bundle."""


class FileRecord(Settings):
    size: int = Field(ge=0)
    """Bytes."""
    sha256: str = Field(pattern=SHA256)


class Need(Settings):
    """One encoder whose tokens the model reads."""

    stream: str
    """Its name in the run."""
    encoder: str
    weights_hash: str
    """`EncoderSpec.weights_hash`: other weights are refused."""
    source: Literal["package", "hub", "inside", "own code", "none"]
    """none: it has no weights."""
    where: str = ""
    """package: "name==version"; hub: "owner/name" with the revision that was used; inside: the folder in the bundle."""


class BundleInfo(Settings):
    format: Literal["unmask-bundle"] = FORMAT
    version: Literal[1] = VERSION
    program: str
    """Version of unmask that made it."""
    run: str = Field(pattern=r"^[\w.+@=-]+$", max_length=255)
    """Name of the run."""
    key: str
    machine: dict[str, str]
    """Class of machine: architecture, device, torch (train/bundles/machine_class.py), and versions of packages."""
    needs: tuple[Need, ...]
    extensions: dict[str, str] = Field(default_factory=dict)
    """Source hashes of the user's own code, by "fusion NAME", "loss NAME" or "encoder NAME". The code is not inside."""
    files: dict[str, FileRecord]
    """By their path in the bundle; all but bundle.json."""
    sha256: str = Field(pattern=SHA256)
    """Of this file without this line."""

    @property
    def size(self) -> int:
        """Bytes of all files but bundle.json."""
        return sum(record.size for record in self.files.values())


def format_listing(about: dict[str, Any]) -> str:
    """The text of bundle.json. There is one text per content, so that no byte of it can change unseen."""
    return json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def hash_listing(about: dict[str, Any]) -> str:
    """SHA-256 of a listing without its own hash."""
    kept = {name: value for name, value in about.items() if name != "sha256"}
    return hashlib.sha256(format_listing(kept).encode("utf-8", "surrogatepass")).hexdigest()


def read_listing(root: Path) -> BundleInfo:
    """bundle.json of the bundle `root`, checked by itself. `MissingInput` when a byte of it has changed."""
    path = root / BUNDLE
    about = _read_json(path)
    if about.get("format") != FORMAT:
        raise MissingInput(f"{path}: not the listing of a bundle", AGAIN)
    version = about.get("version")
    if isinstance(version, int) and version > VERSION:
        problem = f"{path}: format version {version}, and this program reads {VERSION}: a newer unmask made it"
        raise MissingInput(problem, "install that version of unmask")
    try:
        info = BundleInfo.model_validate(about)
    except (ValidationError, RecursionError) as error:
        raise MissingInput(f"{path}: damaged, not a listing of version {VERSION}", AGAIN) from error
    if info.sha256 != hash_listing(about):
        raise MissingInput(f"{path}: damaged, it does not have its own hash", AGAIN)
    for name in info.files:
        check_name(path, name)
    return info


def check_name(path: Path, name: str) -> None:
    """`MissingInput` unless `name` is a plain path of a file inside the bundle; `path`: the file that names it."""
    plain = PurePosixPath(name)
    inside = not plain.is_absolute() and ".." not in plain.parts and not name.startswith(".")
    if not (inside and plain.parts and str(plain) == name and name.isprintable() and "\\" not in name):
        raise MissingInput(f"{path}: names a file outside the bundle ({name!r})", "do not use this bundle")
    if name == BUNDLE:
        raise MissingInput(f"{path}: lists itself", AGAIN)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise MissingInput(f"{path}: not a regular file", AGAIN)
        if found.st_size > LARGEST_LISTING:
            raise MissingInput(f"{path}: {found.st_size} bytes, more than any listing has", AGAIN)
        text = path.read_bytes().decode("utf-8")
        about = json.loads(text)
        known = isinstance(about, dict) and format_listing(about) == text
    except (OSError, ValueError, RecursionError) as error:
        raise_read_failure(error)
        raise MissingInput(f"{path}: damaged, not a readable listing", AGAIN) from error
    if not known:
        raise MissingInput(f"{path}: damaged, not as it was written", AGAIN)
    found_about: dict[str, Any] = about
    return found_about
