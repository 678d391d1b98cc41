"""C2PA manifests: found cheaply, read as claims, never trusted, and never a reason to lose a verdict."""

from __future__ import annotations

import datetime
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unmask.evaluation.verdicts.custody import credentials as module
from unmask.evaluation.verdicts.custody.credentials import describe_manifest, format_credentials, read_credentials
from unmask.evaluation.verdicts.custody.file_facts import BLOCK, MANIFEST_STORE, FileFacts

STORE: dict[str, Any] = {
    "active_manifest": "urn:1",
    "manifests": {
        "urn:1": {
            "claim_generator_info": [{"name": "Example Painter", "version": "1.0"}],
            "signature_info": {"issuer": "Example News", "common_name": "Test signer"},
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {
                        "actions": [
                            {
                                "action": "c2pa.created",
                                "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                                "softwareAgent": {"name": "Example Model"},
                            }
                        ]
                    },
                }
            ],
        }
    },
    "validation_status": [{"code": "signingCredential.untrusted"}],
}
CLAIMS = (
    "signed by Test signer, Example News",
    "written by Example Painter 1.0",
    "action created, created by an AI model, by Example Model",
)


@pytest.mark.parametrize("at", [0, BLOCK - 7, BLOCK, 3 * BLOCK - len(MANIFEST_STORE)])
def test_a_manifest_is_found_across_blocks_and_the_hash_is_that_of_the_file(tmp_path, at):
    import hashlib

    path = tmp_path / "file"
    content = bytearray(np.random.default_rng(0).bytes(3 * BLOCK))
    path.write_bytes(content)
    assert not FileFacts.read(path).has_manifest
    content[at : at + len(MANIFEST_STORE)] = MANIFEST_STORE
    path.write_bytes(content)
    assert FileFacts.read(path) == FileFacts(hashlib.sha256(content).hexdigest(), len(content), True)


def test_claims_are_told_in_words():
    found = describe_manifest(STORE, "Valid")
    assert (found.state, found.claims) == ("valid", CLAIMS)
    assert "no list of trusted signers" in found.note
    assert (format_credentials(found) or "").startswith("content credentials (valid, claims of the signer): signed by")


@pytest.mark.parametrize(
    "store",
    [
        {},
        {"active_manifest": 3, "manifests": []},
        {"active_manifest": "a", "manifests": {"a": {"assertions": [1, {}]}}},
    ],
)
def test_a_store_of_any_shape_is_described(store):
    assert describe_manifest(store, "Invalid").state == "invalid"
    assert describe_manifest(store, None).state == "not read"


def test_what_a_stranger_wrote_is_one_short_line_each():
    long = {"signature_info": {"issuer": "a\x1b[31m\nb" * 500}, "assertions": []}
    (claim,) = describe_manifest({"active_manifest": "a", "manifests": {"a": long}}, "Valid").claims
    assert claim.isprintable()
    assert len(claim) <= module.LONGEST


def test_without_the_extra_a_manifest_is_named_and_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    found = read_credentials([tmp_path / "a.png"])[tmp_path / "a.png"]
    assert found.state == "not read"
    assert "unmask[c2pa]" in found.note


def test_a_crash_of_the_reader_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: True)
    monkeypatch.setattr(module, "_read_claims", _die)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    found = read_credentials(paths, fork=True)
    assert [found[path].state for path in paths] == ["not read", "not read"]
    assert all("crashed" in found[path].note for path in paths)


def _die(path: Path) -> None:
    import os

    os._exit(11)


needs_reader = pytest.mark.skipif(find_spec("c2pa") is None, reason="needs the extra c2pa")


@needs_reader
def test_a_signed_file_is_read_and_a_changed_one_is_invalid(tmp_path):
    signed, changed, broken = tmp_path / "signed.png", tmp_path / "changed.png", tmp_path / "broken.png"
    content = sign_image()
    signed.write_bytes(content)
    changed.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])
    damage = content.index(MANIFEST_STORE) + 200
    broken.write_bytes(content[:damage] + bytes([content[damage] ^ 1]) + content[damage + 1 :])
    assert all(FileFacts.read(path).has_manifest for path in (signed, changed, broken))
    found = read_credentials([signed, changed, broken], fork=True)
    assert found[signed].state == "valid"
    assert found[signed].claims[:3] == CLAIMS
    assert found[changed].state == "invalid"
    assert "changed after it was signed" in found[changed].note
    assert found[broken].state in ("not read", "invalid")


def sign_image() -> bytes:
    """A PNG with a manifest, signed with a certificate that is made here."""
    c2pa = pytest.importorskip("c2pa")
    plain, signed = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 128, np.uint8)).save(plain, "png")
    plain.seek(0)
    chain, key = make_certificates()
    info = c2pa.C2paSignerInfo(alg=c2pa.C2paSigningAlg.ES256, sign_cert=chain, private_key=key, ta_url=None)
    manifest = {
        "claim_generator_info": STORE["manifests"]["urn:1"]["claim_generator_info"],
        "assertions": [dict(STORE["manifests"]["urn:1"]["assertions"][0], label="c2pa.actions")],
    }
    with c2pa.Builder(manifest) as builder:
        builder.sign(c2pa.Signer.from_info(info), "image/png", plain, signed)
    return signed.getvalue()


def make_certificates() -> tuple[bytes, bytes]:
    """PEM of a chain of two certificates, and of the key of the first."""
    names = ("x509", "hazmat.primitives.hashes", "hazmat.primitives.serialization", "hazmat.primitives.asymmetric.ec")
    x509, hashes, serialization, ec = (pytest.importorskip(f"cryptography.{name}") for name in names)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)

    def name(text: str) -> Any:
        parts = ((x509.NameOID.COMMON_NAME, text), (x509.NameOID.ORGANIZATION_NAME, "Example News"))
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])

    def certify(subject: str, public: Any, *, is_authority: bool) -> bytes:
        usage = dict.fromkeys(
            (
                *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                *("encipher_only", "decipher_only"),
            ),
            False,
        )
        signing = {"digital_signature": True, "key_cert_sign": is_authority, "crl_sign": is_authority}
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("Test authority"))
        made = made.public_key(public).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(100))
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        made = made.add_extension(x509.KeyUsage(**usage, **signing), critical=True)
        if not is_authority:
            made = made.add_extension(
                x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        signed = made.add_extension(issuer, critical=False).sign(authority, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    chain = certify("Test signer", key.public_key(), is_authority=False)
    chain += certify("Test authority", authority.public_key(), is_authority=True)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return chain, key.private_bytes(*form)
