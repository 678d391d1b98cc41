"""The JSON API: from an upload to a verdict, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from served import PNG, serve

from unmask.serve.settings import ServeLimits


def test_an_uploaded_file_gets_a_verdict_and_is_deleted(tmp_path: Path):
    with serve(tmp_path / "up") as served:
        answer = served.client.post("/api/verdicts", files={"files": ("me.png", PNG)})
        assert answer.status_code == 202
        (accepted,) = answer.json()["verdicts"]
        assert (accepted["name"], accepted["bytes"]) == ("me.png", len(PNG))
        found = served.wait_for(accepted["id"])
        assert (found["state"], found["verdict"]["score"], found["verdict"]["path"]) == ("done", 0.75, "me.png")
        assert served.list_files() == []
        page = served.client.get(f"/api/verdicts/{accepted['id']}/page")
        assert "me.png" in page.text
        assert "script-src" not in page.headers["content-security-policy"]


def test_several_files_are_judged_in_order(tmp_path: Path):
    with serve(tmp_path / "up", waits=True) as served:
        files = [("files", (f"{number}.png", PNG + bytes([number]))) for number in range(3)]
        ids = [one["id"] for one in served.client.post("/api/verdicts", files=files).json()["verdicts"]]
        waiting = served.client.get(f"/api/verdicts/{ids[2]}").json()
        assert (waiting["state"], waiting["before"], waiting["verdict"]) == ("queued", 2, None)
        assert served.client.get(f"/api/verdicts/{ids[2]}/page").status_code == 404
        served.predictor.go_on.set()
        assert [served.wait_for(one)["name"] for one in ids] == ["0.png", "1.png", "2.png"]


def test_a_full_queue_says_when_to_come_back(tmp_path: Path):
    with serve(tmp_path / "up", limits=ServeLimits(queue=2), waits=True) as served:
        for _ in range(2):
            assert served.client.post("/api/verdicts", files={"files": ("a.png", PNG)}).status_code == 202
        full = served.client.post("/api/verdicts", files={"files": ("a.png", PNG)})
        assert (full.status_code, full.headers["retry-after"]) == (503, "10")
        assert served.client.get("/api/health").json()["queue"] == 2
        assert len(served.list_files()) == 2


def test_a_request_that_does_not_fit_into_the_queue_leaves_nothing(tmp_path: Path):
    with serve(tmp_path / "up", limits=ServeLimits(queue=2), waits=True) as served:
        files = [("files", ("a.png", PNG))] * 3
        assert served.client.post("/api/verdicts", files=files).status_code == 503
        assert (served.queue.taken, served.list_files()) == (0, [])


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 415), (b"just a text that is no media at all", 415), (b"%PDF-1.7 ....................", 415)],
)
def test_the_content_decides_what_is_media_whatever_the_name_says(tmp_path: Path, content: bytes, status: int):
    with serve(tmp_path / "up") as served:
        refused = served.client.post("/api/verdicts", files={"files": ("holiday.jpg", content)})
        assert refused.status_code == status
        assert refused.json()["error"].startswith("holiday.jpg: ")
        assert str(tmp_path) not in refused.text
        assert (served.queue.taken, served.list_files()) == (0, [])
        assert served.client.post("/api/verdicts", files={"files": ("no-media.txt", PNG)}).status_code == 202


def test_of_mixed_files_the_media_are_judged(tmp_path: Path):
    with serve(tmp_path / "up") as served:
        files = [("files", ("a.png", PNG)), ("files", ("b.png", b"a text, and not a picture at all"))]
        answer = served.client.post("/api/verdicts", files=files)
        assert answer.status_code == 202
        assert [one["name"] for one in answer.json()["verdicts"]] == ["a.png"]
        assert answer.json()["refused"][0]["error"].startswith("b.png: ")


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path):
    with serve(tmp_path / "up", limits=ServeLimits(file_bytes=100, files=2)) as served:
        exact = served.client.post("/api/verdicts", files={"files": ("a.png", PNG.ljust(100))})
        over = served.client.post("/api/verdicts", files={"files": ("a.png", PNG.ljust(101))})
        assert (exact.status_code, over.status_code) == (202, 413)
        served.wait_for(exact.json()["verdicts"][0]["id"])
        assert (served.queue.taken, served.list_files()) == (0, [])
        assert served.client.post("/api/verdicts", files=[("files", ("a.png", PNG))] * 3).status_code == 413
        assert (
            served.client.post("/api/verdicts", content=b"x", headers={"content-length": "999999"}).status_code == 413
        )


def test_a_slow_upload_ends(tmp_path: Path):
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not sent and not begun:
            begun.append(1)
            head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
            return {"type": "http.request", "body": head + PNG, "more_body": True}
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    begun: list[int] = []
    with serve(tmp_path / "up", limits=ServeLimits(upload_s=0.2)) as served:
        headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=b")]
        scope = {"type": "http", "method": "POST", "path": "/api/verdicts", "raw_path": b"/api/verdicts"}
        scope |= {"query_string": b"", "root_path": "", "scheme": "http", "headers": headers, "http_version": "1.1"}
        asyncio.run(served.client.app(scope, receive, send))
        assert (sent[0]["status"], begun) == (408, [1])
        assert (served.queue.taken, served.list_files()) == (0, [])


def test_a_crash_costs_one_file_and_shows_no_path(tmp_path: Path):
    with serve(tmp_path / "up") as served:
        served.predictor.error = ValueError(f"in {tmp_path}")
        first = served.client.post("/api/verdicts", files={"files": ("a.png", PNG)}).json()["verdicts"][0]["id"]
        failed = served.wait_for(first)
        assert failed["state"] == "failed"
        assert str(tmp_path) not in str(failed)
        served.predictor.error = None
        second = served.client.post("/api/verdicts", files={"files": ("a.png", PNG)}).json()["verdicts"][0]["id"]
        assert served.wait_for(second)["state"] == "done"
        assert served.list_files() == []


def test_a_verdict_is_forgotten_when_asked_in_time_or_for_room(tmp_path: Path):
    with serve(tmp_path / "up", limits=ServeLimits(kept=2)) as served:
        ids = []
        for _ in range(4):
            ids.append(served.client.post("/api/verdicts", files={"files": ("a.png", PNG)}).json()["verdicts"][0]["id"])
            served.wait_for(ids[-1])
        assert [served.client.get(f"/api/verdicts/{one}").status_code for one in ids] == [404, 404, 200, 200]
        assert served.client.delete(f"/api/verdicts/{ids[3]}").status_code == 204
        assert served.client.delete(f"/api/verdicts/{ids[3]}").status_code == 404
        assert served.client.get(f"/api/verdicts/{ids[3]}/page").status_code == 404


def test_a_waiting_file_that_is_forgotten_is_deleted_and_never_judged(tmp_path: Path):
    with serve(tmp_path / "up", waits=True) as served:
        files = [("files", (f"{number}.png", PNG)) for number in range(2)]
        first, second = (one["id"] for one in served.client.post("/api/verdicts", files=files).json()["verdicts"])
        assert served.client.delete(f"/api/verdicts/{second}").status_code == 204
        assert len(served.list_files()) == 1
        served.predictor.go_on.set()
        served.wait_for(first)
        assert (len(served.predictor.seen), served.queue.taken) == (1, 0)


def test_the_calls_are_described(tmp_path: Path):
    with serve(tmp_path / "up") as served:
        schema = served.client.get("/openapi.json").json()
        assert set(schema["paths"]) == {
            "/api/verdicts", "/api/verdicts/{verdict_id}", "/api/verdicts/{verdict_id}/page", "/api/health", "/api/run",
        }  # fmt: skip
        assert "multipart/form-data" in schema["paths"]["/api/verdicts"]["post"]["requestBody"]["content"]
        assert served.client.get("/api/run").json()["figures"]["macro_auc"] == 0.8
        docs = served.client.get("/docs").text
        assert "/api/verdicts/{verdict_id}" in docs
        assert "https://" not in docs  # nothing is loaded from elsewhere


@pytest.mark.parametrize("path", ["/nothing", "/static/..%2fapp.py", "/static/app.py", "/api/verdicts/..%2f..%2fetc"])
def test_unknown_addresses_are_told_as_such(tmp_path: Path, path: str):
    with serve(tmp_path / "up") as served:
        answer = served.client.get(path)
        assert answer.status_code == 404
        assert set(answer.json()) == {"error", "hint"}
