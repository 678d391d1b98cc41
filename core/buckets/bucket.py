"""The few operations on a bucket that work folders need, over obstore. For any thread; not for a forked process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from unmask.core.buckets.addresses import Address
from unmask.core.buckets.bucket_errors import explain_errors
from unmask.core.errors import MissingInput

CHUNK_BYTES = 8 << 20
# Of one request, with its body: obstore's own limit of 30 s is too short for a large chunk on a slow line.
CLIENT: Any = {"timeout": "900s", "connect_timeout": "10s"}
RETRIES: Any = {"max_retries": 5, "retry_timeout": timedelta(minutes=3)}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing says of an object."""

    tag: str
    """Its ETag, which changes with the content."""
    bytes: int
    modified_s: float
    """Seconds since 1970, by the clock of the store."""


class Bucket:
    """Objects below an address, by their names relative to it. All errors are `UnmaskError`, without any secret."""

    def __init__(self, address: Address) -> None:
        """`MissingInput` without the extra. Credentials and endpoint are those of the environment."""
        try:
            from obstore.store import GCSStore, S3Store
        except ImportError as error:
            raise MissingInput(f"{address} needs obstore", "pip install 'unmask[buckets]'") from error

        self.address = address
        kind: Any = {"s3": S3Store, "gs": GCSStore}[address.scheme]
        with explain_errors(address):
            # Options that are given here hide this one of the environment.
            client = CLIENT | {"allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("true", "1")}
            self.store = kind(
                address.bucket, prefix=address.prefix or None, client_options=client, retry_config=RETRIES
            )

    def check(self) -> None:
        """The error of the first request, if there is one."""
        import obstore

        with explain_errors(self.address):
            obstore.list_with_delimiter(self.store)

    def list_objects(self, *, without: str) -> dict[str, StoredObject]:
        """All objects by name, but those below the folder `without`, which are not even asked for."""
        import obstore

        with explain_errors(self.address):
            top = obstore.list_with_delimiter(self.store)
            found = [*top["objects"]]
            for folder in top["common_prefixes"]:
                if folder != without:
                    found += obstore.list(self.store, folder).collect()
        return {about["path"]: _describe(about) for about in found}

    def list_folder(self, folder: str) -> dict[str, StoredObject]:
        """All objects below `folder`, by name."""
        import obstore

        with explain_errors(self.address):
            return {about["path"]: _describe(about) for about in obstore.list(self.store, folder).collect()}

    def find(self, name: str) -> StoredObject | None:
        """None where there is no such object."""
        import obstore

        try:
            with explain_errors(self.address):
                return _describe(obstore.head(self.store, name))
        except FileNotFoundError:
            return None

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Content and tag; None where there is no such object."""
        import obstore

        try:
            with explain_errors(self.address):
                found = obstore.get(self.store, name)
                return bytes(found.bytes()), str(found.meta["e_tag"])
        except FileNotFoundError:
            return None

    def download(self, name: str, path: Path | None) -> tuple[str, str] | None:
        """Write the object into a file, in chunks; its SHA-256 and its tag. None where there is no such object.

        Without a `path` it is only read.
        """
        import obstore

        digest = hashlib.sha256()
        try:
            with explain_errors(self.address):
                found = obstore.get(self.store, name)
                with (path or Path("/dev/null")).open("wb") as file:
                    for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                        digest.update(chunk)
                        file.write(chunk)
                return digest.hexdigest(), str(found.meta["e_tag"])
        except FileNotFoundError:
            return None

    def upload(self, name: str, path: Path) -> None:
        """Write an object, whether there is one or not: for names that nothing refers to yet."""
        import obstore

        with explain_errors(self.address):
            obstore.put(self.store, name, path)

    def create(self, name: str, path: Path) -> str | None:
        """Write a new object in one request; its tag. None where there is one: it stays as it is."""
        return self._put(name, path, "create")

    def replace(self, name: str, path: Path, tag: str) -> str | None:
        """Replace the object with this tag in one request; the new tag. None where it has another tag now."""
        import obstore

        try:
            with explain_errors(self.address):
                about = obstore.head(self.store, name)
        except FileNotFoundError:
            return self.create(name, path)
        if about["e_tag"] != tag:
            return None
        # Google compares the version (generation), which its listings lack; S3 the tag alone.
        version = {"version": about["version"]} if self.address.scheme == "gs" else {}
        return self._put(name, path, {"e_tag": tag, **version})

    def _put(self, name: str, path: Path, mode: Any) -> str | None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            with explain_errors(self.address):
                return str(obstore.put(self.store, name, path, mode=mode)["e_tag"])
        except (AlreadyExistsError, PreconditionError):
            return None

    def delete(self, names: Iterable[str]) -> None:
        import obstore

        if wanted := list(names):
            with explain_errors(self.address):
                obstore.delete(self.store, wanted)


def _describe(about: Any) -> StoredObject:
    return StoredObject(str(about["e_tag"]), int(about["size"]), about["last_modified"].timestamp())
