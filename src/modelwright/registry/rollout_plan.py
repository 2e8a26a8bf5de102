"""A plan from what a person writes: steps in per cent, times as 10m, stop rules as `latency_p99>50ms`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from modelwright.core.errors import SpecError, did_you_mean
from modelwright.registry.rollout_state import Plan, StopRule

METRICS = ("error_rate", "latency_p50", "latency_p95", "latency_p99", "prediction_shift", "wrong_rate", "reward",
           "absolute_error", "disagreement")  # fmt: skip
#: metrics that need late labels
LABELLED = ("wrong_rate", "reward", "absolute_error")
_RULE = re.compile(r"\s*([a-z_0-9]+)\s*([<>])\s*(champion\s*([+-])\s*)?([0-9.]+)\s*(ms|us|s|%)?\s*", re.ASCII)
_UNITS = {"ms": 1.0, "us": 1e-3, "s": 1e3}
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|h|d)?", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, None: 1.0}
DEFAULT_STOPS = ("error_rate>0.02", "error_rate>champion+0.01")


def stop_rule(text: str) -> StopRule:
    """Raises SpecError (`rollout.rule`)."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise _wrong(text, "is no rule", "write error_rate>0.02, latency_p99>50ms or wrong_rate>champion+0.03")
    metric, sign, over, plus, number, unit = found.groups()
    if metric not in METRICS:
        raise _wrong(text, f"names no metric we know ('{metric}')", did_you_mean(metric, METRICS))
    try:
        limit = float(number)
    except ValueError:
        raise _wrong(text, f"has the number '{number}'", "write it as 0.02 or 50") from None
    latency = metric.startswith("latency_")
    if latency != (unit in _UNITS):
        raise _wrong(text, "has no unit of time" if latency else f"has the unit '{unit}'", "latencies end in ms or s")
    limit = limit * _UNITS[unit] if latency else limit / 100 if unit == "%" else limit
    if (plus == "-") != (sign == "<") and over:
        raise _wrong(text, "compares in two directions", "write X>champion+0.01 or X<champion-0.01")
    if metric in ("error_rate", "prediction_shift", "wrong_rate", "disagreement") and not 0 <= limit < 1:
        raise _wrong(text, "has a limit that is no share", "write a number from 0 to 1, or per cent with %")
    if metric == "prediction_shift" and (over or sign == "<"):
        raise _wrong(text, "cannot be judged", "prediction_shift is about the champion already: prediction_shift>0.1")
    return StopRule(metric=metric, sign=sign, limit=limit, over_champion=bool(over), text=text.replace(" ", ""))  # type: ignore[arg-type]


def seconds(text: str, what: str) -> float:
    """10m, 30s, 2h, 1d or a number of seconds. Raises SpecError (`rollout.time`)."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise SpecError(
            f"--{what} is '{text[:40]}', which is no duration.",
            code="rollout.time",
            hint="write 30s, 10m, 2h or 1d",
            subject=f"option:{what}",
        )
    return float(found[1]) * _SECONDS[found[2]]


def shares(text: str) -> tuple[float, ...]:
    """`5,25,50,100` in per cent. Raises SpecError (`rollout.steps`)."""
    try:
        found = tuple(float(part.strip().rstrip("%")) / 100 for part in text.split(","))
    except ValueError:
        found = ()
    if not found or any(not 0 < share <= 1 for share in found) or list(found) != sorted(set(found)):
        raise SpecError(
            f"--steps is '{text[:60]}'.",
            code="rollout.steps",
            hint="per cent of the requests, rising, as 5,25,50,100",
            subject="option:steps",
        )
    return found


def plan(strategy: str, to: Sequence[int], *, steps: str | None, stops: Sequence[str], **options: Any) -> Plan:
    """Raises SpecError where strategy, steps and rules do not fit together."""
    rules = tuple(stop_rule(text) for text in stops or _usual(strategy))
    _check_rules(strategy, rules)
    if strategy in ("canary", "blue_green", "shadow") and len(to) > 1:
        raise SpecError(
            f"A {strategy} tries one version.", code="rollout.versions", hint="use ab or bandit", subject="option:to"
        )
    found = (
        shares(steps) if steps else {"canary": (0.05, 0.25, 0.5, 1.0), "ab": (len(to) / (len(to) + 1),)}.get(strategy)
    )
    if strategy == "canary" and found and found[-1] < 1.0:
        found = (*found, 1.0)
    if strategy in ("blue_green", "shadow", "bandit"):
        found = {"blue_green": (0.0, 1.0), "shadow": (0.0,), "bandit": (1.0,)}[strategy]
    if strategy == "ab" and (found is None or len(found) > 1 or found[0] >= 1.0):
        raise SpecError(
            "An A/B test has one share below 100 %.", code="rollout.steps", hint="--steps 50", subject="option:steps"
        )
    said = {"strategy": strategy, "base": 0, "to": tuple(to), "steps": found, "stops": msgspec.to_builtins(rules)}
    return msgspec.convert({**said, **options}, Plan)


def _usual(strategy: str) -> tuple[str, ...]:
    return DEFAULT_STOPS[:1] if strategy in ("blue_green", "shadow") else DEFAULT_STOPS


def _check_rules(strategy: str, rules: Sequence[StopRule]) -> None:
    for rule in rules:
        beside = rule.over_champion or rule.metric == "prediction_shift"
        if strategy == "blue_green" and beside:
            raise _wrong(rule.text, "compares with the champion, who answers nothing then", "use --strategy canary")
        if (rule.metric == "disagreement") != (strategy == "shadow" and rule.metric == "disagreement"):
            raise _wrong(rule.text, "needs two answers to the same request", "use --strategy shadow")
        if strategy == "shadow" and rule.metric == "prediction_shift":
            raise _wrong(rule.text, "is not needed where both answer every row", "use disagreement>0.1")


def _wrong(text: str, what: str, hint: str) -> SpecError:
    return SpecError(f"The stop rule '{text[:80]}' {what}.", code="rollout.rule", hint=hint, subject="option:stop")
