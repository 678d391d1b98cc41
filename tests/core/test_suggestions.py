"""Error hints name the closest known name."""

from __future__ import annotations

import pytest

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("fulll", ("full", "full-cdan"), "full"),
        ("Image_Baseline", ("image-baseline", "audio-baseline"), "image-baseline"),
        ("image", ("image-baseline", "audio-baseline"), "image-baseline"),
        ("fakeavcelb", ("fakeavceleb", "celeb_df"), "fakeavceleb"),
    ],
)
def test_the_closest_name_is_suggested(name: str, known: tuple[str, ...], meant: str):
    assert suggest(name, known) == f"did you mean {meant}? "


@pytest.mark.parametrize("name", ["zebra", "", "a"])
def test_nothing_is_suggested_for_a_name_like_none_of_them(name: str):
    assert suggest(name, ("full", "cross-attention")) == ""


def test_misspelt_presets_profiles_encoders_and_split_schemes_get_a_suggestion(tmp_path):
    from unmask.cache.encoders import find_entry
    from unmask.cache.profile_choice import resolve_profile
    from unmask.core.work_folder import WorkFolder
    from unmask.manifests.splits.registry import parse
    from unmask.train.presets import make_preset

    attempts = {
        "full-cdan": lambda: make_preset("full-cdam"),
        "offline": lambda: resolve_profile(WorkFolder(tmp_path), "ofline", None, [], print),
        "vit_b16": lambda: find_entry("vit-b16"),
        "grouped": lambda: parse("groupd"),
    }
    for meant, attempt in attempts.items():
        with pytest.raises(UsageError) as raised:
            attempt()
        assert raised.value.hint.startswith(f"did you mean {meant}? ")
