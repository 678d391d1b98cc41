"""What each dataset's names and lists mean, worked by hand."""

from __future__ import annotations

import pytest

from unmask.manifests.datasets import LAYOUTS, faceforensics
from unmask.manifests.datasets.base import Scanned
from unmask.manifests.manifest import MediaRow


def labels(scanned: Scanned) -> dict[str, int | None]:
    return {row.path: row.label for row in scanned.rows}


def only(scanned: Scanned, part: str) -> MediaRow:
    (row,) = [row for row in scanned.rows if part in row.path]
    return row


def test_faceforensics_fakes_carry_method_both_sequences_and_the_published_split(make_tree):
    root = make_tree("NeuralTextures/004_982.mp4", "original/004.mp4", "Deepfakes/000_003.mp4")
    scanned = LAYOUTS["faceforensics"].scan(root)
    fake, real = only(scanned, "004_982"), only(scanned, "original")
    assert (fake.method, fake.video_fake, fake.official_split) == ("neuraltextures", True, "val")
    assert (real.method, real.sources, real.official_split) == ("none", ("ffpp:004",), "val")
    # 982 and 983 are cut from one video on YouTube, so their key is the video's as well.
    assert fake.sources == ("ffpp:004", "ffpp:982", "ffpp:video-of-982")
    assert only(scanned, "000_003").official_split == "test"


def test_the_published_lists_of_faceforensics_are_shipped_whole():
    splits = list(faceforensics.read_official_splits().values())
    assert [splits.count(name) for name in ("train", "val", "test")] == [720, 140, 140]
    assert len({faceforensics.read_shared_videos().get(str(n).zfill(3), str(n).zfill(3)) for n in range(1000)}) == 977


@pytest.mark.parametrize(
    ("first", "second", "splits"),
    [
        ("605", "606", ("train", "val")),
        ("639", "640", ("train", "val")),
        ("755", "756", ("test", "train")),
        ("837", "838", ("val", "train")),
        ("875", "876", ("val", "train")),
        ("954", "955", ("train", "test")),
        ("982", "983", ("val", "train")),
    ],
)
def test_the_straddling_pairs_of_faceforensics_have_one_key_in_two_published_splits(make_tree, first, second, splits):
    rows = LAYOUTS["faceforensics"].scan(make_tree(f"original/{first}.mp4", f"original/{second}.mp4")).rows
    assert set(rows[0].sources) & set(rows[1].sources) == {f"ffpp:video-of-{first}"}
    assert (rows[0].official_split, rows[1].official_split) == splits


def test_one_name_under_several_methods_of_faceforensics_is_several_files_of_one_group(make_tree):
    methods = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
    root = make_tree(*(f"manipulated_sequences/{method}/c23/videos/000_003.mp4" for method in methods))
    rows = LAYOUTS["faceforensics"].scan(root).rows
    assert {row.method for row in rows} == {method.lower() for method in methods}
    assert len({row.media_id for row in rows}) == 5
    assert {row.sources for row in rows} == {("ffpp:000", "ffpp:003")}
    assert {(row.video_fake, row.audio_fake) for row in rows} == {(True, None)}  # released without sound


def test_faceforensics_leaves_out_masks_lists_and_sequences_that_it_does_not_have(make_tree):
    root = make_tree(
        "original/1000.mp4",
        "Deepfakes/12_34.mp4",
        "Deepfakes/000_003_cut.mp4",
        "Deepfakes/000_003.mp4",
        "masks/videos/000_003.mp4",
        "csv/Deepfakes.csv",
        "preview/000.mp4",
    )
    scanned = LAYOUTS["faceforensics"].scan(root)
    assert labels(scanned) == {"Deepfakes/000_003.mp4": 1}
    assert scanned.reasons == {
        "original whose name is not a sequence 000 to 999": 1,
        "fake whose name is not <target>_<source>, each 000 to 999": 2,
        "mask": 1,
        "table or list": 1,
        "not in a folder of a method or of originals": 1,
    }
    assert [conflict.path for conflict in scanned.conflicts] == [
        "Deepfakes/000_003_cut.mp4",
        "Deepfakes/12_34.mp4",
        "original/1000.mp4",
    ]
    assert all(conflict.remedy.startswith("Restore the original name") for conflict in scanned.conflicts)


def test_seven_pairs_of_faceforensics_straddle_the_published_split():
    splits = faceforensics.read_official_splits()
    straddling = {
        first
        for first in faceforensics.read_shared_videos()
        if splits[first] != splits[faceforensics.read_shared_videos()[first]]
    }
    assert straddling == {"606", "640", "756", "838", "876", "955", "983"}


