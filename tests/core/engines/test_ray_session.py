"""How a command comes to a Ray cluster, and what it leaves behind; with a stand-in for Ray."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from stub_ray import StubRay

from unmask.core.buckets.mirrored import MARKER, STATE
from unmask.core.engines import ray_session
from unmask.core.engines.choice import choose_worker_device, open_engine
from unmask.core.engines.ray_session import STARTS, import_ray
from unmask.core.errors import MachineFailed, MissingInput, UsageError
from unmask.core.process_pool import LONGEST_SOCKET_NAME
from unmask.core.work_folder import WorkFolder


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> StubRay:
    stub = StubRay()
    monkeypatch.setattr(ray_session, "import_ray", lambda: stub)
    return stub


@contextmanager
def opened(root: Path, address: str | None = None):
    with open_engine("ray", address, WorkFolder(root)) as found:
        yield found


def test_the_local_engine_is_no_cluster(tmp_path: Path):
    with open_engine("local", None, WorkFolder(tmp_path)) as (cluster, work):
        assert (cluster, work) == (None, WorkFolder(tmp_path))


@pytest.mark.parametrize(
    ("name", "address", "match"), [("spark", None, "no such engine"), ("local", "h:1", "without --engine ray")]
)
def test_wrong_choices_are_refused(tmp_path: Path, name: str, address: str | None, match: str):
    with pytest.raises(UsageError, match=match), open_engine(name, address, WorkFolder(tmp_path)):
        pass


def test_without_the_package_the_hint_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingInput) as caught:
        import_ray()
    assert caught.value.hint == "pip install 'unmask[ray]'"


def test_a_work_folder_in_a_bucket_is_refused(ray: StubRay, tmp_path: Path):
    (tmp_path / STATE).mkdir()
    (tmp_path / STATE / MARKER).write_text('{"address": "s3://team/work"}')
    with pytest.raises(UsageError, match="in a bucket"), opened(tmp_path):
        pass
    assert ray.inits == []


def test_ray_lies_in_the_work_folder_and_leaves_nothing(ray: StubRay, tmp_path: Path):
    with opened(tmp_path / "work") as (_, work):
        (options,) = ray.inits
        folder = Path(options["_temp_dir"]).resolve()
        assert folder.parent == tmp_path / "work/tmp"
        assert options["_plasma_directory"] == options["_temp_dir"]
        assert not options["include_dashboard"]
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        assert work.root.is_absolute()
    assert list((tmp_path / "work").iterdir()) == []


def test_the_sockets_of_ray_have_short_names_in_a_deep_folder_too(ray: StubRay, tmp_path: Path):
    root = tmp_path / ("a-deep-folder-" * 5) / ("of-somebody-" * 5)
    with opened(root):
        name = ray.inits[0]["_temp_dir"]
        assert len(f"{name}{ray_session.SOCKET_NAME}") <= LONGEST_SOCKET_NAME
        assert Path(name).resolve().parent == root / "tmp"


def test_only_this_command_may_use_its_cluster(ray: StubRay, tmp_path: Path):
    tokens = []
    for _ in range(2):
        with opened(tmp_path):
            assert os.environ["RAY_AUTH_MODE"] == "token"
            tokens.append(os.environ["RAY_AUTH_TOKEN"])
    assert len(set(tokens)) == 2
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_sigterm_ends_the_command_as_before(ray: StubRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usual = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ray, "init", lambda **options: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    with opened(tmp_path):
        assert signal.getsignal(signal.SIGTERM) == usual
    assert signal.getsignal(signal.SIGTERM) == usual


def test_a_slow_start_is_tried_again(ray: StubRay, tmp_path: Path):
    ray.fails = [RuntimeError("timed out during startup")] * (STARTS - 1)
    with opened(tmp_path) as (cluster, _):
        assert cluster is not None
    assert len(ray.inits) == STARTS


def test_a_machine_where_ray_never_starts_fails(ray: StubRay, tmp_path: Path):
    ray.fails = [RuntimeError("timed out during startup")] * STARTS
    with pytest.raises(MachineFailed, match="does not start on this machine: timed out"), opened(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_an_answer_is_told_at_once(ray: StubRay, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(MachineFailed, match=f"--address {address}: no answer") as caught, opened(tmp_path, address):
        pass
    assert "ray start --head" in caught.value.hint
    assert ray.inits == []


def test_an_address_that_answers_is_joined_without_a_token(ray: StubRay, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with opened(tmp_path, address):
            assert "RAY_AUTH_TOKEN" not in os.environ
    assert ray.inits == [{"address": address, "log_to_driver": False, "configure_logging": False}]


def test_a_program_that_is_no_ray_cluster_is_told(ray: StubRay, tmp_path: Path):
    ray.fails = [ConnectionError("Failed to connect to Ray cluster")]
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(MachineFailed, match="Failed to connect to Ray cluster"),
        opened(tmp_path, f"127.0.0.1:{server.getsockname()[1]}"),
    ):
        pass


@pytest.mark.parametrize("address", ["somewhere", "host:port", "ray://host:10001"])
def test_other_addresses_are_refused(ray: StubRay, tmp_path: Path, address: str):
    with pytest.raises(UsageError, match=f"--address {address}"), opened(tmp_path, address):
        pass


@pytest.mark.parametrize(
    ("gpus", "name", "device"), [(0, "auto", "cpu"), (2, "auto", "cuda"), (2, "cuda", "cuda"), (2, "cpu", "cpu")]
)
def test_workers_have_a_gpu_where_the_cluster_has_any(ray: StubRay, tmp_path: Path, gpus: int, name: str, device: str):
    ray.nodes()[0]["Resources"]["GPU"] = float(gpus)
    with opened(tmp_path) as (cluster, _):
        assert choose_worker_device(cluster, name).type == device


@pytest.mark.parametrize(("name", "match"), [("cuda", "has no GPU"), ("cuda:1", "gives each worker its GPU")])
def test_a_gpu_that_ray_does_not_give_is_refused(ray: StubRay, tmp_path: Path, name: str, match: str):
    with opened(tmp_path) as (cluster, _), pytest.raises(UsageError, match=match):
        choose_worker_device(cluster, name)
