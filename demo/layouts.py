"""The media files of the nine datasets: folders and names as in their releases, identities, and manipulations.

Fakes join identities within pairs only, so that a split by identity keeps every pair whole and still has both classes
in train, validation and test. `scale` thins the corpus; every dataset keeps at least two real and two fake files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from unmask.demo.identities import make_rng
from unmask.demo.items import Item, Keys, deal, thin

IMAGE_FOLDERS = {
    "deepfake_images": {"train-20250112T065955Z-001/train": 40, "test-20250112T065939Z-001/test": 20},
    "archive": {"Train": 60, "Validation": 20, "Test": 20},
}
ARCHIVE_RECIPES = ("deepfakes", "generated", "faceswap", "shifter")
SPEAKERS = "ada bruno clara dmitri elena farid greta hugo ines jonas kira leon".split()
# Pairs of the official splits (train, val, test in turn) without the sequences that share a YouTube video with another.
FF_PAIRS = [pair.split("_") for pair in "071_054 720_672 012_026 087_081 939_115 623_630 881_856 187_234".split()]
FF_RECIPES = {
    "Deepfakes": "deepfakes",
    "Face2Face": "reenact",
    "FaceSwap": "faceswap",
    "NeuralTextures": "neural",
    "FaceShifter": "shifter",
}
RACES = ("African", "Asian (East)", "Asian (South)", "Caucasian (American)", "Caucasian (European)")
AV_ROOT = "FakeAVCeleb_v1.2/FakeAVCeleb_v1.2"
AV_METHODS = {
    "RealVideo-FakeAudio": ("rtvc", "rtvc"),
    "FakeVideo-RealAudio": ("faceswap", "fsgan"),
    "FakeVideo-FakeAudio": ("wav2lip", "faceswap-wav2lip", "fsgan-wav2lip"),
}
AV_RECIPES = {"rtvc": "", "faceswap": "faceswap", "fsgan": "shifter", "wav2lip": "lips"}
DFD_SCENES = (
    "talking_angry_couch walking_outside_cafe_disgusted talking_against_wall "
    "kitchen_pan podium_speech_happy outside_talking_still_laughing"
).split()
DFD_SPLITS = ("train", "val", "test", "train", "train", "train")


def list_items(seed: int, scale: float) -> list[Item]:
    """Every media file of the corpus, in a fixed order."""
    voices = [_pair(_make_voice, *pair) for pair in zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True)]
    celeb_df = [_pair(_make_celeb, f"id{number}", f"id{number + 1}") for number in range(0, 14, 2)]
    dff = [_pair(lambda *names: _make_dfd(seed, *names), f"{n:02d}", f"{n + 1:02d}") for n in range(1, 13, 2)]
    films = deal(thin(dff, scale), seed)
    datasets = (
        _list_images("deepfake_images", scale),
        _list_images("archive", scale),
        thin([_group_faceforensics(number) for number in range(8)], scale),
        thin(celeb_df, scale) + [_make_celeb(f"youtube {number}") for number in range(max(1, round(2 * scale)))],
        thin(voices, scale),
        [_as_demonstration(item) for item in thin([group[:2] for group in voices], scale)],
        thin([_group_fakeavceleb(number) for number in range(8)], scale),
        _list_dfd_faces(films),
    )
    return [item for dataset in datasets for item in deal(dataset, seed)] + films


def _pair(make: Callable[..., Item], one: str, other: str) -> list[Item]:
    """A real file of each of two identities, and a fake of each with the other as source."""
    return [make(one), make(one, other), make(other), make(other, one)]


def _make_clip(dataset: str, path: str, who: str, source: str = "", recipe: str = "", recording: Keys = ()) -> Item:
    """A clip without audio; a fake with a `source`."""
    recording = (dataset, who, *recording)
    return Item(
        dataset=dataset,
        path=path,
        kind="video",
        fake=bool(source),
        who=(dataset, who),
        donor=(dataset, source) if source else (),
        recipe=recipe,
        scene=recording,
        speech=recording,
        sizes=((256, 256), (320, 240), (288, 288)),
    )


def _list_images(dataset: str, scale: float) -> list[Item]:
    """Portraits, real and fake in turn; every image shows another identity."""
    items = []
    for folder, count in IMAGE_FOLDERS[dataset].items():
        for number in range(2 * max(2, round(count * scale / 2))):
            fake, key = number % 2 == 1, (dataset, f"{folder}/{number}")
            label = "fake" if fake else "real"
            item = Item(dataset=dataset, path="", kind="image", fake=fake, who=key, scene=key, qualities=(75, 95))
            if dataset == "archive":
                path = f"archive (2)/Dataset/{folder}/{label.title()}/{label}_{number}.jpg"
                recipe, donor = (ARCHIVE_RECIPES[number // 2 % 4], (*key, "donor")) if fake else ("", ())
                items.append(replace(item, path=path, recipe=recipe, donor=donor, zoom=1.3))
            else:
                suffix = "png" if number // 2 % 4 == 3 else "jpg"
                path = f"Deepfake image detection dataset/{folder}/{label}/{number}.{suffix}"
                sizes = ((256, 256), (300, 260), (240, 300), (320, 320), (280, 320))
                recipe = "generated" if fake else ""
                items.append(replace(item, path=path, recipe=recipe, zoom=1.15, sizes=sizes, qualities=(72, 95)))
    return items


def _make_voice(content: str, voice: str = "") -> Item:
    name = f"FAKE/{content}-to-{voice}" if voice else f"REAL/{content}-original"
    return Item(
        dataset="deepvoice",
        path=f"DeepFake_AudioDataset/KAGGLE/AUDIO/{name}.wav",
        kind="audio",
        fake=bool(voice),
        who=("deepvoice", content),
        voice=("deepvoice", voice or content),
        speech=("deepvoice", content),
        vocoded=bool(voice),
        seconds=(6.0, 8.0),
        sidecars=("", ".txt", ".srt", ""),
    )


def _as_demonstration(item: Item) -> Item:
    """DEEP-VOICE's demonstration: the same pairs of speakers, as MP3."""
    stem = item.path.rsplit("/", 1)[1].removesuffix(".wav")
    path = f"DeepFake_AudioDataset/DEMONSTRATION/DEMONSTRATION/{stem}-DEMO.mp3"
    return replace(item, dataset="deepvoice_demo", path=path, qualities=(64, 128), speech=(*item.speech, "demo"))


