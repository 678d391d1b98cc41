"""`pooling` of image encoders: the mean over patches, the class token, or both side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from timm.models import save_for_hf

from unmask.cache.encoder_runner import Runner
from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.image_base import ImageEncoder
from unmask.cache.encoders.timm_weights import get_default_architecture, has_class_token
from unmask.cache.projections.projection import projection
from unmask.core.errors import UsageError
from unmask.preprocess.profiles import PROFILES, EncoderChoice, offline

CPU = torch.device("cpu")
SMALL = {
    "vit_small_patch14_dinov2": {"embed_dim": 32, "depth": 2, "num_heads": 2},
    "vit_small_patch14_reg4_dinov2": {"embed_dim": 32, "depth": 2, "num_heads": 2},  # register tokens
    "vit_small_patch16_dinov3": {"embed_dim": 64, "depth": 2, "num_heads": 2},  # the class of EVA, rotary positions
    "deit_tiny_distilled_patch16_224": {"embed_dim": 32, "depth": 2, "num_heads": 2},  # two tokens before the patches
}


def pictures(size: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=SMALL)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random network with a class token, as timm saves it."""
    path = tmp_path_factory.mktemp("timm") / request.param
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = timm.create_model(request.param, num_classes=0, **SMALL[request.param])
        torch.nn.init.normal_(network.cls_token)
    save_for_hf(network, path, model_args=SMALL[request.param], safe_serialization=True)
    return path


def encoder(folder: Path, **settings: object) -> ImageEncoder:
    choice = EncoderChoice.model_validate({"name": f"timm:{folder.name}", "weights": str(folder), **settings})
    made = make_encoder(choice, CPU)
    assert isinstance(made, ImageEncoder)
    return made


def test_the_class_token_is_timms_first_token(folder: Path):
    mean, cls, both = (encoder(folder, pooling=pooling) for pooling in ("mean", "cls", "cls+mean"))
    network = cls.network
    with torch.inference_mode():
        tokens_BND = network.forward_features(cls._prepare(pictures()))
    prefix = network.num_prefix_tokens
    torch.testing.assert_close(cls.encode(pictures())[:, 0], tokens_BND[:, 0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mean.encode(pictures())[:, 0], tokens_BND[:, prefix:].mean(dim=1), rtol=1e-5, atol=1e-5)
    side_by_side = torch.cat([cls.encode(pictures()), mean.encode(pictures())], dim=2)
    torch.testing.assert_close(both.encode(pictures()), side_by_side, rtol=0, atol=0)
    assert (both.spec.native_dim, both.spec.pooling) == (2 * cls.spec.native_dim, "cls+mean")


def test_a_layer_has_a_class_token_of_its_own(folder: Path):
    first, second, mean = (encoder(folder, pooling="cls", layer=layer) for layer in (1, 2, [1, 2]))
    network = first.network
    with torch.inference_mode():
        found = network.forward_intermediates(
            first._prepare(pictures()), return_prefix_tokens=True, intermediates_only=True
        )
    torch.testing.assert_close(first.encode(pictures())[:, 0], found[0][1][:, 0], rtol=1e-5, atol=1e-5)
    average = (first.encode(pictures()) + second.encode(pictures())) / 2
    torch.testing.assert_close(mean.encode(pictures()), average, rtol=1e-5, atol=1e-5)


def test_each_pooling_has_tokens_of_its_own_and_the_default_keeps_its_key(folder: Path):
    by_default, *named = (encoder(folder, pooling=pooling).spec for pooling in (None, "mean", "cls", "cls+mean"))
    assert by_default == named[0]
    assert by_default.pooling == "mean"
    assert len({spec.fingerprint("media") for spec in named}) == 3


def test_tokens_twice_as_wide_are_projected_like_any_others(folder: Path):
    both = encoder(folder, pooling="cls+mean")
    matrix = projection(both.spec.native_dim, both.spec.projection)
    assert matrix is not None
    stored = Runner.of(both, CPU, 2, matrix).run(pictures())[0]
    assert stored.shape == (2, 1, 512)
    native = both.encode(pictures())[:, 0].numpy()
    assert abs((stored[:, 0].astype(float) ** 2).sum(1) - (native**2).sum(1)).max() < 0.05 * (native**2).sum(1).max()


@pytest.mark.parametrize("pooling", ["cls", "cls+mean"])
def test_a_grid_goes_with_the_mean_only(pooling: str):
    with pytest.raises(UsageError, match=f"grid 2 with pooling {re_escape(pooling)}"):
        make_encoder(EncoderChoice(name="tiny_image", pooling=pooling, grid=2), CPU)
    assert make_encoder(EncoderChoice(name="tiny_image", pooling="mean", grid=2), CPU).spec.pooling == "grid 2x2"
    assert make_encoder(EncoderChoice(name="tiny_image", pooling=pooling, grid=1), CPU).spec.pooling == pooling


def re_escape(text: str) -> str:
    return text.replace("+", r"\+")


@pytest.mark.parametrize("name", ["resnet18", "mixer_s32_224", "vit_base_patch16_siglip_224"])
def test_a_network_without_a_class_token_refuses_it(name: str, tmp_path: Path):
    assert not has_class_token(get_default_architecture(name).blank())
    torch.save({"never": torch.zeros(1)}, tmp_path / "weights.bin")
    with pytest.raises(UsageError, match="no class token") as refused:
        make_encoder(EncoderChoice(name=f"timm:{name}", weights=str(tmp_path / "weights.bin"), pooling="cls"), CPU)
    assert "pooling" in refused.value.hint


@pytest.mark.parametrize("name", ["lfcc", "tiny_audio", "tiny_text", "metadata"])
def test_an_encoder_of_another_modality_has_no_pooling(name: str):
    with pytest.raises(UsageError, match="has no setting pooling"):
        make_encoder(EncoderChoice(name=name, pooling="cls"), CPU)


def test_a_profile_without_it_keeps_its_fingerprint():
    # Written down once, before `pooling` was a setting: another value would hide the tokens of existing work folders.
    earlier = offline().changed({"encoders": ["efficientnet_lite0", "lfcc", "whisper_tiny", "minilm"]})
    made = {name: make() for name, make in PROFILES.items()} | {"offline": earlier}
    made = {name: one.changed({"preprocess": {"full_search_every": 1}}) for name, one in made.items()}
    assert {name: profile.fingerprint() for name, profile in made.items()} == {
        "offline": "d3b3afecd9095f99",
        "hub": "279e7c8eca1bbe6d",
        "tiny": "b0cef4e556b745df",
    }
    choice = EncoderChoice(name="vit_b16", pooling="cls")
    assert EncoderChoice.model_validate(choice.model_dump(mode="json")) == choice
