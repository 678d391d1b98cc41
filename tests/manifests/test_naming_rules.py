"""What each dataset's names and lists mean, worked by hand."""

from __future__ import annotations

import pytest

from manifests.item import MediaRow
from manifests.layouts import LAYOUTS, ffpp_lists
from manifests.layouts.layout import Scanned


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
    splits = list(ffpp_lists.official_splits().values())
    assert [splits.count(name) for name in ("train", "val", "test")] == [720, 140, 140]
    assert len({ffpp_lists.videos().get(str(n).zfill(3), str(n).zfill(3)) for n in range(1000)}) == 977


def test_seven_pairs_of_faceforensics_straddle_the_published_split():
    splits = ffpp_lists.official_splits()
    straddling = {first for first in ffpp_lists.videos() if splits[first] != splits[ffpp_lists.videos()[first]]}
    assert straddling == {"606", "640", "756", "838", "876", "955", "983"}


def test_celeb_dfs_list_is_the_other_way_round_and_is_checked_against_the_folder(make_tree):
    right = "1 Celeb-real/id4_0000.mp4\n0 Celeb-synthesis/id4_id24_0000.mp4\n"
    tree = ("Celeb-real/id4_0000.mp4", "Celeb-synthesis/id4_id24_0000.mp4", "YouTube-real/00002.mp4")
    scanned = LAYOUTS["celeb_df"].scan(make_tree(*tree, ("List_of_testing_videos.txt", right)))
    assert [(row.label, row.official_split) for row in scanned.rows] == [(0, "test"), (1, "test"), (0, "train")]
    assert scanned.problems == []

    wrong = LAYOUTS["celeb_df"].scan(make_tree(("List_of_testing_videos.txt", right.replace("1 C", "0 C"))))
    assert [row.label for row in wrong.rows] == [0, 1, 0]
    assert "Celeb-real/id4_0000.mp4: list_of_testing_videos.txt says the opposite of its folder" in wrong.problems[0]


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
    assert any("line 3" in problem for problem in scanned.problems)
    assert any("1 of the 2 videos" in problem for problem in scanned.problems)


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
    assert scanned.ignored == {"neither <speaker>-original nor <content>-to-<voice>": 1}
    (demo,) = LAYOUTS["deepvoice_demo"].scan(root).rows
    assert demo.people == ("deepvoice:linus",)


def test_a_conversion_among_the_real_recordings_is_reported(make_tree):
    scanned = LAYOUTS["deepvoice"].scan(make_tree("KAGGLE/AUDIO/REAL/linus-to-tom.wav"))
    assert [row.label for row in scanned.rows] == [1]
    assert "disagree" in scanned.problems[0]


AV_LIST = """source,target1,target2,method,category,type,race,gender,path,
id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076
id00076,id00476,-,faceswap-wav2lip,D,FakeVideo-FakeAudio,African,men,00109_1.mp4,FakeAVCeleb/x
id00076,id00018,-,fsgan,C,FakeVideo-RealAudio,African,men,00109_1.mp4,FakeAVCeleb/y
"""


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_fakeavcelebs_list_is_keyed_on_type_and_file_name(make_tree, start):
    root = make_tree(
        "RealVideo-RealAudio/African/men/id00076/00109.mp4",
        "FakeVideo-FakeAudio/African/men/id00076/00109_1.mp4",
        "FakeVideo-RealAudio/African/men/id00076/00109_1.mp4",
        ("meta_data.csv", start + AV_LIST),
    )
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    both, video, real = scanned.rows
    assert (both.method, both.video_fake, both.audio_fake) == ("faceswap-wav2lip", True, True)
    assert both.people == ("fakeavceleb:id00076", "fakeavceleb:id00476")
    assert (video.method, video.video_fake, video.audio_fake) == ("fsgan", True, False)
    assert video.people == ("fakeavceleb:id00076", "fakeavceleb:id00018")
    assert (real.method, real.video_fake, real.audio_fake) == ("none", False, False)
    assert scanned.problems == []


def test_fakeavcelebs_flat_copy_is_read_from_its_list(make_tree):
    root = make_tree("videos/00109.mp4", "videos/00109_1.mp4", "videos/other.mp4", ("meta_data.csv", AV_LIST))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    # 00109_1.mp4 is listed under two types: a flat copy cannot tell which it is.
    assert labels(scanned) == {"videos/00109.mp4": 0}
    assert scanned.ignored == {"in no folder of a type, and meta_data.csv does not tell": 2}


def test_fakeavceleb_without_a_list_believes_folders_and_names(make_tree):
    root = make_tree("FakeVideo-FakeAudio/African/men/id00076/00109_id00476_faceswap_wavtolip.mp4")
    (row,) = LAYOUTS["fakeavceleb"].scan(root).rows
    assert (row.method, row.people) == ("faceswap-wav2lip", ("fakeavceleb:id00076", "fakeavceleb:id00476"))


def test_fakeavcelebs_list_against_the_folder_is_reported(make_tree):
    root = make_tree("RealVideo-FakeAudio/African/men/id00076/00109.mp4", ("meta_data.csv", AV_LIST))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    assert [(row.label, row.method) for row in scanned.rows] == [(1, "rtvc")]
    assert "only as RealVideo-RealAudio" in scanned.problems[0]


def test_a_list_without_its_columns_is_reported_and_not_used(make_tree):
    root = make_tree("RealVideo-RealAudio/a/b/id00076/00109.mp4", ("meta_data.csv", "name,kind\nx,y\n"))
    scanned = LAYOUTS["fakeavceleb"].scan(root)
    assert [row.label for row in scanned.rows] == [0]
    assert "no column source, method, type, path" in scanned.problems[0]


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
    assert ["not one of DFD's" in problem for problem in scanned.problems] == [True, False]
    assert "disagree" in scanned.problems[1]
