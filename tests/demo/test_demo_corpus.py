"""The synthetic corpus as files: which there are, that they are the same again, that no container tells the label."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from unmask.core.errors import UsageError
from unmask.demo import write_demo
from unmask.demo.items import Item
from unmask.demo.layouts import AV_ROOT, FF_PAIRS, list_items
from unmask.demo.render import transcribe, write_item
from unmask.manifests.datasets import faceforensics
from unmask.manifests.manifest import DATASETS

SEED, SCALE = 7, 0.15  # those of the fixture demo_corpus


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list_items(SEED, SCALE)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("scale", [0.01, 0.15, 1.0])
def test_every_dataset_has_both_classes(scale):
    both = {(item.dataset, item.fake) for item in list_items(3, scale)}
    assert both == {(dataset, fake) for dataset in DATASETS for fake in (False, True)}


def test_the_whole_corpus_has_about_four_hundred_files_and_ten_minutes():
    whole = list_items(SEED, 1.0)
    assert 350 <= len(whole) <= 450
    assert len({item.path for item in whole}) == len(whole)
    assert 300 < sum(item.duration for item in whole if item.kind != "image") < 900


def test_the_layouts_carry_the_names_of_the_releases(demo_corpus):
    for name in (
        "Deepfake image detection dataset/train-20250112T065955Z-001/train/fake",
        "Deepfake image detection dataset/test-20250112T065939Z-001/test/real",
        "archive (2)/Dataset/Validation/Real",
        "FaceForensics++/original_sequences/youtube/c23/videos",
        "FaceForensics++/manipulated_sequences/Deepfakes/c23/videos",
        "Celeb-DF-v2/YouTube-real",
        "DeepFake_AudioDataset/KAGGLE/AUDIO/FAKE",
        "DeepFake_AudioDataset/DEMONSTRATION/DEMONSTRATION",
        f"{AV_ROOT}/FakeVideo-FakeAudio",
        "dfd_faces/val/fake",
        "DFF/DFD_original sequences",
        "DFF/DFD_manipulated_sequences/DFD_manipulated_sequences",
    ):
        assert (demo_corpus / name).is_dir(), name


def test_every_file_listed_is_written_and_no_other_media(demo_corpus, items):
    media = {".jpg", ".png", ".wav", ".mp3", ".mp4"}
    written = {path.relative_to(demo_corpus).as_posix() for path in demo_corpus.rglob("*") if path.suffix in media}
    assert written == {item.path for item in items}


def test_a_file_made_alone_is_the_same_as_one_made_by_a_worker(demo_corpus, items, tmp_path):
    chosen = {
        (item.dataset, item.kind, item.fake): item for item in items if item.dataset in ("fakeavceleb", "archive")
    }
    chosen |= {item.path.rsplit(".")[-1]: item for item in items if item.kind == "audio"}
    assert len(chosen) == 6
    for item in chosen.values():
        (tmp_path / item.path).parent.mkdir(parents=True, exist_ok=True)
        write_item(tmp_path, SEED, item)
        assert _digest(tmp_path / item.path) == _digest(demo_corpus / item.path), item.path


def test_another_seed_gives_other_media(demo_corpus, tmp_path):
    for kind in ("image", "audio", "video"):
        mine, other = (next(item for item in list_items(seed, SCALE) if item.kind == kind) for seed in (SEED, SEED + 1))
        assert mine.path == other.path
        (tmp_path / other.path).parent.mkdir(parents=True)
        write_item(tmp_path, SEED + 1, other)
        assert _digest(tmp_path / other.path) != _digest(demo_corpus / mine.path)


def test_a_finished_corpus_is_reused(demo_corpus, items):
    before = {path: path.stat().st_mtime_ns for path in demo_corpus.rglob("*")}
    counts = write_demo(demo_corpus, SEED, scale=SCALE)
    assert counts == Counter(item.dataset for item in items)
    assert {path: path.stat().st_mtime_ns for path in demo_corpus.rglob("*")} == before


def test_a_corpus_is_not_written_among_other_files(demo_corpus, tmp_path):
    (tmp_path / "FaceForensics++").mkdir()
    with pytest.raises(UsageError, match="something else"):
        write_demo(tmp_path, SEED, scale=SCALE)
    with pytest.raises(UsageError, match="something else"):
        write_demo(demo_corpus, SEED + 1, scale=SCALE)


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5])
def test_a_scale_outside_its_range_is_refused(tmp_path, scale):
    with pytest.raises(UsageError, match="scale"):
        write_demo(tmp_path, SEED, scale=scale)


def test_pairs_of_faceforensics_come_from_all_official_splits():
    official = faceforensics.read_official_splits()
    splits = [{official[sequence] for sequence in pair} for pair in FF_PAIRS]
    assert splits[:3] == [{"train"}, {"val"}, {"test"}]
    assert all(len(split) == 1 for split in splits)
    assert not {sequence for pair in FF_PAIRS for sequence in pair} & set(faceforensics.read_shared_videos())


def test_fakes_join_people_of_one_small_clique_only():
    neighbours: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for item in list_items(SEED, 1.0):
        for other in (item.donor, item.voice):
            if other and item.fake and item.dataset != "archive":
                neighbours.setdefault(item.who, set()).add(other)
    assert neighbours
    assert max(len(others | {who}) for who, others in neighbours.items()) == 2


def test_meta_data_has_the_published_header_and_a_line_a_clip(demo_corpus, items):
    header, *lines = csv.reader((demo_corpus / AV_ROOT / "meta_data.csv").read_text(encoding="utf-8").splitlines())
    assert header == "source,target1,target2,method,category,type,race,gender,path,".split(",")
    assert all(len(line) == 10 for line in lines)
    listed = {f"{AV_ROOT}/{line[9].removeprefix('FakeAVCeleb/')}/{line[8]}" for line in lines}
    assert listed == {item.path for item in items if item.dataset == "fakeavceleb"}
    assert {line[4] for line in lines} == set("ABCD")


def test_in_the_list_of_celeb_df_one_means_real(demo_corpus):
    lines = (demo_corpus / "Celeb-DF-v2/List_of_testing_videos.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.split(" ", 1) for line in lines]
    assert {label for label, _ in entries} == {"0", "1"}
    for label, path in entries:
        assert (demo_corpus / "Celeb-DF-v2" / path).is_file()
        assert (label == "1") == ("-real/" in path)


def test_containers_do_not_tell_the_label():
    for dataset in DATASETS:
        members = [item for item in list_items(SEED, 1.0) if item.dataset == dataset]
        real, fake = ([item for item in members if item.fake == label] for label in (False, True))
        for facts in (
            lambda item: item.duration,
            lambda item: item.quality_value,
            lambda item: item.shape[0] * item.shape[1],
            lambda item: item.silence,
            lambda item: bool(item.sidecar),
            lambda item: item.path.endswith("png"),
        ):
            first, second = (np.array([facts(item) for item in group], float) for group in (real, fake))
            # The chance that a fake has more of it than a real one, ties halved: the AUC of this fact alone.
            above = np.mean(np.sign(second[:, None] - first[None]) / 2 + 0.5)
            assert abs(above - 0.5) < 0.08, (dataset, above)


def test_real_and_fake_files_share_codecs_rates_and_channels(demo_corpus, items):
    facts: dict[tuple[str, bool], set[object]] = {}
    for item in items:
        path = demo_corpus / item.path
        if item.kind == "image":
            with Image.open(path) as image:
                found: object = (image.mode, image.info.get("progressive", 0))
        else:
            with av.open(str(path)) as container:
                found = tuple(
                    (
                        s.type,
                        s.codec_context.name,
                        str(s.average_rate),
                        getattr(s, "rate", None),
                        s.codec_context.profile,
                    )
                    if isinstance(s, av.VideoStream)
                    else (s.type, s.codec_context.name, s.codec_context.rate, s.codec_context.layout.name)
                    for s in container.streams
                )
        facts.setdefault((item.dataset, item.fake), set()).add(found)
    for dataset in DATASETS:
        assert facts[dataset, False] == facts[dataset, True], dataset


def test_a_transcript_is_what_is_said_and_says_nothing_of_the_label(items):
    spoken = [item for item in list_items(SEED, 1.0) if item.sidecar]
    words = {
        fake: {word for item in spoken if item.fake == fake for word in transcribe(SEED, item).lower().split()}
        for fake in (False, True)
    }
    assert len(words[False] & words[True]) > 0.7 * len(words[False] | words[True])
    assert not (words[False] | words[True]) & {"fake", "real", "deepfake", "original", "synthetic", "vocoded"}
