"""The comparison that belongs to a strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelwright.registry.rollout_state import Rollout


def report(workspace: Path, rollout: Rollout) -> dict[str, Any]:
    """Shadow: agreement and where it ends. Bandit: rewards by propensity. A/B: assignment and looks. Else numbers."""
    from modelwright.lifecycle.rolling_out import bandit, evidence, experiment, shadow
    from modelwright.registry.rollout_rules import summary

    if rollout.plan.strategy == "shadow":
        return shadow.compared(workspace, rollout)
    if rollout.plan.strategy == "bandit":
        return bandit.report(workspace, rollout)
    found = evidence.gather(workspace, rollout)
    if rollout.plan.strategy == "ab":
        return {"assignment": experiment.mismatch(rollout, found), "looks": list(rollout.looks)}
    return {"numbers": summary(found, rollout.plan)}
