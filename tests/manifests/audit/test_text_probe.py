"""The text of a file as a shortcut: words, length, both or neither."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.manifests.audit.text_classifier import count_text, predict_from_text
from unmask.manifests.audit.text_probe import probe_text

WORDS = "the quick brown fox jumps over one lazy dog while nobody looks at all of them".split()
FILES = 60
IS_FAKE = np.arange(FILES) % 2 == 1
GROUP = np.array([f"g{number // 2}" for number in range(FILES)])


def sentences(seed: int, length: int = 8) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, length)) for _ in range(FILES)]


@pytest.mark.parametrize("word", ["deepfake", "portrait", "假"])
def test_a_word_that_fakes_have_is_found(word):
    texts = [f"{text} {word if fake else WORDS[0]}" for text, fake in zip(sentences(0), IS_FAKE, strict=True)]
    line = probe_text(texts, IS_FAKE, GROUP, seed=0)
    assert line.auc is not None
    assert line.auc > 0.9
    assert line.verdict == "flagged"


def test_the_length_of_prompts_is_found_and_named():
    texts = [text if fake else text[:20] for text, fake in zip(sentences(0, 30), IS_FAKE, strict=True)]
    line = probe_text(texts, IS_FAKE, GROUP, seed=0)
    assert line.verdict == "flagged"
    assert line.best is not None
    assert line.best.name in ("text_letters", "text_words")


def test_random_text_tells_nothing():
    values = [probe_text(sentences(seed), IS_FAKE, GROUP, seed=seed).auc for seed in range(4)]
    assert np.mean([value for value in values if value is not None]) == pytest.approx(0.5, abs=0.12)


def test_the_same_sentences_in_both_classes_tell_nothing():
    """As in paired speech sets: each group has its sentence once real and once fake."""
    texts = [text for text in sentences(0)[: FILES // 2] for _ in range(2)]
    line = probe_text(texts, IS_FAKE, GROUP, seed=0)
    assert line.verdict == "clear"


def test_only_files_with_text_count():
    texts = [text if number < 30 else None for number, text in enumerate(sentences(0))]
    line = probe_text(texts, IS_FAKE, GROUP, seed=0)
    assert line.real + line.fake == 30
    assert probe_text([None] * FILES, IS_FAKE, GROUP, seed=0).note == "no file has text"


def test_text_without_a_letter_is_no_error():
    texts = ["..." if fake else "" for fake in IS_FAKE]
    assert np.isfinite(predict_from_text(texts, IS_FAKE, GROUP < "g3", GROUP >= "g3")).all()
    assert count_text(["two words", None]).tolist()[0] == [9.0, 2.0]
    one_class = predict_from_text(["a"] * 4, np.ones(4, np.bool_), np.ones(4, np.bool_), np.ones(4, np.bool_))
    assert one_class.tolist() == [1.0] * 4
