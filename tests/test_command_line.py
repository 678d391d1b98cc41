"""What a user meets at the door: exit codes, hints, and one JSON object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import unmask


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        unmask.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


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


def test_an_unknown_setting_is_exit_2(capsys, demo_corpus: Path, tmp_path: Path):
    assert run(capsys, "scan", demo_corpus, "--work", tmp_path, "--quiet")[0] == 0
    code, _, err = run(capsys, "preprocess", "--work", tmp_path, "--set", "preprocess.face_sise=3")
    assert code == 2
    assert "face_sise" in err


def test_a_device_that_is_not_here_is_exit_2(capsys, tmp_path: Path):
    code, _, err = run(capsys, "doctor", "--work", tmp_path)
    assert code == 0, err
    from core.errors import UsageError
    from core.machine import choose_device

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
    ("arguments", "told"),
    [
        (("preprocess", "--retry", "tiredness"), "no such reason"),
        (("preprocess", "--shard", "9/8"), "not a part of the work"),
        (("ablate", "--seeds", "one"), "not whole numbers"),
    ],
)
def test_what_makes_no_sense_is_exit_2_before_anything_is_read(capsys, tmp_path: Path, arguments, told):
    code, _, err = run(capsys, *arguments, "--work", tmp_path)
    assert code == 2
    assert told in err


def test_without_a_list_every_preset_is_compared(capsys, tmp_path: Path, monkeypatch):
    from evaluation import ablate
    from train.presets import PRESETS

    asked: list[str] = []

    def stop(work, presets, seeds, *, device):
        asked.extend(presets)
        raise KeyboardInterrupt

    monkeypatch.setattr(ablate, "ablate", stop)
    assert run(capsys, "ablate", "--work", tmp_path)[0] == 130
    assert asked == list(PRESETS)
