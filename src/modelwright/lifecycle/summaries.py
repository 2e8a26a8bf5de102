"""What `--json` says of a run: the stable shape that scripts and agents read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelwright.core.nouns import Verdict
from modelwright.core.report import Report
from modelwright.core.run import RunRecord


def outcome(record: RunRecord) -> dict[str, Any]:
    """The object that `run --json` prints."""
    report, verdict = record.report, record.verdict
    return {
        "run_id": record.run_id,
        "name": record.name,
        "status": record.status,
        "verdict": verdict.decision.value if verdict else None,
        "confidence": verdict.confidence.value if verdict else None,
        "reasons": list(verdict.reasons) if verdict else [],
        "conditions": list(verdict.conditions) if verdict else [],
        **(judged_in_full(verdict) if verdict else {}),
        "findings": [msgspec.to_builtins(finding) for finding in record.findings],
        "task": record.problem.task.value if record.problem else None,
        "metric": report.metric if report else (record.problem.metric if record.problem else None),
        "goal": report.goal if report else None,
        "metrics": {split: _estimates(found) for split, found in (report.metrics if report else {}).items()},
        "baseline": _baseline(report) if report else None,
        "judgement": msgspec.to_builtins(record.judgement) if record.judgement else None,
        "chosen": {"family": record.chosen_family, "params": record.chosen_params},
        "products": [msgspec.to_builtins(one) for one in record.products],
        "trials": [dict(trial) for trial in record.trials],
        "looks": report.looks if report else None,
        "version": record.version,
        "bundle_digest": record.bundle_digest,
        "steps": [
            {"name": step.name, "reused": step.reused, "reason": step.reason, "seconds": step.seconds}
            for step in record.steps
        ],
        "timings_s": record.timings_s,
        "paths": record.paths,
        "notes": list(record.notes),
    }


def judged_in_full(verdict: Verdict) -> dict[str, Any]:
    """The parts of a verdict beyond reasons and conditions, as `--json` shows them everywhere."""
    return {
        "escalation": [msgspec.to_builtins(each) for each in verdict.escalation],
        "recommendations": [msgspec.to_builtins(each) for each in verdict.recommendations],
        "red_flags": list(verdict.red_flags),
        "terms": [msgspec.to_builtins(each) for each in verdict.terms],
        "since": msgspec.to_builtins(verdict.since) if verdict.since is not None else None,
        "undecided": list(verdict.undecided),
    }


def summary(record: RunRecord) -> dict[str, Any]:
    """One line of `runs list`."""
    report = record.report
    primary = report.primary if report else None
    return {
        "run_id": record.run_id,
        "name": record.name,
        "status": record.status,
        "started_at": record.started_at,
        "decision": record.verdict.decision.value if record.verdict else None,
        "metric": report.metric if report else None,
        "value": primary.value if primary else None,
        "low": primary.low if primary else None,
        "high": primary.high if primary else None,
        "family": record.chosen_family,
        "rows": record.n_rows,
        "data_digest": record.data_digest,
        "version": record.version,
        "commit": record.commit,
        "seconds": record.timings_s.get("total"),
    }


def differences(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    """Flat name -> one value per run, for every setting that is not the same in all of them."""
    flat = [_flatten(_comparable(record)) for record in records]
    names = sorted({name for one in flat for name in one})
    rows = {name: [one.get(name) for one in flat] for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def _baseline(report: Report) -> dict[str, Any] | None:
    """The best baseline on the rows the model is judged on, and all of them by name."""
    judged = {name: found[report.metric] for name, found in report.baselines.items() if report.metric in found}
    if not judged:
        return None
    best = (max if report.greater_is_better else min)(judged, key=lambda name: judged[name].value)
    comparison = next((found for found in report.comparisons if found.against == best), None)
    return {
        "name": best,
        "metric": report.metric,
        **_estimates(judged)[best],
        "difference": msgspec.to_builtins(comparison.difference) if comparison else None,
        "all": {name: _estimates(found) for name, found in report.baselines.items()},
    }


def _comparable(record: RunRecord) -> dict[str, Any]:
    return {
        "spec": record.spec,
        "data": {"source": record.source, "digest": record.data_digest, "rows": record.n_rows},
        "chosen": {"family": record.chosen_family, "params": record.chosen_params},
        "environment": record.environment,
        "commit": record.commit,
        "seed": record.seed,
        "verdict": record.verdict.decision.value if record.verdict else None,
        "findings": sorted(f"{finding.code} {finding.subject}" for finding in record.findings),
        "bundle_digest": record.bundle_digest,
    }


def _flatten(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        flat: dict[str, Any] = {}
        for key, inner in value.items():
            flat.update(_flatten(inner, f"{path}.{key}" if path else str(key)))
        return flat
    return {path: value}


def _estimates(found: dict[str, Any]) -> dict[str, Any]:
    return {name: {"value": each.value, "low": each.low, "high": each.high} for name, each in found.items()}
