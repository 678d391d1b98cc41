"""One suite over all layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.base import NO_DOMAIN, Layout, Scanned
from unmask.manifests.manifest import DATASETS, MediaRow

# A few files of each dataset as its archive unpacks: path -> label, None where it must be ignored.
TREES: dict[str, dict[str, int | None]] = {
    "deepfake_images": {
        "train-20250112T065955Z-001/train/real/a.jpg": 0,
        "train-20250112T065955Z-001/train/fake/b.JPG": 1,
        "test-20250112T065939Z-001/test/fake/c.png": 1,
        "Sample_fake_images/Sample_fake_images/fake/d.jpg": 1,
        "elsewhere/e.jpg": None,
    },
    "archive": {
        "Dataset/Train/Real/real_0.jpg": 0,
        "Dataset/Test/Fake/fake_0.jpg": 1,
        "Dataset/Validation/Fake/fake_1.jpg": 1,
        "Dataset/Validation/fake_2.jpg": None,
    },
    "faceforensics": {
        "original_sequences/youtube/c23/videos/953.mp4": 0,
        "original_sequences/actors/raw/videos/01__exit_phone_room.mp4": 0,
        "manipulated_sequences/Face2Face/c40/videos/953_974.mp4": 1,
        "manipulated_sequences/Face2Face/masks/videos/953_974.mp4": None,
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4": 1,
        "csv/Face2Face.csv": None,
    },
    "celeb_df": {
        "Celeb-real/id4_0000.mp4": 0,
        "YouTube-real/00002.mp4": 0,
        "Celeb-synthesis/id4_id24_0000.mp4": 1,
        "readme.pdf": None,
    },
    "deepvoice": {
        "KAGGLE/AUDIO/REAL/tom-original.wav": 0,
        "KAGGLE/AUDIO/FAKE/Obama-to-tom.wav": 1,
        "KAGGLE/DATASET-balanced.csv": None,
    },
    "deepvoice_demo": {
        "DEMONSTRATION/DEMONSTRATION/linus-original-DEMO.mp3": 0,
        "DEMONSTRATION/DEMONSTRATION/linus-to-musk-DEMO.mp3": 1,
    },
    "fakeavceleb": {
        "RealVideo-RealAudio/African/men/id00076/00109.mp4": 0,
        "RealVideo-FakeAudio/Asian (East)/men/id00076/00109_fake.mp4": 1,
        "FakeVideo-RealAudio/Caucasian (European)/women/id00166/00010_id00018_fsgan.mp4": 1,
        "FakeVideo-FakeAudio/African/men/id00076/00109_id00476_wavtolip.mp4": 1,
    },
    "dfd_faces": {
        "train/fake/01_04__talking_angry_couch__0XUW13RW_face0105.jpg": 1,
        "val/real/01__talking_angry_couch_face0000.png": 0,
        "test/real/sub/24__kitchen_pan_face0003.jpg": 0,
    },
    "dff": {
        "DFD_original sequences/01__talking_angry_couch.mp4": 0,
        "DFD_manipulated_sequences/DFD_manipulated_sequences/01_04__talking_angry_couch__0XUW13RW.mp4": 1,
    },
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


def labels(scanned: Scanned) -> dict[str, int | None]:
    return {row.path: row.label for row in scanned.rows}


def only(scanned: Scanned, part: str) -> MediaRow:
    (row,) = [row for row in scanned.rows if part in row.path]
    return row


def test_all_nine_datasets_have_a_layout_in_the_order_of_their_domain_ids():
    assert tuple(LAYOUTS)[: len(DATASETS)] == DATASETS
    assert tuple(TREES) == tuple(LAYOUTS), "a new layout is tested by giving its tree above"
    assert all(layout.key == key for key, layout in LAYOUTS.items())


def test_every_file_of_the_tree_is_a_row_or_counted_as_ignored(layout, make_tree):
    tree = TREES[layout.key]
    scanned = layout.scan(make_tree(*tree))
    assert labels(scanned) == {path: label for path, label in tree.items() if label is not None}
    assert sum(scanned.reasons.values()) == sum(label is None for label in tree.values())


def test_rows_are_sorted_numbered_and_named(layout, make_tree):
    scanned = layout.scan(make_tree(*reversed(TREES[layout.key])))
    paths = [row.path for row in scanned.rows]
    assert paths == sorted(paths)
    assert len({row.media_id for row in scanned.rows}) == len(paths)
    position = DATASETS.index(layout.key) if layout.key in DATASETS else NO_DOMAIN
    assert {(row.dataset, row.domain_id) for row in scanned.rows} == {(layout.key, position)}


def test_case_and_a_doubled_top_folder_change_no_label(layout, make_tree):
    plain = [row.label for row in layout.scan(make_tree(*TREES[layout.key])).rows]
    doubled = [f"{layout.names[0]}/{path.upper()}" for path in TREES[layout.key]]
    shouted = [row.label for row in layout.scan(make_tree(*doubled, root="doubled")).rows]
    assert sorted(shouted) == sorted(plain)  # type: ignore[type-var]


def test_the_dataset_is_found_under_each_of_its_names_in_any_case(layout, make_tree):
    for number, name in enumerate(layout.names):
        for spelt in (name, name.upper(), name.lower().replace("-", "_").replace(" ", "_")):
            root = make_tree(f"{spelt}/x/y.mp4", root=f"{number}{spelt}")
            assert layout.locate(root) == [root / spelt]


def test_a_folder_of_another_name_is_not_found(layout, make_tree):
    assert layout.locate(make_tree("holiday videos/beach.mp4")) == []


def test_hidden_files_and_macos_left_overs_are_ignored(layout, make_tree):
    first = next(path for path, label in TREES[layout.key].items() if label is not None)
    folder, _, name = first.rpartition("/")
    scanned = layout.scan(make_tree(first, f"{folder}/._{name}", f"__MACOSX/{first}", f"{folder}/.DS_Store"))
    assert list(labels(scanned)) == [first]
    assert scanned.reasons == {"hidden": 3}


SYSTEM_FOLDERS = (
    *("@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "System Volume Information", "found.000"),
    *(".Trash-1000", ".ipynb_checkpoints", "__pycache__", "#snapshot"),
)


@pytest.mark.parametrize("name", SYSTEM_FOLDERS)
def test_folders_of_the_system_hold_no_media(layout, make_tree, name):
    first = next(path for path, label in TREES[layout.key].items() if label is not None)
    folder, _, file = first.rpartition("/")
    inside = [f"{folder}/{name}/{file}", f"{name.upper()}/{first}", f"{folder}/{name}/SYNOPHOTO_THUMB_M.jpg"]
    scanned = layout.scan(make_tree(first, *inside))
    assert list(labels(scanned)) == [first]
    assert scanned.reasons == {"hidden": 2}


def test_media_of_another_kind_and_documents_are_ignored_with_the_reason(layout, make_tree):
    first = next(path for path, label in TREES[layout.key].items() if label is not None)
    folder = first.rpartition("/")[0]
    other = "x.wav" if only(layout.scan(make_tree(first)), "").kind != "audio" else "x.mp4"
    scanned = layout.scan(make_tree(f"{folder}/{other}", f"{folder}/licence.pdf", f"{folder}/index.csv"))
    assert list(labels(scanned)) == [first]
    assert scanned.reasons["not media"] == scanned.reasons["table or list"] == 1
    assert sum(scanned.reasons.values()) == 3


def test_no_text_is_ever_made_from_a_path(layout, make_tree):
    assert {row.text for row in layout.scan(make_tree(*TREES[layout.key])).rows} == {None}


def test_links_are_read_only_while_they_stay_inside(make_tree, tmp_path: Path):
    root = make_tree("DFD_original sequences/01__a.mp4")
    outside = make_tree("02__a.mp4", root="outside")
    folder = root / "DFD_original sequences"
    (folder / "02__a.mp4").symlink_to(outside / "02__a.mp4")
    (folder / "03__a.mp4").symlink_to(folder / "01__a.mp4")
    (folder / "04__a.mp4").symlink_to(folder / "nothing.mp4")
    (folder / "round").symlink_to(root)
    scanned = LAYOUTS["dff"].scan(root)
    assert [row.path.rpartition("/")[2] for row in scanned.rows] == ["01__a.mp4", "03__a.mp4"]
    assert scanned.reasons == {"link that leads out of the dataset": 1, "broken link": 1, "link to a folder": 1}


def test_a_name_that_is_not_utf8_is_ignored_with_its_reason_and_a_newline_is_kept(make_tree):
    root = make_tree("Celeb-real/id1_0000.mp4", "Celeb-real/id2\n_0000.mp4")
    (Path(root) / "Celeb-real" / b"id3_\xff.mp4".decode("utf-8", "surrogateescape")).touch()
    scanned = LAYOUTS["celeb_df"].scan(root)
    assert [row.path for row in scanned.rows] == ["Celeb-real/id1_0000.mp4", "Celeb-real/id2\n_0000.mp4"]
    assert scanned.reasons == {"name that is not UTF-8": 1}
