"""The command line: help, exit codes, hints and the JSON object."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unmask
from unmask.cli import app

COMMANDS = sorted(path.stem for path in Path(app.__file__).parent.glob("*.py"))
NOT_COMMANDS = {"__init__", "app", "console", "hints", "options"}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        app.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_every_file_is_a_command(capsys):
    shown = run(capsys, "--help")[1].split()
    assert [name for name in COMMANDS if name not in NOT_COMMANDS and name.replace("_", "-") not in shown] == []


@pytest.mark.parametrize("command", [name.replace("_", "-") for name in COMMANDS if name not in NOT_COMMANDS])
def test_help_explains_every_option(capsys, command: str):
    from typer.main import get_command

    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert "Usage" in out
    shown = get_command(app.app).commands[command]
    assert shown.help
    for one in (shown, *getattr(shown, "commands", {}).values()):
        assert [option.name for option in one.params if not option.hidden and not option.help] == []


def test_every_command_takes_the_common_options():
    from typer.main import get_command

    listed = get_command(app.app).commands
    groups = ("cache", "runs")
    commands = {name: command for name, command in listed.items() if name not in groups}
    commands |= {f"{group} {name}": command for group in groups for name, command in listed[group].commands.items()}
    options = {name: {opt for one in command.params for opt in one.opts} for name, command in commands.items()}
    assert [name for name, taken in options.items() if not {"--work", "--json", "--quiet"} <= taken] == []


def test_the_version_is_that_of_the_package(capsys):
    assert run(capsys, "--version")[:2] == (0, f"unmask {unmask.__version__}\n")


@pytest.mark.parametrize("command", ["scan", "split"])
def test_help_lists_every_split_scheme(capsys, command: str):
    from unmask.manifests.splits.registry import SCHEMES

    shown = " ".join(run(capsys, command, "--help")[1].split())
    assert [scheme.form for scheme in SCHEMES.values() if f"{scheme.form}: " not in shown] == []


def test_the_shell_completes_commands(capsys, monkeypatch):
    monkeypatch.setenv("_UNMASK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "unmask pre")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setattr(sys, "argv", ["unmask"])
    assert run(capsys)[1].split() == ["preprocess", "predict", "presets"]


def test_help_loads_no_stage():
    program = (
        "import sys\nfrom unmask.cli.app import main\n"
        "try:\n    main(['preprocess', '--help'])\nexcept SystemExit:\n    print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(unmask.__file__).parents[1], check=True)
    assert not {"torch", "numpy", "pyarrow", "unmask.preprocess"} & set(done.stderr.split())


def test_a_wrong_option_is_exit_2_with_a_hint(capsys, tmp_path: Path):
    code, _, err = run(capsys, "scan", tmp_path, "--no-such-option")
    assert code == 2
    assert last_line(err).startswith("hint: ")


def test_an_empty_root_is_exit_4_with_a_hint(capsys, tmp_path: Path):
    code, _, err = run(capsys, "scan", tmp_path, "--work", tmp_path / "work")
    assert code == 4
    assert last_line(err).startswith("hint: ")


@pytest.mark.parametrize("command", ["preprocess", "extract", "train", "evaluate", "report"])
def test_a_stage_without_its_input_is_exit_4_with_a_hint(capsys, tmp_path: Path, command: str):
    code, _, err = run(capsys, command, "--work", tmp_path)
    assert code == 4
    assert last_line(err).startswith("hint: ")


def test_json_is_one_object_on_stdout_even_for_an_error(capsys, tmp_path: Path):
    code, out, _ = run(capsys, "train", "--work", tmp_path, "--json")
    assert code == 4
    assert set(json.loads(out)) == {"error", "hint"}


@pytest.fixture(scope="module")
def scanned(demo_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with a manifest, for commands that refuse to write into it."""
    work = tmp_path_factory.mktemp("scanned")
    with pytest.raises(SystemExit) as stopped:
        app.main(["scan", str(demo_corpus), "--work", str(work), "--quiet"])
    assert not stopped.value.code
    return work


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("preprocess.max_seconds=.inf", "hint: preprocess.max_seconds should be a finite number"),
        ('preprocess.margin="x', "not YAML"),
        ("preprocess.face_sise=3", "hint: did you mean preprocess.face_size?"),
    ],
)
def test_an_invalid_setting_is_exit_2_with_a_hint(capsys, scanned: Path, assignment: str, message: str):
    before = sorted(scanned.rglob("*"))
    code, _, err = run(capsys, "preprocess", "--work", scanned, "--set", assignment)
    assert code == 2
    assert assignment.partition("=")[0].removeprefix("preprocess.") in err
    assert sorted(scanned.rglob("*")) == before
    assert message in err
    assert last_line(err).startswith("hint: ")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_without_permission_is_exit_4_and_named(capsys, tmp_path: Path, monkeypatch, number: int):
    def refuse(folder: Path) -> None:
        raise OSError(number, os.strerror(number), str(folder / "runs"))

    monkeypatch.setattr("unmask.core.machine.describe", refuse)
    code, _, err = run(capsys, "doctor", "--work", tmp_path)
    assert code == 4
    assert f"error: {tmp_path}/runs: {os.strerror(number)}\nhint: " in err
    assert "Traceback" not in err


