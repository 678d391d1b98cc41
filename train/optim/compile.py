"""torch.compile of what the model spends its time in: the transformer's blocks."""

from __future__ import annotations

from unmask.core.errors import UsageError
from unmask.train.models.detector import Detector
from unmask.train.models.transformer_fusion import Block


def compile_blocks(model: Detector) -> None:
    """In place, so that the names of the weights stay.

    All blocks of a model share their code, so it is compiled once for all of them, and with sizes left open, as batches
    differ in clips and slots. The rest is small, differs by preset, and the gradient penalty differentiates the
    discriminators twice, which compiled code cannot.
    """
    for module in model.modules():
        if isinstance(module, Block):
            module.compile(dynamic=True)


def explain_compile_error(error: RuntimeError) -> UsageError | None:
    """What to tell the user, where `error` says that the compiler failed."""
    from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

    if not isinstance(error, TorchDynamoException):
        return None
    why = str(error).strip().split("\n")[0]
    return UsageError(f"torch.compile failed: {why}", "install a C++ compiler, or --set train.compile=false")
