"""docs/add-a-split-scheme.md is executed as it stands, and docs/splits.md lists the schemes of the registry."""

from __future__ import annotations

import pytest
from casts import leaks, row, splits_by_name
from guides import DOCS, code_blocks, execute_block

from unmask.core.errors import UsageError
from unmask.manifests.manifest import MediaRow
from unmask.manifests.splits.registry import SCHEMES, Scheme, parse, write_table
from unmask.manifests.splits.schemes import assign

WRITTEN = "leave-identity-out:ann"


@pytest.fixture
def scheme(monkeypatch: pytest.MonkeyPatch) -> Scheme:
    """Both code blocks of the guide, as if the first were a file and the second an entry of SCHEMES."""
    source, entry = code_blocks("add-a-split-scheme.md")
    module = execute_block(source, "identity_out")
    added = eval(entry, {"Scheme": Scheme, **vars(module)})
    monkeypatch.setitem(SCHEMES, added.name, added)
    return added


def make_rows() -> list[MediaRow]:
    """Ann is swapped with Bob only; ten more identities have one real and one fake file each."""
    others = [row(f"{label}-{n}", label, f"p{n}") for n in range(10) for label in (0, 1)]
    return [row("ann", 0, "ann"), row("swap", 1, "ann", "bob"), row("bob", 0, "bob"), *others]


def test_the_guide_is_one_file_and_one_entry():
    assert len(code_blocks("add-a-split-scheme.md")) == 2


def test_the_example_tests_one_identity_and_trains_on_files_without_links_to_it(scheme):
    assigned = assign(make_rows(), WRITTEN, 0)
    splits = splits_by_name(assigned)
    assert (splits["ann"], splits["swap"], splits["bob"]) == ("test", "test", None)
    assert {split for name, split in splits.items() if name not in ("ann", "swap", "bob")} == {"train", "val"}
    assert leaks(assigned) == {}


def test_name_parser_and_hints_follow_from_the_entry(scheme):
    assert str(parse(WRITTEN)) == WRITTEN
    assert {r.split_scheme for r in assign(make_rows(), WRITTEN, 3)} == {f"{WRITTEN}-v2-seed3"}
    assert scheme.form in write_table()
    with pytest.raises(UsageError) as unknown:
        parse("random")
    assert scheme.form in unknown.value.hint
    with pytest.raises(UsageError, match="argument is missing"):
        parse("leave-identity-out")


def test_an_unknown_identity_is_an_error(scheme):
    with pytest.raises(UsageError, match="no file shows this identity"):
        assign(make_rows(), "leave-identity-out:nobody", 0)


def test_the_documented_table_is_the_registry():
    assert write_table() in (DOCS / "splits.md").read_text(encoding="utf-8")
