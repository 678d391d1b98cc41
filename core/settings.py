"""Typed settings: pydantic models, changed by YAML files and `--set key=value`, unknown keys refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import MissingInput, UsageError
from core.fingerprint import fingerprint


class Settings(BaseModel):
    """Base of all settings: frozen, and a misspelt key is an error instead of a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def fingerprint(self) -> str:
        return fingerprint(self.model_dump(mode="json"))

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """A validated copy; `changes` is nested as the model is."""
        merged = _merge(self.model_dump(mode="json"), changes)
        try:
            return type(self).model_validate(merged)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(f"settings: {problems}", f"known keys: {', '.join(known_keys(type(self)))}") from error


S = TypeVar("S", bound=Settings)


def apply(settings: S, yaml_file: Path | None, assignments: Iterable[str], *, under: str = "") -> S:
    """`settings` changed by a YAML file first, then by "a.b=value" assignments in their order.

    With `under="train."` every assignment must begin with that: the part of all settings that `settings` is.
    """
    if yaml_file is not None:
        settings = settings.changed(_read_yaml(yaml_file))
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator or not key:
            raise UsageError(f"--set {assignment}: not of the form key=value", "--set train.batch_size=16")
        if not key.startswith(under):
            raise UsageError(f"--set {assignment}: not a setting of this command", f"keys here begin with {under}")
        key = key.removeprefix(under)
        change: Any = yaml.safe_load(value)
        for part in reversed(key.strip().split(".")):
            change = {part: change}
        settings = settings.changed(change)
    return settings


def known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of all settings of `model`."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += known_keys(inner, f"{prefix}{name}.")
        else:
            names.append(f"{prefix}{name}")
    return names


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: no such settings file", "give the path of a YAML file") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML ({error})", "write `key: value` lines") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: no settings in it", "write `key: value` lines")
    return value


def _merge(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
