"""Copies are found whatever was done to them; different things are not, and nothing is read twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image, ImageEnhance

from unmask.core import fact_table
from unmask.core.errors import UsageError
from unmask.core.hashing import hash_quickly, make_media_id
from unmask.core.process_pool import run_isolated
from unmask.manifests.duplicates import hash_table
from unmask.manifests.duplicates.near_duplicates import cluster_near_duplicates, find_near_duplicates, hash_files
from unmask.manifests.manifest import Manifest, MediaRow, from_rows
from unmask.manifests.scan.scan import scan
from unmask.manifests.splits.schemes import resplit

KINDS = {".jpg": "image", ".png": "image", ".wav": "audio", ".mp3": "audio", ".mp4": "video"}


def manifest_of(folder: Path) -> Manifest:
    rows = [
        MediaRow(
            media_id=make_media_id("mine", path.name),
            dataset="mine",
            domain_id=9,
            path=path.name,
            kind=KINDS[path.suffix],  # type: ignore[arg-type]
            label=0,
            content=hash_quickly(path),
        )
        for path in sorted(folder.iterdir())
        if path.suffix in KINDS
    ]
    return from_rows(rows, {"mine": str(folder)})


def found(folder: Path) -> set[frozenset[str]]:
    """Pairs of file names."""
    manifest = manifest_of(folder)
    names = dict(zip(*(manifest.table.column(name).to_pylist() for name in ("media_id", "path")), strict=True))
    pairs = find_near_duplicates(hash_files(manifest, folder / "fingerprints.parquet", 1))
    ends = (pairs.column(name).to_pylist() for name in ("first", "second"))
    return {frozenset((names[a], names[b])) for a, b in zip(*ends, strict=True)}


@pytest.fixture(autouse=True)
def read(monkeypatch) -> list[str]:
    """Names of the files that are read; in this process, for a new one takes seconds."""
    names: list[str] = []

    def in_process(function, chunks, **_):
        for chunk in chunks:
            names.extend(Path(arguments[0]).name for _, arguments in chunk)
            yield chunk, function(chunk)

    monkeypatch.setattr(fact_table, "run_isolated", in_process)
    return names


def scene(seed: int, side: int = 240) -> Image.Image:
    """Blobs and a gradient: pictures as different as photographs are."""
    chance = np.random.default_rng(seed)
    small = Image.fromarray(chance.integers(0, 255, (9, 9, 3), np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def speech(seed: int, seconds: float = 4.0, rate: int = 16_000) -> np.ndarray:
    """Voiced syllables of changing pitch and loudness with gaps."""
    chance = np.random.default_rng(seed)
    parts = []
    for _ in range(int(seconds / 0.2)):
        t = np.arange(int(0.2 * rate)) / rate
        tone = sum(np.sin(2 * np.pi * chance.uniform(100, 3_000) * t) * chance.uniform(0, 1) for _ in range(4))
        parts.append(tone * np.hanning(len(t)) * chance.choice([0.02, 0.3, 1.0]))
    return np.concatenate(parts).astype(np.float32) / 5


CHANGES: dict[str, Callable[[Image.Image], tuple[Image.Image, int]]] = {
    "poor JPEG": lambda image: (image, 20),
    "half the size": lambda image: (image.resize((120, 120)), 85),
    "darker": lambda image: (ImageEnhance.Brightness(image).enhance(0.8), 90),
    **{
        f"{percent} % cut off": lambda image, cut=percent * 240 // 100: (
            image.crop((cut, cut, 240 - cut, 240 - cut)),
            90,
        )
        for percent in (2, 5, 8, 10)
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_image_is_found_and_others_are_not(change, tmp_path):
    for n in range(6):
        scene(n).save(tmp_path / f"{n}.png")
    copy, quality = CHANGES[change](scene(3))
    copy.save(tmp_path / "copy.jpg", quality=quality)
    assert found(tmp_path) == {frozenset(("3.png", "copy.jpg"))}


def test_black_and_plain_images_are_like_nothing(tmp_path):
    for name, colour in (("black", 0), ("black again", 1), ("grey", 128), ("white", 255)):
        noise = np.random.default_rng(colour).integers(0, 3, (100, 100, 3))
        Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    assert found(tmp_path) == set()
    kept = pq.read_table(tmp_path / "fingerprints.parquet")
    assert set(kept.column("problem").to_pylist()) == {"flat"}


def test_the_very_same_bytes_are_found_whatever_they_show(tmp_path):
    for name in ("a", "b"):
        Image.new("RGB", (50, 50)).save(tmp_path / f"{name}.png")
    assert found(tmp_path) == {frozenset(("a.png", "b.png"))}


def test_a_recording_is_found_softer_compressed_resampled_and_after_silence(tmp_path):
    waves = {n: speech(n) for n in range(4)}
    for n, wave in waves.items():
        soundfile.write(tmp_path / f"{n}.wav", wave, 16_000)
    soundfile.write(tmp_path / "c0.mp3", waves[0] * 0.4, 16_000)
    soundfile.write(tmp_path / "c1.wav", waves[1][::2], 8_000)
    soundfile.write(tmp_path / "c2.wav", np.concatenate([np.zeros(6_400, np.float32), waves[2]]), 16_000)
    assert found(tmp_path) == {
        frozenset(pair) for pair in (("0.wav", "c0.mp3"), ("1.wav", "c1.wav"), ("2.wav", "c2.wav"))
    }


def film(path: Path, seed: int, *, side: int = 160, crf: int = 20, black: int = 0) -> None:
    """Two seconds in which one scene moves over another, after some black frames."""
    back, front = scene(seed, 160), scene(seed + 100, 60)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"crf": str(crf)})
        stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for n in range(24):
            picture = back.copy() if n >= black else Image.new("RGB", (160, 160))
            if n >= black:
                picture.paste(front, (4 * n, 50))
            made = av.VideoFrame.from_image(picture.resize((side, side)))
            container.mux(stream.encode(made))
        container.mux(stream.encode())


def test_a_video_is_found_again_smaller_and_worse_and_with_another_beginning(tmp_path):
    for seed in (1, 2, 3):
        film(tmp_path / f"{seed}.mp4", seed)
    film(tmp_path / "small.mp4", 1, side=80, crf=32)
    film(tmp_path / "late.mp4", 2, black=4)  # only its middle frame tells
    assert found(tmp_path) == {frozenset(("1.mp4", "small.mp4")), frozenset(("2.mp4", "late.mp4"))}


def test_a_frame_taken_from_a_video_is_near_it(tmp_path):
    film(tmp_path / "film.mp4", 5)
    with av.open(str(tmp_path / "film.mp4")) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "still.png")
    assert found(tmp_path) == {frozenset(("film.mp4", "still.png"))}


def test_silence_and_a_click_have_no_fingerprint(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(32_000, np.float32), 16_000)
    soundfile.write(tmp_path / "short.wav", speech(0, 0.4), 16_000)
    assert found(tmp_path) == set()


def test_a_broken_file_is_a_row_with_its_problem_and_costs_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(fact_table, "run_isolated", run_isolated)
    scene(0).save(tmp_path / "good.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    (tmp_path / "broken.mp4").write_bytes(b"\x00" * 100)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    table = hash_files(manifest_of(tmp_path), tmp_path / "fingerprints.parquet", 1)
    problems = dict(zip(table.column("content").to_pylist(), table.column("problem").to_pylist(), strict=True))
    assert problems.pop(hash_quickly(tmp_path / "good.png")) is None
    assert len(problems) == 3
    assert all(problem.startswith("unreadable: ") and str(tmp_path) not in problem for problem in problems.values())


def test_what_is_known_is_not_read_again_even_under_another_name(tmp_path, read):
    for n in range(3):
        scene(n).save(tmp_path / f"{n}.png")
    kept = tmp_path / "fingerprints.parquet"
    first = hash_files(manifest_of(tmp_path), kept, 1)
    before = kept.read_bytes()
    assert hash_files(manifest_of(tmp_path), kept, 1).equals(first)
    assert (sorted(read), kept.read_bytes()) == (["0.png", "1.png", "2.png"], before)
    (tmp_path / "0.png").rename(tmp_path / "moved.png")
    scene(7).save(tmp_path / "1.png")
    read.clear()
    again = hash_files(manifest_of(tmp_path), kept, 1)
    assert read == ["1.png"]
    assert again.column("whole").null_count == 0


def test_a_killed_run_goes_on_where_it_last_saved(tmp_path, read, monkeypatch):
    for n in range(6):
        scene(n).save(tmp_path / f"{n}.png")

    def dies(path, kind):
        if path.name == "4.png":
            raise KeyboardInterrupt
        return hash_table.hash_file(path, kind)

    kept, whole = tmp_path / "fingerprints.parquet", replace(hash_table.HASH_TABLE, save_every=2, chunk=1)
    monkeypatch.setattr(hash_table, "HASH_TABLE", replace(whole, measure=dies))
    with pytest.raises(KeyboardInterrupt):
        hash_files(manifest_of(tmp_path), kept, 1)
    monkeypatch.setattr(hash_table, "HASH_TABLE", whole)
    read.clear()
    assert hash_files(manifest_of(tmp_path), kept, 1).num_rows == 6
    assert read == ["4.png", "5.png"]


@pytest.mark.parametrize("content", [b"", b"not Parquet at all"])
def test_a_damaged_or_foreign_file_of_fingerprints_is_made_again(tmp_path, content):
    scene(0).save(tmp_path / "a.png")
    kept = tmp_path / "fingerprints.parquet"
    kept.write_bytes(content)
    assert hash_files(manifest_of(tmp_path), kept, 1).column("whole").null_count == 0
    pq.write_table(pa.table({"mine": [1]}), kept)
    assert hash_files(manifest_of(tmp_path), kept, 1).column("whole").null_count == 0


@pytest.mark.corpus
def test_different_faces_and_recordings_of_the_corpus_are_not_taken_for_copies(corpus, tmp_path):
    rows = [
        MediaRow(
            media_id=make_media_id("archive", str(path.relative_to(corpus))),
            dataset="archive",
            domain_id=1,
            path=str(path.relative_to(corpus)),
            kind="audio" if path.suffix == ".flac" else "image",
            label=0,
            content=hash_quickly(path),
        )
        for path in itertools.chain((corpus / "archive (2)").rglob("*.jpg"), (corpus / "own_speech").rglob("*.flac"))
    ]
    assert len(rows) == 280
    table = hash_files(from_rows(rows, {"archive": str(corpus)}), tmp_path / "fingerprints.parquet", 2)
    assert table.column("problem").null_count == len(rows)
    assert cluster_near_duplicates(find_near_duplicates(table)).num_rows == 0


@pytest.mark.corpus
def test_the_published_split_of_deepfake_images_has_copies_of_test_images_in_train(corpus, tmp_path):
    """obama-480p_61 of the test is in train twice, at other resolutions: strict leaves those out."""
    folder = next(corpus.glob("Deepfake image detection dataset"))
    scanned, _ = scan(folder, scheme="official", allow_leaks=True, workers=2, say=lambda line: None)
    near = cluster_near_duplicates(find_near_duplicates(hash_files(scanned, tmp_path / "fingerprints.parquet", 2)))
    with pytest.raises(UsageError, match="near-duplicate"):
        resplit(scanned, "official", 0, near=near)
    rows = {Path(row.path).name: row.split for row in resplit(scanned, "official-strict", 0, near=near).rows()}
    assert rows["obama-480p_61.jpg"] == "test"
    assert rows["obama-240p_2.jpg"] is None
    assert rows["obama-720p_48.jpg"] is None
