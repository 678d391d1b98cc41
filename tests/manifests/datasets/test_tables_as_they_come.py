"""Tables as spreadsheets, pandas and other machines write them: read as meant, or refused with what is wrong."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unmask.core.errors import UsageError
from unmask.manifests.datasets import custom_table as table
from unmask.manifests.datasets.tables.lines import clean
from unmask.manifests.datasets.tables.paths import find_places
from unmask.manifests.manifest import MediaRow

EMPTY = ["", "nan", "NaN", "none", "None", "null", "NULL", "n/a", "N/A", "NA", "<NA>", "-", " - ", "#N/A"]
COLUMNS = ("split", "people", "source", "method", "video_fake", "audio_fake", "text", "compression")


def read(folder: Path, text: str, encoding: str = "utf-8", name: str = "own.csv") -> list[MediaRow]:
    (folder / name).write_bytes(text.encode(encoding))
    assert table.is_table(folder / name)
    return table.scan(folder / name, "own", 9).rows


@pytest.mark.parametrize("value", EMPTY)
def test_an_empty_value_is_empty_in_every_column(tmp_path: Path, value):
    (bare,) = read(tmp_path, "path,label\na.mp4,1\n")
    (row,) = read(tmp_path, f"path,label,{','.join(COLUMNS)}\na.mp4,1{f',{value}' * len(COLUMNS)}\n")
    assert row == bare
    for needed in ("path,label\na.mp4,", f"label,path\n1,{value}\nx,"):
        with pytest.raises(UsageError, match=r"line 2: no (label|path)"):
            read(tmp_path, f"{needed}{value}\n")


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_missing_value_of_parquet_is_empty_in_every_column(tmp_path: Path, value):
    columns = {"path": ["a.mp4"], "label": [1.0]} | {name: [value] for name in COLUMNS}
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    (row,) = table.scan(tmp_path / "own.parquet", "own", 9).rows
    assert row == read(tmp_path, "path,label\na.mp4,1\n")[0]


def test_a_number_names_one_identity_however_it_was_written(tmp_path: Path):
    rows = read(tmp_path, 'path,label,people\na.wav,0,1\nb.wav,1.0,1.0\nc.wav,0,"2.0;1"\nd.wav,0,0\n')
    assert [row.people for row in rows] == [("own:1",), ("own:1",), ("own:2", "own:1"), ("own:0",)]
    for numbers in ([1, 0], [1.0, 0.0], [[1], [0]], ["1", "0"]):
        pq.write_table(
            pa.table({"path": ["a.wav", "b.wav"], "label": [0, 1], "people": numbers}), tmp_path / "n.parquet"
        )
        assert [row.people for row in table.scan(tmp_path / "n.parquet", "own", 9).rows] == [("own:1",), ("own:0",)]


@pytest.mark.parametrize(
    ("value", "people"),
    [
        ("['ann', 'bob']", ("own:ann", "own:bob")),
        ("unknown", ()),
        ("ann;nan", ("own:ann",)),
        ("Unknown;bob", ("own:bob",)),
        ("001", ("own:001",)),
        ("1.5", ("own:1.5",)),
    ],
)
def test_lists_as_text_are_read_and_nobody_ties_no_rows(tmp_path: Path, value, people):
    assert read(tmp_path, f'path,label,people\na.wav,0,"{value}"\n')[0].people == people


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "sep={}\n", "\n"])
def test_separators_encodings_and_line_ends_change_nothing(tmp_path: Path, encoding, delimiter, end, start):
    lines = ["people,path,label,text", 'zoë,b/é.wav,1,"well, so; it | is\tthat"', "ann,a.wav,0,"]
    written = [lines[0].replace(",", delimiter), lines[1].replace(",", delimiter, 3), lines[2].replace(",", delimiter)]
    text = start.format(delimiter) + "\n".join(written) + "\n"
    real, fake = read(tmp_path, text.replace("\n", end), encoding)
    assert (real.path, real.label, real.people, real.text) == ("a.wav", 0, ("own:ann",), None)
    assert (fake.path, fake.people) == ("b/é.wav", ("own:zoë",))
    assert fake.text == "well, so; it | is\tthat"


def test_a_tsv_table_is_a_table(tmp_path: Path):
    assert [row.path for row in read(tmp_path, "path\tlabel\na.wav\t0\n", name="own.tsv")] == ["a.wav"]


def test_the_index_of_a_data_frame_is_no_unknown_column(tmp_path: Path):
    (tmp_path / "own.csv").write_text(",path,label,age\n0,a.wav,1,7\n")
    assert [one.reason for one in table.scan(tmp_path / "own.csv", "own", 9).ignored] == [
        "unknown column, not read: age"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,label,text\na.wav,0,\nb.wav,1,hello, you\n", "line 3: more values than columns, from ' you'"),
        ('path,label,text\na.wav,0,"never closed\nb.wav,1,x\n', "cannot be read (unexpected end of data)"),
        ("path,label,label\na.wav,0,1\n", "two columns are called label"),
        ("path,label\nhttps://example.org/a.wav,0\n", "line 2: path 'https://example.org/a.wav' is an address"),
        ("path,label\nD:\\media\\a.wav,0\n", "line 2: path 'D:\\\\media\\\\a.wav' names a drive"),
        ("path,label\n../a.wav,0\n", "leaves the dataset's folder"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_with_what_is_wrong(tmp_path: Path, text, problem):
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert problem in str(refused.value)


def test_absolute_paths_are_read_wherever_they_lead(tmp_path: Path):
    path = tmp_path / "lists/own.csv"
    path.parent.mkdir()
    path.write_text(f"path,label\n{tmp_path}/one/a.wav,0\n{tmp_path}/two/deep/b.wav,1\n")
    places = table.locate(path)
    assert places.root == tmp_path
    assert [row.path for row in table.scan(path, "own", 9, places).rows] == ["one/a.wav", "two/deep/b.wav"]
    path.write_text(f"path,label\n{tmp_path}/lists/a.wav,0\nb.wav,1\n")
    assert table.locate(path).root == tmp_path / "lists"
    path.write_text(f"path,label\n{tmp_path}/one/a.wav,0\nb.wav,1\n")
    assert [row.path for row in table.scan(path, "own", 9).rows] == ["lists/b.wav", "one/a.wav"]


def test_a_media_root_is_where_relative_paths_start_and_where_all_paths_must_stay(tmp_path: Path):
    path = tmp_path / "own.csv"
    path.write_text(f"path,label\nx/a.wav,0\n{tmp_path}/media/y/b.wav,1\n")
    places = table.locate(path, tmp_path / "media")
    assert places.root == tmp_path / "media"
    assert [row.path for row in table.scan(path, "own", 9, places).rows] == ["x/a.wav", "y/b.wav"]
    path.write_text(f"path,label\n{tmp_path}/elsewhere/b.wav,1\n")
    with pytest.raises(UsageError, match=r"line 2: .*leaves the dataset's folder"):
        table.scan(path, "own", 9, table.locate(path, tmp_path / "media"))


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_accents_match_in_either_unicode_form(tmp_path: Path, listed, stored):
    name = "café/Zoë 한국.wav"
    file = tmp_path / unicodedata.normalize(stored, name)
    file.parent.mkdir()
    file.touch()
    (row,) = read(tmp_path, f"path,label\n{unicodedata.normalize(listed, name)},0\n")
    assert (tmp_path / row.path).is_file()
    both = "".join(f"{unicodedata.normalize(form, name)},0\n" for form in ("NFC", "NFD"))
    with pytest.raises(UsageError, match="is listed twice"):
        read(tmp_path, f"path,label\n{both}")


@pytest.mark.parametrize("listed", ["SUB/A.png", "sub/a.PNG", "Sub/a.png"])
def test_upper_and_lower_case_match_as_on_the_machine_that_wrote_the_table(tmp_path: Path, listed):
    (tmp_path / "Sub").mkdir()
    (tmp_path / "Sub/a.png").touch()
    (row,) = read(tmp_path, f"path,label\n{listed},0\n")
    assert row.path == "Sub/a.png"


def test_of_two_names_that_differ_in_case_alone_none_is_guessed(tmp_path: Path):
    for name in ("a.png", "A.png"):
        (tmp_path / name).touch()
    assert [row.path for row in read(tmp_path, "path,label\nA.png,0\na.png,1\n")] == ["A.png", "a.png"]
    assert [row.path for row in read(tmp_path, "path,label\na.PNG,0\n")] == ["a.PNG"], "missing"


@pytest.mark.parametrize(
    ("listed", "problem", "remedy"),
    [
        ("a", "1 of the 2 listed files are missing, such as a, beside a.png", "Write the paths with their suffix"),
        ("other/a.png", "1 of the 2 listed files are missing, such as other/a.png", "--media-root FOLDER names"),
    ],
)
def test_listed_files_that_are_missing_are_a_finding_of_the_table(tmp_path: Path, listed, problem, remedy):
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    (tmp_path / "own.csv").write_text(f"path,label\n{listed},0\nb.png,1\n")
    scanned = table.scan(tmp_path / "own.csv", "own", 9)
    assert len(scanned.rows) == 2
    (found,) = scanned.conflicts
    assert (found.path, found.problem) == ("own.csv", problem)
    assert remedy in found.remedy


def test_comments_before_the_header_and_addresses_of_files_are_understood(tmp_path: Path):
    (tmp_path / "a b.png").touch()
    address = (tmp_path / "a b.png").as_uri()
    (row,) = read(tmp_path, f"# version 2\n#\npath,label\n{address},0\n")
    assert row.path == "a b.png"


def test_paths_that_parquet_stores_as_bytes_are_text(tmp_path: Path):
    pq.write_table(pa.table({"path": [b"a.png"], "label": [b"fake"]}), tmp_path / "own.parquet")
    (row,) = table.scan(tmp_path / "own.parquet", "own", 9).rows
    assert (row.path, row.label) == ("a.png", 1)


def test_clean_keeps_what_is_a_value():
    assert [clean(value) for value in (0, 0.0, False, "Nancy", "none of it", "2.50", 12)] == [
        *("0", "0", "False", "Nancy", "none of it", "2.50", "12")
    ]


def test_the_folders_of_a_table_are_known_without_its_files(tmp_path: Path):
    places = find_places(tmp_path / "own.csv", ["a/1.wav", "a/2.wav", "b/c/3.wav", "https://x/y.wav"], None)
    assert places.parents == {tmp_path / "a", tmp_path / "b/c"}
