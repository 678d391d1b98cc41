"""--engine and --address on the command line, where Ray is missing or not asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unmask.cli.app import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("options", "code", "hint"),
    [
        (("--engine", "ray"), 4, "hint: pip install 'unmask[ray]'"),
        (("--engine", "spark"), 2, "hint: local or ray"),
        (("--address", "host:6379"), 2, "hint: --engine ray --address HOST:PORT"),
    ],
)
def test_an_engine_that_is_not_there_is_told_with_its_remedy(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    hint: str,
):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run("scan", str(tmp_path), "--work", str(tmp_path / "work"), *options) == code
    assert hint in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
