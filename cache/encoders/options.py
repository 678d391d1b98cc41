"""What a profile may ask of an encoder. A setting that would change nothing is refused, not ignored."""

from __future__ import annotations

from core.errors import UsageError
from preprocess.profiles import EncoderChoice


def only(choice: EncoderChoice, *allowed: str) -> None:
    """`UsageError` when `choice` sets anything besides `allowed`."""
    given = choice.model_dump(exclude={"name"}, exclude_none=True)
    foreign = sorted(set(given) - set(allowed))
    if foreign:
        known = ", ".join(allowed) or "none"
        raise UsageError(f"encoder {choice.name} has no setting {', '.join(foreign)}", f"its settings: {known}")


def within(choice: EncoderChoice, what: str, value: int, low: int, high: int) -> int:
    """`value` when it is from `low` to `high`, else `UsageError`."""
    if not low <= value <= high:
        raise UsageError(f"encoder {choice.name}: {what} {value}", f"{what} is from {low} to {high}")
    return value


def token_rate(choice: EncoderChoice, default: float = 5.0) -> float:
    """Audio tokens per second. 5: a syllable or so each, and a clip of 4 s stays at 20 tokens."""
    rate = default if choice.tokens_per_second is None else choice.tokens_per_second
    if not 0 < rate <= 100:
        raise UsageError(f"encoder {choice.name}: tokens_per_second {rate:g}", "more than 0, at most 100")
    return rate
