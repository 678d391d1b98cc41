"""Folders and tables of somebody's own."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.datasets import custom_folder as own
from unmask.manifests.datasets import custom_table as table
from unmask.manifests.datasets.base import Scanned
from unmask.manifests.findings import Ignored
from unmask.manifests.scan.discovery import find_datasets
from unmask.manifests.scan.scan import scan


def test_a_folder_per_label_is_a_dataset(make_tree):
    root = make_tree("My Set/Real/a.jpg", "My Set/FAKE/deep/b.wav", "My Set/fake/c.mp4", "My Set/other/d.jpg")
    (found,) = find_datasets(root)
    scanned = found.scan()
    assert (found.key, found.root) == ("my_set", root / "My Set")
    assert [(r.path, r.label, r.kind, r.video_fake, r.audio_fake, r.domain_id) for r in scanned.rows] == [
        ("FAKE/deep/b.wav", 1, "audio", None, True, 9),
        ("Real/a.jpg", 0, "image", False, None, 9),
        ("fake/c.mp4", 1, "video", None, None, 9),
    ]
    assert scanned.reasons == {"not in real/ or fake/": 1}


def test_a_folder_per_split_and_label_is_a_dataset_with_an_official_split(make_tree):
    root = make_tree("mine/train/real/a.jpg", "mine/validation/fake/b.jpg", "mine/Test/fake/c.jpg", "mine/train/d.jpg")
    scanned = own.scan(root / "mine", "mine", 9)
    assert [(r.label, r.official_split) for r in scanned.rows] == [(1, "test"), (0, "train"), (1, "val")]
    assert scanned.reasons == {"not in real/ or fake/": 1}


def test_own_datasets_are_numbered_after_the_nine_in_the_order_of_their_names(make_tree):
    table_text = "path,label\nx/1.wav,fake\n"
    root = make_tree("zoo/real/a.jpg", "DFF/DFD_original sequences/01__a.mp4", "bar/fake/a.jpg", ("m.csv", table_text))
    found = find_datasets(root)
    assert [part.key for part in found] == ["dff", "bar", "m", "zoo"]
    assert [part.scan().rows[0].domain_id for part in found] == [8, 9, 10, 11]


def test_two_own_datasets_of_one_name_are_refused(make_tree):
    with pytest.raises(UsageError, match="the name my_set is already taken"):
        find_datasets(make_tree("My Set/real/a.jpg", "my-set/real/a.jpg"))


TABLE = """path,label,split,people,source,method,video_fake,audio_fake,text
b/2.mp4,fake,val,ann; dfd:01,tape7,swap,1,0,"hello, you"
a/1.wav,0,,,,,,,
"""


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_a_csv_table_tells_everything_a_row_can_hold(make_tree, start):
    path = make_tree(("own.csv", start + TABLE)) / "own.csv"
    assert table.is_table(path)
    real, fake = table.scan(path, "own", 9).rows
    assert (real.path, real.label, real.audio_fake, real.method, real.people) == ("a/1.wav", 0, False, "none", ())
    assert (fake.path, fake.label, fake.official_split, fake.method) == ("b/2.mp4", 1, "val", "swap")
    assert (fake.people, fake.sources) == (("own:ann", "dfd:01"), ("own:tape7",))
    assert (fake.video_fake, fake.audio_fake, fake.text) == (True, False, "hello, you")


def test_a_parquet_table_may_hold_lists(tmp_path: Path):
    columns = {"path": ["1.jpg", "2.jpg"], "label": [1, 0], "people": [["ann", "bob"], None]}
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    fake, real = table.scan(tmp_path / "own.parquet", "own", 9).rows
    assert (fake.label, fake.people, fake.video_fake) == (1, ("own:ann", "own:bob"), True)
    assert (real.label, real.people, real.method) == (0, (), "none")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1.jpg,maybe", "line 2: label 'maybe' is none of"),
        ("1.jpg,", "line 2: no label"),
        ("a\0.png,1", "line 2: path 'a\\x00.png' contains a zero byte"),
        ("../1.jpg,1", "leaves the dataset's folder"),
        ("1.jpg,1\n1.jpg,0", "line 3: 1.jpg is listed twice"),
    ],
)
def test_a_line_that_cannot_be_right_is_refused_with_its_number(make_tree, line, problem):
    path = make_tree(("own.csv", f"path,label\n{line}\n")) / "own.csv"
    with pytest.raises(UsageError) as refused:
        table.scan(path, "own", 9)
    assert problem in str(refused.value)


def test_notes_and_transcripts_are_no_dataset(make_tree):
    root = make_tree(
        ("PROVENANCE.csv", "file,label (1=fake)\nx.jpg,1\n"), ("transcripts.csv", "path,label,text\n"), ("x.csv", "")
    )
    (root / "broken.parquet").write_bytes(b"PAR1 not really")
    assert find_datasets(root) == []


def scanned_table(make_tree, text: str) -> Scanned:
    return table.scan(make_tree(("own.csv", text)) / "own.csv", "own", 9)


@pytest.mark.parametrize(
    ("column", "value", "field", "told"),
    [
        ("split", "Validation", "official_split", "val"),
        ("people", " ann ;bob;;ann", "people", ("own:ann", "own:bob")),
        ("source", "tape 1;dfd:01__a", "sources", ("own:tape 1", "dfd:01__a")),
        ("method", " Wav2Lip ", "method", "wav2lip"),
        ("video_fake", "1", "video_fake", True),
        ("video_fake", "false", "video_fake", False),
        ("audio_fake", "fake", "audio_fake", True),
        ("audio_fake", "", "audio_fake", None),
        ("compression", "C40", "compression", "c40"),
        ("text", ' "Well", she said; 1,5 ', "text", '"Well", she said; 1,5'),
    ],
)
def test_each_optional_column_is_read_alone(make_tree, column, value, field, told):
    quoted = '"' + value.replace('"', '""') + '"'
    scanned = scanned_table(make_tree, f"path,{column},label\n1.mp4,{quoted},1\n")
    assert getattr(scanned.rows[0], field) == told
    assert scanned.ignored == []


def test_names_of_columns_may_be_padded_and_upper_case_and_unknown_ones_are_reported(make_tree):
    scanned = scanned_table(make_tree, "Path , LABEL,peoples\n1.wav,Real,ann\n")
    assert [(row.path, row.label, row.people) for row in scanned.rows] == [("1.wav", 0, ())]
    assert scanned.ignored == [Ignored("own", "own.csv", "unknown column, not read: peoples")]


def test_a_path_may_be_absolute_but_climbs_nowhere(make_tree, tmp_path: Path):
    inside = tmp_path / "data/media/1.wav"
    assert scanned_table(make_tree, f"path,label\n{inside},1\n").rows[0].path == "media/1.wav"
    for outside in ("C:\\media\\1.wav", f"{tmp_path}/data/../1.wav", "a/../../1.wav"):
        with pytest.raises(UsageError, match="line 2: "):
            scanned_table(make_tree, f"path,label\n{outside},1\n")


def test_the_number_of_a_bad_line_counts_lines_and_not_rows(make_tree):
    with pytest.raises(UsageError, match="line 5: split 'tset' is none of"):
        scanned_table(make_tree, 'path,label,split,text\n1.wav,1,,"two\nlines"\n\n2.wav,1,tset,\n')


def test_a_short_line_lacks_its_last_values(make_tree):
    assert scanned_table(make_tree, "path,label,people\n1.wav,0\n").rows[0].people == ()


def test_a_table_in_another_encoding_is_refused_with_the_remedy(make_tree):
    path = make_tree(("own.csv", "path,label\n")) / "own.csv"
    path.write_bytes(b"path,label,people\n" + b"1.wav,0,ann\n" + b"\n" * 20_000 + b"2.wav,0,caf\xe9\n")
    assert table.is_table(path)
    with pytest.raises(UsageError, match="not UTF-8") as refused:
        table.scan(path, "own", 9)
    assert refused.value.hint == "save it as UTF-8"


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        (
            "filename,target,fold",
            "rename the column filename to path, and target to label; of a label in",
        ),
        ("Image Path;is_fake", "rename the column image path to path, and is_fake to label"),
        ("path\treal_or_fake", "rename the column real_or_fake to label"),
        ("file,label", "rename the column file to path"),
        ("a,b", "a CSV, TSV or Parquet table needs the columns path, label"),
        ("path,is_real", "a CSV, TSV or Parquet table needs the columns path, label"),
        ("", "a CSV, TSV or Parquet table needs the columns path, label"),
    ],
)
def test_a_table_with_other_columns_says_which_it_has_and_which_are_probably_meant(make_tree, header, hint):
    root = make_tree(("films.csv", f"{header}\n1.mp4,0,a\n" if header else ""))
    with pytest.raises(MissingInput) as refused:
        find_datasets(root / "films.csv")
    names = [name.lower() for name in re.split("[,;\t]", header) if name]
    assert all(name in refused.value.problem for name in names)
    assert refused.value.hint.startswith(hint)
    with pytest.raises(MissingInput, match=r"no dataset found; films\.csv has no column") as folder:
        scan(root, say=print)
    assert folder.value.hint == refused.value.hint


@pytest.mark.parametrize("name", ["labels.xlsx", "labels.json", "labels.csv.gz", "LABELS.JSONL"])
def test_a_table_in_a_form_that_is_not_read_is_named(make_tree, name):
    root = make_tree("0.png", (name, "x"))
    with pytest.raises(MissingInput, match=f"no dataset found; {name} is no CSV, TSV or Parquet") as refused:
        scan(root, say=print)
    assert refused.value.hint == "save it as CSV with the columns path,label"


def test_a_table_as_the_data_root_must_have_its_columns(make_tree):
    root = make_tree(("half.csv", "path,people\n"), ("own.csv", "path,label\n1.wav,0\n"))
    with pytest.raises(MissingInput, match="not a dataset: no column label; its columns are path"):
        find_datasets(root / "half.csv")
    with pytest.raises(MissingInput, match="neither a folder nor a table"):
        find_datasets(make_tree("notes.txt", root="notes") / "notes.txt")
    (found,) = find_datasets(root / "own.csv")
    assert (found.key, found.root) == ("own", root)


def test_a_listed_file_that_is_not_there_is_a_row_that_failed(make_tree):
    root = make_tree(("own.csv", "path,label\nmissing.wav,0\n"))
    manifest, report = scan(root, workers=1, say=lambda line: None)
    (row,) = manifest.rows()
    assert (row.reason or "").startswith("vanished: no such file")
    assert list(report.failed) == ["own/missing.wav"]


def test_a_folder_called_masks_in_an_own_dataset_holds_faces_that_wear_one(make_tree):
    assert len(own.scan(make_tree("real/masks/1.jpg", "fake/masks/2.jpg"), "mine", 9).rows) == 2
