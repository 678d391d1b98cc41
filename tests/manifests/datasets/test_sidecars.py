"""Words from files beside the media, and from nowhere else."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.sidecars import parse_subtitles, read_text, read_text_beside

SRT = """1
00:00:00,000 --> 00:00:01,500
<i>Good</i> evening,

2
00:00:01,500 --> 00:00:03,000 X1:40 X2:600
{\\an8}it is 7 o'clock.
10
"""
VTT = """WEBVTT - kind of words

NOTE nobody says this

STYLE
::cue { color: red }

first
00:00.000 --> 00:01.000 align:start
<v Ada>Good evening,

00:01.000 --> 00:02.000
it is late.
"""


def texts(root, key="celeb_df"):
    return {row.path.rpartition("/")[2]: row.text for row in LAYOUTS[key].scan(root).rows}


def test_the_words_of_subtitles_come_without_numbers_timings_and_markup():
    # A number on a line of its own after the timing is spoken; only what stands before a timing is not.
    assert parse_subtitles(SRT) == "Good evening, it is 7 o'clock. 10"
    assert parse_subtitles(VTT) == "Good evening, it is late."
    assert parse_subtitles(SRT.replace("\n", "\r\n")) == parse_subtitles(SRT)
    assert parse_subtitles("WEBVTT\n\nNOTE nothing is said\n") is None


def test_each_kind_of_sidecar_is_read_and_none_counts_as_noise(make_tree):
    root = make_tree(
        "Celeb-real/id1_0000.mp4",
        ("Celeb-real/id1_0000.txt", "  Hello\n there "),
        "Celeb-real/id2_0000.mp4",
        ("Celeb-real/id2_0000.srt", SRT),
        "Celeb-real/id3_0000.mp4",
        ("Celeb-real/id3_0000.VTT", VTT),
        "Celeb-real/id4_0000.mp4",
        ("transcripts.csv", "path,text\nCeleb-real/id4_0000.mp4,From a table\n"),
        "Celeb-real/id5_0000.mp4",
        ("Celeb-real/notes.txt", "of no video"),
    )
    assert texts(root) == {
        "id1_0000.mp4": "Hello there",
        "id2_0000.mp4": "Good evening, it is 7 o'clock. 10",
        "id3_0000.mp4": "Good evening, it is late.",
        "id4_0000.mp4": "From a table",
        "id5_0000.mp4": None,
    }
    assert LAYOUTS["celeb_df"].scan(root).reasons == {"not media": 1}  # notes.txt


def test_a_files_own_sidecar_goes_before_the_table_and_txt_before_subtitles(make_tree):
    root = make_tree(
        "Celeb-real/id1_0000.mp4",
        ("Celeb-real/id1_0000.srt", SRT),
        ("Celeb-real/id1_0000.txt", "plain"),
        ("transcripts.csv", "path,text\nCeleb-real/id1_0000.mp4,table\n"),
    )
    assert texts(root) == {"id1_0000.mp4": "plain"}


def test_a_table_names_paths_relative_to_its_own_folder_and_may_have_a_byte_order_mark(make_tree):
    root = make_tree(
        "Celeb-DF/Celeb-real/id1_0000.mp4",
        ("Celeb-DF/transcripts.csv", '\ufefftext,path\n"said, so",Celeb-real\\id1_0000.mp4\n'),
    )
    assert texts(root) == {"id1_0000.mp4": "said, so"}


def test_a_table_without_its_columns_is_reported(make_tree):
    root = make_tree("Celeb-real/id1_0000.mp4", ("transcripts.csv", "file,words\na,b\n"))
    scanned = LAYOUTS["celeb_df"].scan(root)
    assert [row.text for row in scanned.rows] == [None]
    assert "no column path, text among file, words" in str(scanned.conflicts[0])


FORMS = {
    "transcripts.csv": 'path;text\nCeleb-real/id1_0000.mp4;"Good; so"\n',
    "Transcripts.csv": "\n".join(("sep=|", "text|path", "Good; so|./Celeb-real/id1_0000.mp4")),
    "transcripts.tsv": "path\ttext\tlanguage\nCeleb-real\\id1_0000.mp4\tGood; so\ten\n",
    "TRANSCRIPTS.TSV": "Path,Text\nCeleb-fake/../Celeb-real/id1_0000.mp4,Good; so\n",
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", FORMS)
def test_a_table_of_transcripts_is_read_as_a_table_of_labels_is(make_tree, name, encoding):
    root = make_tree("Celeb-real/id1_0000.mp4")
    (root / name).write_bytes(FORMS[name].encode(encoding))
    scanned = LAYOUTS["celeb_df"].scan(root)
    assert [row.text for row in scanned.rows] == ["Good; so"]
    assert [one.problem for one in scanned.conflicts if one.path == name] == []
    if name.islower():
        assert read_text_beside(root / "Celeb-real/id1_0000.mp4") == "Good; so"


def test_a_table_of_transcripts_may_be_parquet_and_list_whole_paths(make_tree):
    root = make_tree("Celeb-real/id1_0000.mp4", "Celeb-real/id2_0000.mp4")
    paths = [str(root / f"Celeb-real/id{number}_0000.mp4") for number in (1, 2)]
    pq.write_table(pa.table({"path": paths, "text": ["Good", None]}), root / "transcripts.parquet")
    assert texts(root) == {"id1_0000.mp4": "Good", "id2_0000.mp4": None}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (b"path,text\nCeleb-real/id1_0000.mp4,a\nCeleb-real/id9_0000.mp4,b\n", "1 of the 2 listed files are missing"),
        (b"path,text\nCeleb-real/id1_0000.mp4,a\nCeleb-real/id1_0000.mp4,b\n", "listed twice with different texts"),
        (b"path,text\nCeleb-real/id1_0000.mp4,Good, very\n", "1 lines have more values than columns, such as line 2"),
        (b'path,text\nCeleb-real/id1_0000.mp4,"never closed\n', "cannot be read"),
        (b"path,text\nCeleb-real/id1_0000.mp4,caf\xe9\n", "cannot be read"),
    ],
)
def test_what_a_table_of_transcripts_has_wrong_is_a_finding(make_tree, table, problem):
    root = make_tree("Celeb-real/id1_0000.mp4")
    (root / "transcripts.csv").write_bytes(table)
    scanned = LAYOUTS["celeb_df"].scan(root)
    assert len(scanned.rows) == 1
    (found,) = [one for one in scanned.conflicts if one.path == "transcripts.csv"]
    assert problem in found.problem


@pytest.mark.parametrize("word", ["nan", "None", "n/a", "-", ""])
def test_an_empty_text_of_a_table_is_none(make_tree, word):
    root = make_tree("Celeb-real/id1_0000.mp4", ("transcripts.csv", f"path,text\nCeleb-real/id1_0000.mp4,{word}\n"))
    assert texts(root) == {"id1_0000.mp4": None}


def test_an_empty_or_wrongly_encoded_sidecar_is_no_text(make_tree):
    root = make_tree("a.mp4", ("a.txt", " \n"), "b.mp4")
    (root / "b.txt").write_bytes(b"caf\xe9")
    assert read_text(root / "a.txt") is None
    assert read_text(root / "b.txt") == "caf�"
    assert read_text(root / "nothing.txt") is None


WORDLESS = {
    "boxes": "12 30 80 90\n",
    "yolo": "0 0.51 0.48 0.2 0.31\n1 0.1 0.2 0.3 1e-05\n",
    "kitti": "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n",
    "landmarks": "{(12, 30), (80, 90), (nan, 4)}",
    "named": "x=12 y=30 w=80 h=90",
    "time": "00:01:02.500 --> 00:01:04.000",
    "marks": "... --- !!!",
}
SPOKEN = ("It is 7 o'clock.", "Good evening", "我们在这里", "Это 5 слов или 6", "route 66", "a")


def test_numbers_beside_a_file_are_no_transcript(make_tree):
    files = [f"Celeb-real/id{number}_0000.mp4" for number in range(len(WORDLESS))]
    beside = [(f"Celeb-real/id{number}_0000.txt", text) for number, text in enumerate(WORDLESS.values())]
    root = make_tree(*files, *beside)
    scanned = LAYOUTS["celeb_df"].scan(root)
    assert [row.text for row in scanned.rows] == [None] * len(WORDLESS)
    assert scanned.reasons == {"text without words": len(WORDLESS)}
    assert all(read_text_beside(root / row.path) is None for row in scanned.rows)


@pytest.mark.parametrize("text", SPOKEN)
def test_words_with_some_numbers_are_a_transcript(tmp_path, text):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert read_text(tmp_path / "a.txt") == text


def test_a_lone_file_gets_the_text_that_a_scan_gives_it(make_tree):
    root = make_tree(
        "Celeb-real/id1_0000.mp4",
        ("Celeb-real/id1_0000.vtt", VTT),
        "Celeb-real/id2_0000.mp4",
        ("transcripts.csv", "path,text\nCeleb-real/id2_0000.mp4,From a table\n"),
        "Celeb-real/id3_0000.mp4",
        ("Celeb-real/id3_0000.SRT", SRT),
        "Celeb-real/id4_0000.mp4",
        ("Celeb-real/id4_0000.txt", ""),
        ("Celeb-real/id4_0000.srt", "not read, since the empty .txt goes before it"),
        "Celeb-real/id5_0000.mp4",
        ("Celeb-real/transcripts.csv", "path,text\nid5_0000.mp4,The nearer table\nid2_0000.mp4,Nearer\n"),
    )
    rows = LAYOUTS["celeb_df"].scan(root).rows
    assert [row.text for row in rows][1:] == ["Nearer", parse_subtitles(SRT), None, "The nearer table"]
    for row in LAYOUTS["celeb_df"].scan(root).rows:
        assert read_text_beside(root / row.path) == row.text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unclosed", ["<", "{\\", "<a {\\"])
def test_brackets_that_are_never_closed_are_read_in_linear_time(unclosed):
    words = unclosed * 200_000 + " <i>late</i>"
    assert (parse_subtitles(f"1\n00:01 --> 00:02\n{words}") or "").endswith("late")
