"""Tokens of the work folder, for the controls beside the scores of another system."""

from __future__ import annotations

from unmask.cache.stage import open_tokens
from unmask.cache.store.profile_index import ProfileTokens
from unmask.core.errors import DamagedInput, MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest

NO_TOKENS = (
    "Not compared with the controls that read audio or tokens (silence, level, modalities, linear probe): "
    "the work folder has no tokens of these files. Run `unmask preprocess` and `unmask extract`."
)


def open_last_tokens(work: WorkFolder, manifest: Manifest) -> ProfileTokens | None:
    """Tokens of the profile that was extracted last; None where they are missing or do not fit the files.

    `DamagedInput` where they are there and damaged: without them the controls would be others.
    """
    try:
        return open_tokens(work, manifest)
    except DamagedInput:
        raise
    except MissingInput:
        return None
