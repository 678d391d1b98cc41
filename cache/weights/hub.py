"""The model hub: its cache on this machine, its files, and whether it answers. Respects HF_HOME and HF_HUB_OFFLINE."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from unmask.cache.weights.folder_files import find_tensors, list_named_files
from unmask.cache.weights.sources import Alternatives, Files
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


def find_snapshot(repository: str, revision: str | None, files: Files) -> tuple[Path | None, list[str]]:
    """Snapshot folder with any of `files` that was downloaded before, and the names that the hub said it does not have.

    Never uses the network.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    def look_up(name: str) -> Any:
        try:
            return try_to_load_from_cache(repository, name, revision=revision)
        except HFValidationError as error:
            raise UsageError(f"weights {repository!r}: neither a local path nor a hub name", "owner/name") from error

    wanted = (*files.tensors, *(name for names in files.needed for name in names))
    found = next((Path(path) for path in map(look_up, wanted) if isinstance(path, str)), None)
    known = {name: look_up(name) for name in files.published}
    absent = [name for name, path in known.items() if path is not None and not isinstance(path, str)]
    return found.parent if found else None, absent


def fetch(repository: str, revision: str | None, files: Files) -> None:
    """Download `files`, and what they list (shards, modules), into the hub's cache.

    `MissingInput` when the hub is unreachable, or has no such repository or file.
    """
    remedy = f"hf download {repository} where there is a network, set `weights` to a folder, or --profile offline"
    if not check_hub():  # checked once: the hub's client would retry each file for half a minute
        raise MissingInput(f"{repository}: not on this machine, and the model hub does not answer", remedy)
    log.info("fetching %s from the model hub", repository)

    def download_one(names: Alternatives) -> None:
        if not any(_download(repository, revision, name, remedy) for name in names):
            raise MissingInput(f"{repository}: no {' or '.join(names)} on the model hub", remedy)

    for names in (*files.needed, files.tensors):
        download_one(names)
    for name in (*files.published, *files.extra):
        _download(repository, revision, name, remedy)
    folder, _ = find_snapshot(repository, revision, files)
    if folder is not None:
        for names in list_named_files(folder, files, find_tensors(folder, files)):
            download_one(names)


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
