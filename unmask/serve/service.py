"""What the routes share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from unmask.serve.guard import Session
from unmask.serve.jobs import JobQueue
from unmask.serve.models import RunFacts
from unmask.serve.settings import Access, ServeLimits


@dataclass(kw_only=True)
class Service:
    queue: JobQueue
    limits: ServeLimits
    access: Access
    uploads: Path
    """Folder of the uploaded files."""
    facts: RunFacts
    session: Session = field(init=False)
    uploading: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.session = Session(self.access.token)
        self.uploading = asyncio.Semaphore(self.limits.uploads)
