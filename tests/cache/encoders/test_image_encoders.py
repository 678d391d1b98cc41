"""Image encoders: grids, layers, other sizes, any timm network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.models import save_for_hf

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.image_base import resize_images
from unmask.cache.encoders.timm_weights import (
    Architecture,
    find_feature_width,
    get_default_architecture,
    resize_positions,
)
from unmask.core.errors import MissingInput, UsageError
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
SMALL_DINOV2 = {"embed_dim": 32, "depth": 2, "num_heads": 2}


def pictures(count: int = 2, size: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def dinov2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of DINOv2's family for images of 518 px, as timm saves them."""
    folder = tmp_path_factory.mktemp("dinov2")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = timm.create_model("vit_small_patch14_dinov2", num_classes=0, **SMALL_DINOV2)
        torch.nn.init.normal_(network.pos_embed)
    save_for_hf(network, folder, model_args=SMALL_DINOV2, safe_serialization=True)
    return folder


def test_a_grid_averages_to_the_single_token():
    grid = make_encoder(EncoderChoice(name="tiny_image", grid=2), CPU).encode(pictures())
    single = make_encoder(EncoderChoice(name="tiny_image"), CPU).encode(pictures())
    torch.testing.assert_close(grid.mean(dim=1, keepdim=True), single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("grid", [0, 17, -1])
def test_a_grid_of_no_or_too_many_tokens_is_refused(grid: int):
    with pytest.raises(UsageError, match="grid is from 1 to 16"):
        make_encoder(EncoderChoice(name="tiny_image", grid=grid), CPU)


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"did you mean resnet50.*encoders: efficientnet_lite0"):
        make_encoder(EncoderChoice(name="resnet51"), CPU)


def test_weights_of_another_architecture_are_refused(local_models: dict[str, str]):
    file = Path(local_models["resnet50"]) / "model.safetensors"
    bare = make_encoder(EncoderChoice(name="vit_b16", weights=str(file)), CPU)
    with pytest.raises(MissingInput, match="not the weights of vit_base_patch16_224"):
        bare.encode(pictures(1))


def test_a_bare_file_is_read_as_the_network_of_the_name(local_models: dict[str, str], tmp_path: Path):
    network = timm.create_model("test_vit", num_classes=1000)
    torch.save(network.state_dict(), tmp_path / "weights.bin")
    encoder = make_encoder(EncoderChoice(name="timm:test_vit", weights=str(tmp_path / "weights.bin")), CPU)
    assert encoder.encode(pictures()).shape == (2, 1, 64)


