"""Addresses of work folders in buckets, and where their local copies lie."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from unmask.core.errors import UsageError

SCHEMES = ("s3", "gs")
CACHE = "UNMASK_CACHE"
"""Environment variable: the folder of the local copies."""
# A path that was made of an address has one slash where the address has two.
BEGINNING = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?!/)(.*)", re.DOTALL)
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
PREFIX = re.compile(r"[A-Za-z0-9._=+-]+")
HINT = "--work s3://BUCKET/FOLDER or gs://BUCKET/FOLDER, of letters, digits and ._=+-/"
NO_CREDENTIALS = "credentials come from the environment alone (docs/buckets.md)"


@dataclass(frozen=True, slots=True)
class Address:
    """A folder in a bucket."""

    scheme: str
    """One of SCHEMES."""
    bucket: str
    prefix: str
    """Without a slash at its ends; "" for the bucket itself."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")


def is_address(folder: str | Path) -> bool:
    """Is it the address of a bucket, or of something else with a scheme, rather than a path?"""
    found = BEGINNING.fullmatch(str(folder))
    return found is not None and (f"{found[1]}://" in str(folder) or found[1] in SCHEMES)


def parse_address(folder: str | Path) -> Address:
    """`UsageError` for another scheme, and for names that need quoting. Its text quotes no part that may be secret."""
    found = BEGINNING.fullmatch(str(folder))
    if found is None or found[1] not in SCHEMES:
        scheme = found[1] if found else str(folder)
        raise UsageError(f"{scheme}: no kind of bucket that is known", HINT)
    bucket, _, prefix = found[2].partition("/")
    if "@" in bucket or ":" in bucket:
        raise UsageError(f"the address of a bucket on {found[1]}:// holds a user or a password", NO_CREDENTIALS)
    parts = [part for part in prefix.split("/") if part]
    if not BUCKET.fullmatch(bucket) or any(not PREFIX.fullmatch(part) or part in (".", "..") for part in parts):
        raise UsageError(f"a {found[1]}:// address with a bucket or folder of other characters than it may have", HINT)
    return Address(found[1], bucket, "/".join(parts))


def get_cache_folder() -> Path:
    """Where the local copies lie: UNMASK_CACHE, else the user's cache folder (XDG base directory specification)."""
    if given := os.environ.get(CACHE):
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "unmask"


def get_local_folder(address: Address) -> Path:
    """Where the local copy of a work folder lies: another one for the same names at another endpoint."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or ""
    digest = hashlib.sha256(f"{address}\n{endpoint}".encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{address.bucket}-{address.prefix}".strip("-"))[:60]
    return get_cache_folder() / "buckets" / f"{name}-{digest}"


def name_work(folder: str | Path) -> str:
    """The folder as a user types it: an address has its two slashes again."""
    return str(parse_address(folder)) if is_address(folder) else str(folder)
