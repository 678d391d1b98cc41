"""A user's own encoder: the file of docs/add-an-encoder.md in a temporary folder, named `module:attribute`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from guides import code_blocks

from unmask.cache.encoders import make_encoder
from unmask.cache.profile_choice import resolve_profile
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.inventory import list_stores
from unmask.core.errors import MissingInput, UsageError
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.encoder_names import make_file_safe
from unmask.preprocess.profiles import EncoderChoice, Profile

CPU = torch.device("cpu")
MODULE = "own_crossings"
NAME = f"{MODULE}:crossings"
SOURCE = code_blocks("add-an-encoder.md")[0]


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The guide's file in the current folder, as a user would have it."""
    path = tmp_path / "project" / f"{MODULE}.py"
    path.parent.mkdir()
    path.write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(path.parent)
    monkeypatch.syspath_prepend(str(path.parent))
    yield path
    sys.modules.pop(MODULE, None)


def write(path: Path, source: str) -> None:
    sys.modules.pop(MODULE, None)
    path.write_text(source, encoding="utf-8")


def make(name: str = NAME):
    return make_encoder(EncoderChoice(name=name), CPU)


def test_an_own_encoder_is_extracted_reused_and_listed(media, own_file: Path):
    media.add("video-1", "audio-2", "image-3")
    profile: Profile = media.profile.model_copy(update={"encoders": (EncoderChoice(name=NAME),)})
    (report,) = extract(media.manifest, profile, media.work, device=CPU)
    report.check(0.0)
    assert report.done == report.given == 5
    store = open_tokens(media.work, media.manifest, profile).stores["own_crossings-crossings"]
    assert store.tokens == 3 * 5 + 3
    assert np.isfinite(store.load()[0]).all()
    assert store.folder.name.startswith("own_crossings-crossings-")
    (again,) = extract(media.manifest, profile, media.work, device=CPU)
    assert (again.done, again.skipped) == (0, 5)
    assert [facts.encoder for facts in list_stores(media.work, [])] == ["own_crossings-crossings"]


def test_changed_source_is_a_new_key(own_file: Path):
    before = make().spec
    assert make().spec == before
    write(own_file, SOURCE + "\n# changed\n")
    assert make().spec.fingerprint("m") != before.fingerprint("m")


def test_a_name_is_safe_in_files_and_timm_names_stay():
    assert make_file_safe("pkg.module:Encoder") == "pkg.module-Encoder"
    assert make_file_safe("timm:convnext_tiny.fb_in1k") == "timm-convnext_tiny.fb_in1k"


def test_a_profile_without_the_module_is_refused_before_any_stage(tmp_path: Path):
    with pytest.raises(MissingInput, match="no module 'nowhere_module'"):
        resolve_profile(
            WorkFolder(tmp_path), "tiny", None, ['encoders=[{name: "nowhere_module:encoder"}]'], lambda line: None
        )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "has no 'crossings'"),
        ("crossings = 3", "not a function"),
        ("def crossings(choice, device): return choice", "returned a EncoderChoice without an EncoderSpec"),
        (SOURCE.replace('modality="audio"', 'modality="smell"'), "modality 'smell', expected one of image, audio"),
        (SOURCE.replace("tokens_per_second=check_token_rate(choice),", ""), "needs `tokens_per_second`"),
    ],
)
def test_what_is_wrong_with_an_own_encoder_is_named(own_file: Path, source: str, problem: str):
    write(own_file, source)
    with pytest.raises(UsageError, match=problem):
        make()


def test_tokens_of_another_shape_than_the_spec_promises_are_refused(media, own_file: Path):
    write(own_file, SOURCE.replace("native_dim=2", "native_dim=3"))
    media.add("audio-2")
    profile: Profile = media.profile.model_copy(update={"encoders": (EncoderChoice(name=NAME),)})
    with pytest.raises(UsageError, match=r"own_crossings-crossings: encode returned \(1, 3, 2\).*expected \(1, T, 3\)"):
        extract(media.manifest, profile, media.work, device=CPU)
