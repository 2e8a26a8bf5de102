"""Shorthands of the rules that judge a deployment's measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from modelwright.checks.deployment_evidence import (
    Access,
    Deployment,
    DeploymentEvidence,
    Drilled,
    Fallback,
    Latency,
    LogState,
    Monitoring,
    Parity,
)
from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Example


def judged(evidence: ModelEvidence, code: str, judge: Callable[[Deployment], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a deployment review; nothing for a review of a run, which measures no deployment."""
    deployment = getattr(evidence, "deployment", None)
    if deployment is not None:
        yield from judge(deployment)
    elif evidence.record is None or isinstance(evidence, DeploymentEvidence):
        yield undecided(code, "deployment", "no deployment was measured")


def unmeasured(code: str, what: str, advice: str) -> Finding:
    """Missing evidence is a condition, never an approval."""
    return Finding(
        code=code, severity=Severity.MEDIUM, subject="deployment", message=f"{what} was not measured.", advice=advice
    )


_GOOD = Deployment(
    name="demo", version=3, size_bytes=90_000, memory_bytes=80e6, load_s=0.6,
    latencies=(
        Latency(connections=1, requests=500, failed=0, p50_ms=0.6, p99_ms=2.0),
        Latency(connections=16, requests=2_000, failed=0, p50_ms=4.0, p99_ms=11.0),
    ),
    parity=Parity(scorer="compiled", asked=8, different=0),
    fallback=Fallback(declared=("last_good", "constant"), by="constant"),
    monitoring=Monitoring(reference=True, drift=True, decay=True, alerts=2),
    drill=Drilled(ok=True, age_days=2.0, pointer_s=1.1, failed=0),
    access=Access(keys=2, beyond_loopback=False, tls=False, limits="10,000 rows, 8 MB, 10 s"),
    log=LogState(enabled=True, durability="group", retention_days=365),
)  # fmt: skip


def example(*codes: str, **changes: Any) -> Example:
    """A sound deployment with these changes, and what must be found of it."""
    return Example(make=lambda: DeploymentEvidence(deployment=replace(_GOOD, **changes)), codes=codes)
