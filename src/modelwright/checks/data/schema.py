"""Values that did not fit the type of their column, and lines that could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.evidence import DataEvidence
from modelwright.checks.findings import listing, undecided
from modelwright.checks.strengths import table
from modelwright.core.nouns import Column, Finding, Role, Severity
from modelwright.core.ports import Check, Example
from modelwright.core.tables import Coercion, Dataset

#: from this share of unreadable values on, the declared type is in doubt, not the values
DOUBTFUL = 0.10
#: such a share of the rows makes it worth a condition
NOTABLE = 0.01


def _amounts(lost: int) -> DataEvidence:
    from dataclasses import replace

    evidence = table({"amount": [float(i) for i in range(100)], "n": range(100)})
    assert evidence.dataset is not None
    coercion = Coercion(column="amount", count=lost, what=f"{lost} words became missing", examples=("twelve",))
    return replace(evidence, dataset=replace(evidence.dataset, coercions=(coercion,) * bool(lost)))


class _SchemaConformance:
    codes = ("data.schema",)
    examples = (
        Example(make=lambda: _amounts(3), codes=("data.schema",)),
        Example(make=lambda: _amounts(0)),
    )

    def run(self, evidence: DataEvidence) -> Iterator[Finding]:
        dataset = evidence.dataset
        if dataset is None:
            yield undecided("data.schema", "data", "there is no table to look at")
            return
        described = {column.name: column for column in dataset.schema.columns}
        lost: dict[str, list[Coercion]] = {}
        for each in dataset.coercions:
            lost.setdefault(each.column, []).append(each)
        for name, coercions in lost.items():
            column = described.get(name)
            if column is not None and column.role is not Role.IGNORED:
                yield _unreadable(dataset, column, coercions)
        if dataset.quarantined:
            yield _set_aside(dataset)


def _unreadable(dataset: Dataset, column: Column, coercions: list[Coercion]) -> Finding:
    count = sum(each.count for each in coercions)
    share = count / max(dataset.n_rows, 1)
    declared = column.reason.startswith("declared")
    doubt = f" As {'declared' if declared else 'read'}, the type is in doubt." if share > DOUBTFUL else ""
    return Finding(
        code="data.schema",
        severity=Severity.MEDIUM if share > NOTABLE else Severity.LOW,
        subject=f"column:{column.name}",
        message=f"'{column.name}' is {_article(column)} ({column.reason or 'as read'}), but "
        f"{listing([each.what for each in coercions], 3)}: {share:.2%} of rows lose the value.{doubt}",
        observed=share,
        threshold=NOTABLE,
        evidence={"rows": count, "declared": declared, "what": [each.what for each in coercions[:5]]},
        advice=f"correct these values at the source; if they mean something, declare data.types: {{{column.name}: "
        "category}, or parse them in data.prepare",
    )


def _article(column: Column) -> str:
    return "a date" if column.type.value == "datetime" else f"a {column.type.value}"


def _set_aside(dataset: Dataset) -> Finding:
    count = len(dataset.quarantined)
    share = count / (count + dataset.n_rows)
    lines = [row.line for row in dataset.quarantined[:5]]
    return Finding(
        code="data.schema",
        severity=Severity.MEDIUM if share > NOTABLE else Severity.LOW,
        subject="rows",
        message=f"{count:,} rows could not be read and were set aside ({share:.2%}); the first "
        f"{'are lines' if len(lines) > 1 else 'is line'} {', '.join(map(str, lines))}. No score covers them.",
        observed=share,
        threshold=NOTABLE,
        evidence={"rows": count, "reason": dataset.quarantined[0].reason},
        advice="repair these lines at the source and run again",
    )


PLUGIN: Check = _SchemaConformance()