def test_a_bug_is_exit_1_with_its_traceback(capsys, tmp_path: Path, monkeypatch):
    def fail(folder: Path) -> None:
        raise OSError(errno.EINVAL, "broken")

    monkeypatch.setattr("unmask.core.machine.describe", fail)
    code, _, err = run(capsys, "doctor", "--work", tmp_path)
    assert code == 1
    assert "Traceback" in err
    assert last_line(err).startswith("hint: this is a bug")


@pytest.mark.parametrize("arguments", [["doctor"], ["cache", "du"]])
def test_ctrl_c_says_that_the_same_command_continues(tmp_path: Path, arguments: list[str]):
    # A shell may have started this test with SIGINT ignored, which a child inherits.
    program = (
        "import signal, sys, time, unmask.cli.app, unmask.core.machine, unmask.cache.store.inventory\n"
        "def wait(*given):\n    print('ready', file=sys.stderr, flush=True)\n    time.sleep(600)\n"
        "unmask.core.machine.describe = unmask.cache.store.inventory.measure_disk_use = wait\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "unmask.cli.app.main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", program, *arguments, "--work", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(unmask.__file__).parents[1]) as started:
        assert started.stderr is not None
        while started.stderr.readline() != "ready\n":  # or, once it has ended, pytest's time is up
            assert started.poll() is None
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=120)
    assert started.returncode == 130
    assert err == "stopped by Ctrl-C\nhint: the same command goes on where it was\n"


def test_a_device_that_this_machine_lacks_is_a_usage_error(capsys, tmp_path: Path):
    code, _, err = run(capsys, "doctor", "--work", tmp_path)
    assert code == 0, err
    from unmask.core.errors import UsageError
    from unmask.core.machine import choose_device

    with pytest.raises(UsageError):
        choose_device("cuda:99")
    with pytest.raises(UsageError):
        choose_device("toaster")


def test_doctor_reports_as_json(capsys, tmp_path: Path):
    code, out, _ = run(capsys, "doctor", "--work", tmp_path, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["model_size"] in {"large", "small"}
    assert facts["versions"]["torch"].startswith("2.")
    assert facts["encoder_weights"]
    assert facts["disk_free_gib"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("preprocess", "--retry", "tiredness"), "no such reason"),
        (("preprocess", "--shard", "9/8"), "not a partition number"),
        (("ablate", "--seeds", "one"), "not whole numbers"),
    ],
)
def test_invalid_option_values_are_exit_2_before_anything_is_read(capsys, tmp_path: Path, arguments, message):
    code, _, err = run(capsys, *arguments, "--work", tmp_path)
    assert code == 2
    assert message in err


def test_ablate_compares_presets_and_variants(capsys, tmp_path: Path, monkeypatch):
    from unmask.evaluation.ablation import ablate
    from unmask.train.presets import PRESETS

    asked: dict[str, Any] = {}

    def stop(work, presets, seeds, **options):
        asked.clear()
        asked.update(presets)
        raise KeyboardInterrupt

    monkeypatch.setattr(ablate, "ablate", stop)
    assert run(capsys, "ablate", "--work", tmp_path)[0] == 130
    assert sorted(asked) == sorted(PRESETS), "without a list every preset"
    assert next(iter(asked)) == "linear", "what every other row has to beat"
    assert run(capsys, "ablate", "--work", tmp_path, "--presets", "full", "--set", "train.fusion=late")[0] == 130
    assert [(name, one.fusion) for name, one in asked.items()] == [("linear", "linear"), ("full", "late")]
    assert run(capsys, "ablate", "--work", tmp_path, "--presets", "full", "--no-linear")[0] == 130
    assert list(asked) == ["full"]
    variants = ("--variant", "slow:train.lr=1e-3", "--variant", "slow:preset=early-fusion", "--set", "train.epochs=5")
    assert run(capsys, "ablate", "--work", tmp_path, *variants)[0] == 130
    assert list(asked) == ["linear", "full", "slow"]
    assert asked["linear"].epochs == 5
    slow = asked["slow"]
    assert (slow.preset, slow.fusion, slow.lr, slow.epochs) == ("slow", "early", 1e-3, 5)
    code, _, err = run(capsys, "ablate", "--work", tmp_path, "--presets", "full", "--variant", "full:train.lr=1e-3")
    assert (code, "a preset of this name" in err) == (2, True)


def test_suite_trains_linear_and_full_unless_told_otherwise(capsys, tmp_path: Path, monkeypatch):
    from unmask.evaluation.suites import suite

    asked: dict[str, Any] = {}

    def stop(work, name, presets, seeds, **options):
        asked.update(name=name, presets=presets, seeds=seeds, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_suite", stop)
    assert run(capsys, "suite", "loo", "--work", tmp_path)[0] == 130
    assert (list(asked["presets"]), asked["seeds"], asked["jobs"]) == (["linear", "full"], [0, 1, 2], None)
    options = ("--presets", "gend", "--no-linear", "--seeds", "4", "--jobs", "3", "--split-seed", "5")
    assert run(capsys, "suite", "folds:5", "--work", tmp_path, *options, "--set", "train.epochs=2")[0] == 130
    assert (asked["name"], asked["seeds"], asked["jobs"], asked["split_seed"]) == ("folds:5", [4], 3, 5)
    assert [(name, config.epochs) for name, config in asked["presets"].items()] == [("gend", 2)]
