"""The nine datasets' layouts as data: which files exist, who is in them, how the fakes were made.

Names follow the datasets' own releases. Fakes join people within small cliques only, so that a split by identity can
keep every clique whole and still have both classes in train, validation and test. `scale` thins the corpus: fewer
cliques (three at least) and fewer files of each (a real and a fake one at least).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from manifests.demo.items import Item, dealt
from manifests.demo.people import stream

Group = list[Item]
"""Files that share people; the first is real, the second fake."""

CLIP_SIZES = ((256, 256), (320, 240), (288, 288))
LEAST_GROUPS = 3


def all_items(seed: int, scale: float) -> list[Item]:
    """Every media file of the corpus, in a fixed order."""
    films = dealt(dff(seed, scale), seed)
    by_dataset = [dealt(make(seed, scale), seed) for make in MAKERS] + [dealt(dfd_faces(films), seed), films]
    return [item for items in by_dataset for item in items]


def deepfake_images(seed: int, scale: float) -> Group:
    """Names without identity: every picture is of somebody else. The official test lies in a folder of its own."""
    items = []
    for folder, count in (("train-20250112T065955Z-001/train", 40), ("test-20250112T065939Z-001/test", 20)):
        for number, fake in _halves(count, scale):
            key = f"{folder}/{number}"
            ending = "png" if number // 2 % 4 == 3 else "jpg"
            label = "fake" if fake else "real"
            items.append(
                Item(
                    dataset="deepfake_images",
                    path=f"Deepfake image detection dataset/{folder}/{label}/{number}.{ending}",
                    kind="image",
                    fake=fake,
                    who=("deepfake_images", key),
                    scene=("deepfake_images", key),
                    recipe="generated" if fake else "",
                    zoom=1.15,
                    sizes=((256, 256), (300, 260), (240, 300), (320, 320), (280, 320)),
                    qualities=(72, 95),
                )
            )
    return items


def archive(seed: int, scale: float) -> Group:
    items = []
    for folder, count in (("Train", 60), ("Validation", 20), ("Test", 20)):
        for number, fake in _halves(count, scale):
            key = f"{folder}/{number}"
            name = f"Fake/fake_{number}" if fake else f"Real/real_{number}"
            recipe = ("deepfakes", "generated", "faceswap", "shifter")[number // 2 % 4]
            items.append(
                Item(
                    dataset="archive",
                    path=f"archive (2)/Dataset/{folder}/{name}.jpg",
                    kind="image",
                    fake=fake,
                    who=("archive", key),
                    scene=("archive", key),
                    donor=("archive", key, "donor") if fake else (),
                    recipe=recipe if fake else "",
                    zoom=1.3,
                    qualities=(75, 95),
                )
            )
    return items


# Pairs of the official splits (train, val, test in turn) without the sequences that share a YouTube video with another.
FF_PAIRS = (
    ("071", "054"),
    ("720", "672"),
    ("012", "026"),
    ("087", "081"),
    ("939", "115"),
    ("623", "630"),
    ("881", "856"),
    ("187", "234"),
)
FF_METHODS = {
    "Deepfakes": "deepfakes",
    "Face2Face": "reenact",
    "FaceSwap": "faceswap",
    "NeuralTextures": "neural",
    "FaceShifter": "shifter",
}


def faceforensics(seed: int, scale: float) -> Group:
    groups = []
    for number, (one, other) in enumerate(FF_PAIRS):
        # In every second pair the same file name stands in two methods' folders, as in the release.
        first, second = (one, other), ((one, other) if number % 2 == 0 else (other, one))
        groups.append(
            [
                _ff_real(one),
                _ff_fake(*first, list(FF_METHODS)[2 * number % 5]),
                _ff_real(other),
                _ff_fake(*second, list(FF_METHODS)[(2 * number + 1) % 5]),
            ]
        )
    return _thinned(groups, scale)


def _ff_real(sequence: str) -> Item:
    who = ("faceforensics", sequence)
    path = f"FaceForensics++/original_sequences/youtube/c23/videos/{sequence}.mp4"
    return _film("faceforensics", path, who, who)


def _ff_fake(target: str, source: str, method: str) -> Item:
    path = f"FaceForensics++/manipulated_sequences/{method}/c23/videos/{target}_{source}.mp4"
    donor, recipe = ("faceforensics", source), FF_METHODS[method]
    fake = replace(_ff_real(target), path=path, fake=True, donor=donor, recipe=recipe)
    # Re-enactment puts the source's expressions on the target's own face.
    return replace(fake, speech=donor) if recipe in ("reenact", "neural") else fake


def celeb_df(seed: int, scale: float) -> Group:
    groups = []
    for number in range(7):
        one, other = f"id{2 * number}", f"id{2 * number + 1}"
        groups.append([_celeb(one), _celeb(one, other), _celeb(other), _celeb(other, one)])
    items = _thinned(groups, scale)
    for number in range(max(1, round(2 * scale))):
        who = ("celeb_df", f"youtube {number}")
        items.append(_film("celeb_df", f"Celeb-DF-v2/YouTube-real/{number:05d}.mp4", who, who))
    return items


def _celeb(target: str, source: str = "") -> Item:
    name = f"Celeb-synthesis/{target}_{source}_0000.mp4" if source else f"Celeb-real/{target}_0000.mp4"
    who = ("celeb_df", target)
    item = _film("celeb_df", f"Celeb-DF-v2/{name}", who, who)
    return replace(item, fake=True, donor=("celeb_df", source), recipe="shifter") if source else item


SPEAKERS = ("ada", "bruno", "clara", "dmitri", "elena", "farid", "greta", "hugo", "ines", "jonas", "kira", "leon")


def deepvoice(seed: int, scale: float) -> Group:
    """Converted voices stay within pairs of speakers."""
    groups = []
    for one, other in zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True):
        groups.append([_voice(one), _voice(one, other), _voice(other), _voice(other, one)])
    return _thinned(groups, scale)


def deepvoice_demo(seed: int, scale: float) -> Group:
    """The same pairs of speakers, encoded as MP3."""
    groups = []
    for one, other in zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True):
        groups.append([_demo(_voice(one)), _demo(_voice(one, other))])
    return _thinned(groups, scale)


def _voice(content: str, voice: str = "") -> Item:
    folder, name = ("FAKE", f"{content}-to-{voice}") if voice else ("REAL", f"{content}-original")
    return Item(
        dataset="deepvoice",
        path=f"DeepFake_AudioDataset/KAGGLE/AUDIO/{folder}/{name}.wav",
        kind="audio",
        fake=bool(voice),
        who=("deepvoice", content),
        voice=("deepvoice", voice or content),
        speech=("deepvoice", content),
        vocoded=bool(voice),
        seconds=(6.0, 8.0),
        sidecars=("", ".txt", ".srt", ""),
    )


def _demo(item: Item) -> Item:
    stem = item.path.rsplit("/", 1)[1].removesuffix(".wav")
    path = f"DeepFake_AudioDataset/DEMONSTRATION/DEMONSTRATION/{stem}-DEMO.mp3"
    return replace(item, dataset="deepvoice_demo", path=path, qualities=(64, 128), speech=(*item.speech, "demo"))


RACES = ("African", "Asian (East)", "Asian (South)", "Caucasian (American)", "Caucasian (European)")
AV_ROOT = "FakeAVCeleb_v1.2/FakeAVCeleb_v1.2"
AV_METHODS = {
    "RealVideo-FakeAudio": ("rtvc", "rtvc"),
    "FakeVideo-RealAudio": ("faceswap", "fsgan"),
    "FakeVideo-FakeAudio": ("wav2lip", "faceswap-wav2lip", "fsgan-wav2lip"),
}
AV_RECIPES = {"rtvc": "", "faceswap": "faceswap", "fsgan": "shifter", "wav2lip": "lips"}


def fakeavceleb(seed: int, scale: float) -> Group:
    groups = []
    for number in range(8):
        one, other = 2 * number, 2 * number + 1
        fakes = [
            _av_fake(one, other, kind, AV_METHODS[kind][number % len(AV_METHODS[kind])])
            for kind in list(AV_METHODS)[number % 3 :] + list(AV_METHODS)[: number % 3]
        ]
        groups.append([_av_real(one), fakes[0], _av_real(other), *fakes[1:]])
    return _thinned(groups, scale)


def _av_folder(number: int) -> str:
    """The last three folders of a person's files: race, gender, identity."""
    return f"{RACES[number // 2 % len(RACES)]}/{('men', 'women')[number // 4 % 2]}/id{number * 37 + 76:05d}"


