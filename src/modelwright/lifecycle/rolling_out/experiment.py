"""The A/B test: is the assignment what was declared, and is one version better, at looks planned beforehand.

Looks are group sequential (O'Brien and Fleming's spending by Lan and DeMets), at even shares of the planned labelled
rows; each is an event, so that the next one knows what has been spent.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.ports import Journal
from modelwright.registry import rollouts
from modelwright.registry.rollout_rules import ArmRows, Evidence
from modelwright.registry.rollout_state import Plan, Rollout
from modelwright.stats import sequential, sequential_groups

#: an assignment this unlikely is a fault of the splitting, not chance: Fabijan and others (2019), KDD
_MISMATCH = 5e-4
_LOWER_IS_BETTER = ("wrong", "absolute_error")


def metric_of(found: Evidence, plan: Plan) -> str:
    """What both are compared by: the reward that was declared, or for numbers the absolute error."""
    wanted = "reward" if plan.reward == "label" else "correct"
    arms = [found.step.get(version, ArmRows()) for version in (plan.base, *plan.to)]
    return wanted if any(arm.of(wanted).size for arm in arms) else "absolute_error"


def mismatch(rollout: Rollout, found: Evidence) -> dict[str, Any]:
    """Sample ratio: requests by arm against the declared shares, at any time (e-process)."""
    counts = [found.step.get(version, ArmRows()).requests for version in rollout.versions]
    shares = tuple(weight for _, weight, _ in rollout.arms()) or _declared(rollout)
    look = sequential.categories(sequential.add_categories(sequential.Categories(shares=shares), b=counts))
    return {
        "requests": dict(zip(map(str, rollout.versions), counts, strict=True)),
        "declared": list(shares),
        "p_value": look.p_value,
        "mismatch": look.p_value <= _MISMATCH,
    }


def looked(journal: Journal, rollout: Rollout, found: Evidence, token: int) -> Rollout:
    """Make the next look when its rows are in; an assignment that is wrong, or a result, holds it for a person."""
    ratio = mismatch(rollout, found)
    if ratio["mismatch"]:
        reason = f"requests are not split as declared (p = {ratio['p_value']:.1g}): the comparison would mislead"
        return rollouts.hold(journal, rollout, token, reason)
    look = next_look(rollout, found)
    if look is None:
        return rollout
    after = rollouts.look(journal, rollout, token, look)
    if look["decided"] or look["share"] >= 1.0:
        return rollouts.hold(journal, after, token, look["said"])
    return after


def next_look(rollout: Rollout, found: Evidence) -> dict[str, Any] | None:
    """Of the first challenger against the champion; None while the rows of the next look are not in."""
    plan = rollout.plan
    metric = metric_of(found, plan)
    a, b = (found.step.get(version, ArmRows()).of(metric) for version in (plan.base, plan.to[0]))
    share = min(1.0, (a.size + b.size) / plan.planned_rows)
    due = (len(rollout.looks) + 1) / plan.looks
    if len(rollout.looks) >= plan.looks or share < due - 1e-12 or min(a.size, b.size) < plan.min_rows:
        return None
    before = [float(look["share"]) for look in rollout.looks]
    bound = sequential_groups.bounds([*before, share], plan.alpha)[-1]
    difference, error = _difference(a, b)
    z = difference / error if error > 0 else 0.0
    better = (z < 0) if metric in _LOWER_IS_BETTER else (z > 0)
    decided = abs(z) >= bound
    word = "better" if better else "worse"
    verdict = f"version {plan.to[0]} is {word}" if decided else "no difference is shown"
    return {
        "number": len(rollout.looks) + 1,
        "share": share,
        "metric": metric,
        "rows": {str(plan.base): a.size, str(plan.to[0]): b.size},
        "difference": difference,
        "low": difference - bound * error,
        "high": difference + bound * error,
        "z": z,
        "bound": bound,
        "decided": bool(decided),
        "said": f"{verdict}: {metric} differs by {difference:+.4g} (|z| = {abs(z):.2f}, needs {bound:.2f})",
    }


def _difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    error = math.sqrt(float(a.var(ddof=1)) / a.size + float(b.var(ddof=1)) / b.size)
    return float(b.mean() - a.mean()), error


def _declared(rollout: Rollout) -> tuple[float, ...]:
    share = rollout.plan.steps[0]
    return (1.0 - share, *[share / len(rollout.plan.to)] * len(rollout.plan.to))