def test_celeb_dfs_list_may_have_a_byte_order_mark_windows_paths_and_another_case(make_tree):
    listed = (
        "List_of_testing_videos.txt",
        "\ufeff1  CELEB-REAL\\ID4_0000.MP4\r\n\r\n0\tCeleb-synthesis/id4_id5_0000.mp4",
    )
    scanned = LAYOUTS["celeb_df"].scan(
        make_tree("Celeb-real/id4_0000.mp4", "Celeb-synthesis/id4_id5_0000.mp4", "YouTube-real/00001.mp4", listed)
    )
    assert [row.official_split for row in scanned.rows] == ["test", "test", "train"]
    assert scanned.conflicts == []


def test_celeb_df_without_its_test_list_says_so(make_tree):
    (conflict,) = LAYOUTS["celeb_df"].scan(make_tree("Celeb-real/id4_0000.mp4")).conflicts
    assert conflict.problem == "List_of_testing_videos.txt is missing, so the official test videos are unknown"


def test_celeb_dfs_list_is_the_other_way_round_and_is_checked_against_the_folder(make_tree):
    right = "1 Celeb-real/id4_0000.mp4\n0 Celeb-synthesis/id4_id24_0000.mp4\n"
    tree = ("Celeb-real/id4_0000.mp4", "Celeb-synthesis/id4_id24_0000.mp4", "YouTube-real/00002.mp4")
    scanned = LAYOUTS["celeb_df"].scan(make_tree(*tree, ("List_of_testing_videos.txt", right)))
    assert [(row.label, row.official_split) for row in scanned.rows] == [(0, "test"), (1, "test"), (0, "train")]
    assert scanned.conflicts == []

    wrong = LAYOUTS["celeb_df"].scan(make_tree(("List_of_testing_videos.txt", right.replace("1 C", "0 C"))))
    assert [row.label for row in wrong.rows] == [0, 1, 0]
    (conflict,) = (one for one in wrong.conflicts if one.path == "Celeb-real/id4_0000.mp4")
    assert "list_of_testing_videos.txt gives the opposite label of its folder" in conflict.problem
    assert conflict.remedy == "Unpack the archive again"


def test_celeb_dfs_fakes_name_target_source_and_the_targets_recording(make_tree):
    root = make_tree("Celeb-synthesis/id4_id24_0007.mp4", "Celeb-real/id4_0007.mp4", "YouTube-real/00002.mp4")
    real, fake, youtube = LAYOUTS["celeb_df"].scan(root).rows
    assert (fake.people, fake.sources) == (("celeb:id4", "celeb:id24"), ("celeb:id4_0007",))
    assert (real.people, real.sources) == (("celeb:id4",), ("celeb:id4_0007",))
    assert (youtube.people, youtube.sources) == ((), ("celeb:youtube-00002",))
    assert {row.official_split for row in (real, fake, youtube)} == {None}  # no list, nothing published


def test_a_listed_video_that_is_not_there_is_reported(make_tree):
    listed = ("List_of_testing_videos.txt", "1 Celeb-real/id4_0000.mp4\n1 Celeb-real/id5_0000.mp4\nnonsense\n")
    scanned = LAYOUTS["celeb_df"].scan(make_tree("Celeb-real/id4_0000.mp4", listed))
    assert any("line 3" in str(conflict) for conflict in scanned.conflicts)
    assert any("1 of the 2 listed videos" in str(conflict) for conflict in scanned.conflicts)


def test_deep_voice_takes_the_label_from_dashes_and_counts_only_speakers_with_an_original(make_tree):
    root = make_tree(
        "KAGGLE/AUDIO/REAL/Tom-Original.wav",
        "KAGGLE/AUDIO/FAKE/tts-to-tom.wav",
        "KAGGLE/AUDIO/FAKE/linus-to-tom.wav",
        "KAGGLE/AUDIO/FAKE/tomato.wav",
        "DEMONSTRATION/linus-original-DEMO.mp3",
    )
    scanned = LAYOUTS["deepvoice"].scan(root)
    people = {row.path.rpartition("/")[2]: row.people for row in scanned.rows}
    assert people == {
        "Tom-Original.wav": ("deepvoice:tom",),
        "tts-to-tom.wav": ("deepvoice:tom",),
        "linus-to-tom.wav": ("deepvoice:linus", "deepvoice:tom"),
    }
    assert scanned.reasons == {"neither <speaker>-original nor <content>-to-<voice>": 1}
    (demo,) = LAYOUTS["deepvoice_demo"].scan(root).rows
    assert demo.people == ("deepvoice:linus",)


def test_a_conversion_among_the_real_recordings_is_reported(make_tree):
    scanned = LAYOUTS["deepvoice"].scan(make_tree("KAGGLE/AUDIO/REAL/linus-to-tom.wav"))
    assert [row.label for row in scanned.rows] == [1]
    assert "disagree" in str(scanned.conflicts[0])


