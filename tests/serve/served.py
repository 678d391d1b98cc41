"""The service with a predictor that loads nothing, for tests of what is around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra: pip install 'unmask[serve]'")
pytest.importorskip("uvicorn", reason="needs the extra: pip install 'unmask[serve]'")

from fastapi.testclient import TestClient

from unmask.evaluation.verdicts.options import Stage
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.serve.app import create_app
from unmask.serve.jobs import JobQueue
from unmask.serve.models import RunFacts
from unmask.serve.service import Service
from unmask.serve.settings import Access, ServeLimits

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))


@dataclass
class MadePredictor:
    """Answers at once, or when `go_on` is set."""

    go_on: threading.Event = field(default_factory=threading.Event)
    seen: list[Path] = field(default_factory=list)
    error: Exception | None = None

    def __enter__(self) -> MadePredictor:
        return self

    def __exit__(self, *_: object) -> None: ...

    def warm_up(self) -> None: ...

    def predict(self, files: list[Path], on_stage: Callable[[Stage], object] | None = None) -> list[Verdict]:
        self.seen += files
        assert all(path.is_file() for path in files)
        if on_stage is not None:
            on_stage("judging")
        assert self.go_on.wait(60)
        if self.error is not None:
            raise self.error
        return [Verdict(path=str(path), verdict="fake", threshold=0.5, score=0.75) for path in files]


@dataclass
class Served:
    client: TestClient
    predictor: MadePredictor
    queue: JobQueue
    uploads: Path

    def list_files(self) -> list[Path]:
        return sorted(self.uploads.iterdir())

    def wait_for(self, verdict_id: str) -> dict[str, object]:
        for _ in range(600):
            answer: dict[str, object] = self.client.get(f"/api/verdicts/{verdict_id}").json()
            if answer["state"] in ("done", "failed"):
                return answer
            threading.Event().wait(0.02)
        raise AssertionError(answer)


@contextmanager
def serve(
    uploads: Path, *, limits: ServeLimits | None = None, access: Access | None = None, waits: bool = False
) -> Iterator[Served]:
    predictor, limits = MadePredictor(), limits or ServeLimits()
    if not waits:
        predictor.go_on.set()
    facts = RunFacts(
        run="run-1",
        datasets="made",
        evaluated="test",
        figures={"macro_auc": 0.8, "macro_auc_low": 0.7, "macro_auc_high": 0.9},
        limits={},
    )
    uploads.mkdir(exist_ok=True)
    with JobQueue(lambda: predictor, limits) as queue:
        access = access or Access()
        service = Service(queue=queue, limits=limits, access=access, uploads=uploads, facts=facts)
        app = create_app(service)
        with TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False) as client:
            try:
                yield Served(client, predictor, queue, uploads)
            finally:
                predictor.go_on.set()
