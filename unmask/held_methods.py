"""Methods of `Work` that hold a lock of the work folder while they run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from unmask.core.work_folder import WorkFolder
from unmask.open_work import OpenWork

Given = ParamSpec("Given")
Result = TypeVar("Result")
Self = TypeVar("Self", bound=OpenWork)


def _hold_manifest(work: WorkFolder) -> AbstractContextManager[None]:
    from unmask.manifests.manifest_lock import hold_manifest

    return hold_manifest(work)


def _hold_audit(work: WorkFolder) -> AbstractContextManager[None]:
    from unmask.manifests.manifest_lock import hold_audit

    return hold_audit(work)


def _decorate(
    hold: Callable[[WorkFolder], AbstractContextManager[None]],
    method: Callable[Concatenate[Self, Given], Result],
) -> Callable[Concatenate[Self, Given], Result]:
    @wraps(method)
    def call(self: Self, /, *args: Given.args, **options: Given.kwargs) -> Result:
        with hold(self.folder):
            return method(self, *args, **options)

    return call


def writes_manifest(
    method: Callable[Concatenate[Self, Given], Result],
) -> Callable[Concatenate[Self, Given], Result]:
    """No other call may write the manifest meanwhile: it is refused, and told which process is at work."""
    return _decorate(_hold_manifest, method)


def writes_audit(
    method: Callable[Concatenate[Self, Given], Result],
) -> Callable[Concatenate[Self, Given], Result]:
    """The manifest stays as it is meanwhile, and no other audit runs."""
    return _decorate(_hold_audit, method)
