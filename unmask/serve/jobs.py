"""Uploaded files on their way to a verdict: a bounded queue, one thread that judges, verdicts kept for a while."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from unmask.core.crashes import as_run_error, describe_crash
from unmask.core.errors import UnmaskError, as_user_error
from unmask.evaluation.verdicts.options import Stage
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.serve.settings import ServeLimits

log = logging.getLogger("unmask")

State = Literal["queued", "reading", "judging", "done", "failed"]
FAILED = "this file could not be judged; the log of the service says why"


class Predictor(Protocol):
    """A warm predictor (`evaluation.verdicts.warm.WarmPredictor`), used by the judging thread only."""

    def warm_up(self) -> None: ...
    def predict(self, files: list[Path], on_stage: Callable[[Stage], object] | None = None) -> list[Verdict]: ...


class QueueFull(Exception):
    """As many files wait as the limits allow."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One uploaded file."""

    name: str
    """As the client calls it: shown, and never part of a path."""
    path: Path
    bytes: int
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "queued"
    verdict: Verdict | None = None
    problem: str | None = None
    """Why it failed."""
    finished: float | None = None
    """Seconds of the monotonic clock."""


class JobQueue:
    """Jobs of all clients. The thread ends with the block; what waits then is dropped."""

    def __init__(self, open_predictor: Callable[[], AbstractContextManager[Predictor]], limits: ServeLimits) -> None:
        self.limits = limits
        self.ready = threading.Event()
        """Set when the predictor is warm."""
        self.failure: UnmaskError | BaseException | None = None
        """Why there is no predictor."""
        self.on_failure: Callable[[], object] = lambda: None
        self._open_predictor = open_predictor
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._taken = 0
        self._stopping = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="judge", daemon=True)

    def __enter__(self) -> JobQueue:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._stopping = True
            self._waiting.clear()
            self._change.notify_all()
        # A file that is judged now ends with the process: the folders are removed either way.
        self._thread.join(timeout=2.0)

    @property
    def taken(self) -> int:
        """Places that are taken: by uploads, files that wait, and the file that is judged."""
        with self._change:
            return self._taken

    def reserve(self) -> None:
        """Take a place for a file that is about to arrive. `QueueFull` where there is none."""
        with self._change:
            if self._taken >= self.limits.queue:
                raise QueueFull
            self._taken += 1

    def release(self) -> None:
        """Give a place back that no job was added for."""
        with self._change:
            self._taken -= 1

    def add(self, job: Job) -> None:
        """Queue `job`, for which a place was reserved."""
        with self._change:
            self._forget_old()
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._change.notify()

    def find(self, job_id: str) -> Job | None:
        with self._change:
            self._forget_old()
            return self._jobs.get(job_id)

    def count_before(self, job: Job) -> int | None:
        """Files that are judged before `job`; None unless it waits."""
        with self._change:
            ahead = sum(other.state in ("reading", "judging") for other in self._jobs.values())
            return ahead + self._waiting.index(job) if job in self._waiting else None

    def discard(self, job_id: str) -> bool:
        """Forget a job, whatever its state, and delete its file. Was there one?"""
        with self._change:
            job = self._jobs.pop(job_id, None)
            if job is not None and job in self._waiting:
                self._waiting.remove(job)
                self._taken -= 1
                job.path.unlink(missing_ok=True)
            return job is not None

    def _forget_old(self) -> None:
        now = time.monotonic()
        done = [job for job in self._jobs.values() if job.finished is not None]  # in the order in which they came
        surplus = len(done) - self.limits.kept
        for number, job in enumerate(done):
            if number < surplus or now - (job.finished or now) > self.limits.kept_s:
                del self._jobs[job.id]

    def _work(self) -> None:
        try:
            with self._open_predictor() as predictor:
                predictor.warm_up()
                self.ready.set()
                while (job := self._next()) is not None:
                    self._judge(job, predictor)
        except BaseException as error:
            self.failure = as_user_error(error) or error
            self.on_failure()

    def _next(self) -> Job | None:
        with self._change:
            while not self._waiting and not self._stopping:
                self._change.wait()
            if self._stopping:
                return None
            job = self._waiting.popleft()
            job.state = "reading"
            return job

    def _judge(self, job: Job, predictor: Predictor) -> None:
        def set_stage(stage: Stage) -> None:
            job.state = stage

        state: State = "failed"
        try:
            (verdict,) = predictor.predict([job.path], set_stage)
            job.verdict, state = _rename(verdict, job), "done"
        except Exception as error:
            known = as_run_error(error) or as_user_error(error)
            log.error("serve: a file could not be judged: %s", known or describe_crash(error), exc_info=not known)
            job.problem = FAILED
        finally:
            job.path.unlink(missing_ok=True)
            with self._change:
                job.finished, job.state = time.monotonic(), state
                self._taken -= 1


def _rename(verdict: Verdict, job: Job) -> Verdict:
    """With the client's name: where its copy lay concerns nobody."""
    reason = verdict.reason and verdict.reason.replace(str(job.path), job.name).replace(job.path.name, job.name)
    return replace(verdict, path=job.name, reason=reason)
