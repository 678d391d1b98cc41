"""Checks of the settings of an encoder. A setting that would change nothing is refused, not ignored."""

from __future__ import annotations

from unmask.core.errors import UsageError
from unmask.preprocess.profiles import AS, EncoderChoice

# Applied by `make_encoder` to all encoders.
ALWAYS = {"name", "alias", "projection", "precision", "trained_on"}


def only(choice: EncoderChoice, *allowed: str) -> None:
    """`UsageError` when `choice` sets anything besides `allowed` and the settings of every encoder."""
    foreign = sorted(set(choice.model_dump(exclude=ALWAYS, exclude_none=True)) - set(allowed))
    if foreign:
        known = ", ".join((*allowed, *sorted(ALWAYS - {"name", "alias"}), AS))
        raise UsageError(f"encoder {choice.name} has no setting {', '.join(foreign)}", f"its settings: {known}")


def check_range(choice: EncoderChoice, what: str, value: int, low: int, high: int) -> int:
    """Return `value` if it is from `low` to `high`, else `UsageError`."""
    if not low <= value <= high:
        raise UsageError(f"encoder {choice.name}: {what} {value}", f"{what} is from {low} to {high}")
    return value


def check_layers(choice: EncoderChoice, low: int, high: int) -> tuple[int, ...]:
    """Layers of `choice`, in rising order; () for the encoder's default. `UsageError` outside `low` to `high`."""
    if choice.layer is None:
        return ()
    asked = (choice.layer,) if isinstance(choice.layer, int) else choice.layer
    if not asked or len(set(asked)) < len(asked):
        raise UsageError(f"encoder {choice.name}: layer {list(asked)}", "name at least one layer, and each only once")
    return tuple(sorted(check_range(choice, "layer", layer, low, high) for layer in asked))


def simplify_layers(layers: tuple[int, ...]) -> int | tuple[int, ...] | None:
    """One layer becomes a number, so that [6] and 6 have the same key."""
    return layers[0] if len(layers) == 1 else layers or None


def check_token_rate(choice: EncoderChoice, default: float = 5.0) -> float:
    """Audio tokens per second. With 5, a token is about one syllable, and a clip of 4 s has 20 tokens."""
    rate = default if choice.tokens_per_second is None else choice.tokens_per_second
    if not 0 < rate <= 100:
        raise UsageError(f"encoder {choice.name}: tokens_per_second {rate:g}", "more than 0, at most 100")
    return rate
