"""The text files beside the media: lists of two datasets, and transcripts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from unmask.core.atomic_files import write_text
from unmask.demo.items import Item
from unmask.demo.layouts import AV_METHODS, AV_ROOT
from unmask.demo.render import transcribe

# As published: nine names for ten values; "path" is the file name, the unnamed last column its folder.
META_HEADER = "source,target1,target2,method,category,type,race,gender,path,"
CATEGORIES = dict(zip(("RealVideo-RealAudio", *AV_METHODS), "ABCD", strict=True))


def list_meta_data(items: Sequence[Item]) -> str:
    """FakeAVCeleb's meta_data.csv."""
    lines = [META_HEADER]
    for item in items:
        if item.dataset == "fakeavceleb":
            kind, race, gender, identity, name = item.path.removeprefix(AV_ROOT + "/").split("/")
            # 00100.mp4, 00100_fake.mp4 or 00100_id00113_fsgan.mp4
            parts = name.removesuffix(".mp4").split("_")
            target = parts[1] if len(parts) == 3 else "-"
            method = ("real", "rtvc", parts[-1].replace("wavtolip", "wav2lip"))[len(parts) - 1]
            folder = f"FakeAVCeleb/{kind}/{race}/{gender}/{identity}"
            lines.append(f"{identity},{target},-,{method},{CATEGORIES[kind]},{kind},{race},{gender},{name},{folder}")
    return "\n".join(lines) + "\n"


def list_test_videos(items: Sequence[Item]) -> str:
    """Celeb-DF-v2's List_of_testing_videos.txt, where 1 is REAL: the last third of the pairs, half of YouTube-real."""
    celeb = [item for item in items if item.dataset == "celeb_df"]
    pairs = sorted({_find_pair(item) for item in celeb} - {-1})
    chosen = pairs[-max(1, len(pairs) // 3) :]
    youtube = [item for item in celeb if _find_pair(item) == -1]
    tested = [item for item in celeb if _find_pair(item) in chosen] + youtube[len(youtube) // 2 :]
    return "".join(f"{int(not item.fake)} {item.path.removeprefix('Celeb-DF-v2/')}\n" for item in tested)


def _find_pair(item: Item) -> int:
    """Number of the item's pair of identities, -1 for YouTube-real."""
    return -1 if "YouTube" in item.path else int(item.who[1].removeprefix("id")) // 2


def write_transcripts(out: Path, seed: int, items: Sequence[Item]) -> None:
    """Transcripts beside some files, and a table at FakeAVCeleb's root with the columns path (relative to it), text."""
    with (out / AV_ROOT / "transcripts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("path", "text"))
        for item in items:
            if item.sidecar == "csv":
                table.writerow((item.path.removeprefix(AV_ROOT + "/"), transcribe(seed, item)))
            elif item.sidecar:
                text = transcribe(seed, item)
                timed = _make_subtitles(text, item.duration, web=item.sidecar == ".vtt")
                write_text(
                    (out / item.path).with_suffix(item.sidecar), text + "\n" if item.sidecar == ".txt" else timed
                )


def _make_subtitles(text: str, duration: float, *, web: bool) -> str:
    """`text` in cues of about seven words over `duration` (below 60) seconds, as SubRip or (web) WebVTT."""
    words = text.split()
    lines = [" ".join(words[start : start + 7]) for start in range(0, len(words), 7)]
    cues = []
    for index, line in enumerate(lines):
        first, last = (f"00:00:{duration * share / len(lines):06.3f}" for share in (index, index + 1))
        cue = f"{first} --> {last}"
        cues.append(f"{cue}\n{line}\n" if web else f"{index + 1}\n{cue.replace('.', ',')}\n{line}\n")
    return ("WEBVTT\n\n" if web else "") + "\n".join(cues)
