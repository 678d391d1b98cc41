"""Uploading a bundle to the model hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from unmask.core.errors import MissingInput, UnmaskError, UsageError
from unmask.train.bundles.listing import ENCODERS, MEMBERS
from unmask.train.bundles.opening import open_bundle

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
EARLIER = ["*.json", "*.npz", "*.safetensors", "README.md", f"{ENCODERS}/*", f"{MEMBERS}/*", "projections/*"]
"""What the files of an earlier bundle are called; a licence beside them stays."""
LOGIN = "hf auth login, or set HF_TOKEN to a token that may write"


def check_name(name: str) -> None:
    """`UsageError` unless `name` is of the form owner/name."""
    if not NAME.fullmatch(name) or ".." in name or "--" in name:
        raise UsageError(f"--push {name}: not a name on the model hub", "owner/name")


def push_bundle(bundle: Path, name: str, *, public: bool = False, api: Any = None) -> str:
    """Upload the bundle to the repository `name`, which is made if there is none; the address of the commit.

    A new repository is private unless `public`. One that is there keeps its visibility, and a public one is refused
    without `public`. Files of an earlier bundle are removed there in the same commit. The token is that of HF_TOKEN or
    of `hf auth login`. `api`: a huggingface_hub.HfApi.
    """
    check_name(name)
    info = open_bundle(bundle)
    if info is None:
        raise MissingInput(f"{bundle}: no bundle", "unmask bundle RUN OUT")
    if api is None:
        from huggingface_hub import HfApi  # only this command needs it

        api = HfApi(library_name="unmask", library_version=info.program)
    try:
        api.create_repo(name, private=not public, exist_ok=True)
        if not public and not api.repo_info(name).private:
            raise UsageError(f"{name}: a public repository", "--public to publish there, or another name")
        done = api.upload_folder(
            repo_id=name,
            folder_path=bundle,
            commit_message=f"Bundle of {info.run} (unmask {info.program})",
            ignore_patterns=[".*"],
            delete_patterns=EARLIER,
        )
    except UnmaskError:
        raise
    except Exception as error:
        raise _as_user_error(name, error) from error
    return str(getattr(done, "commit_url", done))


def _as_user_error(name: str, error: Exception) -> BaseException:
    """The error as one with a remedy; `error` itself where it is none of the hub or the network."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    reason = str(error).strip().partition("\n")[0]
    if isinstance(error, LocalTokenNotFoundError):
        return MissingInput(f"{name}: no token for the model hub", LOGIN)
    if isinstance(error, OfflineModeIsEnabled):
        return MissingInput(
            f"{name}: HF_HUB_OFFLINE is set", "unset it; the bundle is written, only the upload is missing"
        )
    if isinstance(error, HFValidationError):
        return UsageError(f"--push {name}: not a name on the model hub", "owner/name")
    if isinstance(error, HfHubHTTPError):
        status = getattr(getattr(error, "response", None), "status_code", None)
        remedy = LOGIN if status in (401, 403, 404) else "try again later: the bundle is written"
        return MissingInput(f"{name}: the model hub refuses ({reason})", remedy)
    if isinstance(error, OSError | httpx2.HTTPError):
        hint = "try again where there is a network: the bundle is written, only the upload is missing"
        return MissingInput(f"{name}: the model hub does not answer ({reason})", hint)
    return error
