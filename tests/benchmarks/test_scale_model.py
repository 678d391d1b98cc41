"""The model of a million videos: worked by hand, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.goals.results import Result, read_results
from benchmarks.goals.sections import read_section
from benchmarks.scale.command import main
from benchmarks.scale.growth import find_growth
from benchmarks.scale.inputs import INPUTS, MACHINES, Machine, change_prices, read_values
from benchmarks.scale.model import STAGES, count_bytes, estimate, split_money
from benchmarks.scale.page import MEASURED, MODEL, PAGE, format_stored, read_figures, write_sections
from benchmarks.scale.sizes import compute_growth, pack_sizes, unpack_sizes
from benchmarks.scale.tables import format_measured, format_model
from unmask.core.errors import UsageError

GPU = Machine(name="GPU", cores=10, gpu_rate=0.5, price=2.0)
CPU = Machine(name="cores", cores=20, gpu_rate=0.0, price=1.0)
WORKED = {
    "videos": 36_000.0,
    "clips": 2.0,
    "probe_s": 0.01,
    "preprocess_s": 0.9,
    "own_s": 0.1,
    "gpu_clips_s": 100.0,
    "gpu_audio_share": 0.5,
    "cpu_clip_s": 1.0,
    "train_clips_s": 100.0,
    "train_gpu_clips_s": 1000.0,
    "epochs": 10.0,
    "read_mb_s": 1e9,
}


def test_hours_worked_by_hand():
    inputs = read_values(changes=WORKED)
    found = estimate(inputs, GPU)
    # 36,000 videos, 72,000 clips: 36 s / 10 cores; 36,000 s / 10; 72,000 x 1.5 / 50; 720,000 / 1000
    assert found.hours == pytest.approx({"scan": 0.01, "preprocess": 1.0, "extract": 0.6, "train": 0.2})
    assert found.money == pytest.approx(2 * 1.81)
    assert found.bottleneck == "preprocess (CPU), 55% of the time"
    cores = estimate(inputs, CPU)
    assert cores.hours == pytest.approx({"scan": 0.005, "preprocess": 0.5, "extract": 1.0, "train": 0.2})
    assert cores.bounds["extract"] == "CPU"
    assert split_money(inputs, GPU, CPU) == pytest.approx((0.505 + 0.8, 0.505 + 1.6))


def test_a_slow_disk_bounds_what_reads():
    found = estimate(read_values(changes=WORKED | {"read_mb_s": 1.0, "video_mb": 1.0, "media_mb": 0.1}), GPU)
    assert found.hours["preprocess"] == pytest.approx(10)
    assert found.hours["extract"] == pytest.approx(1)
    assert found.bounds == {"scan": "CPU", "preprocess": "reading", "extract": "reading", "train": "GPU"}


def test_bytes_worked_by_hand():
    changes = {"videos": 1e6, "clips": 2, "faces": 8, "audio_tokens": 5, "token_kb": 1, "video_mb": 3, "media_mb": 2}
    stored = count_bytes(read_values(changes=changes))
    assert list(stored.values()) == pytest.approx([3000, 2000, 16, 10])


def test_a_measured_figure_replaces_an_input():
    figures = {("stage", "core s per video"): (0.3, "a run"), ("stage", "unknown"): (1.0, "a run")}
    inputs = read_values(figures)
    assert (inputs["preprocess_s"].value, inputs["preprocess_s"].source) == (0.3, "a run")
    on_gpu = {("encode-gpu", "vit_b16 clips/s"): (900.0, "NVIDIA H200")}
    assert read_values(on_gpu)["gpu_clips_s"].value == 900
    assert read_values({("encode-gpu", "vit_b16 clips/s"): (90.0, "NVIDIA L4")})["gpu_clips_s"].value == 620
    assert read_values(figures, {"preprocess_s": 0.2})["preprocess_s"].kind == "assumption"


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="no input preproces_s"):
        read_values(changes={"preproces_s": 1.0})
    with pytest.raises(UsageError, match="no machine"):
        change_prices(MACHINES, {"1 x H300": 1.0})
    assert change_prices(MACHINES, {"1 x H100": 1.5})[1].price == 1.5


def test_every_number_says_where_it_is_from():
    assert len({one.name for one in INPUTS}) == len(INPUTS)
    assert all(one.source and one.unit and one.kind in ("measured", "assumption") for one in INPUTS)


def test_growth_is_of_the_largest_against_the_cheapest():
    assert compute_growth([3.0, 1.0, 1.1]) == pytest.approx(1.1)
    assert compute_growth([1.0]) == 1.0
    assert find_growth(
        {10: {"a": 1.0, "b": 1.0, "peak_mb": 1.0}, 20: {"a": 2.0, "b": 3.0, "peak_mb": 9.0}}
    ) == pytest.approx(1.5)


FOUND = {10: {"read": 1e-4, "peak_mb": 5.0}, 100: {"read": 2e-3, "peak_mb": 6.0}}


def test_the_model_stands_beside_the_measured_run():
    lines = format_measured("rows", FOUND).splitlines()
    assert lines[2] == "| read | 10.0 | 20.0 | 2.00 | 0.0 | 0.0 | 2.00 |"
    assert lines[3] == "| most memory, MB | 5 | 6 | | | | |"
    assert len({line.count("|") for line in lines}) == 1


def test_a_simulated_run_is_stored_as_figures():
    assert unpack_sizes({"growth": 1.0, **pack_sizes(FOUND)}) == FOUND
    stored = Result(
        measurement="scale-rows",
        machine={"cpu": "A processor", "cores": "2", "memory": "24 GiB"},
        date="2026-01-02",
        commit="abc",
        benchmark="",
        figures=pack_sizes(FOUND),
    )
    text = format_stored([stored])
    assert "2026-01-02, abc, on A processor, 2 cores, 24 GiB" in text
    assert format_measured("rows", FOUND) in text
    assert "Not measured yet: `make bench ARGS=scale-items`." in text


def test_the_page_has_what_is_stored(tmp_path: Path):
    """After a change: make bench ARGS=--page"""
    results = read_results()
    assert read_section(PAGE, MODEL) == format_model(read_values(read_figures(results)), MACHINES)
    assert read_section(PAGE, MEASURED) == format_stored(results)
    page = tmp_path / "scale.md"
    page.write_text(PAGE.read_text())
    write_sections(results, page)
    assert page.read_text() == PAGE.read_text()


def test_own_inputs_are_printed():
    told = main(["--set", "videos=2000", "--price", "no GPU=9"])
    assert "2,000 videos on one machine" in told
    assert "| no GPU, 64 cores | 9.00 |" in told
    assert all(f"{stage}, h" in told for stage in STAGES)
