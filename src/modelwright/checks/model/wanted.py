"""The family that was asked for is the one that was trained."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import ModelEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.model._shared import example
from modelwright.checks.wording import families_of
from modelwright.core.nouns import Finding, LeaderboardRow, Severity
from modelwright.core.ports import Check, Example


def _board(status: str, note: str = "") -> tuple[LeaderboardRow, ...]:
    forest = LeaderboardRow(name="random_forest", family="random_forest", params={}, status=status, note=note)
    return (forest, LeaderboardRow(name="logistic", family="logistic", params={}, status="done", score=0.8))


def _example(family: str, status: str) -> ModelEvidence:
    return example(leaderboard=_board(status, "needs 40 s more"), family=family, asked="random_forest")


class _Wanted:
    codes = ("model.not_as_asked",)
    examples = (
        Example(make=lambda: _example("logistic", "skipped"), codes=("model.not_as_asked",)),
        Example(make=lambda: _example("random_forest", "done")),
    )

    def run(self, evidence: ModelEvidence) -> Iterator[Finding]:
        record = evidence.record
        if record is None or not record.chosen_family:
            yield undecided("model.not_as_asked", "model", "the record does not say which family was chosen")
            return
        said = record.spec.get("model", {}).get("type", "auto")
        asked = [said] if isinstance(said, str) else list(said)
        if said == "auto" or set(families_of(record)) & set(asked) or any(":" in name for name in asked):
            return
        failed = any(row.family in asked and row.status == "failed" for row in record.leaderboard)
        why = [row.note for row in record.leaderboard if row.family in asked and row.status != "done" and row.note]
        yield Finding(
            code="model.not_as_asked",
            severity=Severity.HIGH,
            subject="model",
            message=f"The file asks for {listing(asked)}, and the model is the baseline '{record.chosen_family}'"
            + (f": {why[0]}." if why else "."),
            observed=record.chosen_family,
            threshold=said,
            advice="mend what the family failed on, or ask for another"
            if failed
            else "give training.budget_s or training.memory_share more room, or ask for less",
        )


PLUGIN: Check = _Wanted()
