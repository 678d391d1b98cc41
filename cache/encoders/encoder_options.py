"""What a profile may ask of an encoder. A setting that would change nothing is refused, not ignored."""

from __future__ import annotations

from unmask.core.errors import UsageError
from unmask.preprocess.profiles import EncoderChoice

# What `make_encoder` does for all encoders alike.
ALWAYS = {"name", "projection", "precision"}


def only(choice: EncoderChoice, *allowed: str) -> None:
    """`UsageError` when `choice` sets anything besides `allowed` and what every encoder has."""
    foreign = sorted(set(choice.model_dump(exclude=ALWAYS, exclude_none=True)) - set(allowed))
    if foreign:
        known = ", ".join((*allowed, *sorted(ALWAYS - {"name"})))
        raise UsageError(f"encoder {choice.name} has no setting {', '.join(foreign)}", f"its settings: {known}")


def within(choice: EncoderChoice, what: str, value: int, low: int, high: int) -> int:
    """`value` when it is from `low` to `high`, else `UsageError`."""
    if not low <= value <= high:
        raise UsageError(f"encoder {choice.name}: {what} {value}", f"{what} is from {low} to {high}")
    return value


def layers_within(choice: EncoderChoice, low: int, high: int) -> tuple[int, ...]:
    """The layers that `choice` asks for, in rising order; () where it leaves them to the encoder."""
    if choice.layer is None:
        return ()
    asked = (choice.layer,) if isinstance(choice.layer, int) else choice.layer
    if not asked or len(set(asked)) < len(asked):
        raise UsageError(f"encoder {choice.name}: layer {list(asked)}", "name at least one layer, and each only once")
    return tuple(sorted(within(choice, "layer", layer, low, high) for layer in asked))


def in_spec(layers: tuple[int, ...]) -> int | tuple[int, ...] | None:
    """As a spec keeps them: one layer is a number, so that [6] and 6 are the same tokens under the same key."""
    return layers[0] if len(layers) == 1 else layers or None


def token_rate(choice: EncoderChoice, default: float = 5.0) -> float:
    """Audio tokens per second. 5: a syllable or so each, and a clip of 4 s stays at 20 tokens."""
    rate = default if choice.tokens_per_second is None else choice.tokens_per_second
    if not 0 < rate <= 100:
        raise UsageError(f"encoder {choice.name}: tokens_per_second {rate:g}", "more than 0, at most 100")
    return rate
