"""Datasets under any name and one folder deeper: content goes before names, and nothing is left out silently."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from unmask.core.errors import MissingInput
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets.file_tree import fold
from unmask.manifests.datasets.folder_names import parse_label, parse_split
from unmask.manifests.scan.discovery import find_datasets, list_unclaimed
from unmask.manifests.scan.overlaps import find_gaps, read_files_once
from unmask.manifests.scan.scan import scan

# Some files of each dataset as its archive unpacks; all are rows.
TREES = {
    "deepfake_images": [
        *("train-20250112T065955Z-001/train/real/a.jpg", "train-20250112T065955Z-001/train/fake/b.jpg"),
        "test-20250112T065939Z-001/test/fake/1.jpg",
    ],
    "archive": [
        f"Dataset/{split}/{label}/{label.lower()}_7.jpg" for split in ("Train", "Test") for label in ("Real", "Fake")
    ],
    "faceforensics": [
        "original_sequences/youtube/c23/videos/000.mp4",
        "manipulated_sequences/FaceSwap/c23/videos/000_003.mp4",
    ],
    "celeb_df": ["Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4", "YouTube-real/00000.mp4"],
    "deepvoice": ["KAGGLE/AUDIO/REAL/linus-original.wav", "KAGGLE/AUDIO/FAKE/linus-to-musk.wav"],
    "deepvoice_demo": ["DEMONSTRATION/DEMONSTRATION/linus-original-DEMO.mp3"],
    "fakeavceleb": ["RealVideo-RealAudio/African/men/id00076/00109.mp4", "FakeVideo-FakeAudio/Asian/men/id00077/1.mp4"],
    "dfd_faces": [
        *("train/fake/01_04__talking_angry_couch__0XUW13RW_face0105.jpg", "test/real/24__kitchen_pan_face0003.jpg"),
        "val/real/19__kitchen_pan/0003.jpg",
    ],
    "dff": ["DFD_original sequences/01__a.mp4", "DFD_manipulated_sequences/01_04__kitchen_pan__0XUW13RW.mp4"],
}
FLAT = {
    "faceforensics": ["original/000.mp4", "Deepfakes/000_003.mp4"],
    "dff": [
        "original_sequences/actors/c23/videos/01__a.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_04__a__0XUW13RW.mp4",
    ],
    "deepvoice": ["AUDIO/REAL/linus-original.wav", "AUDIO/FAKE/linus-to-musk.wav"],
    "archive": ["train/real/real_1.jpg", "validation/fake/fake_1.jpg"],
}
CASES = [(key, files) for trees in (TREES, FLAT) for key, files in trees.items()]
IDS = [f"{key}-{number}" for number, (key, _) in enumerate(CASES)]
NAMES = ("archive", "archive (1)", "archive(2)", "renamed", "Dataset", "data", "Celeb-DF-v2 (wrong)", "kaggle")


def read(root: Path) -> dict[str, list[str]]:
    """Dataset -> paths of its rows from `root`, for the datasets that have any."""
    found = find_datasets(root)
    scanned = read_files_once(found, {one.key: one.scan() for one in found})
    return {
        one.key: [str((one.root / row.path).relative_to(root)) for row in scanned[one.key].rows]
        for one in found
        if scanned[one.key].rows
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("key", "files"), CASES, ids=IDS)
def test_a_dataset_is_recognized_under_any_name_and_one_folder_deeper(make_tree, key, files, name):
    for number, prefix in enumerate((name, f"{name}/{name}", f"downloads/{name}", f"{name}/inner/inner")):
        root = make_tree(*(f"{prefix}/{file}" for file in files), root=f"data{number}")
        (root / "downloads/notes").mkdir(parents=True, exist_ok=True)
        (root / "other folder").mkdir(exist_ok=True)
        assert read(root) == {key: sorted(f"{prefix}/{file}" for file in files)}


@pytest.mark.parametrize(
    "added", [" (1)", "(2)", "-dataset", " (extracted)", "_v2", " - Copy", "-20250112T065955Z-001", "-master"]
)
@pytest.mark.parametrize("key", TREES)
def test_what_downloads_add_to_a_name_changes_nothing(make_tree, key, added):
    name = LAYOUTS[key].names[0]
    root = make_tree(*(f"{name}{added}/{file}" for file in TREES[key]))
    assert read(root) == {key: sorted(f"{name}{added}/{file}" for file in TREES[key])}


def test_nine_downloads_called_archive_are_nine_datasets(make_tree):
    files = [f"archive ({number})/{file}" for number, key in enumerate(TREES) for file in TREES[key]]
    assert read(make_tree(*files)).keys() == TREES.keys()
    assert read(make_tree(*(f"kaggle/{file}" for file in files), root="deeper")).keys() == TREES.keys()


# Trees of other sets that Kaggle delivers as "archive".
OTHERS = {
    "own_archive": ["archive/train/REAL/0000 (2).jpg", "archive/test/FAKE/0001.jpg"],
    "own_speech": ["archive/own_speech/real/real_1.wav", "archive/own_speech/fake/fake_1.wav"],
    "real_vs_fake": [
        "archive/real_vs_fake/real-vs-fake/train/real/1.jpg",
        "archive/real_vs_fake/real-vs-fake/valid/fake/1.jpg",
    ],
    "real_and_fake_face": [
        *(
            "archive/real_and_fake_face/training_real/real_00001.jpg",
            "archive/real_and_fake_face/training_fake/easy_1.jpg",
        ),
    ],
    "dataset": ["Dataset/real/1.jpg", "Dataset/fake/1.jpg"],
}


@pytest.mark.parametrize("key", OTHERS)
def test_another_set_in_a_folder_called_archive_is_never_dataset_1(make_tree, key):
    assert read(make_tree(*OTHERS[key])) == {key: sorted(OTHERS[key])}


def test_a_name_against_the_content_is_reported(make_tree):
    root = make_tree(*OTHERS["own_archive"], *(f"DFF/{file}" for file in TREES["celeb_df"]))
    told = {one.key: [conflict.problem for conflict in find_gaps(one, one.scan())] for one in find_datasets(root)}
    assert told == {
        "celeb_df": ["its name is one of dff, but its content is not; read as celeb_df"],
        "own_archive": [
            "its name is one of archive, but its content is not; read as a dataset of your own, own_archive"
        ],
    }


CLASSES = [
    *[
        ("Real", "Fakes"),
        ("bonafide", "spoof"),
        ("0_real", "1_fake"),
        ("real_images", "fake_images"),
        ("original", "deepfake"),
    ],
    *[
        ("training_real", "training_fake"),
        ("REAL", "FAKE"),
        ("genuine", "forged"),
        ("bona-fide", "spoofed"),
        ("human", "AI"),
    ],
    *[("Original Videos", "Manipulated Videos"), ("real-audio", "deepfake-audio"), ("authentic", "tampered")],
    *[("pristine", "Synthetic"), ("real_0", "fake_1"), ("Real Faces", "AI Generated"), ("originals", "deepfakes")],
]


@pytest.mark.parametrize(("real", "fake"), CLASSES)
def test_the_classes_may_have_any_usual_name(make_tree, real, fake):
    assert (parse_label(fold(real)), parse_label(fold(fake))) == (0, 1)
    for prefix in ("", "train/", "test-20240101T000000Z-001/test/"):
        files = [f"mine/{prefix}{folder}/deep/1.jpg" for folder in (real, fake)]
        root = make_tree(*files, root=prefix.replace("/", "") or "plain")
        assert read(root) == {"mine": sorted(files)}
        assert [row.label for row in sorted(find_datasets(root)[0].scan().rows, key=lambda row: row.label)] == [0, 1]


@pytest.mark.parametrize(
    "name", ["holidays", "training", "images", "realism", "fake_or_real", "masks", "DeepFake_AudioDataset"]
)
def test_other_folder_names_give_no_class(name):
    assert parse_label(fold(name)) is None


def test_folders_give_splits_in_usual_spellings():
    spelt = {
        "Train_Set": "train",
        "val images": "val",
        "dev": "val",
        "testing": "test",
        "train-20250112T065955Z-001": "train",
    }
    assert {name: parse_split(fold(name)) for name in spelt} == spelt
    assert parse_split("trainer") is None


@pytest.mark.parametrize(
    "place",
    ["{split}/{label}", "{split}/images/{label}", "{label}/{split}", "{split}/{label}/images", "{split}/{label}/train"],
)
def test_classes_and_splits_may_be_nested_either_way(make_tree, place):
    names = [place.format(split=split, label=label) for split in ("train", "test") for label in ("real", "fake")]
    root = make_tree(*(f"mine/{name}/{number}.png" for name in names for number in range(2)))
    (found,) = find_datasets(root)
    assert (found.key, found.root) == ("mine", root / "mine")
    rows = found.scan().rows
    expected = {("train", 0): 2, ("train", 1): 2, ("test", 0): 2, ("test", 1): 2}
    assert Counter((row.official_split, row.label) for row in rows) == expected


def test_a_folder_that_names_no_class_is_a_warning_of_its_own(make_tree):
    root = make_tree("mine/real/1.jpg", "mine/studio/2.jpg", "mine/studio/3.jpg", "mine/notes.txt")
    (found,) = find_datasets(root)
    (conflict,) = found.scan().conflicts
    assert (conflict.path, conflict.problem.partition(":")[0]) == ("studio", "2 media files are left out")


def test_half_of_a_known_dataset_left_out_is_a_warning_of_its_own(make_tree):
    root = make_tree("Celeb-DF-v2/Celeb-real/id0_0000.mp4", "Celeb-DF-v2/Celeb-fakes/id0_id1_0000.mp4")
    (found,) = find_datasets(root)
    (conflict,) = find_gaps(found, found.scan())
    assert conflict.problem.startswith("only 1 media files are read, all of them real; left out: 1 not in Celeb-real/")


def test_an_error_for_an_empty_root_names_what_is_deeper(make_tree):
    root = make_tree(
        *(
            f"disk/old/sets/{name}"
            for name in ("Celeb-DF-v2/Celeb-real/id0_0000.mp4", "mine/real/1.jpg", "mine/fake/1.jpg")
        )
    )
    with pytest.raises(MissingInput) as missing:
        scan(root, say=lambda line: None)
    assert f"no dataset found here, but deeper: {root}/disk/old/sets holds celeb_df, mine" in missing.value.problem
    assert missing.value.hint == f"unmask scan {root}/disk/old/sets"


def test_what_lies_beside_a_deeper_dataset_is_listed(make_tree):
    root = make_tree(
        "downloads/mine/real/1.jpg", "downloads/mine/fake/1.jpg", "downloads/pdf/a.pdf", ("half.csv", "path,class\n")
    )
    found = find_datasets(root)
    assert [(one.path, one.reason) for one in list_unclaimed(root, found)] == [
        ("downloads/pdf", "folder that is not a dataset"),
        ("half.csv", "table without the column label"),
    ]


def test_a_table_and_the_folder_it_lists_are_one_dataset(make_tree):
    table = "path,label\n" + "".join(f"mine/{label}/{n}.jpg,{label}\n" for label in ("real", "fake") for n in range(3))
    media = [f"mine/{label}/{n}.jpg" for label in ("real", "fake") for n in range(4)]
    for number, name in enumerate(("mine.csv", "list.csv", "zlist.csv")):
        root = make_tree(*media, (name, table), root=f"data{number}")
        found = find_datasets(root)
        scanned = read_files_once(found, {one.key: one.scan() for one in found})
        assert [one.key for one in found] == [Path(name).stem]
        assert len(scanned[found[0].key].rows) == 6
        assert scanned[found[0].key].reasons == {f"not listed in {name}": 2}
        (conflict,) = scanned[found[0].key].conflicts
        assert conflict.problem == f"2 of the 8 media files in this folder are not listed in {name}"
        assert list_unclaimed(root, found) == []


def test_files_of_a_known_dataset_or_an_earlier_table_are_no_rows_of_a_table(make_tree):
    celeb = "Celeb-DF-v2/Celeb-real/id0_0000.mp4"
    root = make_tree(
        *(celeb, "x/1.wav", "x/2.wav"),
        ("a.csv", f"path,label\n{celeb},0\nx/1.wav,1\n"),
        ("b.csv", "path,label\nx/1.wav,1\nx/2.wav,0\n"),
    )
    assert read(root) == {"celeb_df": [celeb], "a": ["x/1.wav"], "b": ["x/2.wav"]}
    found = find_datasets(root)
    scanned = read_files_once(found, {one.key: one.scan() for one in found})
    assert [conflict.problem for key in "ab" for conflict in scanned[key].conflicts] == [
        "1 of its 2 files are read as a file of celeb_df, and not a second time",
        "1 of its 2 files are read as a file of a, and not a second time",
    ]


def test_a_table_goes_before_a_dataset_that_only_the_content_tells(make_tree):
    media = ["ffpp_c40/original/000.mp4", "ffpp_c40/Deepfakes/000_003.mp4"]
    table = ("ffpp_c40.csv", f"path,label\n{media[0]},0\n{media[1]},1\n")
    root = make_tree(*media, table, "speech/original/1.mp4", ("speech.csv", "path,label\nspeech/original/1.mp4,0\n"))
    assert read(root) == {"ffpp_c40": sorted(media), "speech": ["speech/original/1.mp4"]}
    assert list_unclaimed(root, find_datasets(root)) == []
    assert read(make_tree(*media, root="alone")) == {"faceforensics": sorted(media)}
    named = [path.replace("ffpp_c40", "FF++_c40") for path in media]
    root = make_tree(*named, ("list.csv", f"path,label\n{named[0]},0\n"), root="named")
    assert read(root) == {"faceforensics": sorted(named)}


def test_folders_of_a_dataset_that_lie_loose_beside_others_are_reported_and_not_read_by_halves(make_tree):
    files = ["Celeb-DF-v2/Celeb-real/id0_0000.mp4", *TREES["faceforensics"]]
    root = make_tree(*files)
    assert read(root) == {"celeb_df": files[:1]}
    assert {one.path: one.reason.partition(",")[0] for one in list_unclaimed(root, find_datasets(root))} == {
        "manipulated_sequences": "part of faceforensics",
        "original_sequences": "part of faceforensics",
    }


def test_an_error_says_what_lies_around(make_tree):
    root = make_tree("Celeb-DF-v2/Celeb-real/id0_0000.mp4", "Celeb-DF-v2/Celeb-synthesis/id0_id1_0000.mp4")
    with pytest.raises(MissingInput, match="it is a part of celeb_df in "):
        scan(root / "Celeb-DF-v2/Celeb-real", say=lambda line: None)
    with pytest.raises(MissingInput, match="no folder says real or fake: set holds one, two"):
        scan(make_tree("set/one/1.jpg", "set/two/2.jpg", root="other"), say=lambda line: None)
