"""What a stop rule can see in few rows: the smallest difference at which its test is expected to cross its bound.

The same tests as in `rollout_rules` are given the rows as they are expected: a difference of this size is stopped about
half of the time by then. A step may go on after `min_rows`, so smaller ones may pass it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from modelwright.registry.rollout_rules import share_of
from modelwright.registry.rollout_state import Plan, StopRule
from modelwright.stats import sequential

#: the champion's rate, which nobody knows at the start
_BESIDE = {"error_rate": 0.01, "wrong_rate": 0.15, "reward": 0.15}
#: from here on it is said: points of a rate, standard deviations of a mean, a share of the scores that moved
_WEAK = {"rate": 0.05, "standard_deviations": 0.5, "moved_share": 0.15}
_MOST_ROWS = 1_000_000


def power(plan: Plan) -> list[dict[str, Any]]:
    """By rule: `smallest` that can be seen in min_rows of each version, its `unit`, whether that is `weak`, and how
    many rows would see what is not weak."""
    if plan.strategy in ("bandit", "ab"):
        return []
    found = []
    for rule in plan.stops:
        relative = rule.over_champion or rule.metric == "prediction_shift"
        unit, smallest, needed = _seen(rule, share_of(plan, relative=relative), plan.min_rows)
        weak = smallest is None or smallest > _WEAK[unit]
        one = {"rule": rule.text, "rows": plan.min_rows, "unit": unit, "smallest": smallest, "weak": weak}
        found.append({**one, "rows_for_more": needed if weak else None})
    return found


def findings(plan: Plan) -> list[dict[str, Any]]:
    """One for each rule that few rows leave without power."""
    return [
        {"code": "rollout.low_power", "severity": "medium", "subject": f"rule:{one['rule']}", "message": _said(one)}
        for one in power(plan)
        if one["weak"]
    ]


def _said(one: dict[str, Any]) -> str:
    words = {"rate": "points", "standard_deviations": "standard deviations", "moved_share": "per cent of the scores"}
    scale = 1.0 if one["unit"] == "standard_deviations" else 100.0
    what = (
        "nothing at all" if one["smallest"] is None else f"{scale * one['smallest']:.2g} {words[one['unit']]} at least"
    )
    more = "more rows" if one["rows_for_more"] is None else f"--min-rows {one['rows_for_more']}"
    wanted = f"{scale * _WEAK[one['unit']]:.2g} {words[one['unit']]}"
    return (
        f"a step may pass after {one['rows']:,} requests, in which {one['rule']} sees {what} beyond its limit; "
        f"{more} would see {wanted}"
    )


@cache
def _seen(rule: StopRule, alpha: float, rows: int) -> tuple[str, float | None, int | None]:
    unit, stops = _test(rule, alpha)
    needed = rows
    while needed < _MOST_ROWS and not stops(_WEAK[unit], needed):
        needed = max(needed + 1, int(needed * 1.25))
    return unit, _smallest(lambda by: stops(by, rows), 10.0 if unit == "standard_deviations" else 1.0), (
        needed if needed < _MOST_ROWS else None
    )  # fmt: skip


def _smallest(stops: Callable[[float], bool], most: float) -> float | None:
    if not stops(most):
        return None
    low, high = 0.0, most
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if stops(middle) else (middle, high)
    return high


def _test(rule: StopRule, alpha: float) -> tuple[str, Callable[[float, int], bool]]:
    """The unit, and whether a difference of so much beyond the limit stops after so many rows of each version."""
    if rule.metric == "prediction_shift":
        return "moved_share", lambda by, n: _moved(rule.limit + by, n) >= -math.log(alpha)
    if rule.metric == "absolute_error" or (not rule.over_champion and not 0 < rule.limit < 1 and not _tail(rule)):
        return "standard_deviations", lambda by, n: _means(by, n, alpha, over_champion=rule.over_champion)
    tail = _tail(rule)
    if rule.over_champion:
        base = tail or _BESIDE.get(rule.metric, 0.0)
        margin = 0.0 if tail else rule.limit
        return "rate", lambda by, n: _rates(base, margin, by, n, alpha)
    bound = tail or (rule.limit if rule.sign == ">" else 1.0 - rule.limit)
    return "rate", lambda by, n: _bets(bound, by, n) >= -math.log(alpha)


def _tail(rule: StopRule) -> float:
    """Share of requests that a limit on a quantile lets take longer."""
    return 1.0 - float(rule.metric.removeprefix("latency_p")) / 100.0 if rule.metric.startswith("latency_") else 0.0


def _bets(bound: float, by: float, rows: int) -> float:
    """Log wealth of `sequential.bet` on rows whose 1s are spread evenly."""
    ones = np.floor(np.arange(1, rows + 1) * min(1.0, bound + by))
    return sequential.bet(sequential.bets(bound), np.diff(ones, prepend=0.0)).largest


def _rates(base: float, margin: float, by: float, rows: int, alpha: float) -> bool:
    a, b = round(base * rows), round(min(1.0, base + margin + by) * rows)
    state = sequential.add_proportions(sequential.Proportions(), a=(a, rows), b=(b, rows))
    look = sequential.proportions(state, worse="b", level=1.0 - alpha)
    return look.p_value <= alpha if margin <= 0 else look.low is not None and look.low > margin


def _means(by: float, rows: int, alpha: float, *, over_champion: bool) -> bool:
    b = sequential.Moments(n=rows, mean=by, spread=float(rows - 1))
    a = (
        sequential.Moments(n=rows, spread=float(rows - 1))
        if over_champion
        else sequential.Moments(n=sequential.MIN_ROWS)
    )
    look = sequential.means(sequential.Means(a=a, b=b), level=1.0 - alpha)
    return look.low is not None and look.low > 0


def _moved(share: float, rows: int) -> float:
    """Log e-value where that share of the scores has left the lowest of five bins for the highest ones."""
    fifth, gone = rows / 5, min(share, 0.2) * rows
    a, b = [round(fifth)] * 5, [round(fifth - gone), *[round(fifth)] * 3, round(fifth + gone)]
    if share > 0.2:
        return math.inf if _moved(0.2, rows) > 0 else 0.0
    return sequential.add_categories(sequential.Categories(), a=a, b=b).largest
