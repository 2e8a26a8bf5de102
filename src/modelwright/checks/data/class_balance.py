"""Classes that are rare against the others, or too rare to learn at all."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import table, task_of
from modelwright.core.nouns import Finding, Severity
from modelwright.core.ports import Check, Example

RARE_SHARE = 0.10
FEW_ROWS = 50


class _ClassBalance:
    codes = ("data.class_balance", "data.rare_class")
    examples = (
        Example(
            make=lambda: table({"a": range(2000), "y": ["x"] * 1900 + ["z"] * 100}, target="y"),
            codes=("data.class_balance",),
        ),
        Example(
            make=lambda: table({"a": range(200), "y": ["x"] * 170 + ["z"] * 30}, target="y"),
            codes=("data.rare_class",),
        ),
        Example(make=lambda: table({"a": range(200), "y": ["x"] * 120 + ["z"] * 80}, target="y")),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        task, problem = task_of(evidence), evidence.problem
        if problem is None or (task is not None and task.is_classification and not problem.classes):
            yield undecided("data.class_balance", "data", "the classes were not counted")
            return
        if task is None or not task.is_classification:
            return
        total = sum(problem.classes.values())
        rarest = min(problem.classes, key=lambda name: problem.classes[name])
        share = problem.classes[rarest] / max(total, 1)
        if share < RARE_SHARE / max(len(problem.classes) - 1, 1):
            yield Finding(
                code="data.class_balance",
                severity=Severity.LOW,
                subject=f"column:{problem.target}",
                message=f"The class '{rarest}' is {share:.1%} of rows: always answering the largest class would be "
                f"right in {max(problem.classes.values()) / total:.1%}.",
                observed=share,
                threshold=RARE_SHARE,
                evidence=dict(list(problem.classes.items())[:20]),
                advice="judge by average_precision, f1 or balanced_accuracy rather than accuracy",
            )
        few = [name for name, rows in problem.classes.items() if rows < FEW_ROWS and rows < 0.2 * total]
        if few:
            yield Finding(
                code="data.rare_class",
                severity=Severity.MEDIUM if min(problem.classes[name] for name in few) < 20 else Severity.LOW,
                subject=f"column:{problem.target}",
                message=f"Fewer than {FEW_ROWS} rows: "
                f"{listing([f'{name} ({problem.classes[name]})' for name in few])}; "
                "what a model says of such classes rests on very little.",
                observed=problem.classes[few[-1]],
                threshold=FEW_ROWS,
                advice="collect more rows of these classes, merge them, or leave them out and say so",
            )


PLUGIN: Check = _ClassBalance()
