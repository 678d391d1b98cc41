"""Typed settings: pydantic models, changed by YAML files and `--set key=value`; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from unmask.core.errors import MissingInput, UsageError
from unmask.core.files.plain_yaml import LARGEST, NotPlain, read_yaml
from unmask.core.files.sealed_files import KEY
from unmask.core.hashing import fingerprint
from unmask.core.suggestions import find_closest

LINES = "write `key: value` lines"
MOST_SHOWN = 200
"""Characters of a wrong value in an error."""
# Plain words for pydantic's Python-specific messages.
ALLOWED = {
    "tuple_type": "Input should be a list, such as [a, b]",
    "model_type": f"Input has settings of its own: {LINES}",
}


class Settings(BaseModel):
    """Base of all settings: frozen, finite, and a misspelt key is an error instead of a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_bool(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML's `yes` is true, which Python counts as 1."""
        if isinstance(value, bool):
            annotation = cls.model_fields[info.field_name or ""].annotation
            kinds = {annotation, *get_args(annotation)}
            if bool not in kinds and kinds & {int, float}:
                raise PydanticCustomError("bool_type", "Input should be a number")
        return value

    def fingerprint(self) -> str:
        return fingerprint(self.model_dump(mode="json"))

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a validated copy; `changes` is nested like the model. `UsageError` for unknown keys or values."""
        return _changed(self, changes, "settings", "")


S = TypeVar("S", bound=Settings)


def apply(settings: S, yaml_file: Path | None, assignments: Iterable[str], *, under: str = "") -> S:
    """`settings` changed by a YAML file first, then by "a.b=value" assignments in their order.

    With `under="train."` every assignment must begin with that: the part of all settings that `settings` is. In the
    file the level `train:` may be there or left out.
    """
    if yaml_file is not None:
        changes = dict(_read_yaml(yaml_file))
        inner = changes.pop(under.rstrip("."), {}) if under else {}
        if not isinstance(inner, Mapping):
            raise UsageError(f"{yaml_file}: {under.rstrip('.')}: no settings in it", LINES)
        settings = _changed(settings, changes | dict(inner), str(yaml_file), under)
    for assignment in assignments:
        settings = _changed(settings, _assigned(assignment, under), "settings", under)
    return settings


def _assigned(assignment: str, under: str) -> Mapping[str, Any]:
    """ "a.b=value" as nested changes."""
    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise UsageError(f"--set {assignment}: not of the form key=value", "--set train.batch_size=16")
    if not key.startswith(under):
        raise UsageError(f"--set {assignment}: not a setting of this command", f"keys here begin with {under}")
    *groups, last = key.removeprefix(under).strip().split(".")
    changes: dict[str, Any] = {last: _parsed(text, f"--set {assignment}", "text with special characters in '...'")}
    for group in reversed(groups):
        changes = {group: changes}
    return changes


def _changed(settings: S, changes: Mapping[str, Any], source: str, under: str) -> S:
    """`source` and `under` are for errors: where the changes were written, and what their keys begin with."""
    model = type(settings)
    try:
        return model.model_validate(_merge(settings.model_dump(mode="json"), changes))
    except ValidationError as error:
        problems = [_problem(model, details, under) for details in error.errors()]
        what, remedies = ("; ".join(dict.fromkeys(texts)) for texts in zip(*problems, strict=True))
        raise UsageError(f"{source}: {what}", remedies) from error


def _problem(model: type[Settings], error: ErrorDetails, under: str) -> tuple[str, str]:
    """Problem with one setting, and the allowed values."""
    parts, owner = _place(model, error["loc"])
    key = under + ".".join(parts)
    if error["type"] == "extra_forbidden":
        return f"{key}: no such setting", _similar(model, parts, owner, under)
    if error["type"] == "missing":
        return f"{key}: missing", f"give {key} a value"
    allowed = ALLOWED.get(error["type"], error["msg"]).partition(", unable to")[0]
    remedy = allowed.replace("Input", key, 1) if allowed.startswith("Input ") else f"{key}: {allowed}"
    return f"{key}: {_shorten(error['input'])} is not possible", remedy


def _shorten(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}..."


def _place(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[list[str], type[BaseModel]]:
    """Parts of the setting's dotted name, and the model that has or lacks it."""
    parts: list[str] = []
    owner, inner = model, _inner(model)
    for part in loc:
        if isinstance(part, str):
            if inner is None:  # beyond the setting: which of a field's types was tried
                break
            owner, field = inner, inner.model_fields.get(part)
            inner = _inner(field.annotation) if field else None
        parts.append(str(part))
    return parts, owner


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The settings model in a field's type, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part))), None)


def _similar(model: type[BaseModel], parts: Sequence[str], owner: type[BaseModel], under: str) -> str:
    here = under + "".join(f"{part}." for part in parts[:-1])
    beside = list_keys(owner, here)
    names = (*list_keys(model, under), *beside, *(f"{here}{name}" for name in owner.model_fields))
    by_last = {name.rpartition(".")[2]: name for name in names}
    close = find_closest(parts[-1].rpartition(".")[2], by_last)
    meant = f"did you mean {by_last[close]}? " if close else ""
    return f"{meant}known keys: {', '.join(beside)}"


def list_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of all settings of `model`."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += list_keys(inner, f"{prefix}{name}.")
        else:
            names.append(f"{prefix}{name}")
    return names


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            value = _parsed(file.read(LARGEST + 1), str(path), LINES)
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: no such settings file", "give the path of a YAML file") from error
    except (IsADirectoryError, NotADirectoryError, UnicodeDecodeError) as error:
        what = "not a text file in UTF-8" if isinstance(error, UnicodeDecodeError) else "not a file"
        raise UsageError(f"{path}: {what}", "give the path of a YAML file") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: no settings in it", LINES)
    # profile.json of a work folder and config.json of a run are settings files too, which may have been edited.
    return {name: one for name, one in value.items() if name != KEY}


def _parsed(text: str, source: str, hint: str) -> Any:
    try:
        return read_yaml(text)
    except NotPlain as error:
        raise UsageError(f"{source}: not YAML ({error})", hint) from error


def _merge(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
