"""Masks of the manipulated region are recorded with the videos that they belong to."""

from __future__ import annotations

from unmask.core.hashing import hash_quickly
from unmask.manifests.datasets import LAYOUTS

FAKE, REAL = "manipulated_sequences", "original_sequences"


def masks_of(root, key: str) -> dict[str, str | None]:
    return {row.path: row.mask for row in LAYOUTS[key].scan(root).rows}


def test_a_mask_belongs_to_the_forgery_of_its_method_and_name_in_every_level(make_tree):
    root = make_tree(
        f"{FAKE}/Deepfakes/c23/videos/000_003.mp4",
        f"{FAKE}/Deepfakes/c40/videos/000_003.mp4",
        f"{FAKE}/Deepfakes/masks/videos/000_003.mp4",
        f"{FAKE}/Face2Face/c23/videos/000_003.mp4",
        f"{FAKE}/Face2Face/masks/videos/000_003.mp4",
    )
    assert masks_of(root, "faceforensics") == {
        f"{FAKE}/Deepfakes/c23/videos/000_003.mp4": f"{FAKE}/Deepfakes/masks/videos/000_003.mp4",
        f"{FAKE}/Deepfakes/c40/videos/000_003.mp4": f"{FAKE}/Deepfakes/masks/videos/000_003.mp4",
        f"{FAKE}/Face2Face/c23/videos/000_003.mp4": f"{FAKE}/Face2Face/masks/videos/000_003.mp4",
    }


def test_an_original_and_forgeries_without_masks_take_the_mask_of_a_forgery_of_their_scene(make_tree):
    mask = f"{FAKE}/Deepfakes/masks/videos/000_003.mp4"
    root = make_tree(
        f"{FAKE}/Deepfakes/c23/videos/000_003.mp4",
        mask,
        f"{FAKE}/FaceShifter/c23/videos/000_003.mp4",  # no masks are published
        f"{FAKE}/FaceShifter/c23/videos/003_000.mp4",  # the frames of 003
        f"{REAL}/youtube/c23/videos/000.mp4",
        f"{REAL}/youtube/c23/videos/003.mp4",  # gives its face, not its frames
    )
    found = masks_of(root, "faceforensics")
    assert {path for path, chosen in found.items() if chosen == mask} == {
        f"{FAKE}/Deepfakes/c23/videos/000_003.mp4",
        f"{FAKE}/FaceShifter/c23/videos/000_003.mp4",
        f"{REAL}/youtube/c23/videos/000.mp4",
    }
    assert set(found.values()) == {mask, None}


def test_the_masks_of_dfd_are_found_in_its_own_download_and_in_the_copy_with_doubled_folders(make_tree):
    name, other = "01_04__talking_angry_couch__0XUW13RW.mp4", "04_01__talking_angry_couch__1XUW13RW.mp4"
    official = make_tree(
        f"{FAKE}/DeepFakeDetection/c23/videos/{name}",
        f"{FAKE}/DeepFakeDetection/masks/videos/{name}",
        f"{REAL}/actors/c23/videos/01__talking_angry_couch.mp4",
        f"{REAL}/actors/c23/videos/04__talking_angry_couch.mp4",
    )
    found = masks_of(official, "dff")
    assert [path for path, mask in found.items() if mask is None] == [
        f"{REAL}/actors/c23/videos/04__talking_angry_couch.mp4"
    ]
    copied = make_tree(
        f"DFD_manipulated_sequences/DFD_manipulated_sequences/{name}",
        f"DFD_manipulated_sequences/DFD_manipulated_sequences/{other}",
        f"DFD_manipulated_sequences/masks/{name}",
        root="copy",
    )
    found = {path.rpartition("/")[2]: mask for path, mask in masks_of(copied, "dff").items()}
    assert (found[name], found[other]) == (f"DFD_manipulated_sequences/masks/{name}", None)


def test_the_content_of_a_mask_is_recorded_and_an_unreadable_one_has_none(make_tree):
    mask = f"{FAKE}/Deepfakes/masks/videos/000_003.mp4"
    root = make_tree(f"{FAKE}/Deepfakes/c23/videos/000_003.mp4", mask)
    (row,) = LAYOUTS["faceforensics"].scan(root).rows
    assert row.mask_content == hash_quickly(root / mask)
    (root / mask).unlink()
    (root / mask).mkdir()
    (row,) = LAYOUTS["faceforensics"].scan(root).rows
    assert (row.mask, row.mask_content) == (None, None), "a folder is no mask"


def test_without_masks_no_row_has_one(make_tree):
    root = make_tree(f"{FAKE}/Deepfakes/c23/videos/000_003.mp4", f"{REAL}/youtube/c23/videos/000.mp4")
    assert set(masks_of(root, "faceforensics").values()) == {None}
