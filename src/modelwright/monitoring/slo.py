"""Service levels: how fast the error budget burns, over two windows at a time.

Source of windows and factors: Beyer et al. (2018), The Site Reliability Workbook, chapter 5, multiwindow burn rates,
for a budget of 30 days: 2 % of it in 1 hour (14.4), 5 % in 6 hours (6), 10 % in 3 days (1). The short window
ends an alert soon after its cause.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelwright.monitoring.alerts import Signal
from modelwright.spec.monitoring import SloSpec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Totals since the server began, at `at_s` seconds since 1970. A total that falls began again at 0."""

    at_s: float
    requests: float
    errors: float = 0.0
    slow: float = 0.0
    degraded: float = 0.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    factor: float
    long_s: float
    short_s: float
    severity: str


POLICIES = (
    Policy(factor=14.4, long_s=3_600.0, short_s=300.0, severity="page"),
    Policy(factor=6.0, long_s=21_600.0, short_s=1_800.0, severity="page"),
    Policy(factor=1.0, long_s=259_200.0, short_s=21_600.0, severity="ticket"),
)
KEPT_S = POLICIES[-1].long_s
_MEASURES = ("errors", "slow", "degraded")


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    measure: str  # of Sample
    target: float


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """How many times faster than allowed the budget went in each window; None where there were too few requests."""

    objective: str
    target: float
    severity: str
    factor: float
    long_s: float
    short_s: float
    long: float | None
    short: float | None
    requests: float
    burning: bool


def objectives(spec: SloSpec) -> tuple[Objective, ...]:
    return (
        Objective(name="availability", measure="errors", target=spec.availability),
        Objective(name="latency", measure="slow", target=spec.latency),
        Objective(name="degraded", measure="degraded", target=spec.degraded),
    )


def judge(samples: Sequence[Sample], spec: SloSpec, now_s: float) -> list[Burn]:
    """Every objective under every policy. samples: in order of time."""
    found = []
    for objective in objectives(spec):
        for policy in POLICIES:
            long, requests = burn(samples, objective, now_s, policy.long_s, spec.min_requests)
            # the guard belongs to the long window: five quiet minutes may hold a handful of requests
            short, _ = burn(samples, objective, now_s, policy.short_s, 1)
            found.append(
                Burn(
                    objective=objective.name,
                    target=objective.target,
                    severity=policy.severity,
                    factor=policy.factor,
                    long_s=policy.long_s,
                    short_s=policy.short_s,
                    long=long,
                    short=short,
                    requests=requests,
                    burning=long is not None and short is not None and min(long, short) > policy.factor,
                )
            )
    return found


def burn(
    samples: Sequence[Sample], objective: Objective, now_s: float, window_s: float, least: int
) -> tuple[float | None, float]:
    """Burn rate over the last `window_s`, or over what there is of it, and the requests it rests on."""
    requests, bad = increase(samples, objective.measure, now_s - window_s, now_s)
    if requests < max(1, least):
        return None, requests
    return (bad / requests) / (1.0 - objective.target), requests


def increase(samples: Sequence[Sample], measure: str, from_s: float, until_s: float) -> tuple[float, float]:
    """Requests, and those of `measure`, between two moments; a server that began again counts from 0."""
    inside = [sample for sample in samples if sample.at_s <= until_s]
    begin = max((at for at, sample in enumerate(inside) if sample.at_s <= from_s), default=0)
    requests = bad = 0.0
    for before, after in zip(inside[begin:], inside[begin + 1 :], strict=False):
        again = after.requests < before.requests
        requests += after.requests - (0.0 if again else before.requests)
        bad += max(0.0, getattr(after, measure) - (0.0 if again else getattr(before, measure)))
    return requests, bad


def signals(burns: Sequence[Burn]) -> list[Signal]:
    """One per objective that burns, by its most urgent policy."""
    found: dict[str, Signal] = {}
    for each in burns:
        if not each.burning or each.objective in found:
            continue
        found[each.objective] = Signal(
            about="slo",
            subject=f"slo:{each.objective}",
            severity=each.severity,
            message=f"{each.objective}: the error budget burns {each.long:.3g} times too fast over "
            f"{_span(each.long_s)} and {each.short:.3g} times over {_span(each.short_s)} "
            f"(limit {each.factor:g}, objective {each.target:g}, {each.requests:.0f} requests).",
            evidence=msgspec.to_builtins(each),
        )
    return list(found.values())


def _span(seconds: float) -> str:
    return f"{seconds / 3_600:g} h" if seconds < 86_400 * 2 else f"{seconds / 86_400:g} d"
