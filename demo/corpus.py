"""The nine datasets' layouts as data: which files exist, who is in them, how the fakes were made, and their lists.

Names follow the datasets' own releases. Fakes join people within small cliques only, so that a split by identity can
keep every clique whole and still have both classes in train, validation and test. `scale` thins the corpus: fewer
cliques (three at least) and fewer files of each (a real and a fake one at least).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unmask.demo.audio_datasets import deepvoice, deepvoice_demo
from unmask.demo.image_datasets import archive, deepfake_images
from unmask.demo.items import Group, Item, dealt
from unmask.demo.video_datasets import AV_ROOT, celeb_df, dfd_faces, dff, faceforensics, fakeavceleb

MAKERS: tuple[Callable[[int, float], Group], ...] = (
    deepfake_images,
    archive,
    faceforensics,
    celeb_df,
    deepvoice,
    deepvoice_demo,
    fakeavceleb,
)


def all_items(seed: int, scale: float) -> list[Item]:
    """Every media file of the corpus, in a fixed order."""
    films = dealt(dff(seed, scale), seed)
    by_dataset = [dealt(make(seed, scale), seed) for make in MAKERS] + [dealt(dfd_faces(films), seed), films]
    return [item for items in by_dataset for item in items]


# As published: nine names for ten values; "path" holds the file's name, the unnamed last column its folder.
META_HEADER = "source,target1,target2,method,category,type,race,gender,path,"
CATEGORIES = {
    "RealVideo-RealAudio": "A",
    "RealVideo-FakeAudio": "B",
    "FakeVideo-RealAudio": "C",
    "FakeVideo-FakeAudio": "D",
}


def meta_data(items: Sequence[Item]) -> str:
    """FakeAVCeleb's meta_data.csv."""
    lines = [META_HEADER]
    for item in items:
        if item.dataset == "fakeavceleb":
            kind, race, gender, identity, name = item.path.removeprefix(AV_ROOT + "/").split("/")
            _, target, method = _parts(name)
            folder = f"FakeAVCeleb/{kind}/{race}/{gender}/{identity}"
            lines.append(f"{identity},{target},-,{method},{CATEGORIES[kind]},{kind},{race},{gender},{name},{folder}")
    return "\n".join(lines) + "\n"


def _parts(name: str) -> tuple[str, str, str]:
    """Number, target1 and method that a file name tells: 00100.mp4, 00100_fake.mp4, 00100_id00113_fsgan.mp4."""
    match name.removesuffix(".mp4").split("_"):
        case [number]:
            return number, "-", "real"
        case [number, "fake"]:
            return number, "-", "rtvc"
        case [number, target, "wavtolip"]:
            return number, target, "wav2lip"
        case [number, target, method]:
            return number, target, method
    raise AssertionError(f"{name}: no name of ours")


def testing_videos(items: Sequence[Item]) -> str:
    """Celeb-DF-v2's List_of_testing_videos.txt, where 1 is REAL: the last third of the pairs, half of YouTube's."""
    celeb = [item for item in items if item.dataset == "celeb_df"]
    people = [item for item in celeb if "YouTube-real" not in item.path]
    strangers = [item for item in celeb if "YouTube-real" in item.path]
    pairs = sorted({_pair(item) for item in people})
    chosen = pairs[-max(1, len(pairs) // 3) :]
    tested = [item for item in people if _pair(item) in chosen] + strangers[len(strangers) // 2 :]
    return "".join(f"{int(not item.fake)} {item.path.removeprefix('Celeb-DF-v2/')}\n" for item in tested)


def _pair(item: Item) -> int:
    return int(item.who[1].removeprefix("id")) // 2
