"""Every name that DATASETS.md gives for a dataset on disk, with one file where its archive has it."""

from __future__ import annotations

import pytest

from unmask.core.errors import UsageError
from unmask.manifests.findings import Ignored
from unmask.manifests.scan.discovery import find_datasets, list_unclaimed

PLACES = {
    "deepfake_images": ("Deepfake image detection dataset/train-1/train/fake/a.jpg",),
    "archive": (
        "archive (2)/Dataset/Train/Real/real_1.jpg",
        "archive/Dataset/Test/Fake/fake_1.jpg",
        "archive/Train/Real/real_1.jpg",
        "Dataset/Validation/Fake/fake_1.jpg",
    ),
    "faceforensics": (
        "FaceForensics++/original_sequences/youtube/c23/videos/000.mp4",
        "faceforensics/manipulated_sequences/FaceShifter/raw/videos/000_003.mp4",
        "FF++/original/000.mp4",
        "FaceForensics++_C23/FaceForensics++_C23/original/000.mp4",
        "FaceForensics++_C40/Deepfakes/000_003.mp4",
        "faceforensics-raw/DeepFakeDetection/01_02__exit_phone_room__YVGY8LOK.mp4",
    ),
    "celeb_df": (
        "Celeb-DF-v2/Celeb-real/id0_0000.mp4",
        "Celeb-DF/YouTube-real/00000.mp4",
        "celebdf/Celeb-synthesis/id0_id1_0000.mp4",
        "Celeb V2/Celeb V2/Celeb-real/id0_0000.mp4",
    ),
    "deepvoice": ("DeepFake_AudioDataset/KAGGLE/AUDIO/REAL/linus-original.wav",),
    "deepvoice_demo": (
        "DeepFake_AudioDataset/DEMONSTRATION/linus-original-DEMO.mp3",
        "DeepFake_AudioDataset/DEMONSTRATION/DEMONSTRATION/linus-to-musk-DEMO.mp3",
    ),
    "fakeavceleb": (
        "FakeAVCeleb/RealVideo-RealAudio/African/men/id00076/00109.mp4",
        "fakeavceleb/FakeVideo-FakeAudio/Asian (South)/women/id00076/00109_1.mp4",
        "FakeAVCeleb_v1.2/FakeAVCeleb_v1.2/RealVideo-FakeAudio/African/men/id00076/00109_1.mp4",
        "FakeAVCeleb/FakeAVCeleb_v1.2/FakeAVCeleb_v1.2/FakeVideo-RealAudio/African/men/id00076/00109_1.mp4",
    ),
    "dfd_faces": ("dfd_faces/val/fake/01_04__talking_angry_couch__0XUW13RW_face0105.png",),
    "dff": (
        "DFF/DFD_original sequences/01__kitchen_pan.mp4",
        "DFD/DFD_manipulated_sequences/DFD_manipulated_sequences/01_04__kitchen_pan__0XUW13RW.mp4",
        "DFD/DFD_original sequences/DFD_original sequences/01__kitchen_pan.mp4",
        "DFD/original_sequences/actors/c40/videos/01__kitchen_pan.mp4",
        "DFD/manipulated_sequences/DeepFakeDetection/raw/videos/01_04__kitchen_pan__0XUW13RW.mp4",
    ),
}


@pytest.mark.parametrize("spelt", [str, str.upper, str.lower])
@pytest.mark.parametrize(("key", "path"), [(key, path) for key, paths in PLACES.items() for path in paths])
def test_a_dataset_is_read_wherever_its_archive_or_copy_puts_it(make_tree, key, path, spelt):
    found = {dataset.key: dataset for dataset in find_datasets(make_tree(spelt(path)))}
    scanned = found[key].scan()
    assert len(scanned.rows) == 1
    fakes = ("/fake/", "deepfakes", "faceshifter", "01_0", "synthesis", "-to-", "fakevideo", "fakeaudio")
    assert scanned.rows[0].label == int(any(part in path.lower() for part in fakes))
    assert scanned.ignored == []
    assert not any(part.scan().rows for other, part in found.items() if other != key)


def test_what_lies_beside_the_datasets_is_listed_with_its_reason(make_tree):
    root = make_tree("DFF/DFD_original sequences/01__a.mp4", "holidays/beach.mp4", "README.md", ".hidden")
    assert list_unclaimed(root, find_datasets(root)) == [
        Ignored("", "README.md", "not in the folder of a dataset"),
        Ignored("", "holidays", "folder that is not a dataset"),
    ]
    assert list_unclaimed(root / "DFF", find_datasets(root / "DFF")) == []


def test_the_copy_in_the_chosen_compression_is_read_and_the_other_reported(make_tree):
    root = make_tree("FF++_c23/original/000.mp4", "FF++_C40/original/000.mp4", "FF++_raw/original/000.mp4")
    for level, name in (("c40", "FF++_C40"), ("raw", "FF++_raw"), ("c23", "FF++_c23")):
        (found,) = find_datasets(root, level)
        assert found.root == root / name
        assert {conflict.path for conflict in found.find_duplicates()} == {
            str(p) for p in root.iterdir() if p.name != name
        }
        assert all("Put both into one folder" in conflict.remedy for conflict in found.find_duplicates())


def test_an_own_dataset_may_not_have_the_name_of_a_known_one(make_tree):
    with pytest.raises(UsageError, match="the name dfd_faces is already taken"):
        find_datasets(make_tree("DFD faces.v2/real/a.jpg", ("dfd_faces.csv", "path,label\na.jpg,1\n")))
