"""Guided by coverage, by hand, where Google's atheris is installed (it is no dependency):

    python tests/fuzzing/atheris_main.py "subtitles" -max_total_time=3600

The first argument names a parser of `test_fuzz_parsers.TARGETS`, whose first file becomes the bytes of the fuzzer.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "cache")]
# By name: the tests of the dependencies allow no import of what is not declared.
atheris: Any = importlib.import_module("atheris")

# What a parser compares a text with is tried as content too.
atheris.enabled_hooks.add("str")
with atheris.instrument_imports(include=["unmask"]):
    from fuzz_target import check_changed, list_changed
    from test_fuzz_parsers import TARGETS


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder) / "good"
        good.mkdir()
        target.write(good)
        expected, name = target.parse(good), list_changed(target, good)[0]
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        (corpus / "good").write_bytes((good / name).read_bytes())
        work = Path(folder) / "work"

        def try_once(content: bytes) -> None:
            check_changed(target, good, work, name, content, expected)

        atheris.Setup([*sys.argv, str(corpus)], try_once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
