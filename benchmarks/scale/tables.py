"""The sections of docs/scale.md: the model's tables, and the model beside what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.scale.inputs import Input, Machine
from benchmarks.scale.model import STAGES, count_bytes, estimate, split_money
from benchmarks.scale.sizes import Sizes, compute_costs, compute_growth, list_steps


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


def format_measured(kind: str, found: Mapping[int, Sizes]) -> str:
    """Costs per item, growth, and the largest size as the model has it. `kind`: "rows" or "items".

    The model: the cost per item is constant, so the second largest size tells the largest.
    """
    sizes = sorted(found)
    heads = ["step", *(f"{size:,} {kind}, us each" for size in sizes), "growth", "model, s", "measured, s", "ratio"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for step in list_steps(found):
        costs = compute_costs(found, step)
        model, measured = costs[max(0, len(costs) - 2)] * sizes[-1], found[sizes[-1]][step]
        shown = " | ".join(f"{cost * 1e6:,.1f}" for cost in costs)
        growth = compute_growth(costs)
        lines.append(f"| {step} | {shown} | {growth:.2f} | {model:,.1f} | {measured:,.1f} | {measured / model:.2f} |")
    for fact, name in (("peak_mb", "most memory, MB"), ("shards", "shards")):
        if fact in found[sizes[0]]:
            values = " | ".join(f"{found[size][fact]:,.0f}" for size in sizes)
            lines.append(f"| {name} | {values} | | | | |")
    return "\n".join(lines) + "\n"
