"""Goals, verdicts, stored results and the page that is made from them."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.goals.command import PAGE
from benchmarks.goals.facts import hash_sources, read_cpu_name
from benchmarks.goals.goal import Goal, Measurement
from benchmarks.goals.page import OUTDATED, format_headlines, format_page
from benchmarks.goals.registry import MEASUREMENTS
from benchmarks.goals.results import ROOT, Result, read_results, store_result
from benchmarks.goals.run import select_todo
from benchmarks.goals.verdict import judge
from unmask.core.errors import MissingInput

FAST = Goal(figure="rate", what="how fast", at_least=0.8, headline=True)
SMALL = Goal(figure="share", what="how much", at_most=5, unit="%")
LONG = Goal(figure="seconds", what="how long", at_most=2, unit="min")
STUB = Measurement(name="stub", function="stub:measure", minutes=1, goals=(FAST, SMALL, LONG), topic="Stubs")
ON_GPU = replace(STUB, name="on-gpu", needs=("gpu",), goals=(FAST,))
HERE = {"cpu": "A processor", "cores": "2", "memory": "24 GiB", "gpu": "", "torch": "2.0"}
SOURCES = ("benchmarks/timing.py",)
RESULT = Result(
    measurement="stub",
    machine=HERE,
    date="2026-01-02T03:04:05+00:00",
    commit="abc",
    benchmark=hash_sources(SOURCES),
    sources=SOURCES,
    code="this",
    figures={"rate": 0.9, "share": 0.0501, "seconds": 90.0},
)


def verdicts(result: Result | None, measurement: Measurement = STUB) -> list[str]:
    return [judge(measurement, goal, result).text for goal in measurement.goals]


def test_a_verdict_follows_from_figure_and_goal():
    assert verdicts(RESULT) == ["met", "met", "met"]
    assert verdicts(replace(RESULT, figures={"rate": 0.7, "share": 0.06, "seconds": 150.0})) == [
        "not met: 0.70 of 0.8",
        "not met: 6.0 % of 5 %",
        "not met: 2.5 min of 2 min",
    ]


def test_a_figure_counts_as_it_is_shown():
    assert FAST.is_met_by(0.796)
    assert not FAST.is_met_by(0.794)
    assert not FAST.is_met_by(float("nan"))
    assert Goal(figure="", what="", at_least=100).format(226.7) == "227"


def test_a_goal_has_one_bound():
    with pytest.raises(ValueError, match="at_least or at_most"):
        Goal(figure="x", what="x")
    with pytest.raises(ValueError, match="at_least or at_most"):
        Goal(figure="x", what="x", at_least=1, at_most=2)


def test_what_is_not_measured_says_why():
    assert verdicts(None)[0] == "not measured: not run yet"
    assert verdicts(None, ON_GPU) == ["not measured: needs a GPU"]
    assert verdicts(replace(RESULT, figures={}, reason="no video"))[0] == "not measured: no video"
    assert verdicts(replace(RESULT, figures={"rate": 1.0}))[1].startswith("not measured: these media")


def test_a_failure_is_a_verdict():
    assert verdicts(replace(RESULT, error="ValueError: no")) == ["failed: ValueError: no"] * 3


def test_a_later_result_of_the_same_machine_replaces_the_first(tmp_path: Path):
    store = tmp_path / "results.jsonl"
    for result in (
        RESULT,
        replace(RESULT, figures={"rate": 0.5}),
        replace(RESULT, machine=HERE | {"torch": "3.0"}, commit="def"),
        replace(RESULT, machine=HERE | {"gpu": "A GPU"}),
        replace(RESULT, measurement="other"),
    ):
        store_result(result, store)
    found = read_results(store)
    assert len(store.read_text().splitlines()) == 3
    assert [(one.measurement, one.machine["gpu"], one.commit) for one in found] == [
        ("other", "", "abc"),
        ("stub", "", "def"),
        ("stub", "A GPU", "abc"),
    ]
    assert found[1] == replace(RESULT, machine=HERE | {"torch": "3.0"}, commit="def")


def test_a_damaged_line_is_named(tmp_path: Path):
    store = tmp_path / "results.jsonl"
    store_result(RESULT, store)
    store.write_text(store.read_text() + "{")
    with pytest.raises(MissingInput, match="line 2"):
        read_results(store)


def test_the_page_has_a_row_per_goal_and_machine():
    other = replace(RESULT, machine=HERE | {"gpu": "A GPU"}, date="2026-01-03", figures={"rate": 0.1}, others=1.5)
    page = format_page([STUB, ON_GPU], [RESULT, other])
    assert "**4 met**, **1 not met**, **0 failed**, **3 not measured**" not in page
    rows = [line for line in page.splitlines() if line.startswith("| how fast")]
    assert rows == [
        "| how fast | 0.10 | at least 0.8 | **not met: 0.10 of 0.8** "
        "| B, 2026-01-03, abc, other processes used 1.5 cores | `make bench ARGS=stub` |",
        "| how fast | 0.90 | at least 0.8 | met | A, 2026-01-02, abc | `make bench ARGS=stub` |",
        "| how fast | - | at least 0.8 | not measured: needs a GPU | - | `make bench ARGS=on-gpu` |",
    ]
    assert "**3 met**, **1 not met**, **0 failed**, **3 not measured**" in page
    assert "- **B**: A processor, 2 cores, 24 GiB, A GPU; torch 2.0" in page


def test_a_figure_of_another_benchmark_is_marked():
    assert OUTDATED not in format_page([STUB], [RESULT])
    assert f"abc{OUTDATED}" in format_page([STUB], [replace(RESULT, benchmark="of before")])
    assert f"abc{OUTDATED}" in format_page([STUB], [replace(RESULT, sources=("benchmarks/gone.py",))])


def test_headlines_are_those_with_a_figure():
    assert format_headlines([STUB, ON_GPU], [RESULT]).splitlines()[2:] == ["| how fast | 0.90 | at least 0.8 | met |"]


@pytest.mark.parametrize(
    ("stored", "missing", "done"),
    [
        (RESULT, False, True),
        (replace(RESULT, code="other"), False, False),
        (replace(RESULT, code="other"), True, True),
        (replace(RESULT, benchmark="of before"), True, False),
        (replace(RESULT, error="no"), False, False),
        (replace(RESULT, reason="no"), False, False),
        (replace(RESULT, machine=HERE | {"cores": "4"}), False, False),
    ],
    ids=["same", "other code", "other code counts", "other benchmark", "failed", "skipped", "other machine"],
)
def test_what_has_a_figure_is_not_measured_again(monkeypatch, stored: Result, missing: bool, done: bool):
    monkeypatch.setattr("benchmarks.goals.run.hash_package", lambda: "this")
    assert select_todo([STUB], [stored], HERE, again=False, missing=missing) == ([] if done else [STUB])
    assert select_todo([STUB], [stored], HERE, again=True, missing=missing) == [STUB]


def test_the_processor_has_a_name(tmp_path: Path):
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: AMD EPYC 7R13\nmodel name\t: other\n")
    assert read_cpu_name(facts) == "AMD EPYC 7R13"
    assert read_cpu_name(tmp_path / "nothing")


def test_names_are_unique():
    assert len({one.name for one in MEASUREMENTS}) == len(MEASUREMENTS)
    for one in MEASUREMENTS:
        assert len({goal.figure for goal in one.goals}) == len(one.goals)


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda one: one.name)
def test_every_measurement_has_its_function(measurement: Measurement):
    module, _, name = measurement.function.partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    assert measurement.topic
    assert measurement.goals


def test_the_page_is_what_is_stored():
    """After a change of goals or results: make bench ARGS=--page"""
    made = format_page(MEASUREMENTS, read_results())
    assert PAGE.read_text(encoding="utf-8").replace(OUTDATED, "") == made.replace(OUTDATED, "")
    assert PAGE == ROOT / "docs/benchmarks.md"
