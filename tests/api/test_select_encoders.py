"""Encoders that are named among those of a profile keep the settings that they have there."""

from __future__ import annotations

from unmask.arguments import select_encoders
from unmask.preprocess.profiles import EncoderChoice, offline

RESNET = EncoderChoice(name="timm:resnet18", weights="/models/resnet")
LAYERS = {"name": "whisper_tiny", "layer": [1, 2], "layers": "apart", "as": "ear"}


def test_settings_of_the_profile_stay_and_other_encoders_have_defaults():
    profile = offline().changed({"encoders": [RESNET.model_dump(mode="json"), "lfcc", LAYERS]})
    assert select_encoders(profile, ["timm:resnet18"]).encoders == (RESNET,)
    assert [one.layer for one in select_encoders(profile, ["ear"]).encoders] == [1, 2]
    assert [one.alias for one in select_encoders(profile, ["ear-l2"]).encoders] == ["ear-l2"]
    assert select_encoders(profile, ["minilm"]).encoders == (EncoderChoice(name="minilm"),)
    assert select_encoders(profile, ["lfcc", "minilm"]).name == profile.name
