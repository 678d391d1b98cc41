"""Everything that changes a trained model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from unmask.cache.spec import Modality
from unmask.core.extensions import is_extension
from unmask.core.hashing import fingerprint
from unmask.core.settings import Settings
from unmask.manifests.manifest import Kind

LATER = (
    "extra_losses",
    "standardize",
    "normalize_features",
    "swap",
    "uniformity_weight",
    "alignment_weight",
    "paired",
    "lag",
    "linear_term",
    "joint_weight",
    "calibrate_terms",
    "joint_means",
    "part_means",
    "mix_layers",
    "logit_adjustment",
    "sync",
    "fits_weight",
)
"""Settings that earlier versions did not have."""


Selection = Literal["steady", "last", "best"]
"""Which epoch's weights are kept; best_epoch.SELECTIONS has the rules."""


class TrainConfig(Settings):
    """One row of the experiment table. Presets are functions that give one (presets.py)."""

    preset: str = Field("custom", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Name of the preset it came from; the run folder's name begins with it."""

    size: Literal["auto", "large", "small"] = "auto"
    """auto: large with 16 GiB of free GPU memory, else small."""
    dropout: float = Field(0.1, ge=0, lt=1)
    fusion: str = "parts"
    """How the modalities are combined: a name in models/fusions.FUSIONS, or module:attribute for your own."""
    lag: bool = True
    """Add a token of how well image and audio fit at each time difference; fusions parts and joint only."""
    sync: bool = True
    """Read how well mouth and audio fit at each time difference from the sync encoder, if the profile has it; fusions
    parts and joint only."""
    linear_term: bool = True
    """fusion parts: add to the logit of each modality a linear term in its mean tokens."""
    joint_means: bool = True
    """fusion parts: add to the joint logit a term of the mean token of each modality, by an MLP."""
    part_means: bool = True
    """fusion parts: add to the logit of each modality a term of its mean token, by an MLP."""
    calibrate_terms: bool = True
    """fusion parts: calibrate the terms on validation before they are combined, those of images per kind of media."""
    mix_layers: bool = True
    """Mix the tokens of layers of one network, which the profile keeps apart, by learned weights; false: all of them
    stand in the sequence."""
    standardize: bool = True
    """Subtract from each encoder's tokens the mean over the training clips and divide by the standard deviation."""

    modalities: tuple[Modality, ...] = ("image", "audio", "text")
    streams: tuple[str, ...] = ()
    """Encoders to use, by name; empty: every encoder of these modalities."""
    kinds: tuple[Kind, ...] = ("image", "audio", "video")
    """Kinds of media to train and validate on."""
    datasets: tuple[str, ...] = ()
    """Datasets to train and validate on; empty: all."""

    epochs: int = Field(30, ge=1)
    selection: Selection = "steady"
    """Epoch whose weights are kept. last: the last one; steady: the last one, unless its calibrated validation loss is
    clearly above the lowest, then that of the lowest; best: the one of the best validation result."""
    patience: int = Field(8, ge=1)
    """With selection=best: stop after this many epochs without a better validation result."""
    batch_size: int | None = Field(None, ge=1)
    """Clips in memory at once; None: by the number of training clips and the size."""
    accumulate: int = Field(1, ge=1)
    """Batches per optimizer step."""
    lr: float = Field(5e-4, gt=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate rises from 0; a cosine brings it back to 0."""
    weight_decay: float = Field(0.05, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 on a GPU that has it, fp16 on one that has not, fp32 on CPU, where bf16 is several times slower."""

    compile: bool = False
    """torch.compile the transformer's blocks: half a minute or more before the first step."""

    label_smoothing: float = Field(0.05, ge=0, lt=1)
    focal_gamma: float = Field(0.0, ge=0)
    """Focal loss: clips that are already classified well weigh (1 - p)^gamma; 0: cross-entropy."""
    part_weight: float = Field(0.3, ge=0)
    """Weight of the video-fake and of the audio-fake loss beside the real/fake loss."""
    joint_weight: float = Field(0.3, ge=0)
    """fusion parts: weight of the real/fake loss of the joint logit, over clips without a modality known to be fake."""
    fits_weight: float = Field(0.1, ge=0)
    """With a sync encoder: weight of the loss of telling genuine clips from the same with audio that was moved or is
    another clip's. It trains a head of its own, which is no part of the score."""
    domain_loss: Literal["none", "dann", "cdan", "coral"] = "dann"
    """dann: gradient reversal; cdan: the same conditioned on the predicted class; coral: equal covariances. The
    discriminators are trained with every choice, as a measure; only dann and cdan let them change the features."""
    grl_max: float = Field(0.1, ge=0)
    """Strength of the reversal at the end of Ganin's schedule."""
    gradient_penalty: float = Field(0.0, ge=0)
    """Weight of the penalty on how steeply the discriminators' log-odds of the true dataset change with the features;
    it flattens the discriminators only."""
    coral_weight: float = Field(1.0, ge=0)

    infonce_weight: float = Field(0.0, ge=0)
    """Weight of InfoNCE between image and audio of the real clips of a batch."""
    supcon_weight: float = Field(0.0, ge=0)
    """Weight of SupCon: features of clips of one class are pulled together within a batch."""
    temperature: float = Field(0.1, gt=0)
    """Of both contrastive losses."""
    normalize_features: bool = False
    """Heads, discriminators and losses see features of unit length (times the square root of their width)."""
    uniformity_weight: float = Field(0.0, ge=0)
    """Weight of the uniformity loss: features of unit length spread over the sphere."""
    alignment_weight: float = Field(0.0, ge=0)
    """Weight of the alignment loss: features of unit length of one class are pulled together."""
    extra_losses: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Your own loss terms and their weights: {my_module:my_loss: 0.1}."""

    balance: bool = True
    """Draw all classes and datasets equally often."""
    paired: bool = False
    """Draw a fake beside a real clip of its source, or of its identity, in the same batch, where training has one."""
    max_repeats: int = Field(10, ge=1)
    """Balanced sampling draws an item at most this often per epoch, so that a few files cannot fill it."""
    views: bool = True
    """Draw each training clip from its cached augmentations and the clean version, if it has any."""
    logit_adjustment: float = Field(0.0, ge=0)
    """In training only: add this times the log odds of fake among the draws of a dataset to its real/fake logits."""
    modality_dropout: float = Field(0.2, ge=0, lt=1)
    """Probability that a modality of a training clip is dropped; never its last one."""
    swap: float = Field(0.0, ge=0, le=1)
    """Share of the training clips with image or audio that get the other modality from another training clip; 0: none.
    The class stays, and a swapped clip has no text."""
    swap_schedule: Literal["constant", "rising"] = "constant"
    """rising: from no swapped clips to the whole share in the last epoch."""
    shuffle_labels: bool = False
    """A control: permute the labels among training and validation items. The test AUC must then be chance; if it is
    higher, the split leaks."""
    seed: int = Field(0, ge=0, lt=1 << 63)
    ema: float = Field(0.99, ge=0, lt=1)
    """Decay per step of an average of the weights, which is then validated and saved; 0: no averaging."""

    @field_validator("fusion")
    @classmethod
    def _check_fusion(cls, name: str) -> str:
        # Not at the top: presets are listed without loading torch.
        from unmask.train.models.fusions import FUSIONS, describe_fusions

        if name not in FUSIONS and not is_extension(name):
            raise PydanticCustomError("fusion", f"{describe_fusions()}; or module:attribute for your own")
        return name

    @field_validator("extra_losses")
    @classmethod
    def _check_losses(cls, weights: dict[str, float]) -> dict[str, float]:
        if not all(map(is_extension, weights)):
            raise PydanticCustomError("extra_losses", "{my_module:my_loss: 0.1}, each named module:attribute")
        return weights

    def fingerprint(self) -> str:
        """The one of earlier versions, where a setting that they did not have is off."""
        off = {name for name in LATER if not getattr(self, name)}
        off |= set() if self.swap else {"swap_schedule"}
        off |= {"selection"} if self.selection == "best" else set()  # the only rule of earlier versions
        return fingerprint(self.model_dump(mode="json", exclude=off))
