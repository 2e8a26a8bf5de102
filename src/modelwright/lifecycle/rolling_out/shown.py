"""A rollout as every command gives it: what was declared, where it stands, who answers."""

from __future__ import annotations

from typing import Any

import msgspec

from modelwright.registry import rollout_power
from modelwright.registry.rollout_rules import Move
from modelwright.registry.rollout_state import Rollout


def shown(rollout: Rollout, move: Move | None = None) -> dict[str, Any]:
    plan = rollout.plan
    return {
        "id": rollout.id,
        "name": rollout.name,
        "state": rollout.state,
        "strategy": plan.strategy,
        "from": plan.base,
        "to": list(plan.to),
        "step": rollout.step + 1,
        "steps": [round(share * 100, 6) for share in plan.steps],
        "arms": [{"version": version, "share": share, "label": label} for version, share, label in rollout.arms()],
        "started_at": rollout.started_at,
        "started_by": rollout.by,
        "step_at": rollout.step_at,
        "ended_at": rollout.ended_at or None,
        "champion": rollout.champion,
        "reason": rollout.reason or None,
        "rule": rollout.rule or None,
        "evidence": rollout.evidence,
        "driver": rollout.holder or None,
        "token": rollout.token,
        "looks": list(rollout.looks),
        "plan": msgspec.to_builtins(plan),
        "power": rollout_power.power(plan) if rollout.active else [],
        "findings": rollout_power.findings(plan) if rollout.active else [],
        **({} if move is None else {"now": msgspec.to_builtins(move)}),
    }
