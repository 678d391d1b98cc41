"""Which file an id means."""

from __future__ import annotations

import pytest

from unmask.core.errors import UsageError
from unmask.evaluation.foreign.item_ids import ItemIds
from unmask.manifests.manifest import MediaRow

PATHS = (
    ("celeb_df", "Celeb-real/id0_0001.mp4"),
    ("celeb_df", "Celeb-synthesis/id0_id1_0001.mp4"),
    ("faceforensics", "Deepfakes/000_003.mp4"),
    ("faceforensics", "FaceSwap/000_003.mp4"),
    ("faceforensics", "original/000.mp4"),
    ("speech", "flac/LA_E_1.2.flac"),
    ("speech", "1.wav"),
    ("dff", "x/1.wav"),
)
ROWS = [
    MediaRow(media_id=f"{number:032x}", dataset=dataset, domain_id=0, path=path, kind="video", label=0)
    for number, (dataset, path) in enumerate(PATHS)
]


@pytest.mark.parametrize(
    ("key", "number"),
    [
        (f"{2:032x}", 2),
        ("faceforensics/Deepfakes/000_003.mp4", 2),
        ("Deepfakes/000_003.mp4", 2),
        ("./FaceSwap/000_003.mp4", 3),
        ("FaceSwap\\000_003.mp4", 3),
        ("/data/FF++/FaceSwap/000_003.mp4", 3),
        ("id0_0001.mp4", 0),
        ("id0_0001", 0),
        ("Celeb-real/id0_0001", 0),
        ("LA_E_1.2", 5),
        ("LA_E_1.2.wav", 5),
        ("/elsewhere/original/000.png", 4),
        ("speech/1.wav", 6),
        ("x/1", 7),
        ("/data/x/1.wav", 7),
        ("0001.mp4", -1),
        ("Deepfakes/000.mp4", -1),
        ("", -1),
    ],
)
def test_an_id_means_one_file(key: str, number: int):
    assert ItemIds(ROWS).find([key]).tolist() == [number]


@pytest.mark.parametrize("key", ["000_003", "000_003.mp4", "1", "1.wav"])
def test_an_id_of_several_files_is_refused_with_their_names(key: str):
    with pytest.raises(UsageError, match=rf"1 ids fit several media files: '{key}' fits \S+ and \S+") as caught:
        ItemIds(ROWS).find(["id0_0001", key])
    assert "media_id" in caught.value.hint


def test_a_name_that_our_tables_marked_as_no_formula():
    paths = ("=1.jpg", "'=2.jpg", "=2.jpg")
    rows = [
        MediaRow(media_id=str(number), dataset="mine", domain_id=9, path=path, kind="image", label=0)
        for number, path in enumerate(paths)
    ]
    assert ItemIds(rows).find(["'=1.jpg", "=1.jpg", "'=2.jpg", "=2.jpg"]).tolist() == [0, 0, 1, 2]
