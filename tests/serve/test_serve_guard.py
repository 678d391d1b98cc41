"""Who may ask: names of the service, origins, the token; and what browsers are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from served import PNG, serve

from unmask.core.errors import UsageError
from unmask.serve.settings import Access

TOKEN = "0123456789abcdef-token"
FILES = {"files": ("a.png", PNG)}


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8000", "192.168.1.9", ""])
def test_a_name_that_was_rebound_to_this_machine_is_refused(tmp_path: Path, host: str):
    with serve(tmp_path / "up") as served:
        assert served.client.get("/", headers={"host": host}).status_code == 421
        assert served.client.get("/api/health", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9000", "[::1]:8000", "LOCALHOST:8000", "lab.example"])
def test_names_of_this_machine_are_served(tmp_path: Path, host: str):
    with serve(tmp_path / "up", access=Access(names=("lab.example",))) as served:
        assert served.client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:9000"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://localhost:8000"}, 202),
        ({"sec-fetch-site": "same-origin"}, 202),
        ({}, 202),
    ],
)
def test_another_page_cannot_send_files(tmp_path: Path, headers: dict[str, str], status: int):
    with serve(tmp_path / "up") as served:
        assert served.client.post("/api/verdicts", files=FILES, headers=headers).status_code == status
        if status == 403:
            assert served.client.delete("/api/verdicts/x", headers=headers).status_code == 403


def test_a_token_is_asked_for_everywhere(tmp_path: Path):
    with serve(tmp_path / "up", access=Access(token=TOKEN)) as served:
        for path in ("/", "/docs", "/openapi.json", "/api/health", "/api/run", "/static/app.js", "/api/verdicts/x"):
            assert served.client.get(path).status_code == 401, path
        assert served.client.post("/api/verdicts", files=FILES).status_code == 401
        for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer", "Bearer \udcff"):
            given = {"authorization": wrong.encode("utf-8", "surrogateescape")}
            assert served.client.get("/api/health", headers=given).status_code == 401, wrong
        right = {"authorization": f"Bearer {TOKEN}"}
        assert served.client.get("/api/health", headers=right).status_code == 200
        assert served.list_files() == []


def test_a_browser_logs_in_once(tmp_path: Path):
    with serve(tmp_path / "up", access=Access(token=TOKEN)) as served:
        led = served.client.get("/", headers={"accept": "text/html"}, follow_redirects=False)
        assert (led.status_code, led.headers["location"]) == (303, "/login")
        assert served.client.get("/login").status_code == 200
        done = served.client.post("/login", data={"token": TOKEN}, follow_redirects=False)
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert served.client.get("/").status_code == 200
        assert served.client.get("/", headers={"cookie": "unmask-session=forged"}).status_code == 401


def test_a_wrong_token_is_no_login(tmp_path: Path):
    with serve(tmp_path / "up", access=Access(token=TOKEN)) as served:
        answer = served.client.post("/login", data={"token": "wrong"})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert served.client.post("/login", content=b"token=" + b"x" * 10_000).status_code == 413


@pytest.mark.parametrize("path", ["/", "/docs", "/login", "/api/health", "/nothing", "/static/app.js"])
def test_every_answer_tells_browsers_what_they_may_do(tmp_path: Path, path: str):
    with serve(tmp_path / "up") as served:
        headers = served.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.9", "::", "example.org"])
def test_other_machines_need_a_token(host: str):
    with pytest.raises(UsageError, match="--token"):
        Access(host=host)
    assert Access(host=host, token=TOKEN).allows("192.168.1.9:8000")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_needs_none(host: str):
    assert Access(host=host).allows("localhost")


def test_a_short_token_is_refused():
    with pytest.raises(UsageError, match="16 characters"):
        Access(token="hunter2")
