"""The upload to the model hub, against a stub of huggingface_hub.HfApi."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from unmask.core.errors import MissingInput, UsageError
from unmask.evaluation.bundle.push import push_bundle

ADDRESS = "https://hub/owner/name/commit/1"


class Hub:
    """Notes every call. Its methods take what those of the real class take."""

    def __init__(self, *, private: bool = True, error: Exception | None = None) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self._private, self._error = private, error

    def _note(self, name: str, *arguments: Any, **options: Any) -> None:
        bound = inspect.signature(getattr(huggingface_hub.HfApi, name)).bind(self, *arguments, **options)
        self.calls[name] = {key: value for key, value in bound.arguments.items() if key != "self"}
        if self._error:
            raise self._error

    def create_repo(self, *arguments: Any, **options: Any) -> None:
        self._note("create_repo", *arguments, **options)

    def repo_info(self, *arguments: Any, **options: Any) -> SimpleNamespace:
        self._note("repo_info", *arguments, **options)
        return SimpleNamespace(private=self._private)

    def upload_folder(self, *arguments: Any, **options: Any) -> SimpleNamespace:
        self._note("upload_folder", *arguments, **options)
        return SimpleNamespace(commit_url=ADDRESS)


def test_a_bundle_is_uploaded_to_a_private_repository(bundled):
    hub = Hub()
    assert push_bundle(bundled.folder, "owner/name", api=hub) == ADDRESS
    assert hub.calls["create_repo"] == {"repo_id": "owner/name", "private": True, "exist_ok": True}
    done = hub.calls["upload_folder"]
    assert (done["repo_id"], done["folder_path"]) == ("owner/name", bundled.folder)
    assert "token" not in done, "of the environment or of the hub's login, never of an argument"
    assert bundled.run.name in done["commit_message"]


def test_public_is_asked_for(bundled):
    hub = Hub(private=False)
    with pytest.raises(UsageError, match="owner/name: a public repository\nhint: --public"):
        push_bundle(bundled.folder, "owner/name", api=hub)
    assert "upload_folder" not in hub.calls
    assert push_bundle(bundled.folder, "owner/name", public=True, api=hub) == ADDRESS
    assert hub.calls["create_repo"]["private"] is False


@pytest.mark.parametrize("name", ["name", "a/b/c", "../x", "owner/", "/name", "owner/a..b", "owner/na me", "-a/b"])
def test_a_name_that_is_none_is_refused_before_the_network(bundled, name: str):
    hub = Hub()
    with pytest.raises(UsageError, match="not a name on the model hub"):
        push_bundle(bundled.folder, name, api=hub)
    assert not hub.calls


def http_error(status: int) -> HfHubHTTPError:
    import httpx2

    response = httpx2.Response(status, request=httpx2.Request("POST", "https://hub"))
    return HfHubHTTPError(f"{status} refused", response=response)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (LocalTokenNotFoundError("no token"), "hf auth login, or set HF_TOKEN"),
        (http_error(401), "hf auth login, or set HF_TOKEN"),
        (http_error(500), "try again later"),
        (OfflineModeIsEnabled("offline"), "unset it"),
        (ConnectionError("no route"), "where there is a network"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_hub_refuses_has_a_remedy(bundled, error: Exception, hint: str):
    with pytest.raises(MissingInput) as refused:
        push_bundle(bundled.folder, "owner/name", api=Hub(error=error))
    assert hint in refused.value.hint


def test_a_bug_stays_one(bundled):
    with pytest.raises(ZeroDivisionError):
        push_bundle(bundled.folder, "owner/name", api=Hub(error=ZeroDivisionError()))


def test_a_damaged_bundle_or_another_folder_is_not_uploaded(copied: Path, flip, tmp_path: Path):
    hub = Hub()
    flip("inputs.json", 5)
    with pytest.raises(MissingInput, match="damaged"):
        push_bundle(copied, "owner/name", api=hub)
    with pytest.raises(MissingInput, match="no bundle"):
        push_bundle(tmp_path, "owner/name", api=hub)
    assert not hub.calls
