"""Tensor names of fairseq as those of transformers, for wav2vec 2.0 and HuBERT.

AntiDeepfake (Ge et al., 2025) publishes its networks with fairseq's names, under a prefix and beside a head.
"""

from __future__ import annotations

import re
from pathlib import Path

from unmask.cache.weights.tensor_files import Tensors
from unmask.core.errors import MissingInput

ANCHOR = "post_extract_proj.weight"
"""A tensor that every such network has. What stands before it is the prefix of the network's tensors."""
RENAMED = (
    (r"^feature_extractor\.conv_layers\.(\d+)\.0\.", r"feature_extractor.conv_layers.\1.conv."),
    # In a layer norm its module is wrapped to turn the axes, a group norm stands by itself.
    (r"^feature_extractor\.conv_layers\.(\d+)\.2\.(1\.)?", r"feature_extractor.conv_layers.\1.layer_norm."),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^encoder\.pos_conv\.0\.weight_g$", "encoder.pos_conv_embed.conv.parametrizations.weight.original0"),
    (r"^encoder\.pos_conv\.0\.weight_v$", "encoder.pos_conv_embed.conv.parametrizations.weight.original1"),
    (r"^encoder\.pos_conv\.0\.", "encoder.pos_conv_embed.conv."),
    (r"\.self_attn\.", ".attention."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
    (r"^mask_emb$", "masked_spec_embed"),
)
UNUSED = re.compile(r"^(quantizer|project_q|final_proj|target_glu)\.|^label_embs_concat$")
"""Parts that only pretraining uses."""


def has_fairseq_names(tensors: Tensors) -> bool:
    return any(_is_anchor(name) for name in tensors)


def rename_tensors(tensors: Tensors, path: Path) -> Tensors:
    """The network's tensors by transformers' names, without heads and parts of pretraining.

    `MissingInput` where the checkpoint holds several networks.
    """
    prefixes = [name.removesuffix(ANCHOR) for name in tensors if _is_anchor(name)]
    if len(prefixes) > 1:
        raise MissingInput(f"{path}: has {len(prefixes)} tensors {ANCHOR}", "name a checkpoint of one network")
    own = {name.removeprefix(prefixes[0]): one for name, one in tensors.items() if name.startswith(prefixes[0])}
    return {_rename(name): values for name, values in own.items() if not UNUSED.search(name)}


def has_convolution_bias(tensors: Tensors) -> bool:
    """Of tensors by transformers' names. Some of the published configurations say otherwise than the tensors."""
    return "feature_extractor.conv_layers.0.conv.bias" in tensors


def _is_anchor(name: str) -> bool:
    return name == ANCHOR or name.endswith(f".{ANCHOR}")


def _rename(name: str) -> str:
    for pattern, other in RENAMED:
        name = re.sub(pattern, other, name)
    return name
