"""Hostile uploads: names, forms and bodies that are not what they should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import PNG, serve

from unmask.media.media_kind import KINDS
from unmask.serve.settings import ServeLimits
from unmask.serve.uploads import LONGEST_NAME, Refused, Upload, UploadReader, clean_name, find_suffix

NAMES = (
    *("../../etc/passwd.png", "..\\..\\windows\\a.png", "/etc/shadow", "%2e%2e%2fa.png", "~root/a.png", "a.png/"),
    *("a\0b.png", "a\r\nset-cookie: x=1.png", "x" * 5000 + ".png", "...", "", " ", "con.png"),
    *("<script>alert(1)</script>.png", "\u202egnp.exe", "'; rm -rf /;.png", "${HOME}.png", "🦊.png", "\ud800.png"),
)


class Places:
    """Counts reserved places."""

    taken = 0

    def reserve(self) -> None:
        self.taken += 1

    def release(self) -> None:
        self.taken -= 1


@pytest.mark.parametrize("name", NAMES)
def test_no_name_becomes_a_path(tmp_path: Path, name: str):
    uploads = tmp_path / "up"
    with serve(uploads, waits=True) as served:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "surrogatepass")
        body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="' + quoted
        body += b'"\r\n\r\n' + PNG + b"\r\n--b--\r\n"
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = served.client.post("/api/verdicts", content=body, headers=headers)
        assert answer.status_code in (202, 400)
        for path in served.list_files():
            assert path.parent == uploads
            assert path.stem.isalnum()
            assert path.suffix in {"", *KINDS}
        assert {path.name for path in tmp_path.iterdir()} == {"up"}
        if answer.status_code == 202:
            shown = answer.json()["verdicts"][0]["name"]
            assert 0 < len(shown) <= LONGEST_NAME
            assert not set(shown) & set("/\\\0\r\n\u202e")


def test_markup_in_a_name_is_shown_as_text(tmp_path: Path):
    with serve(tmp_path / "up") as served:
        name = "<img src=x onerror=alert(1)>.png"
        sent = served.client.post("/api/verdicts", files={"files": (name, PNG)}).json()["verdicts"][0]
        served.wait_for(sent["id"])
        page = served.client.get(f"/api/verdicts/{sent['id']}/page").text
        assert "<img src=x" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;.png" in page


@given(st.text(max_size=300))
def test_every_name_can_be_shown(name: str):
    shown = clean_name(name)
    assert 0 < len(shown) <= LONGEST_NAME
    assert shown.isprintable() or "\ufffd" in shown
    assert not set(shown) & set("/\\")
    assert find_suffix(shown) in {"", *KINDS}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"--b--", 415),
        ("multipart/form-data; boundary=" + "b" * 300, b"", 415),
        ("multipart/form-data; boundary=b", b"", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"nothing of the kind", 400),
        ("multipart/form-data; boundary=b",
         b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n', 400),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n1\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: 1\r\n" * 5000 + b"\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"1" * 100_000, 400),
        ("multipart/form-data; boundary=b",
         b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + PNG, 400),
    ],
)  # fmt: skip
def test_a_broken_form_is_refused_and_leaves_nothing(tmp_path: Path, kind: str, body: bytes, status: int):
    with serve(tmp_path / "up") as served:
        answer = served.client.post("/api/verdicts", content=body, headers={"content-type": kind})
        assert answer.status_code == status
        assert (served.queue.taken, served.list_files()) == (0, [])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_body_is_refused_or_read_whole(tmp_path: Path, data: st.DataObject):
    """Bytes of a good body are changed, removed or cut; what is read lies in the folder, what is refused is gone."""
    body = bytearray(b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + PNG)
    body += (
        b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="b.png"\r\n\r\n' + PNG + b"\r\n--b--\r\n"
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        action = data.draw(st.sampled_from(["change", "remove", "cut", "insert"]))
        if action == "change":
            body[at] = data.draw(st.integers(0, 255))
        elif action == "insert":
            body[at:at] = data.draw(st.binary(max_size=8))
        elif len(body) > 10:
            del body[at : at + 1 if action == "remove" else None]
        body = body or bytearray(b"-")
    places, folder = Places(), tmp_path
    uploads = _read(bytes(body), folder, places, data.draw(st.integers(1, 50)))
    assert places.taken == len(uploads) == len(list(folder.iterdir()))
    assert all(one.path.parent == folder and one.path.stat().st_size == one.bytes for one in uploads)
    for one in uploads:
        one.path.unlink()


def test_a_body_larger_than_promised_stops_at_the_limit(tmp_path: Path):
    places = Places()
    body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + b"x" * 100_000
    assert _read(body, tmp_path, places, 1000, ServeLimits(file_bytes=5000)) == []
    assert (places.taken, list(tmp_path.iterdir())) == (0, [])


def _read(body: bytes, folder: Path, places: Places, size: int, limits: ServeLimits | None = None) -> list[Upload]:
    """The files of a body that arrives in chunks of `size` bytes; none where it is refused."""

    async def arrive() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    try:
        reader = UploadReader("multipart/form-data; boundary=b", folder, limits or ServeLimits(), places)
        return asyncio.run(reader.read(arrive()))
    except Refused:
        return []