def _av_real(number: int) -> Item:
    who = ("fakeavceleb", f"{number}")
    path = f"{AV_ROOT}/RealVideo-RealAudio/{_av_folder(number)}/{number + 100:05d}.mp4"
    item = _film("fakeavceleb", path, who, who)
    return replace(item, voice=who, sidecars=("csv", ".srt", "", ".vtt", "csv", ""))


def _av_fake(number: int, donor: int, kind: str, method: str) -> Item:
    real = _av_real(number)
    given = _av_folder(donor).rsplit("/", 1)[1]
    code = {"rtvc": "fake", "wav2lip": f"{given}_wavtolip"}.get(method, f"{given}_{method}")
    false_sound = kind.endswith("FakeAudio")
    return replace(
        real,
        path=f"{AV_ROOT}/{kind}/{_av_folder(number)}/{number + 100:05d}_{code}.mp4",
        fake=True,
        donor=("fakeavceleb", f"{donor}"),
        recipe=AV_RECIPES[method.split("-")[0]],
        vocoded=false_sound,
        dubbed=(*real.speech, "dubbed") if method == "rtvc" else (),
        late_mouth=kind == "FakeVideo-FakeAudio",
    )


SCENES = (
    "talking_angry_couch",
    "walking_outside_cafe_disgusted",
    "talking_against_wall",
    "kitchen_pan",
    "podium_speech_happy",
    "outside_talking_still_laughing",
)
DFD_ORDER = ("train", "val", "test", "train", "train", "train")


