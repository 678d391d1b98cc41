"""The two datasets of voices: the same pairs of speakers, as WAV and as MP3."""

from __future__ import annotations

from dataclasses import replace

from unmask.demo.items import Group, Item, thinned

SPEAKERS = ("ada", "bruno", "clara", "dmitri", "elena", "farid", "greta", "hugo", "ines", "jonas", "kira", "leon")


def deepvoice(seed: int, scale: float) -> Group:
    """Converted voices stay within pairs of speakers."""
    groups = []
    for one, other in zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True):
        groups.append([_voice(one), _voice(one, other), _voice(other), _voice(other, one)])
    return thinned(groups, scale)


def deepvoice_demo(seed: int, scale: float) -> Group:
    """The same pairs of speakers, encoded as MP3."""
    groups = []
    for one, other in zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True):
        groups.append([_demo(_voice(one)), _demo(_voice(one, other))])
    return thinned(groups, scale)


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
