"""Chain of custody: what a file was judged with, so that the verdict can be repeated and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from unmask.core.files.read_failures import raise_disk_failure, read_surely
from unmask.core.hashing import fingerprint
from unmask.evaluation.verdicts.custody.credentials import NONE, read_credentials
from unmask.evaluation.verdicts.custody.file_facts import FileFacts, FileState
from unmask.evaluation.verdicts.findings import ContentCredentials, Custody
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.preprocess.profiles import PreprocessSettings
from unmask.train.run_folder import LoadedRun

CHANGED = "the file changed while it was judged: the SHA-256 is that of a later version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What is the same for all files of one call."""

    program: str
    run: str
    run_sha256: str
    encoders: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]

    def sign(self, facts: FileFacts, credentials: ContentCredentials) -> Custody:
        return Custody(
            sha256=facts.sha256,
            bytes=facts.bytes,
            program=self.program,
            run=self.run,
            run_sha256=self.run_sha256,
            encoders=self.encoders,
            judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
            settings=self.settings,
            content_credentials=credentials,
        )


def describe_judge(loaded: LoadedRun, run: str, device: torch.device) -> Judge:
    settings = loaded.info.profile.preprocess.model_dump(mode="json")
    usual = PreprocessSettings().model_dump(mode="json")
    changed = [(name, str(value)) for name, value in settings.items() if value != usual.get(name)]
    return Judge(
        program=f"unmask {read_version()}",
        run=run,
        run_sha256=hash_run(loaded),
        encoders=tuple((name, stream.spec.weights_hash) for name, stream in loaded.info.streams.items()),
        settings=(*changed, ("device", str(device)), ("threshold", f"{loaded.info.threshold:.6g}")),
    )


def hash_run(loaded: LoadedRun) -> str:
    """SHA-256 over settings, inputs, calibration and weights of a run, and over those of an ensemble's members.

    The same wherever the run lies: of what is loaded, not of its files.
    """
    digest = hashlib.sha256(fingerprint(loaded.config.model_dump(mode="json")).encode())
    digest.update(fingerprint(loaded.info.model_dump(mode="json")).encode())
    for member in loaded.members:
        digest.update(hash_run(member).encode())
    if not loaded.members:
        for name, tensor in sorted(loaded.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def add_custody(
    verdicts: Mapping[Path, Verdict],
    judge: Judge,
    before: Mapping[Path, FileState | None],
    *,
    fork: bool = False,
) -> dict[Path, Verdict]:
    """`verdicts` of files with their custody; None where the file is gone by now.

    `before`: the files' states before they were decoded. A file that has another state now says so in `reason`.
    `fork`: as in `run_isolated`.
    """
    facts = {path: _read_facts(path) for path in verdicts}
    claims = read_credentials(_list_manifests(facts), fork=fork)
    signed = {}
    for path, verdict in verdicts.items():
        found, after = facts[path], FileState.read(path)
        custody = judge.sign(found, claims.get(path, NONE)) if found else None
        reason = verdict.reason
        if before.get(path) != after:
            reason = f"{reason}; {CHANGED}" if reason else CHANGED
        signed[path] = replace(verdict, custody=custody, reason=reason)
    return signed


def read_version() -> str:
    """Of this program; "unknown" where it runs from a copy that was not installed."""
    try:
        return version("unmask")
    except PackageNotFoundError:
        return "unknown"


def _read_facts(path: Path) -> FileFacts | None:
    try:
        return read_surely(partial(FileFacts.read, path))
    except OSError as error:
        raise_disk_failure(error)
        return None


def _list_manifests(facts: Mapping[Path, FileFacts | None]) -> Sequence[Path]:
    return [path for path, found in facts.items() if found and found.has_manifest]
