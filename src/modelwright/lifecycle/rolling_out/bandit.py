"""A bandit's shares from what late labels say, and what each version would earn, by the logged propensities."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

from modelwright.registry.rollout_rules import ArmRows, Evidence
from modelwright.registry.rollout_state import Rollout
from modelwright.serving import routing


def tally(rollout: Rollout, found: Evidence) -> dict[int, tuple[float, float]]:
    """Version -> (sum of rewards, sum of what was missed), each reward within 0 and 1."""
    name = "reward" if rollout.plan.reward == "label" else "correct"
    rewards = {version: found.whole.get(version, ArmRows()).of(name).clip(0.0, 1.0) for version in rollout.versions}
    return {version: (float(each.sum()), float((1.0 - each).sum())) for version, each in rewards.items()}


def new_weights(rollout: Rollout, found: Evidence) -> dict[int, float] | None:
    """By the plan's policy; None until every arm has min_rows rewards: until then all get the same share."""
    counts = tally(rollout, found)
    if any(sum(one) < rollout.plan.min_rows for one in counts.values()):
        return None
    if rollout.plan.policy == "ucb":
        return routing.weights_by_ucb(counts)
    if rollout.plan.policy == "epsilon":
        return routing.weights_by_epsilon(counts, rollout.plan.epsilon)
    return routing.weights_by_thompson(counts, seed=int(sum(sum(one) for one in counts.values())))


def report(workspace: Path, rollout: Rollout) -> dict[str, Any]:
    """Of each arm: rewards seen, and the mean reward had it answered everything, by self-normalised inverse
    propensities with a 95 % interval (Swaminathan and Joachims 2015), which changing shares do not bias."""
    import polars as pl

    from modelwright.lifecycle.prediction_log import joined

    rows = joined(workspace, rollout.name, datetime.fromisoformat(rollout.started_at), verify=False)
    rows = rows.filter((pl.col("route") == "bandit") & pl.col("label").is_not_null()).with_columns(
        reward=pl.col("label_value").clip(0, 1)
        if rollout.plan.reward == "label"
        else (pl.col("prediction") == pl.col("label")).cast(pl.Float64)
    )
    arms = []
    for version in rollout.versions:
        own = rows.filter((pl.col("version") == version) & pl.col("reward").is_not_null()).collect()
        arms.append({"version": version, "weight": rollout.weights.get(version), **_estimate(own)})
    return {"policy": rollout.plan.policy, "reward": rollout.plan.reward, "arms": arms}


def _estimate(rows: Any) -> dict[str, Any]:
    if not rows.height:
        return {"rewards": 0, "mean": None, "value": None, "low": None, "high": None}
    weights = 1.0 / rows["propensity"].to_numpy().clip(1e-6, None)
    reward = rows["reward"].to_numpy()
    value = float((weights * reward).sum() / weights.sum())
    spread = math.sqrt(float((weights**2 * (reward - value) ** 2).sum())) / float(weights.sum())
    return {
        "rewards": rows.height,
        "mean": float(reward.mean()),
        "value": value,
        "low": value - 1.96 * spread,
        "high": value + 1.96 * spread,
    }