@pytest.mark.parametrize("mode", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize("size", [64, 160, 224])
def test_images_are_resized_as_pillow_does(mode: str, size: int):
    blocks = np.random.default_rng(0).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((112, 112), Image.Resampling.NEAREST)
    expected = np.asarray(image.resize((size, size), Image.Resampling[mode.upper()])) / 255
    given = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    resized = resize_images(given, size, mode)[0].permute(1, 2, 0).numpy()
    assert np.abs(resized - expected).max() < 1.5 / 255, "Pillow rounds to whole levels in between"


def test_the_interpolation_of_the_configuration_is_used(local_models: dict[str, str], tmp_path: Path):
    folder = tmp_path / "model"
    copytree(local_models["vit_b16"], folder)
    config = json.loads((folder / "config.json").read_text())
    made = {}
    for mode in ("bicubic", "bilinear", "nearest"):
        config["pretrained_cfg"]["interpolation"] = mode
        (folder / "config.json").write_text(json.dumps(config))
        made[mode] = make_encoder(EncoderChoice(name="vit_b16", weights=str(folder)), CPU)
        assert f"interpolation {mode}" in made[mode].spec.normalisation
    assert len({encoder.spec.fingerprint("m") for encoder in made.values()}) == 3
    tokens = [encoder.encode(pictures()) for encoder in made.values()]
    assert (tokens[0] - tokens[1]).abs().max() > 1e-4
    assert (tokens[0] - tokens[2]).abs().max() > 1e-4


def test_a_network_uses_timms_interpolation_where_no_configuration_is():
    assert get_default_architecture("vit_base_patch16_224").interpolation == "bicubic"
    assert get_default_architecture("vgg11").interpolation == "bilinear"


def test_an_assertion_of_timm_is_a_wrong_setting():
    small = replace(get_default_architecture("swin_tiny_patch4_window7_224"), size=100)
    with pytest.raises(UsageError, match="no square feature map"):
        find_feature_width(small, small.blank(), ())
    with pytest.raises(UsageError, match="timm makes no vit_tiny_patch16_224"):
        replace(get_default_architecture("vit_tiny_patch16_224"), arguments={"num_heads": 5}).blank()


def test_a_middle_layer_of_a_local_network_is_its_own_feature_map(local_models: dict[str, str]):
    middle, last = (
        make_encoder(EncoderChoice(name="resnet50", weights=local_models["resnet50"], layer=layer), CPU)
        for layer in (2, None)
    )
    assert middle.encode(pictures()).shape == (2, 1, middle.spec.native_dim)
    assert middle.spec.native_dim < last.spec.native_dim


def test_a_timm_network_by_its_name_is_the_named_encoder(local_models: dict[str, str]):
    by_timm = make_encoder(EncoderChoice(name="timm:test_vit", weights=local_models["vit_b16"], grid=2), CPU)
    named = make_encoder(EncoderChoice(name="vit_b16", weights=local_models["vit_b16"], grid=2), CPU)
    assert by_timm.spec.name == "timm-test_vit"
    torch.testing.assert_close(by_timm.encode(pictures()), named.encode(pictures()), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "width", "layers"),
    [
        ("convnext_tiny", 768, 4),  # channels first
        ("swin_tiny_patch4_window7_224", 768, 4),  # channels last
        ("vit_small_patch16_dinov3", 384, 12),  # class and register tokens
        ("deit_tiny_distilled_patch16_224", 192, 12),  # two class tokens
        ("mixer_s32_224", 512, 8),  # no class token
        ("regnety_002", 368, 5),
        ("mobilenetv4_conv_small", 960, 5),
    ],
)
def test_networks_of_all_kinds_tell_their_width_without_being_built(name: str, width: int, layers: int):
    architecture = get_default_architecture(name)
    network = architecture.blank()
    assert find_feature_width(architecture, network, ()) == width
    assert len(network.feature_info) == layers


@pytest.mark.parametrize("name", ["crossvit_tiny_240", "volo_d1_224"])
def test_a_network_without_a_plain_feature_map_is_refused(name: str):
    architecture = get_default_architecture(name)
    with pytest.raises(UsageError, match="no square feature map"):
        find_feature_width(architecture, architecture.blank(), ())


def test_dinov2_is_read_at_224_pixels(dinov2_folder: Path):
    encoder = make_encoder(EncoderChoice(name="dinov2_s", weights=str(dinov2_folder), grid=16), CPU)
    assert "size 224," in encoder.spec.normalisation
    assert encoder.encode(pictures(size=224)).shape == (2, 256, 32)
    own = make_encoder(EncoderChoice(name="timm:vit_small_patch14_dinov2", weights=str(dinov2_folder)), CPU)
    assert "size 518," in own.spec.normalisation
    assert own.spec.weights_hash != encoder.spec.weights_hash


def test_positions_are_resized_smoothly_and_the_class_tokens_is_kept():
    # A plane stays a plane: away from the edges a cubic filter reproduces it.
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    given = torch.cat([torch.full((1, 1, 1), 99.0), (rows + 10 * columns).reshape(1, 64, 1)], dim=1)
    resized = resize_positions(given, 17)
    assert resized[0, 0, 0] == 99
    at = torch.arange(4) * 2 + 0.5
    expected = (at[:, None] + 10 * at[None, :])[1:3, 1:3]
    torch.testing.assert_close(resized[0, 1:, 0].reshape(4, 4)[1:3, 1:3], expected, rtol=1e-5, atol=1e-4)
    assert resize_positions(given, 65) is given


def test_an_architecture_is_only_ever_made_smaller():
    small = Architecture(name="test_vit", classes=0, size=160, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert small.at_most(224) is small
    assert small.at_most(96).blank().patch_embed.img_size == (96, 96)
