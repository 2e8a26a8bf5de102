"""What the evidence of a rollout says, and which move follows: pure functions of numbers, the same live and rehearsed.

Every stop rule is a test that may be looked at after every request (`stats.sequential`). The probability that any of
them ever stops a challenger that keeps its limit is at most `Plan.false_stop`: each of k rules is given a k-th of it,
and rules that compare with the champion share theirs among the steps, because they look at one step at a time, where
both versions got their requests by the same lot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelwright.registry.rollout_state import Plan, Rollout, StopRule
from modelwright.stats import sequential

Array = NDArray[np.float64]
_BINS = 5  # few bins find shifts soonest
_STAGED_S = 2.0  # a version at 0 % waits so long, so that servers have loaded it before they need it


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRows:
    """What one version did, oldest first. By request: `failed` (0 or 1) and `latency_ms` of those that it answered; by
    row: `score`; by labelled row: everything in `outcomes` (`wrong` and `correct` 0 or 1, `reward`, `absolute_error`,
    `disagreement` 0 or 1 by row of a shadow)."""

    failed: Array = field(default_factory=lambda: np.empty(0))
    latency_ms: Array = field(default_factory=lambda: np.empty(0))
    score: Array = field(default_factory=lambda: np.empty(0))
    outcomes: Mapping[str, Array] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return self.failed.size

    def of(self, metric: str) -> Array:
        if metric == "error_rate":
            return self.failed
        if metric.startswith("latency_"):
            return self.latency_ms
        return self.outcomes.get({"error": "wrong", "wrong_rate": "wrong"}.get(metric, metric), np.empty(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Version -> its rows, of the whole rollout and of the present step at the present share."""

    whole: Mapping[int, ArmRows]
    step: Mapping[int, ArmRows]
    refused: Mapping[int, str] = field(default_factory=dict)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, for one version, at one look."""

    rule: str
    version: int
    state: Literal["stop", "within", "no data", "not comparable"]
    value: float | None = None  # the estimate; milliseconds, shares
    champion: float | None = None
    p_value: float = 1.0  # always valid
    needs: float = 0.0  # stops at or below
    rows: int = 0
    why: str = ""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: wait, step (on), finish, hold or abort."""

    do: Literal["wait", "step", "finish", "hold", "abort"]
    reason: str
    rule: str = ""
    judged: tuple[Judged, ...] = ()


def decide(rollout: Rollout, evidence: Evidence, now: datetime) -> Move:
    """The one place where a rollout is decided. Waiting is the answer to everything that is not known yet."""
    plan = rollout.plan
    for version, why in evidence.refused.items():
        if version in plan.to:
            return Move(do="abort", rule="loads", reason=f"a server refused to load version {version}: {why}")
    judged = tuple(judge(rule, rollout, evidence, version) for version in plan.to for rule in plan.stops)
    stop = next((one for one in judged if one.state == "stop"), None)
    if stop is not None:
        return Move(
            do="abort", rule=stop.rule, reason=f"{stop.rule} of version {stop.version}: {stop.why}", judged=judged
        )
    if rollout.state == "held":
        return Move(do="wait", reason=rollout.reason or "held", judged=judged)
    open_ = _open(rollout, evidence, judged, now)
    if not open_:
        return _onward(rollout, judged)
    if (now - _at(rollout.due_at)).total_seconds() >= plan.deadline_s:
        do: Literal["hold", "abort"] = plan.on_deadline
        return Move(do=do, rule="deadline", reason=f"the step did not end in time: {'; '.join(open_)}", judged=judged)
    return Move(do="wait", reason="; ".join(open_), judged=judged)


def _onward(rollout: Rollout, judged: tuple[Judged, ...]) -> Move:
    plan = rollout.plan
    if rollout.step + 1 < len(plan.steps):
        share = plan.steps[rollout.step + 1]
        return Move(do="step", reason=f"no rule stopped it; on to {share:.0%} of the requests", judged=judged)
    said = "compared as long as was asked" if plan.strategy == "shadow" else "every step passed, and no rule stopped it"
    return Move(do="finish", reason=said, judged=judged)


