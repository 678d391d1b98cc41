"""The control of random encoders: linear probes of the tokens of networks that learned nothing.

What they tell is told by the architecture and the statistics of the input. Untrained encoders are the usual control of
probes (Conneau et al., ACL 2018). Their tokens are extracted like all others, into the token stores of the work folder.

I items of all splits, E encoders, W width of their tokens
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.encoders import find_source, find_stream_name, is_own
from unmask.cache.spec import Modality
from unmask.cache.stage import extract, open_tokens
from unmask.core.errors import DamagedInput, MissingInput, UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.control_features import average_tokens
from unmask.evaluation.controls import score_mean_tokens
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.score_tables import Scorer
from unmask.preprocess.encoder_names import RANDOM, TWO_SIDED
from unmask.preprocess.profiles import AugmentationSettings, EncoderChoice, Profile
from unmask.train.data.token_data import TokenData

log = logging.getLogger("unmask")

RandomNetworks = Literal["own", "tiny"]
"""own: the networks of the run's encoders with shuffled weights; tiny: a small network per modality."""
NETWORKS: tuple[RandomNetworks, ...] = ("own", "tiny")

TOGETHER = "random encoders"
TINY: dict[Modality, str] = {"image": "tiny_image", "audio": "tiny_audio", "text": "tiny_text"}
MISSING = (
    "Not compared with random encoders, which tell what the architecture and the statistics of the input tell without "
    "learning: `unmask evaluate --random own` (the run's own networks; takes as long as extracting its tokens did)."
)


def make_random_profile(profile: Profile, modalities: Mapping[str, Modality], networks: RandomNetworks) -> Profile:
    """The profile of the control's tokens, over the same media shards as `profile`, without augmentations.

    `modalities`: of its encoders, by the names of their tokens. `UsageError` where none is of image, audio or text.

    "own": each encoder with weights, shuffled, with its own layer, pooling and projection. A modality whose encoders
    have none (LFCC, an encoder of the user's own) gets the tiny network, as all do for "tiny". The sync encoder is
    left out: its means say nothing.
    """
    compared = [choice for choice in profile.encoders if choice.name not in TWO_SIDED]
    chosen = [choice for choice in compared if networks == "own" and _has_weights(choice.name)]
    covered = {modalities[find_stream_name(choice)] for choice in chosen}
    tiny = [
        EncoderChoice(name=name)
        for modality, name in TINY.items()
        if modality in modalities.values() and modality not in covered
    ]
    if not chosen and not tiny:
        problem = f"profile {profile.name}: no encoder of image, audio or text, so there is no random one"
        raise UsageError(problem, "leave out --random")
    return Profile(
        name=f"{profile.name}-random-{networks}",
        preprocess=profile.preprocess,
        encoders=(*map(_shuffle, chosen), *tiny),
        views=AugmentationSettings(),
    )


def _has_weights(name: str) -> bool:
    return not is_own(name) and find_source(name) is not None


def _shuffle(choice: EncoderChoice) -> EncoderChoice:
    name = choice.name if choice.name.startswith(RANDOM) else RANDOM + choice.name
    # The end of a long alias tells layers of one network apart.
    alias = f"random-{choice.alias[-57:]}" if choice.alias else None
    return choice.model_copy(update={"name": name, "alias": alias, "trained_on": None})


def open_random_tokens(
    opened: OpenRun, work: WorkFolder, networks: RandomNetworks | None, device: torch.device
) -> tuple[RandomNetworks, TokenData] | None:
    """Tokens of random encoders for the items of `opened`. `networks`: extract what is missing of these.

    None: those that are there, of the run's own networks before the tiny ones; without any, the result is None.
    `DamagedInput` for those that are there and damaged.
    """
    manifest, profile = opened.manifest, opened.data.profile
    modalities = {name: stream.spec.modality for name, stream in opened.data.streams.items()}
    if networks is not None:
        wanted = make_random_profile(profile, modalities, networks)
        log.info("evaluate: tokens of random encoders (%s)", ", ".join(choice.name for choice in wanted.encoders))
        extract(manifest, wanted, work, device=device, latest=False)
        return networks, TokenData.load(manifest, open_tokens(work, manifest, wanted))
    for kind in NETWORKS:
        try:
            found = open_tokens(work, manifest, make_random_profile(profile, modalities, kind))
            return kind, TokenData.load(manifest, found)
        except DamagedInput:
            raise
        except (MissingInput, UsageError):
            continue
    return None


def score_random_encoders(items: ItemSet, data: TokenData, *, seed: int) -> list[Scorer]:
    """Linear probes of random encoders, fitted as `score_mean_tokens`: of all together, then of each modality."""
    names = tuple(data.streams)
    number_of = dict(zip(data.clips.media_id.tolist(), data.clips.item.tolist(), strict=True))
    known = np.array([row.media_id in number_of for row in items.rows], np.bool_)
    means = np.zeros((len(items), sum(data.widths(names))), np.float32)
    present = np.zeros((len(items), len(names)), np.bool_)
    numbers = [number_of[row.media_id] for row in items.rows if row.media_id in number_of]
    means[known], present[known] = average_tokens(data, names, numbers)
    modalities = [data.modality(name) for name in names]
    used = {kind for kind, column in zip(modalities, present.T, strict=True) if column.any()}
    kinds = [kind for kind in TINY if kind in used]
    scorers = [_score(items, means, present, TOGETHER, names, seed=seed)]
    if len(kinds) < 2:
        return scorers
    edges = np.cumsum([0, *data.widths(names)])
    for kind in kinds:
        chosen = [position for position, modality in enumerate(modalities) if modality == kind]
        columns = np.concatenate([np.arange(edges[position], edges[position + 1]) for position in chosen])
        of_kind = tuple(names[position] for position in chosen)
        scorers.append(
            _score(items, means[:, columns], present[:, chosen], f"random {kind} encoder", of_kind, seed=seed)
        )
    return scorers


def _score(
    items: ItemSet,
    means: NDArray[np.float32],
    present: NDArray[np.bool_],
    name: str,
    encoders: Sequence[str],
    *,
    seed: int,
) -> Scorer:
    """A linear probe among the items with a token of `encoders`; the others get the training share of fakes."""
    has_token = np.array(present.any(axis=1), np.bool_)
    train = items.is_fake[items.split == "train"]
    score = np.full(len(items), train.mean() if len(train) else 0.5)
    threshold = 0.5
    if has_token.any():
        chosen = items.only(has_token)
        probe = score_mean_tokens(chosen, means[has_token], present[has_token], seed=seed)
        score[has_token], threshold = probe.score, probe.threshold
    return Scorer(
        name,
        f"logistic regression on the mean tokens of {', '.join(encoders)}, which learned nothing",
        score,
        threshold,
        None if has_token.all() else has_token,
        f"the features of {name}" if name == TOGETHER else f"the features of a {name}",
        reads_content=True,
        is_random=True,
    )