def test_the_three_copies_of_dfd_share_one_key_and_the_actors(make_tree):
    name = "01_04__talking_angry_couch__0XUW13RW"
    root = make_tree(
        f"ff/DeepFakeDetection/{name}.mp4",
        f"faces/train/fake/{name}_face0105.jpg",
        f"dfd/DFD_manipulated_sequences/{name}.mp4",
        "dfd/DFD_original sequences/01__talking_angry_couch.mp4",
    )
    rows = [
        only(LAYOUTS["faceforensics"].scan(root / "ff"), name),
        only(LAYOUTS["dfd_faces"].scan(root / "faces"), name),
        only(LAYOUTS["dff"].scan(root / "dfd"), name),
    ]
    real = only(LAYOUTS["dff"].scan(root / "dfd"), "original")
    assert {row.people for row in rows} == {("dfd:01", "dfd:04")}
    assert {row.sources for row in rows} == {
        ("dfd:01_04__talking_angry_couch__0xuw13rw", "dfd:01__talking_angry_couch"),
    }
    assert {row.method for row in rows} == {"deepfakedetection"}
    assert (real.people, real.sources) == (("dfd:01",), ("dfd:01__talking_angry_couch",))


def test_a_face_image_that_lost_its_name_is_used_and_reported(make_tree):
    scanned = LAYOUTS["dfd_faces"].scan(make_tree("train/fake/img7.jpg", "train/real/01_04__a__0XUW13RW_face1.jpg"))
    assert [(row.label, row.people) for row in scanned.rows] == [(1, ()), (0, ("dfd:01", "dfd:04"))]
    assert ["not one of DFD's" in str(conflict) for conflict in scanned.conflicts] == [True, False]
    assert "disagree" in str(scanned.conflicts[1])


def test_a_face_image_may_lie_in_a_folder_with_its_videos_name(make_tree):
    root = make_tree("train/fake/01_04__exit_phone_room__0XUW13RW/0105.png", "train/real/02__podium/face_3.jpg")
    fake, real = LAYOUTS["dfd_faces"].scan(root).rows
    assert (fake.people, real.people) == (("dfd:01", "dfd:04"), ("dfd:02",))


def test_a_face_that_lies_in_two_splits_is_read_once(make_tree):
    name = "01_04__exit_phone_room__0XUW13RW_face0105"
    scanned = LAYOUTS["dfd_faces"].scan(make_tree(f"val/fake/{name}.jpg", f"test/fake/{name}.png"))
    assert [row.official_split for row in scanned.rows] == ["test"]
    assert scanned.reasons == {"second file of the same recording": 1}
    (conflict,) = scanned.conflicts
    assert (conflict.path, conflict.remedy) == (
        f"val/fake/{name}.jpg",
        f"Remove it or test/fake/{name}.png, which is used",
    )


def test_the_images_datasets_publish_no_identity_and_the_samples_are_for_training(make_tree):
    root = make_tree(
        "train-20250112T065955Z-001/fake/a.jpg",
        "test-20250112T065939Z-001/test/real/b.jpg",
        "Sample_fake_images/Sample_fake_images/c.jpg",
    )
    sample, test, train = LAYOUTS["deepfake_images"].scan(root).rows
    assert [(row.label, row.official_split) for row in (sample, test, train)] == [
        (1, "train"),
        (0, "test"),
        (1, "train"),
    ]
    assert {(row.people, row.sources) for row in (sample, test, train)} == {((), ())}
    assert [row.video_fake for row in (sample, test, train)] == [True, False, True]


def test_archives_three_folders_are_its_official_split(make_tree):
    root = make_tree(
        "Dataset/Train/Real/real_0.jpg", "Dataset/Validation/Fake/fake_0.jpg", "Dataset/Test/Fake/fake_0.jpg"
    )
    rows = LAYOUTS["archive"].scan(root).rows
    assert [(row.official_split, row.label) for row in rows] == [("test", 1), ("train", 0), ("val", 1)]


def test_both_recordings_of_a_speaker_share_the_speaker_whatever_the_case(make_tree):
    root = make_tree(
        "KAGGLE/AUDIO/REAL/LINUS-original.wav",
        "KAGGLE/AUDIO/FAKE/Linus-to-MUSK.wav",
        "DEMONSTRATION/DEMONSTRATION/linus-original-DEMO.mp3",
        "DEMONSTRATION/DEMONSTRATION/linus-to-musk-DEMO.mp3",
    )
    fake, real = LAYOUTS["deepvoice"].scan(root).rows
    demo_real, demo_fake = LAYOUTS["deepvoice_demo"].scan(root).rows
    assert real.people == demo_real.people == ("deepvoice:linus",)
    assert fake.people == demo_fake.people == ("deepvoice:linus", "deepvoice:musk")
    assert (fake.method, fake.audio_fake, fake.video_fake) == ("rvc", True, None)
