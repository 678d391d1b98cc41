"""What the JSON API answers: the models of /openapi.json."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request was refused."""

    error: str
    hint: str = ""


class Accepted(BaseModel):
    """A file that waits for its verdict."""

    id: str = Field(description="Of the verdict, for GET /api/verdicts/{id}. Who knows it may read it.")
    name: str = Field(description="As the client called it, without folders.")
    bytes: int


class Uploaded(BaseModel):
    """Answer to an upload, in the order of its files."""

    verdicts: list[Accepted]
    refused: list[Problem] = Field(description="Files that are no media, with the reason.")


class VerdictState(BaseModel):
    """One file on its way to its verdict."""

    id: str
    name: str
    bytes: int
    state: Literal["queued", "reading", "judging", "done", "failed"]
    before: int | None = Field(description="Files that are judged before it; null unless it is queued.")
    words: str | None = Field(description="The verdict in one line; null before it is done.")
    verdict: dict[str, Any] | None = Field(
        description="As `unmask predict --json` prints it; null before it is done. `score` is the calibrated "
        "probability of fake; null where the file could not be scored, with the `reason`."
    )
    error: str | None = Field(description="Why it failed; null otherwise.")


class Health(BaseModel):
    """Is the service ready?"""

    state: Literal["warming up", "ready"] = Field(description="While it warms up, files wait in the queue.")
    queue: int = Field(description="Files that arrive, wait or are judged.")
    places: int = Field(description="The most of them.")


class RunFacts(BaseModel):
    """The run that judges, and what its evaluation found."""

    run: str
    datasets: str | None = Field(description="Of its training.")
    evaluated: str | None = Field(description="Split that the figures are of; null for a run that was not evaluated.")
    figures: dict[str, float | None] = Field(description="AUC by name, such as macro_auc, and its 95 % interval.")
    limits: dict[str, float] = Field(description="Of the service: bytes, files, seconds.")
