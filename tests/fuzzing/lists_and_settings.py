"""Texts that people and other programs write: settings, tables, lists, transcripts, scores."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_target import Target

from unmask.cache.weights.folder_files import list_modules, list_shards, read_settings
from unmask.core.crashes import is_crash
from unmask.core.settings import apply
from unmask.evaluation.foreign.score_file import read_scores
from unmask.manifests.datasets import celeb_df, custom_table, fakeavceleb
from unmask.manifests.datasets.file_tree import Tree
from unmask.manifests.datasets.sidecars import read_text, read_text_beside
from unmask.manifests.datasets.tables.transcripts import read_transcripts
from unmask.preprocess.profiles import tiny
from unmask.serve.settings import ServeLimits
from unmask.serve.uploads import Refused, UploadReader
from unmask.train.config import TrainConfig

SETTINGS = b"train:\n  epochs: 5\n  dropout: 0.2\n  datasets: [a, 'b']\n  lag: false\nbatch_size: 16 # a note\n"
PROFILE = b"name: own\nencoders:\n  - {name: lfcc, weights: null}\n  - name: tiny_image\npreprocess: {face_size: 64}\n"
TABLE = (
    b'path,label,people,split,method,text,compression\na/1.jpg,fake,ann;bob,train,swap,"x, y",c23\n'
    b"a/2.jpg,0,['cy'],,,,\nb\\3.wav,1,,test,,,\nfile:a%204.mp4,real,,,,,\n"
)
TRANSCRIPTS = b'path,text\na.wav,"good evening"\nb/c.wav,hello\n'
SUBTITLES = (
    b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n<v Ann>Good <i>evening</i></v> {\\an8}all\n\nNOTE x\n\n"
    b"2\n0:0 --> 0:1\nyes\n"
)
CLIPS = (
    b"source,target1,target2,method,category,type,race,gender,path\n"
    b"id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men\n"
    b"id00076,id00166,-,faceswap,C,FakeVideo-RealAudio,African,men,00109_id00166_0.mp4,FakeAVCeleb/x\n"
)
TESTED = b"1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0001.mp4\n1 Celeb-real/id0_0001.mp4\n"
SCORES = b'media_id,dataset,path,score,logit\nab,own,"a, b.jpg",0.25,-1.1\ncd,own,c.jpg,1e-3,\n'
LINES = b"LA_E_1 -1.25\nLA_E_2 3.5\nLA_E_3 0\n"
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\x1a\n1234\r\n--b\r\nContent-Disposition: form-data; name=x; filename=b.wav\r\n\r\nRIFF\r\n--b--\r\n"
)
INDEX = b'{"metadata": {"total_size": 3}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}'
MODULES = (
    b'[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},'
    b' {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]'
)


def text(name: str, content: bytes, parse: Any, **more: Any) -> Target:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return Target(write=write, parse=lambda folder: parse(folder / name), **more)


def write_parquet(folder: Path) -> None:
    columns = {
        "path": ["a/1.jpg", "a/2.jpg"],
        "label": [1.0, 0.0],
        "people": [["ann"], ["bob", "cy"]],
        "text": [b"x", None],
    }
    pq.write_table(pa.table(columns), folder / "own.parquet")


def scan_table(path: Path) -> None:
    if custom_table.find_missing_columns(path):
        custom_table.describe_columns(path)
        custom_table.looks_like_table(path)
        return
    rows = custom_table.scan(path, "own", 9).rows
    assert all(row.label in (0, 1) and not row.path.startswith("/") for row in rows)


def read_words(path: Path) -> None:
    for found in (read_text(path), read_text_beside(path.with_suffix(".wav"))):
        assert found is None or found.strip()


def scan_transcripts(path: Path) -> None:
    found = read_transcripts(path)
    assert not any(is_crash(trouble.problem) for trouble in found.troubles), found.troubles
    assert all(found.texts.values())


def scan_clips(path: Path) -> None:
    found = fakeavceleb.read_list(Tree(path.parent, [path.name]))
    assert not any(is_crash(conflict.problem) for conflict in found.conflicts), found.conflicts


def scan_tested(path: Path) -> None:
    _, conflicts = celeb_df._read_test_list(Tree(path.parent, [path.name]))
    assert not any(is_crash(conflict.problem) for conflict in conflicts), conflicts


def score(path: Path) -> None:
    found = read_scores(path)
    assert len(found.ids) == len(found.score) > 0
    assert np.isfinite(found.score).all()


class Places:
    def reserve(self) -> None:
        pass

    def release(self) -> None:
        pass


def upload(path: Path) -> None:
    content = path.read_bytes()
    folder = path.parent / "up"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    async def arrive() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50):
            yield content[start : start + 50]

    async def read() -> int:
        reader = UploadReader("multipart/form-data; boundary=b", folder, ServeLimits(), Places())
        return len(await reader.read(arrive()))

    try:
        assert asyncio.run(read()) == len(list(folder.iterdir()))
    except Refused:
        assert not list(folder.iterdir())
        raise


TARGETS = {
    "training settings": text("s.yaml", SETTINGS, lambda path: apply(TrainConfig(), path, [], under="train.")),
    "profile settings": text("s.yaml", PROFILE, lambda path: apply(tiny(), path, []).fingerprint()),
    "table": text("own.csv", TABLE, scan_table),
    "table of tabs": text("own.tsv", TABLE.replace(b",", b"\t"), scan_table),
    "table in UTF-16": text("own.csv", TABLE.decode().encode("utf-16"), scan_table),
    "Parquet table": Target(write=write_parquet, parse=lambda folder: scan_table(folder / "own.parquet")),
    "transcripts": text("transcripts.csv", TRANSCRIPTS, scan_transcripts),
    "subtitles": text("a.vtt", SUBTITLES, read_words),
    "words": text("a.txt", b"Good evening, ladies and gentlemen.\n", read_words),
    "list of FakeAVCeleb": text(fakeavceleb.LIST, CLIPS, scan_clips),
    "list of Celeb-DF": text("List_of_testing_videos.txt", TESTED, scan_tested),
    "scores": text("s.csv", SCORES, score),
    "scores of ASVspoof": text("s.txt", LINES, score),
    "upload": text("body", FORM, upload, refuses=(Refused,)),
    "index of weights": text("model.safetensors.index.json", INDEX, list_shards),
    "modules of a model": text("modules.json", MODULES, list_modules),
    "configuration of a model": text("config.json", b'{"hidden_size": 8, "n": [1.5, null]}', read_settings),
}
