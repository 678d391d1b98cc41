"""What a stage may rely on of parts that Ray does; with a stand-in for Ray whose workers die."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from ray_parts import Doubler, die, die_once, double, miss, stumble, warn
from stub_ray import StubRay

from unmask.core.engines.cluster import Need, share_cpus
from unmask.core.engines.ray_cluster import AHEAD_PER_SLOT, RETRIES, RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.core.errors import MachineFailed, MissingInput, UsageError
from unmask.core.progress import Progress


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, read_program_version())


def test_results_come_in_the_order_of_the_parts_whatever_ends_first(site: Site):
    assert list(RayCluster(StubRay(), site).run_tasks(double, range(20))) == list(range(0, 40, 2))


def test_no_more_parts_are_at_work_than_asked_for(site: Site):
    ray = StubRay()
    list(RayCluster(ray, site).run_tasks(double, range(20), most=3))
    assert ray.most_waited == 3


def test_without_a_limit_every_cpu_has_a_part_waiting(site: Site):
    ray = StubRay(cpus=(2, 3))
    list(RayCluster(ray, site).run_tasks(double, range(50)))
    assert ray.most_waited == 10


def test_parts_are_drawn_as_workers_become_free(site: Site):
    drawn: list[int] = []
    results = RayCluster(StubRay(), site).run_tasks(double, (drawn.append(n) or n for n in range(50)), most=2)
    next(results)
    assert len(drawn) <= 2 * AHEAD_PER_SLOT


def test_a_part_whose_worker_died_is_done_again(site: Site, tmp_path: Path):
    parts = [tmp_path / name for name in "abc"]
    assert list(RayCluster(StubRay(), site).run_tasks(die_once, parts)) == ["a", "b", "c"]


def test_workers_that_always_die_end_the_run_as_a_failed_machine(site: Site):
    with pytest.raises(MachineFailed, match=f"gave a part up after {RETRIES + 1} workers died"):
        list(RayCluster(StubRay(), site).run_tasks(die, [1]))


def test_progress_counts_every_item_once_though_a_worker_died(site: Site, tmp_path: Path):
    with Progress("all", 8) as bar:
        list(RayCluster(StubRay(), site).run_tasks(die_once, [tmp_path / "a", tmp_path / "b"], bar=bar))
    assert (bar.done, bar.failed, bar.total) == (8, 2, 6)


def test_an_error_of_the_user_arrives_as_it_was_raised(site: Site):
    with pytest.raises(MissingInput) as caught:
        list(RayCluster(StubRay(), site).run_tasks(miss, [7]))
    assert (caught.value.problem, caught.value.hint) == ("7: no such file", "make it")


def test_a_bug_arrives_as_a_bug_and_is_not_tried_again(site: Site):
    ray = StubRay()
    with pytest.raises(ZeroDivisionError, match="a bug with 7"):
        list(RayCluster(ray, site).run_tasks(stumble, [7]))
    assert [options["max_retries"] for options in ray.began if "max_retries" in options] == [RETRIES]


def test_a_warning_of_many_workers_is_logged_once(site: Site, monkeypatch):
    told: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.module == "ray_cluster":  # else of the stand-in's workers, which are in this process
                told.append(record.getMessage())

    log = logging.getLogger("unmask")
    monkeypatch.setattr(log, "handlers", [Collect()])
    monkeypatch.setattr(log, "propagate", False)
    assert list(RayCluster(StubRay(), site).run_tasks(warn, range(4))) == [0, 1, 2, 3]
    assert told == ["the disk is slow"]


def test_an_actor_makes_its_function_once(site: Site):
    Doubler.made.clear()
    ray = StubRay()
    found = RayCluster(ray, site).run_actors(Doubler, range(9), need=Need(cpus=2), count=2)
    assert list(found) == list(range(0, 18, 2))
    assert len(Doubler.made) == 2
    assert ray.killed == 2


def test_an_actor_without_a_place_gets_no_part(site: Site):
    Doubler.made.clear()
    ray = StubRay(late_actors=(2,))
    found = RayCluster(ray, site).run_actors(Doubler, range(9), need=Need(gpus=1), count=2)
    assert list(found) == list(range(0, 18, 2))
    assert len(Doubler.made) == 1


def test_actors_and_tasks_ask_for_what_they_need(site: Site):
    ray = StubRay(gpus=2)
    cluster = RayCluster(ray, site)
    list(cluster.run_tasks(double, [1], need=Need(cpus=3, memory_gib=100)))
    list(cluster.run_actors(Doubler, [1], need=Need(cpus=2, gpus=1), count=1))
    tally, task, actor = [one for one in ray.began if "num_cpus" in one]
    assert tally["num_cpus"] == 0
    assert (task["num_cpus"], task["num_gpus"]) == (3, 0)
    assert task["memory"] == 8e9, "more than any machine has would never begin"
    assert (actor["num_cpus"], actor["num_gpus"], actor["max_restarts"]) == (2, 1, RETRIES)


@pytest.mark.parametrize(
    ("site", "error", "match"),
    [
        (Site(Path("/nowhere/tmp/x"), read_program_version()), MachineFailed, "/nowhere: not the same folder on"),
        (Site(Path("/"), "0.0.1"), UsageError, "this command is of 0.0.1"),
    ],
)
def test_a_machine_that_cannot_take_part_ends_the_run(site: Site, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        list(RayCluster(StubRay(), site).run_tasks(double, [1]))


def test_a_cluster_without_cpus_is_refused(site: Site):
    with pytest.raises(MachineFailed, match="no CPUs"):
        RayCluster(StubRay(cpus=(0,)), site)


@pytest.mark.parametrize(
    ("cpus", "parts", "workers", "share"),
    [((4,), 100, None, 1), ((4,), 2, None, 2), ((4,), 1, None, 4), ((2, 8), 1, None, 2), ((4,), 1, 2, 2)],
)
def test_few_parts_share_the_cpus(site: Site, cpus: tuple[int, ...], parts: int, workers: int | None, share: int):
    assert share_cpus(RayCluster(StubRay(cpus=cpus), site), parts, workers) == share
