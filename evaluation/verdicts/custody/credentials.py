"""C2PA manifests ("content credentials") of judged files: claims of whoever signed them, which change no score.

They are read with the optional extra `c2pa` (c2pa-python), in a worker process with limits, because native code reads
what a stranger wrote. Nothing is fetched from the network: neither manifests kept elsewhere nor lists of revoked
certificates. Without a list of trusted signers a good signature is "valid"; it says who claims to have signed, not that
they are honest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from unmask.core.process_pool import Failure, run_isolated
from unmask.evaluation.verdicts.findings import ContentCredentials

NONE = ContentCredentials(state="none")
INSTALL = "it seems to have content credentials; to read them: pip install 'unmask[c2pa]'"
TIMEOUT_S, MEMORY_GIB = 30.0, 1.0
LONGEST, MOST = 160, 24
"""Characters per claim, claims per file: more is no reading for people."""
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
STATES: dict[str, Literal["valid", "trusted", "invalid"]] = {
    "Valid": "valid", "Trusted": "trusted", "Invalid": "invalid",
}  # fmt: skip
PROBLEMS = {
    "signingCredential.untrusted": "the signer is on no list of trusted signers",
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.bmffHash.mismatch": "the file was changed after it was signed",
    "signingCredential.expired": "the signer's certificate had expired",
}
"""Code of the standard -> in words."""
SOURCES = {
    "trainedAlgorithmicMedia": "created by an AI model",
    "compositeWithTrainedAlgorithmicMedia": "edited with an AI model",
    "algorithmicMedia": "created by an algorithm without training data",
    "digitalCapture": "captured by a camera or recorder",
    "computationalCapture": "captured by a camera, with computation",
    "digitalCreation": "created by a person with software",
    "composite": "composed of several sources",
}
"""Last part of an IPTC digital source type -> in words."""


def read_credentials(paths: Sequence[Path], *, fork: bool = False) -> dict[Path, ContentCredentials]:
    """Path -> what its manifest claims. `fork`: as in `run_isolated`."""
    if not paths:
        return {}
    if find_spec("c2pa") is None:
        return dict.fromkeys(paths, ContentCredentials(state="not read", note=INSTALL))
    results = run_isolated(
        _read_claims, paths, workers=1, timeout_s=TIMEOUT_S, memory_gib=MEMORY_GIB, fork=fork
    )  # fmt: skip
    return {path: _explain(found) if isinstance(found, Failure) else found for path, found in results}


def describe_manifest(store: Mapping[str, Any], state: str | None) -> ContentCredentials:
    """What a manifest store, as the reader's JSON has it, claims; `state` of its validation."""
    manifests = _as_mapping(store.get("manifests"))
    active = _as_mapping(manifests.get(str(store.get("active_manifest"))))
    claims = [_clean(claim) for claim in dict.fromkeys(_list_claims(active)) if claim]
    problems = [_clean(str(one.get("code", ""))) for one in map(_as_mapping, _as_list(store.get("validation_status")))]
    known = STATES.get(state or "")
    words = ", ".join(PROBLEMS.get(one, one) for one in dict.fromkeys(problems[:MOST]))
    note = f"validation: {words}" if words else ""
    if known is None:
        return ContentCredentials(state="not read", claims=tuple(claims[:MOST]), note=note or "validation is unknown")
    return ContentCredentials(state=known, claims=tuple(claims[:MOST]), note=note)


def format_credentials(found: ContentCredentials) -> str | None:
    """One line for people; None for a file without a manifest."""
    if found.state == "none":
        return None
    parts = [part for part in (*found.claims, found.note) if part]
    return f"content credentials ({found.state}, claims of the signer): {'; '.join(parts) or 'no claim'}"


def _read_claims(path: Path) -> ContentCredentials:
    """In a worker process."""
    c2pa: Any = import_module("c2pa")

    try:
        with c2pa.Context.from_dict(OFFLINE) as context, c2pa.Reader(str(path), context=context) as reader:
            return describe_manifest(json.loads(reader.json()), reader.get_validation_state())
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        if "ManifestNotFound" in str(error):
            return NONE
        return ContentCredentials(state="not read", note=_clean(f"the manifest cannot be read: {error}"))


def _explain(failure: Failure) -> ContentCredentials:
    return ContentCredentials(
        state="not read", note=_clean(f"the manifest cannot be read: {failure.reason}: {failure.problem}")
    )


def _list_claims(manifest: Mapping[str, Any]) -> Iterator[str]:
    signature = _as_mapping(manifest.get("signature_info"))
    names = [str(signature[name]) for name in ("common_name", "issuer") if signature.get(name)]
    if names:
        yield f"signed by {', '.join(dict.fromkeys(names))}"
    if signature.get("time"):
        yield f"signed at {signature['time']}"
    programs = [_name_program(one) for one in _as_list(manifest.get("claim_generator_info"))]
    programs = [name for name in programs if name] or [str(manifest.get("claim_generator") or "")]
    if any(programs):
        yield f"written by {', '.join(programs)}"
    for assertion in map(_as_mapping, _as_list(manifest.get("assertions"))):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in map(_as_mapping, _as_list(_as_mapping(assertion.get("data")).get("actions"))):
                yield _describe_action(action)
    if sources := len(_as_list(manifest.get("ingredients"))):
        yield f"made from {sources} other file{'s' * (sources != 1)}"


def _describe_action(action: Mapping[str, Any]) -> str:
    name = str(action.get("action", "")).removeprefix("c2pa.")
    source = str(action.get("digitalSourceType") or "").rstrip("/").rpartition("/")[2]
    agent = _name_program(action.get("softwareAgent"))
    about = [f"action {name}"] + ([SOURCES.get(source, source)] if source else []) + ([f"by {agent}"] if agent else [])
    return ", ".join(about)


def _name_program(value: object) -> str:
    about = _as_mapping(value)
    return " ".join(str(about[part]) for part in ("name", "version") if about.get(part)) if about else str(value or "")


def _clean(text: str) -> str:
    """One line without control characters, cut to LONGEST: a stranger wrote it."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _as_list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
