"""docs/bundles.md, executed."""

from __future__ import annotations

import contextlib

from guides import code_blocks

import unmask


def test_the_guide_runs(bundled, tmp_path, capsys):
    names = {"run": bundled.run, "files": bundled.files, "unmask": unmask}
    with contextlib.chdir(tmp_path):
        for block in code_blocks("bundles.md"):
            exec(compile(block, "bundles.md", "exec"), names)
    assert capsys.readouterr().out.count("0.") == len(bundled.files)
    assert names["made"].about == names["bundle"].about


def test_the_guide_names_every_kind_of_file(bundled):
    from guides import DOCS

    guide = (DOCS / "bundles.md").read_text(encoding="utf-8")
    parts = {path.relative_to(bundled.folder).parts[0] for path in bundled.folder.rglob("*") if path.is_file()}
    assert {name for name in parts if name.partition(".")[0] not in guide} == set()
