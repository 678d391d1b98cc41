"""What a store refuses becomes an error with a remedy, and nothing of its answer is repeated that may be secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bucket_server import KEY, SECRET, Machine

from unmask.cli.app import main
from unmask.core.buckets.addresses import parse_address
from unmask.core.buckets.bucket import Bucket
from unmask.core.buckets.bucket_errors import explain
from unmask.core.errors import MachineFailed, MissingInput, NotAllowed, UsageError

ADDRESS = parse_address("s3://team/work")
REFUSED = (
    "Generic S3 error: Error performing PUT https://host/team/work in 1ms - Server returned non-2xx status code: 403 "
    "Forbidden: <Error><Code>{code}</Code><Message>no</Message><AWSAccessKeyId>AKIAHIDDEN</AWSAccessKeyId>"
    "<StringToSign>AWS4-HMAC HIDDEN</StringToSign></Error>"
)


@pytest.mark.parametrize(
    ("text", "kind", "error", "says"),
    [
        (REFUSED.format(code="AccessDenied"), "PermissionDeniedError", NotAllowed, "access denied (AccessDenied)"),
        (REFUSED.format(code="SignatureDoesNotMatch"), "GenericError", NotAllowed, "credentials are refused"),
        (REFUSED.format(code="InvalidAccessKeyId"), "GenericError", NotAllowed, "credentials are refused"),
        ("PUT http://169.254.169.254/latest/api/token: 403", "GenericError", NotAllowed, "no credentials"),
        ("404 Not Found: <Error><Code>NoSuchBucket</Code>", "GenericError", MissingInput, "s3://team: no such bucket"),
        ("status code: 503 Service Unavailable: <Error><Code>SlowDown</Code>", "", MachineFailed, "(SlowDown)"),
        ("status code: 500 Internal Server Error\n", "", MachineFailed, "(500 Internal Server Error)"),
        ("HTTP error: builder error", "GenericError", UsageError, "without TLS"),
        ("HTTP error: error sending request", "GenericError", MachineFailed, "(no answer)"),
    ],
)
def test_an_answer_becomes_an_error_without_secrets(text: str, kind: str, error: type, says: str):
    found = explain(text, ADDRESS, kind)
    assert type(found) is error
    assert says in found.problem
    assert "HIDDEN" not in str(found)
    assert found.hint


def run(capfd: pytest.CaptureFixture[str], work: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["runs", "ls", "--work", work])
    return int(str(ended.value.code)), "".join(capfd.readouterr())


def test_a_bucket_that_does_not_exist_ends_with_code_4(server: str, credentials: None, machine: Machine, capfd):
    machine("here")
    code, said = run(capfd, "s3://no-such-bucket/work")
    assert code == 4
    assert "error: s3://no-such-bucket: no such bucket" in said
    assert "hint: create it" in said
    assert not (Path(os.environ["UNMASK_CACHE"])).exists()


def test_an_endpoint_that_does_not_answer_ends_with_code_4(credentials: None, machine: Machine, monkeypatch, capfd):
    monkeypatch.setattr("unmask.core.buckets.bucket.RETRIES", {"max_retries": 0})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    machine("here")
    code, said = run(capfd, "s3://team/work")
    assert code == 4
    assert "the object store failed (no answer)" in said
    assert KEY not in said
    assert SECRET not in said


def test_without_the_extra_its_name_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(MissingInput) as missing:
        Bucket(ADDRESS)
    assert missing.value.hint == "pip install 'unmask[buckets]'"


def test_google_storage_is_opened_for_gs(monkeypatch):
    pytest.importorskip("obstore")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    opened = Bucket(parse_address("gs://team/work"))
    assert type(opened.store).__name__ == "GCSStore"
    assert 'bucket="team"' in repr(opened.store)
    assert 'prefix="work"' in repr(opened.store)