def _group_faceforensics(number: int) -> list[Item]:
    def fake(target: str, source: str, method: str) -> Item:
        path = f"FaceForensics++/manipulated_sequences/{method}/c23/videos/{target}_{source}.mp4"
        clip = _make_clip("faceforensics", path, target, source, FF_RECIPES[method])
        # Reenactment puts the expressions of the source on the face of the target.
        return replace(clip, speech=clip.donor) if clip.recipe in ("reenact", "neural") else clip

    one, other = FF_PAIRS[number]
    originals = "FaceForensics++/original_sequences/youtube/c23/videos"
    reals = [_make_clip("faceforensics", f"{originals}/{sequence}.mp4", sequence) for sequence in (one, other)]
    first, second = (list(FF_RECIPES)[(2 * number + k) % 5] for k in (0, 1))
    # In every second pair the folders of two methods have the same file name, as in the release.
    swapped = (one, other) if number % 2 == 0 else (other, one)
    return [reals[0], fake(one, other, first), reals[1], fake(*swapped, second)]


def _make_celeb(target: str, source: str = "") -> Item:
    name = f"Celeb-synthesis/{target}_{source}_0000" if source else f"Celeb-real/{target}_0000"
    if target.startswith("youtube"):
        name = f"YouTube-real/{int(target.split()[1]):05d}"
    return _make_clip("celeb_df", f"Celeb-DF-v2/{name}.mp4", target, source, "shifter" if source else "")


def _group_fakeavceleb(number: int) -> list[Item]:
    kinds = [*AV_METHODS, *AV_METHODS][number % 3 :][:3]
    fakes = [_make_av(2 * number, kind, AV_METHODS[kind][number % len(AV_METHODS[kind])]) for kind in kinds]
    return [_make_av(2 * number), fakes[0], _make_av(2 * number + 1), *fakes[1:]]


def _make_av(number: int, kind: str = "RealVideo-RealAudio", method: str = "") -> Item:
    identity, source = (f"id{n * 37 + 76:05d}" for n in (number, number + 1))
    folder = f"{AV_ROOT}/{kind}/{RACES[number // 2 % 5]}/{('men', 'women')[number // 4 % 2]}/{identity}"
    # As released: only the plain method is spelled "wavtolip".
    code = {"": "", "rtvc": "_fake", "wav2lip": f"_{source}_wavtolip"}.get(method, f"_{source}_{method}")
    clip = _make_clip("fakeavceleb", f"{folder}/{number + 100:05d}{code}.mp4", f"{number}")
    clip = replace(clip, voice=clip.who, sidecars=("csv", ".srt", "", ".vtt", "csv", ""))
    if not method:
        return clip
    return replace(
        clip,
        fake=True,
        donor=("fakeavceleb", f"{number + 1}"),
        recipe=AV_RECIPES[method.split("-")[0]],
        vocoded=kind.endswith("FakeAudio"),
        dubbed=(*clip.speech, "dubbed") if method == "rtvc" else (),
        late_mouth=kind == "FakeVideo-FakeAudio",
    )


def _make_dfd(seed: int, target: str, source: str = "") -> Item:
    scene = DFD_SCENES[(int(target) - 1) // 2]
    path = f"DFF/DFD_original sequences/{target}__{scene}.mp4"
    if source:
        letters = make_rng(seed, "dfd", target, source, scene).choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 8)
        name = f"{target}_{source}__{scene}__{''.join(letters)}.mp4"
        path = f"DFF/DFD_manipulated_sequences/DFD_manipulated_sequences/{name}"
    return _make_clip("dff", path, target, source, "deepfakes" if source else "", (scene,))


def _list_dfd_faces(films: Iterable[Item]) -> list[Item]:
    """Two or three enlarged frames of each clip of `dff`, named after it and in one split with its identities."""
    items = []
    for index, film in enumerate(films):
        stem = film.path.rsplit("/", 1)[1].removesuffix(".mp4")
        folder = f"dfd_faces/{DFD_SPLITS[(int(film.who[1]) - 1) // 2]}/{'fake' if film.fake else 'real'}"
        face = replace(film, dataset="dfd_faces", kind="image", zoom=1.45, sizes=((224, 224),), qualities=(75, 95))
        for number in (5, 22, 39)[: 2 + (index // 2) % 2]:
            items.append(replace(face, path=f"{folder}/{stem}_face{number:04d}.jpg", frame=number))
    return items
