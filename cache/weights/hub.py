"""The model hub: its cache on this machine, its files, and whether it answers. Respects HF_HOME and HF_HUB_OFFLINE."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from unmask.core.errors import MissingInput, UsageError

log = logging.getLogger("unmask")

ANSWER_SECONDS = 3.0
"""Timeout after which the hub counts as unreachable."""

# A small file of a public repository that has existed for years.
PROBE = ("facebook/wav2vec2-base", "config.json")


def is_offline() -> bool:
    """HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set."""
    from huggingface_hub.constants import is_offline_mode

    return bool(is_offline_mode())


def find_cached_folder(repository: str, revision: str | None, file: str) -> Path | None:
    """Snapshot folder that holds `file`, if it was downloaded before. Never uses the network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repository, file, revision=revision)
    except HFValidationError as error:
        raise UsageError(f"weights {repository!r}: neither a local path nor a hub name", "owner/name") from error
    return Path(found).parent if isinstance(found, str) else None


def fetch(
    repository: str, revision: str | None, needed: Sequence[str], one_of: Sequence[str], extra: Sequence[str]
) -> None:
    """Download `needed`, the first of `one_of` that exists, and those of `extra` that exist, into the hub's cache.

    `MissingInput` when the hub is unreachable, or has no such repository or file.
    """
    remedy = f"hf download {repository} where there is a network, set `weights` to a folder, or --profile offline"
    if not check_hub():  # checked once: the hub's client would retry each file for half a minute
        raise MissingInput(f"{repository}: not on this machine, and the model hub does not answer", remedy)
    log.info("fetching %s from the model hub", repository)
    for name in needed:
        if not _download(repository, revision, name, remedy):
            raise MissingInput(f"{repository}: no {name} on the model hub", remedy)
    if not any(_download(repository, revision, name, remedy) for name in one_of):
        raise MissingInput(f"{repository}: none of {', '.join(one_of)} on the model hub", remedy)
    for name in extra:
        _download(repository, revision, name, remedy)


def check_hub(seconds: float = ANSWER_SECONDS) -> bool:
    """Does one HEAD request to the hub succeed within `seconds`?"""
    if is_offline():
        return False
    answered = threading.Event()
    # In a thread: a name server that never answers would block beyond any HTTP timeout.
    thread = threading.Thread(target=_ask, args=(answered, seconds), daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def add_timm_tag(name: str) -> str:
    """ "resnet18" -> "resnet18.a1_in1k": the hub has one repository for each set of weights."""
    if "." in name:
        return name
    import timm

    if not timm.is_model(name):
        raise UsageError(
            f"weights {name!r}: neither a path nor a timm model", "python -c 'import timm; timm.list_models()'"
        )
    about = timm.get_pretrained_cfg(name)
    return f"{name}.{about.tag}" if about and about.tag else name


def _ask(answered: threading.Event, seconds: float) -> None:
    import httpx2  # the HTTP client of huggingface_hub 2
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(*PROBE), timeout=seconds)
    except (OSError, httpx2.HTTPError) as error:
        log.debug("the model hub does not answer: %s", error)
    else:
        answered.set()


def _download(repository: str, revision: str | None, name: str, remedy: str) -> bool:
    """False when the repository has no such file."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        hf_hub_download(repository, name, revision=revision)
    except LocalEntryNotFoundError as error:  # first: it is an EntryNotFoundError too
        raise MissingInput(f"{repository}: not on this machine, and the model hub does not answer", remedy) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise MissingInput(f"{repository}: no such repository or revision on the model hub", remedy) from error
    except EntryNotFoundError:
        return False
    except HfHubHTTPError as error:
        raise MissingInput(f"{repository}: the model hub refuses ({error})", remedy) from error
    return True
