"""Addresses of buckets: which are taken, which are refused, and that none carries a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.core.buckets.addresses import get_local_folder, is_address, name_work, parse_address
from unmask.core.errors import UsageError


@pytest.mark.parametrize(
    ("given", "bucket", "prefix", "text"),
    [
        ("s3://team/work", "team", "work", "s3://team/work"),
        ("s3://team", "team", "", "s3://team"),
        ("gs://team.x/a/b/", "team.x", "a/b", "gs://team.x/a/b"),
        (Path("s3://team/work"), "team", "work", "s3://team/work"),  # a path keeps one slash
    ],
)
def test_an_address_has_a_bucket_and_a_folder(given: str | Path, bucket: str, prefix: str, text: str):
    address = parse_address(given)
    assert (address.bucket, address.prefix, str(address)) == (bucket, prefix, text)
    assert name_work(given) == text


@pytest.mark.parametrize("path", ["work", "/data/work", "s3/work", "C:/work", "a:b", "http:/x"])
def test_a_path_is_no_address(path: str):
    assert not is_address(path)


@pytest.mark.parametrize("address", ["http://host/x", "az://x/y", "s3://UPPER/x", "s3://team/../x", "s3://team/a b"])
def test_other_addresses_are_refused_with_their_form(address: str):
    assert is_address(address)
    with pytest.raises(UsageError) as refused:
        parse_address(address)
    assert "s3://BUCKET/FOLDER" in refused.value.hint


@pytest.mark.parametrize("address", ["s3://key:hunter2@team/work", "s3://hunter2@team", "s3://team/x?secret=hunter2"])
def test_credentials_in_an_address_are_refused_and_not_repeated(address: str):
    with pytest.raises(UsageError) as refused:
        parse_address(address)
    assert "hunter2" not in str(refused.value)


def test_copies_of_different_folders_and_endpoints_lie_apart(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("UNMASK_CACHE", str(tmp_path))
    folders = {
        get_local_folder(parse_address(text)) for text in ("s3://abc/d", "s3://abc/d-e", "s3://abc-d/e", "gs://abc/d")
    }
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere")
    folders.add(get_local_folder(parse_address("s3://abc/d")))
    assert len(folders) == 5
    assert all(folder.parent == tmp_path / "buckets" for folder in folders)
