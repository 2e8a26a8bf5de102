"""The bundle's scorer: did one pass the parity gate, is it small and quick enough."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import undecided
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.run import RunRecord, ScorerRecord

SIZE_LIMIT_BYTES = 100 << 20
LATENCY_LIMIT_US = 10_000.0


def _evidence(**changes: object) -> ModelEvidence:
    known = {
        "name": "compiled",
        "passed": True,
        "chosen": True,
        "rows_tried": 500,
        "us_per_row": 9.0,
        "size_bytes": 9000,
    }
    scorer = ScorerRecord(**{**known, **changes})  # type: ignore[arg-type]
    return ModelEvidence(
        record=RunRecord(run_id="r", name="e", status="done", started_at="2026-01-01T00:00:00Z", scorers=(scorer,))
    )


class _Scorer:
    codes = ("deployment.parity", "deployment.size", "deployment.latency", "deployment.slow_path")
    examples = (
        Example(make=lambda: _evidence(passed=False, chosen=False), codes=("deployment.parity",)),
        Example(make=lambda: _evidence(size_bytes=500 << 20), codes=("deployment.size",)),
        Example(make=lambda: _evidence(us_per_row=90_000.0), codes=("deployment.latency",)),
        Example(make=lambda: _evidence(name="reference"), codes=("deployment.slow_path",)),
        Example(make=_evidence),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        record = evidence.record
        if record is None or not record.scorers:
            yield undecided("deployment.parity", "bundle", "no scorer of a bundle was measured")
            return
        chosen = next((one for one in record.scorers if one.chosen), None)
        if chosen is None or not chosen.passed:
            reasons = "; ".join(f"{one.name}: {one.reason}" for one in record.scorers if one.reason)
            yield Finding(
                code="deployment.parity",
                severity=Severity.CRITICAL,
                blocking=True,
                subject="bundle",
                message="No scorer of the bundle agrees with the training path"
                + (f" ({reasons})." if reasons else "."),
                advice="do not deploy; report the refusals with the bundle's manifest",
            )
            return
        yield from _limits(chosen)
        if chosen.name == "reference":
            refused = "; ".join(f"{one.name}: {one.reason}" for one in record.scorers if not one.passed)
            yield Finding(
                code="deployment.slow_path",
                severity=Severity.LOW,
                subject="bundle",
                message="The bundle is served by the training path, the slowest scorer"
                + (f", because {refused}." if refused else "."),
                advice="fine for batches; for requests one by one choose a family with a compiled scorer",
            )


def _limits(chosen: ScorerRecord) -> Iterator[Finding]:
    if chosen.size_bytes is not None and chosen.size_bytes > SIZE_LIMIT_BYTES:
        yield Finding(
            code="deployment.size",
            severity=Severity.MEDIUM,
            subject="bundle",
            message=f"The scorer is {chosen.size_bytes / 2**20:.0f} MB; the limit is {SIZE_LIMIT_BYTES >> 20} MB.",
            observed=chosen.size_bytes,
            threshold=SIZE_LIMIT_BYTES,
            advice="use fewer or smaller trees",
        )
    if chosen.us_per_row is not None and chosen.us_per_row > LATENCY_LIMIT_US:
        yield Finding(
            code="deployment.latency",
            severity=Severity.MEDIUM,
            subject="bundle",
            message=f"One row takes {chosen.us_per_row / 1000:.1f} ms; the limit is {LATENCY_LIMIT_US / 1000:.0f} ms.",
            observed=chosen.us_per_row,
            threshold=LATENCY_LIMIT_US,
            advice="use a smaller model, or predict in batches",
        )


PLUGIN: Check = _Scorer()
