"""Answers over HTTP: quick enough at one connection and at sixteen, and none failed."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.deployment._shared import example, judged, unmeasured
from modelwright.checks.deployment_evidence import Deployment, Latency
from modelwright.checks.evidence import ModelEvidence
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check


class _ServedLatency:
    codes = ("deployment.p99", "deployment.failed_requests")
    examples = (
        example("deployment.p99", latencies=()),
        example("deployment.p99", latencies=(Latency(connections=1, requests=500, failed=0, p50_ms=60, p99_ms=90),)),
        example(
            "deployment.failed_requests",
            latencies=(Latency(connections=16, requests=500, failed=2, p50_ms=1, p99_ms=9),),
        ),
        example(),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        return judged(evidence, "deployment.p99", _judge)


def _judge(deployment: Deployment) -> Iterator[Finding]:
    limit = deployment.targets.p99_ms
    if not deployment.latencies:
        yield unmeasured("deployment.p99", "Latency over HTTP", "run the review where the server can be started")
        return
    slow = [one for one in deployment.latencies if one.p99_ms > limit]
    if slow:
        one = slow[0]
        yield Finding(
            code="deployment.p99", severity=Severity.HIGH, subject="deployment", observed=one.p99_ms, threshold=limit,
            message=f"At {one.connections} connections 1 % of the requests take longer than {one.p99_ms:.1f} ms; "
            f"the target is {limit:g} ms.",
            advice="use a smaller model (`modelwright optimize`), more workers, or another target",
        )  # fmt: skip
    failed = sum(one.failed for one in deployment.latencies)
    if failed:
        total = sum(one.requests for one in deployment.latencies)
        yield Finding(
            code="deployment.failed_requests", severity=Severity.CRITICAL, blocking=True, subject="deployment",
            message=f"{failed} of {total} requests failed while latency was measured.", observed=failed, threshold=0,
            advice="look at what the server says of them before anybody relies on it",
        )  # fmt: skip


PLUGIN: Check = _ServedLatency()