def _open(rollout: Rollout, evidence: Evidence, judged: Sequence[Judged], now: datetime) -> list[str]:
    """What the step still waits for."""
    plan, waited = rollout.plan, (now - _at(rollout.step_at)).total_seconds()
    if plan.strategy == "blue_green" and rollout.share == 0.0:
        return [] if waited >= min(_STAGED_S, plan.hold_s) else ["servers load it"]
    if plan.strategy in ("bandit", "ab"):
        return ["it goes on until it is finished"]
    found = []
    if waited < plan.hold_s:
        found.append(f"{plan.hold_s - waited:.0f} s of the step are left")
    for version in plan.to:
        here = evidence.step.get(version, ArmRows()).requests
        if here < plan.min_rows:
            found.append(f"version {version} has had {here} of {plan.min_rows} requests in this step")
    found += [f"no data for {one.rule} of version {one.version} yet" for one in judged if one.state == "no data"]
    return found


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ---------------------------------------------------------------- one rule


def judge(rule: StopRule, rollout: Rollout, evidence: Evidence, version: int) -> Judged:
    """One look. Says `stop` at min_rows observations at the earliest."""
    plan = rollout.plan
    relative = rule.over_champion or rule.metric == "prediction_shift"
    alpha = share_of(plan, relative=relative)
    arms = evidence.step if relative else evidence.whole
    mine, theirs = arms.get(version, ArmRows()), arms.get(plan.base, ArmRows())
    if relative and rollout.share >= 1.0:
        return Judged(rule=rule.text, version=version, state="not comparable", why="the champion gets no requests now")
    found = (
        _shifted(rule, mine, theirs, plan)
        if rule.metric == "prediction_shift"
        else _measured(rule, mine, theirs, alpha)
    )
    enough = min(found.rows, theirs_of(rule, theirs) if relative else found.rows) >= plan.min_rows
    state = found.state if enough else "no data"
    if state == "stop" and not found.p_value <= alpha:
        state = "within"
    why = found.why or _said(rule, found, alpha)
    return msgspec.structs.replace(found, version=version, state=state, needs=alpha, why=why)


def theirs_of(rule: StopRule, champion: ArmRows) -> int:
    return champion.score.size if rule.metric == "prediction_shift" else champion.of(rule.metric).size


def share_of(plan: Plan, *, relative: bool) -> float:
    """What one rule may spend of the probability of a false stop, for one version (and one step)."""
    tests = max(1, len(plan.stops) * len(plan.to))
    partial = max(1, sum(0 < share < 1 for share in plan.steps))
    return plan.false_stop / tests / (partial if relative else 1)


def _measured(rule: StopRule, mine: ArmRows, theirs: ArmRows, alpha: float) -> Judged:
    values, others = mine.of(rule.metric), theirs.of(rule.metric)
    if rule.metric.startswith("latency_"):
        return _quantile(rule, values, others, alpha)
    if _binary(values) and _binary(others) and (rule.over_champion or 0 < rule.limit < 1):
        return _rate(rule, values, others, alpha)
    return _mean(rule, values, others, alpha)


def _rate(rule: StopRule, values: Array, others: Array, alpha: float) -> Judged:
    rate = float(values.mean()) if values.size else None
    if not rule.over_champion:
        up = values if rule.sign == ">" else 1.0 - values
        bound = rule.limit if rule.sign == ">" else 1.0 - rule.limit
        p = _p(sequential.bet(sequential.bets(bound), up).largest)
        return Judged(rule=rule.text, version=0, state="stop", value=rate, p_value=p, rows=values.size)
    a, b = (int(others.sum()), others.size), (int(values.sum()), values.size)
    if rule.sign == "<":
        a, b = (others.size - a[0], others.size), (values.size - b[0], values.size)
    p = _p_of_difference(a, b, rule.limit, alpha)
    champion = float(others.mean()) if others.size else None
    return Judged(rule=rule.text, version=0, state="stop", value=rate, champion=champion, p_value=p, rows=values.size)


def _p_of_difference(a: tuple[int, int], b: tuple[int, int], margin: float, alpha: float) -> float:
    """That b's rate is more than `margin` above a's; with a margin it is known only on which side of alpha it lies."""
    look = sequential.proportions(
        sequential.add_proportions(sequential.Proportions(), a=a, b=b), worse="b", level=1.0 - alpha
    )
    if margin <= 0:
        return look.p_value
    return alpha if look.low is not None and look.low > margin else 1.0


