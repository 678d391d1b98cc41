"""The datasets of films, and the face pictures taken out of one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from unmask.demo.identities import make_rng
from unmask.demo.items import Group, Item, thinned

CLIP_SIZES = ((256, 256), (320, 240), (288, 288))

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
    return thinned(groups, scale)


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
    items = thinned(groups, scale)
    for number in range(max(1, round(2 * scale))):
        who = ("celeb_df", f"youtube {number}")
        items.append(_film("celeb_df", f"Celeb-DF-v2/YouTube-real/{number:05d}.mp4", who, who))
    return items


def _celeb(target: str, source: str = "") -> Item:
    name = f"Celeb-synthesis/{target}_{source}_0000.mp4" if source else f"Celeb-real/{target}_0000.mp4"
    who = ("celeb_df", target)
    item = _film("celeb_df", f"Celeb-DF-v2/{name}", who, who)
    return replace(item, fake=True, donor=("celeb_df", source), recipe="shifter") if source else item


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
    return thinned(groups, scale)


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
    return thinned(groups, scale)


def _dfd(seed: int, target: str, scene: str, source: str = "") -> Item:
    who, recording = ("dff", target), ("dff", target, scene)
    if not source:
        return _film("dff", f"DFF/DFD_original sequences/{target}__{scene}.mp4", who, recording)
    letters = make_rng(seed, "dfd", target, source, scene).choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 8)
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
