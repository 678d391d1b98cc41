"""Linear-frequency cepstral coefficients, the front end of the anti-spoofing community: no weights.

Sahidullah, Kinnunen and Hanilci, "A comparison of features for synthetic speech detection", Interspeech 2015: 20 linear
filters over 20 ms windows every 10 ms, 20 coefficients with their first and second differences (the differences
separate synthetic speech best). Unlike mel filters they keep detail at high frequencies, where vocoders make errors.

B clips, A samples, F frames, D = 60 numbers per frame; a token is their mean and standard deviation (120)
"""

from __future__ import annotations

import torch
from torch import nn
from torchaudio.functional import compute_deltas
from torchaudio.transforms import LFCC

from unmask.cache.encoders.audio_base import SAMPLE_RATE, AudioEncoder, pool_mean_and_std
from unmask.cache.encoders.encoder_options import check_token_rate, only
from unmask.cache.spec import EncoderSpec
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import EncoderChoice

COEFFICIENTS = 20
SPECTRUM = {"n_fft": 512, "win_length": 320, "hop_length": 160}

# Unscaled, loudness (coefficient 0, about -25 +- 12) is a hundred times larger than the variation of the others and
# would dominate a layer norm. Coefficient n of speech varies by about 12 / (n + 1), its differences by a third and an
# eighth of that. The scales are fixed for all data, like an image encoder's mean and deviation.
LOUDNESS = -25.0
SCALES = (1.0, 3.0, 8.0)
NORMALISATION = "coefficient 0 plus 25, coefficient n times (n + 1) / 12, differences times 3 and 8"


class _Frames(nn.Module):
    """(B, A) -> (B, F, 60)."""

    def __init__(self) -> None:
        super().__init__()
        # Natural logarithm: torchaudio's decibels are clamped 80 below the loudest clip *of the batch*.
        self.lfcc = LFCC(SAMPLE_RATE, n_filter=COEFFICIENTS, n_lfcc=COEFFICIENTS, log_lf=True, speckwargs=SPECTRUM)
        self.register_buffer("scale_D1", torch.arange(1, COEFFICIENTS + 1).float()[:, None] / 12)

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        # Half precision has three digits: too few for differences of logarithms.
        with torch.autocast(wave_BA.device.type, enabled=False):
            static = self.lfcc(wave_BA)
            static[:, 0] -= LOUDNESS
            static = static * self.scale_D1
            first = compute_deltas(static)
            parts = (static, first, compute_deltas(first))
            scaled = [part * scale for part, scale in zip(parts, SCALES, strict=True)]
            return torch.cat(scaled, dim=1).transpose(1, 2)


def lfcc(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """120 wide."""
    only(choice, "tokens_per_second")
    spec = EncoderSpec(
        name=choice.name,
        modality="audio",
        weights="none",
        weights_hash=fingerprint("lfcc", COEFFICIENTS, SPECTRUM, LOUDNESS, SCALES),
        native_dim=2 * 3 * COEFFICIENTS,
        pooling="mean and standard deviation",
        tokens_per_second=check_token_rate(choice),
        normalisation=NORMALISATION,
    )
    return AudioEncoder(spec, _Frames, device, pool=pool_mean_and_std)
