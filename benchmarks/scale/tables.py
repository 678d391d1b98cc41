"""The sections of docs/scale.md: the model's tables, and the model beside what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.scale.inputs import Input, Machine
from benchmarks.scale.measure import Sizes
from benchmarks.scale.model import STAGES, count_bytes, estimate, split_money

NOT_STEPS = ("shards", "peak_mb")


def format_model(inputs: Mapping[str, Input], machines: Sequence[Machine]) -> str:
    """Hours and money per machine, then bytes, then the inputs."""
    cpu = next(one for one in machines if not one.gpu_rate)
    slowest = Counter(estimate(inputs, machine).slowest for machine in machines)
    most, count = slowest.most_common(1)[0]
    heads = ["machine", "price per hour", *(f"{stage}, h" for stage in STAGES)]
    heads += ["all, h", "money", "bottleneck", "money, preprocessed on cores"]
    lines = [
        f"{inputs['videos'].value:,.0f} videos on one machine. k machines take a k-th of the hours of all but `train`. "
        f"`{most}` is the bottleneck of {count} of {len(machines)} machines.",
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
    ]
    for machine in machines:
        found = estimate(inputs, machine)
        hours = " | ".join(f"{found.hours[stage]:,.1f}" for stage in STAGES)
        apart = f"{split_money(inputs, machine, cpu)[1]:,.0f}" if machine.gpu_rate else "-"
        lines.append(
            f"| {machine.name}, {machine.cores:g} cores | {machine.price:.2f} | {hours} | {found.total:,.1f} "
            f"| {found.money:,.0f} | {found.bottleneck} | {apart} |"
        )
    return "\n".join([*lines, "", *_format_bytes(inputs), "", *_format_inputs(inputs)]) + "\n"


def _format_bytes(inputs: Mapping[str, Input]) -> list[str]:
    price = inputs["storage_price"].value
    lines = ["| stored | GB | money per month |", "|---|---|---|"]
    return lines + [f"| {what} | {gb:,.0f} | {gb * price:,.0f} |" for what, gb in count_bytes(inputs).items()]


def _format_inputs(inputs: Mapping[str, Input]) -> list[str]:
    lines = ["| input | value | | source |", "|---|---|---|---|"]
    for one in inputs.values():
        value = f"{one.value:,.0f}" if one.value >= 1e3 else f"{one.value:.4g}"
        lines.append(f"| `{one.name}` | {value} {one.unit} | {one.kind} | {one.source} |")
    return lines


def list_steps(found: Mapping[int, Sizes]) -> list[str]:
    return [step for step in found[min(found)] if step not in NOT_STEPS]


def compute_costs(found: Mapping[int, Sizes], step: str) -> list[float]:
    """Seconds per item of a step, from the smallest size to the largest."""
    return [found[size][step] / size for size in sorted(found)]


def compute_growth(costs: Sequence[float]) -> float:
    """Of the largest size, relative to the cheapest of the others: small sizes pay for what is done once."""
    return costs[-1] / min(costs[:-1]) if len(costs) > 1 else 1.0


def format_measured(kinds: Mapping[str, Mapping[int, Sizes]], origin: str) -> str:
    """A table per kind, "rows" and "items": costs per item, growth, and the largest size as the model has it.

    The model: the cost per item is constant, so the second largest size tells the largest.
    """
    lines = [origin, ""]
    for kind, found in kinds.items():
        sizes = sorted(found)
        heads = [f"{size:,} {kind}, us each" for size in sizes]
        lines += [
            f"| step | {' | '.join(heads)} | growth | model, s | measured, s | measured / model |",
            "|---" * (len(sizes) + 5) + "|",
        ]
        for step in list_steps(found):
            costs = compute_costs(found, step)
            model, measured = costs[max(0, len(costs) - 2)] * sizes[-1], found[sizes[-1]][step]
            shown = " | ".join(f"{cost * 1e6:,.1f}" for cost in costs)
            lines.append(
                f"| {step} | {shown} | {compute_growth(costs):.2f} | {model:,.1f} | {measured:,.1f} "
                f"| {measured / model:.2f} |"
            )
        peaks = " | ".join(f"{found[size]['peak_mb']:,.0f}" for size in sizes)
        lines += [f"| most memory, MB | {peaks} | | | | |", ""]
    return "\n".join(lines)