def dff(seed: int, scale: float) -> Group:
    groups = []
    for number, scene in enumerate(SCENES):
        one, other = f"{2 * number + 1:02d}", f"{2 * number + 2:02d}"
        groups.append(
            [
                _dfd(seed, one, scene),
                _dfd(seed, one, scene, other),
                _dfd(seed, other, scene),
                _dfd(seed, other, scene, one),
            ]
        )
    return _thinned(groups, scale)


def _dfd(seed: int, target: str, scene: str, source: str = "") -> Item:
    who, recording = ("dff", target), ("dff", target, scene)
    if not source:
        return _film("dff", f"DFF/DFD_original sequences/{target}__{scene}.mp4", who, recording)
    letters = stream(seed, "dfd", target, source, scene).choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 8)
    name = f"{target}_{source}__{scene}__{''.join(letters)}.mp4"
    item = _film("dff", f"DFF/DFD_manipulated_sequences/DFD_manipulated_sequences/{name}", who, recording)
    return replace(item, fake=True, donor=("dff", source), recipe="deepfakes")


def dfd_faces(films: Iterable[Item]) -> Group:
    """Two or three closer frames out of each film of `dff`, named as that film and in one split with its actors."""
    items = []
    for index, film in enumerate(films):
        stem = film.path.rsplit("/", 1)[1].removesuffix(".mp4")
        split = DFD_ORDER[(int(film.who[1]) - 1) // 2]
        for part in range(2 + (index // 2) % 2):
            number = 5 + part * 17
            path = f"dfd_faces/{split}/{'fake' if film.fake else 'real'}/{stem}_face{number:04d}.jpg"
            items.append(
                replace(
                    film,
                    dataset="dfd_faces",
                    path=path,
                    kind="image",
                    frame=number,
                    zoom=1.45,
                    sizes=((224, 224),),
                    qualities=(75, 95),
                )
            )
    return items


MAKERS: tuple[Callable[[int, float], Group], ...] = (
    deepfake_images,
    archive,
    faceforensics,
    celeb_df,
    deepvoice,
    deepvoice_demo,
    fakeavceleb,
)


def _film(dataset: str, path: str, who: tuple[str, ...], recording: tuple[str, ...]) -> Item:
    """A true recording; its sound is not kept unless a voice is added."""
    return Item(
        dataset=dataset,
        path=path,
        kind="video",
        fake=False,
        who=who,
        scene=recording,
        speech=recording,
        sizes=CLIP_SIZES,
    )


def _halves(count: int, scale: float) -> list[tuple[int, bool]]:
    """Numbers from 0, real and fake in turn: `count` at scale 1, at least two of each."""
    kept = 2 * max(2, round(count * scale / 2))
    return [(number, number % 2 == 1) for number in range(kept)]


def _thinned(groups: list[Group], scale: float) -> Group:
    """Fewer groups and fewer files of each, in proportion to `scale`; a group keeps a real and a fake file."""
    wanted = round(sum(map(len, groups)) * scale)
    kept = groups[: max(LEAST_GROUPS, min(len(groups), round(len(groups) * scale)))]
    each = max(2, -(-wanted // len(kept)))
    return [item for group in kept for item in group[:each]]
