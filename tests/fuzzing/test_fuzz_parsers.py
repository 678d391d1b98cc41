"""Every parser of ours on files that are almost right: read or refused with a remedy, in bounded time and memory.

`make fuzz EXAMPLES=5000` looks longer, each time elsewhere. What it finds is added to KNOWN as code that makes it.
"""

from __future__ import annotations

import os
from pathlib import Path

import formats
import lists_and_settings
import pytest
from fuzz_target import MEMORY_GIB, check_changed, list_changed, measure_memory
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from mutations import change

TARGETS = lists_and_settings.TARGETS | formats.TARGETS
EXAMPLES = int(os.environ.get("UNMASK_FUZZ_EXAMPLES", "0"))
"""Per parser; 0: the short form, which is the same every time."""
SHORT = 25

KNOWN: dict[str, list[tuple[str, bytes]]] = {
    # (file, content) that a parser once failed on.
    "training settings": [
        ("s.yaml", b"epochs: !!timestamp ''"),
        ("s.yaml", b"a: &a [*a]"),
        ("s.yaml", b"[" * 100_000),
        ("s.yaml", b"epochs: 0x" + b"f" * 5000),
        ("s.yaml", b"epochs: 1\nepochs: 2"),
    ],
    "table": [
        ("own.csv", b"x" * (5 << 20)),
        ("own.csv", b"," * 100_000 + b"\npath,label"),
        ("own.csv", b'path,label\n"a.jpg,1\n'),
    ],
    "table of tabs": [("own.tsv", b"path\tlabel\na.jpg\t" + b"9" * 60 + b"x\n")],
    "scores": [("s.csv", b'"' + b"a" * 200_000 + b'",score\n'), ("s.csv", b"id,score\na,1_0\n")],
    "verdicts": [
        ("lines", b'{"unmask_verdict": 1, "judged_file": {"path": "a.png"}}\n'),
        ("lines", b'{"unmask_verdict": 1, "a": ' + b"[" * 100_000 + b"\n"),
    ],
    "plan of shards": [("plan.json", b"[]"), ("plan.json", b"{")],
    "index of a profile": [("tokens/latest.json", b"[" * 100_000), ("tokens/latest.json", b"[]")],
    "token store": [
        ("store/shard-a.zarr/checksums.json", b"[[]]"),
        ("store/shard-a.zarr/checksums.json", b"3"),
        ("store/spec.json", b"[" * 100_000),
    ],
    "subtitles": [("a.vtt", b"0 --> 1\n" + b"<" * 300_000)],
}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_file_is_refused_or_read(name: str, good: Path, tmp_path: Path):
    target = TARGETS[name]
    target.write(good)
    expected = target.parse(good)
    again = target.parse(good)
    assert not target.exact or again == expected, "the example itself is read"
    names = list_changed(target, good)
    outcomes = {"read": 0, "refused": 0}
    before = measure_memory()

    @settings(
        max_examples=EXAMPLES or SHORT,
        deadline=None,
        database=None,
        derandomize=not EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        changed = data.draw(st.sampled_from(names), label="file")
        content = data.draw(change((good / changed).read_bytes()), label="content")
        note(f"{changed}: {content[:2000]!r}")
        outcomes[check_changed(target, good, tmp_path / "work", changed, content, expected)] += 1

    check()
    assert measure_memory() - before < MEMORY_GIB
    if EXAMPLES:
        print(f"{name}: {outcomes['read']} read, {outcomes['refused']} refused")


NUMBERED = [(name, number) for name, contents in KNOWN.items() for number in range(len(contents))]


@pytest.mark.parametrize(("name", "number"), NUMBERED)
def test_what_was_found_once(name: str, number: int, good: Path, tmp_path: Path):
    target = TARGETS[name]
    target.write(good)
    expected = target.parse(good)
    check_changed(target, good, tmp_path / "work", *KNOWN[name][number], expected)