def _quantile(rule: StopRule, values: Array, others: Array, alpha: float) -> Judged:
    """`p99 > 50 ms` says that more than 1 % of the requests take longer than 50 ms: a rate.

    Over the champion: the limit is the champion's own quantile plus so much, and its rate of longer ones is compared.
    """
    q = float(rule.metric.removeprefix("latency_p")) / 100.0
    value = float(np.quantile(values, q)) if values.size else None
    champion = float(np.quantile(others, q)) if others.size else None
    limit = rule.limit + (champion or 0.0) if rule.over_champion else rule.limit
    longer = (values > limit).astype(np.float64)
    p = _p(sequential.bet(sequential.bets(1.0 - q), longer).largest)
    if rule.over_champion:
        kept = (int((others > limit).sum()), others.size)
        p = max(p, _p_of_difference(kept, (int(longer.sum()), longer.size), 0.0, alpha))
    return Judged(rule=rule.text, version=0, state="stop", value=value, champion=champion, p_value=p, rows=values.size)


def _mean(rule: StopRule, values: Array, others: Array, alpha: float) -> Judged:
    """By a sequence that holds in the limit; a fixed limit is an arm without spread."""
    against = others if rule.over_champion else np.full(sequential.MIN_ROWS, rule.limit)
    look = sequential.means(sequential.add_means(sequential.Means(), a=against, b=values), level=1.0 - alpha)
    margin = rule.limit if rule.over_champion else 0.0
    beyond = look.low is not None and look.low > margin if rule.sign == ">" else (
        look.high is not None and look.high < -margin
    )  # fmt: skip
    return Judged(
        rule=rule.text, version=0, state="stop", value=float(values.mean()) if values.size else None,
        champion=float(others.mean()) if others.size else None, p_value=alpha if beyond else 1.0, rows=values.size,
    )  # fmt: skip


def _shifted(rule: StopRule, mine: ArmRows, theirs: ArmRows, plan: Plan) -> Judged:
    """Total variation between the scores of both, in bins that the champion's first answers have set.

    Two conditions: the arms differ (e-process, holds at every look), and the difference without what chance alone
    makes of it is above the limit.
    """
    learned, rest = theirs.score[: plan.min_rows], theirs.score[plan.min_rows :]
    if learned.size < plan.min_rows or not rest.size or not mine.score.size:
        return Judged(rule=rule.text, version=0, state="no data", rows=0)
    edges = np.unique(np.quantile(learned, np.arange(1, _BINS) / _BINS))
    a, b = sequential.binned(rest, edges), sequential.binned(mine.score, edges)
    look = sequential.categories(sequential.add_categories(sequential.Categories(), a=a, b=b))
    pooled = (np.array(a) + np.array(b)) / (sum(a) + sum(b))
    chance = float(np.sqrt(pooled * (1 - pooled) * (1 / sum(a) + 1 / sum(b)) / (2 * math.pi)).sum())
    shift = max(0.0, (look.difference or 0.0) - chance)
    p = look.p_value if shift > rule.limit else 1.0
    return Judged(rule=rule.text, version=0, state="stop", value=shift, champion=0.0, p_value=p, rows=mine.score.size)


def _p(log_e: float) -> float:
    return math.exp(-min(max(log_e, 0.0), 700.0))


def _binary(values: Array) -> bool:
    return bool(np.all((values == 0.0) | (values == 1.0)))


def _said(rule: StopRule, found: Judged, alpha: float) -> str:
    if found.value is None:
        return "nothing has been measured yet"
    beside = f", the champion {found.champion:.4g}" if found.champion is not None and rule.over_champion else ""
    proof = f"p = {found.p_value:.2g}, stops at {alpha:.2g}"
    return f"{rule.metric} is {found.value:.4g}{beside} in {found.rows:,} observations ({proof})"


def summary(evidence: Evidence, plan: Plan) -> dict[str, Any]:
    """The evidence as numbers that an event can keep."""
    return {str(version): _numbers(evidence.whole.get(version, ArmRows())) for version in (plan.base, *plan.to)}


def _numbers(arm: ArmRows) -> dict[str, Any]:
    found: dict[str, Any] = {"requests": arm.requests, "failed": int(arm.failed.sum())}
    if arm.latency_ms.size:
        p50, p99 = np.quantile(arm.latency_ms, (0.5, 0.99))
        found |= {"latency_p50_ms": round(float(p50), 3), "latency_p99_ms": round(float(p99), 3)}
    if arm.score.size:
        found["score_mean"] = round(float(arm.score.mean()), 6)
    found |= {name: round(float(values.mean()), 6) for name, values in arm.outcomes.items() if values.size}
    labelled = max((values.size for values in arm.outcomes.values()), default=0)
    return {**found, "labelled": labelled}
