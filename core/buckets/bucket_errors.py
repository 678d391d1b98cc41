"""What an object store refused, as an error with a remedy.

Answers of a store are never shown whole: they may quote the key id, the signature or parts of the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from unmask.core.buckets.addresses import Address
from unmask.core.errors import MachineFailed, MissingInput, NotAllowed, UnmaskError, UsageError

CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
STATUS = re.compile(r"status code: (\d{3} [A-Za-z ]{1,40}?)(?=[:\n]|$)")
# Of the machine's own service, which is asked where the environment has no credentials.
METADATA = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "InstanceCredentials")
REFUSED_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired")
SET = {
    "s3": "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION in the environment (docs/buckets.md)",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS in the environment to the file of a service account (docs/buckets.md)",
}


@contextmanager
def explain_errors(address: Address) -> Iterator[None]:
    """Map errors of obstore within the block. FileNotFoundError for a missing object, obstore's own for lost races."""
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise
    except (BaseError, FileNotFoundError) as error:
        known = explain(str(error), address, kind=type(error).__name__)
        if isinstance(error, FileNotFoundError) and isinstance(known, MachineFailed):
            raise
        raise known from None  # the text of the first would be in a report of a bug


def explain(text: str, address: Address, kind: str = "") -> UnmaskError:
    """The error for an answer of a store; `kind`: obstore's name of it."""
    found = CODE.search(text)
    code = found[1] if found else ""
    if code == "NoSuchBucket" or "bucket does not exist" in text:
        where = f"{address.scheme}://{address.bucket}"
        return MissingInput(f"{where}: no such bucket", "create it, or check its name and the region (AWS_REGION)")
    if code in REFUSED_KEYS:
        return NotAllowed(f"{address}: the credentials are refused ({code})", SET[address.scheme])
    if any(host in text for host in METADATA):
        return NotAllowed(f"{address}: no credentials", SET[address.scheme])
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or " 403 " in text or " 401 " in text:
        needs = "the credentials need the rights to list, get, put and delete objects below it (docs/buckets.md)"
        return NotAllowed(f"{address}: access denied" + f" ({code})" * bool(code), needs)
    if "builder error" in text:
        return UsageError(f"{address}: an endpoint without TLS", "https:// in AWS_ENDPOINT_URL, or AWS_ALLOW_HTTP=true")
    status = STATUS.search(text)
    said = code or (status[1] if status else "no answer")
    remedy = "check the network and the endpoint (AWS_ENDPOINT_URL), then run the same command again: nothing is lost"
    return MachineFailed(f"{address}: the object store failed ({said})", remedy)
