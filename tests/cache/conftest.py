"""A work folder with media shards, made without any decoding, and small models saved as local folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.core.hashing import make_media_id
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow, from_rows
from unmask.preprocess.profiles import PROFILES, Profile
from unmask.preprocess.shards.media_item import Clip, MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import get_media_folder, make_plan
from unmask.preprocess.task import make_item_key


@pytest.fixture
def keep_threads() -> Iterator[None]:
    """Torch's number of threads after the test is that of before."""
    usual = torch.get_num_threads()
    yield
    torch.set_num_threads(usual)


def clip(seed: int, *, faces: int, samples: int, start_s: float = 0.0, size: int = 64) -> Clip:
    """A clip of noise: 4 faces per second, audio at 16 kHz."""
    random = np.random.default_rng(seed)
    return Clip(
        start_s=start_s,
        end_s=start_s + max(faces / 4, samples / 16_000),
        faces=random.integers(0, 256, (faces, size, size, 3), dtype=np.uint8),
        face_times=(start_s + np.arange(faces) / 4).astype(np.float32),
        boxes=np.zeros((faces, 4), np.float32),
        landmarks=np.zeros((faces, 5, 2), np.float32),
        confidence=np.ones(faces, np.float32),
        audio=random.integers(-8000, 8000, samples, dtype=np.int16),
    )


KINDS = {
    "image": lambda seed: (clip(seed, faces=1, samples=0),),
    "audio": lambda seed: (clip(seed, faces=0, samples=16_000), clip(seed + 1, faces=0, samples=9_000, start_s=1.0)),
    "video": lambda seed: (
        clip(seed, faces=4, samples=16_000),
        clip(seed + 1, faces=4, samples=16_000, start_s=2.0),
    ),
}


def row(name: str) -> MediaRow:
    """ "video-3" is the third item: a video. Every second item has a text."""
    kind, _, number = name.partition("-")
    text = f"these are the words of item {number}" if int(number) % 2 else None
    key = make_media_id("archive", name)
    return MediaRow(
        media_id=key, dataset="archive", domain_id=1, path=name, kind=kind, label=0, content=f"c{number}", text=text
    )  # fmt: skip


class Media:
    """`media.add("video-1", "image-2")`: items in a new shard each call, as `preprocess` would leave them."""

    def __init__(self, root: Path, profile: Profile) -> None:
        self.work, self.profile = WorkFolder(root), profile
        self.rows: list[MediaRow] = []

    @property
    def manifest(self) -> Manifest:
        return from_rows(self.rows, {"archive": "/nowhere"})

    def add(self, *names: str, change: Callable[[MediaItem], MediaItem] = lambda item: item) -> None:
        rows = [row(name) for name in names]
        self.rows += rows
        folder = get_media_folder(self.work, self.profile.preprocess)
        items = {make_item_key(r): change(self._item(r)) for r in rows}
        for shard in make_plan(folder, [make_item_key(r) for r in self.rows]):
            if not (folder / shard.name).exists():
                self._write(folder / shard.name, [items[key] for key in shard.items])

    def _item(self, r: MediaRow) -> MediaItem:
        clips = KINDS[r.kind](int(r.path.partition("-")[2]) * 10)
        return MediaItem(media_id=r.media_id, content=r.content, clips=clips, text=r.text)

    def _write(self, path: Path, items: Sequence[MediaItem]) -> None:
        settings = self.profile.preprocess
        write_shard(path, items, face_size=settings.face_size, settings=settings.model_dump(mode="json"))


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(tmp_path / "work", PROFILES["tiny"]())


@pytest.fixture(scope="session")
def local_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Encoder of the hub profile -> a folder with a small random model, saved by its family's library."""
    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        _save_timm(root / "vit_b16", "test_vit")
        _save_timm(root / "resnet50", "test_resnet")
        _save_wav2vec2(root / "wav2vec2_base", stable=False)
        _save_wav2vec2(root / "wav2vec2_large", stable=True)
        _save_sentences(root / "sbert")
    return {path.name: str(path) for path in sorted(root.iterdir())}


def _save_timm(folder: Path, architecture: str) -> None:
    import timm
    from timm.models import save_for_hf

    save_for_hf(timm.create_model(architecture, num_classes=3), folder, safe_serialization=True)


def _save_wav2vec2(folder: Path, *, stable: bool) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    layers = {"conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    norm = "layer" if stable else "group"
    config = Wav2Vec2Config(**sizes, **layers, do_stable_layer_norm=stable, feat_extract_norm=norm)
    Wav2Vec2Model(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))


def _save_sentences(folder: Path) -> None:
    """A sentence encoder in the format of sentence-transformers, version 2.4 to 4: mean pooling, unit length."""
    from transformers import BertConfig, BertModel, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "a", "few", "more", "words"]
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    BertTokenizer({word: number for number, word in enumerate(words)}).save_pretrained(folder)
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": idx, "name": str(idx), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for idx, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 24, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    pooling["include_prompt"] = True
    written: dict[str, Any] = {
        "modules.json": modules,
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": 128, "do_lower_case": False},
        "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.0.0"}},
    }
    for name, settings in written.items():
        (folder / name).write_text(json.dumps(settings))
