"""Fixtures that several folders of tests use."""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pickle_guard as pickle_guard  # fails what unpickles files, in every test
import pytest
from hypothesis import settings

from unmask.core import process_pool
from unmask.core.openmp import limit_openmp_spinning
from unmask.demo import write_demo

limit_openmp_spinning()

# A machine that is busy with something else makes an example slow, not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

LOG = logging.getLogger("unmask")


# Files that take longest. `make test` begins with them: one that began last would keep one process busy, and the
# others waiting.
LONGEST = ("test_real_tokens.py", "test_python_api.py", "test_compile.py", "test_audit.py", "test_end_to_end.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


# What the worker processes of all tests import.
LOADED = (
    "pytest",
    "pickle_guard",
    "unmask.cache.transcription.stage",
    "unmask.demo",
    "unmask.manifests.audit.audio_silence",
    "unmask.manifests.audit.image_encoding",
    "unmask.manifests.duplicates.hash_table",
    "unmask.manifests.scan.probe",
    "unmask.preprocess.worker",
    "unmask.train.fit",
)


@pytest.fixture(autouse=True, scope="session")
def warm_server() -> Iterator[None]:
    """The server that workers are forked from loads LOADED, whichever test starts it.

    A process has one server, which keeps the modules of its first pool: all later workers would import theirs
    themselves, in seconds each.
    """
    with pytest.MonkeyPatch.context() as patch:
        multiprocessing.set_forkserver_preload([*LOADED])
        patch.setattr(process_pool._Context, "set_forkserver_preload", lambda self, given: None)
        yield


@pytest.fixture(autouse=True)
def restore_log() -> Iterator[None]:
    """A command called in a test shows its log on the stderr of that test, which is closed when it ends."""
    handlers, propagates, level = [*LOG.handlers], LOG.propagate, LOG.level
    yield
    LOG.handlers[:], LOG.propagate = handlers, propagates
    LOG.setLevel(level)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real media in all nine layouts: UNMASK_CORPUS=/path make test. Without it these tests are skipped, by name."""
    given = os.environ.get("UNMASK_CORPUS")
    if not given:
        pytest.skip("needs real media: UNMASK_CORPUS=/path/to/corpus make test")
    path = Path(given)
    assert path.is_dir(), f"UNMASK_CORPUS={given} is not a folder"
    return path


@pytest.fixture(scope="session")
def demo_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic corpus in all nine layouts (never change it: copy what a test has to alter).

    Made once for all processes of `pytest -n`, whose folders lie in one.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = shared / "demo" / "corpus"
    out.parent.mkdir(exist_ok=True)
    with (out.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_demo(out, seed=7, scale=0.15)  # looks only, where another process has made it
    return out
