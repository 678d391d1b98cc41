"""`random:<encoder>`: the architecture of an encoder without what its training arranged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from unmask.cache.encoders import find_source, find_stream_name, make_encoder
from unmask.cache.encoders.frozen import shuffle_weights
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.profile_index import LATEST
from unmask.cache.weights.completeness import check_weights
from unmask.core.errors import UsageError
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
FAMILIES = ("vit_b16", "resnet50", "wav2vec2_base", "sbert")


def make(name: str, models: dict[str, str], **settings: Any) -> Any:
    return make_encoder(EncoderChoice(name=name, weights=models[name.removeprefix("random:")], **settings), CPU)


def inputs(modality: str) -> Any:
    random = torch.Generator().manual_seed(3)
    if modality == "image":
        return torch.randint(0, 256, (4, 64, 64, 3), generator=random, dtype=torch.uint8)
    return (
        torch.randn(4, 16_000, generator=random) / 5 if modality == "audio" else ["hello", "a few words", "more", "a"]
    )


def list_weights(encoder: Any) -> list[torch.Tensor]:
    network = encoder._loaded[1] if encoder.spec.modality == "text" else encoder.network
    return list(network.parameters())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_numbers_of_every_tensor_stay_and_their_order_goes(local_models: dict[str, str], name: str) -> None:
    trained, random = make(name, local_models), make(f"random:{name}", local_models)
    pairs = list(zip(list_weights(trained), list_weights(random), strict=True))
    assert all(torch.equal(one.flatten().sort().values, other.flatten().sort().values) for one, other in pairs)
    large = [(one, other) for one, other in pairs if len(one.unique()) > 20]
    assert len(large) > 5
    assert not any(torch.equal(one, other) for one, other in large)


@pytest.mark.parametrize("name", FAMILIES)
def test_its_tokens_are_finite_reproducible_and_others(local_models: dict[str, str], name: str) -> None:
    trained, random, again = (make(one, local_models) for one in (name, f"random:{name}", f"random:{name}"))
    given = inputs(random.spec.modality)
    before = torch.get_rng_state()
    tokens = random.encode(given)
    assert torch.equal(torch.get_rng_state(), before)
    assert tokens.shape == trained.encode(given).shape
    assert torch.isfinite(tokens).all()
    assert tokens.std(dim=0).max() > 1e-3, "tells its inputs apart"
    assert torch.equal(again.encode(given), tokens)
    assert not torch.allclose(trained.encode(given), tokens, atol=1e-2)


def test_batch_norm_is_settled_on_the_shuffled_weights(local_models: dict[str, str]) -> None:
    norms = [
        one for one in make("random:resnet50", local_models).network.modules() if isinstance(one, torch.nn.BatchNorm2d)
    ]
    before = [one for one in make("resnet50", local_models).network.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert not any(one.training for one in norms)
    assert all((one.running_mean != 0).any() for one in norms)
    assert not any(torch.equal(one.running_var, other.running_var) for one, other in zip(norms, before, strict=True))


def test_tensors_that_training_leaves_alone_are_part_of_the_architecture() -> None:
    network = torch.nn.Linear(20, 20)
    fixed = network.bias.requires_grad_(False).clone()
    weights = network.weight.clone()
    shuffle_weights(network, 0)
    assert torch.equal(network.bias, fixed)
    assert not torch.equal(network.weight, weights)


def test_only_name_and_weights_of_the_spec_differ(local_models: dict[str, str]) -> None:
    trained = make("wav2vec2_base", local_models, layer=2).spec.as_json()
    random = make("random:wav2vec2_base", local_models, layer=2).spec.as_json()
    assert {key for key in trained if trained[key] != random[key]} == {"name", "weights", "weights_hash"}
    assert random["name"] == "random-wav2vec2_base"
    assert random["weights"] == f"{trained['weights']}, shuffled with seed 0"


def test_names_with_weights_in_them_have_a_random_version() -> None:
    choice = EncoderChoice(name="random:ssl:facebook/hubert-base-ls960")
    assert find_stream_name(choice) == "random-ssl-hubert-base-ls960"
    assert find_source(choice.name) == find_source("ssl:facebook/hubert-base-ls960")


@pytest.mark.parametrize("name", ["lfcc", "metadata", "tiny_audio", "yaml:safe_load"])
def test_an_encoder_without_weights_of_ours_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no weights of this program's own"):
        make_encoder(EncoderChoice(name=f"random:{name}"), CPU)


def test_it_cannot_be_adapted_and_its_headers_can_be_checked(local_models: dict[str, str]) -> None:
    encoder = make("random:vit_b16", local_models)
    check_weights(encoder)
    assert encoder.checkpoint is None


def test_its_tokens_are_a_store_of_their_own_that_need_not_be_the_latest(
    media: Any, local_models: dict[str, str]
) -> None:
    media.add("video-1", "image-2")
    names = ("wav2vec2_base", "random:wav2vec2_base")
    profiles = [
        media.profile.model_copy(update={"encoders": (EncoderChoice(name=name, weights=local_models[names[0]]),)})
        for name in names
    ]
    for number, profile in enumerate(profiles):
        extract(media.manifest, profile, media.work, device=CPU, latest=number == 0)
    own, random = (open_tokens(media.work, media.manifest, profile).stores for profile in profiles)
    assert (list(own), list(random)) == (["wav2vec2_base"], ["random-wav2vec2_base"])
    (first,), (second,) = own.values(), random.values()
    assert first.keys == second.keys
    assert first.folder != second.folder
    assert not np.array_equal(first.load()[0], second.load()[0])
    assert open_tokens(media.work, media.manifest).profile == profiles[0]
    assert (media.work.tokens / LATEST).is_file()
