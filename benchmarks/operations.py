"""The operations that a computation runs on its device: arithmetic and memory traffic of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    flops: float
    """Of matrix products and attention; a multiplication and an addition are two."""
    bytes: float
    """Read and written."""


def counted(run: Callable[[], object]) -> list[Operation]:
    """Every operation of `run` that moves data, in order; views and empty tensors do not."""
    with _Counter() as counter:
        run()
    return counter.done


class _Counter(TorchDispatchMode):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.done: list[Operation] = []

    def __torch_dispatch__(
        self, operator: Any, types: Any, given: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        named = named or {}
        made = operator(*given, **named)
        name = operator._schema.name
        if name.startswith("aten::") and not (operator.is_view or name in FREE):
            self.done.append(Operation(name, _flops(operator, given, named, made), _bytes((given, named, made))))
        return made


FREE = {
    f"aten::{name}"
    for name in (
        "empty empty_like empty_strided new_empty new_empty_strided detach lift_fresh _unsafe_view "
        "_local_scalar_dense is_pinned"
    ).split()
}


def _flops(operator: Any, given: tuple[Any, ...], named: dict[str, Any], made: Any) -> float:
    # Attention on a CPU is in no list of PyTorch's.
    if operator._overloadpacket is aten._scaled_dot_product_flash_attention_for_cpu:
        return float(sdpa_flop_count(*(tensor.shape for tensor in given[:3])))
    if operator._overloadpacket is aten._scaled_dot_product_flash_attention_for_cpu_backward:
        return float(sdpa_backward_flop_count(*(tensor.shape for tensor in given[:4])))
    known = flop_registry.get(operator._overloadpacket)
    return float(known(*given, **named, out_val=made)) if known else 0.0


def _bytes(tensors: Any) -> float:
    """An expanded tensor is read as often as it is long, but from the same place."""
    found = [leaf for leaf in tree_leaves(tensors) if isinstance(leaf, torch.Tensor)]
    return float(sum(min(t.numel() * t.element_size(), t.untyped_storage().nbytes()) for t in found))
