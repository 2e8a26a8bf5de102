"""Every check proves itself: its examples fire and stay silent as it says, and odd evidence never breaks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelwright.checks.evidence import DataEvidence, ModelEvidence
from modelwright.checks.run import KINDS
from modelwright.core import plugins
from modelwright.core.nouns import Column, ColumnType, Finding, Role, Schema, Task
from modelwright.core.run import Problem, RunRecord
from modelwright.core.tables import Dataset

RULES = [(kind, name) for kind in KINDS for name in plugins.names(f"checks.{kind}")]


def load(kind: str, name: str) -> Any:
    return plugins.load(f"checks.{kind}", name)


@pytest.mark.parametrize(("kind", "name"), RULES)
def test_examples_fire_and_stay_silent(kind: str, name: str) -> None:
    check = load(kind, name)
    assert any(example.codes for example in check.examples), "no example that fires"
    for number, example in enumerate(check.examples):
        found = {finding.code for finding in check.run(example.make()) if not finding.undecided}
        assert found == set(example.codes), f"example {number} of {kind}.{name}"


@pytest.mark.parametrize(("kind", "name"), RULES)
def test_some_example_is_harmless(kind: str, name: str) -> None:
    check = load(kind, name)
    worst = [[f.severity.rank for f in check.run(example.make()) if not f.undecided] for example in check.examples]
    assert any(not ranks or max(ranks) == 0 for ranks in worst)


@pytest.mark.parametrize(("kind", "name"), RULES)
def test_without_evidence_nothing_is_approved(kind: str, name: str) -> None:
    evidence: Any = DataEvidence() if kind in ("data", "features") else ModelEvidence()
    found = list(load(kind, name).run(evidence))
    assert len(found) == 1
    assert found[0].undecided
    assert not found[0].blocking
    assert found[0].code in load(kind, name).codes


def _dataset(columns: dict[str, Any], types: dict[str, ColumnType], target: str | None) -> Dataset:
    frame = pl.DataFrame(columns)
    described = tuple(
        Column(name=name, type=types[name], role=Role.TARGET if name == target else Role.FEATURE) for name in columns
    )
    return Dataset(frame=frame, schema=Schema(columns=described), digest="b3:odd")


class _Parts:
    kind = "random"

    def __init__(self, n: int) -> None:
        rows = np.arange(n)
        self.train, self.val, self.test = rows[: n // 2], rows[n // 2 : n // 2], rows[n // 2 :]


def _odd(n: int, fill: Callable[[int], float | None], target: str | None, task: Task) -> DataEvidence:
    numbers = pl.Series([fill(i) for i in range(n)], dtype=pl.Float64)
    texts = pl.Series([None if fill(i) is None else f"t{i % 3}" for i in range(n)], dtype=pl.String)
    y: Any = numbers if task is Task.REGRESSION else texts
    kind = ColumnType.NUMBER if task is Task.REGRESSION else ColumnType.CATEGORY
    columns: dict[str, Any] = {
        "a": numbers,
        "b": texts,
        "d": pl.Series([None if fill(i) is None else i for i in range(n)], dtype=pl.Int64).cast(pl.Datetime("us")),
        "y": y,
    }
    types = {"a": ColumnType.NUMBER, "b": ColumnType.CATEGORY, "d": ColumnType.DATETIME, "y": kind}
    dataset = _dataset(columns, types, target)
    counts = {f"t{k}": n // 3 + 1 for k in range(min(n, 3))} if task.is_classification else {}
    problem = Problem(task=task, reason="", metric="", metric_reason="", target=target, classes=counts)
    return DataEvidence(dataset=dataset, problem=problem, split=_Parts(n))


ODD = {
    f"{rows} rows, {what}, {task}": (rows, fill, task)
    for rows in (0, 1, 2, 10, 130)
    for what, fill in {
        "all missing": lambda _: None,
        "constant": lambda _: 1.0,
        "varied": lambda i: float(i * 7919 % 101) * 1e300 if i % 50 == 7 else float(i % 11),
    }.items()
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION, Task.CLUSTERING)
}


@pytest.mark.parametrize(("kind", "name"), [rule for rule in RULES if rule[0] in ("data", "features")])
def test_odd_tables_never_raise(kind: str, name: str) -> None:
    for rows, fill, task in ODD.values():
        evidence = _odd(rows, fill, "y" if task.has_target else None, task)
        assert all(isinstance(finding, Finding) for finding in load(kind, name).run(evidence))


@pytest.mark.parametrize(("kind", "name"), [rule for rule in RULES if rule[0] in ("model", "deployment")])
def test_a_bare_record_never_raises(kind: str, name: str) -> None:
    record = RunRecord(run_id="r", name="n", status="failed", started_at="2026-01-01T00:00:00Z")
    assert all(isinstance(finding, Finding) for finding in load(kind, name).run(ModelEvidence(record=record)))


@pytest.mark.parametrize(("kind", "name"), RULES)
def test_findings_are_written_for_people(kind: str, name: str) -> None:
    check = load(kind, name)
    for example in check.examples:
        for finding in check.run(example.make()):
            assert finding.code in check.codes
            assert finding.message[-1] in ".?"
            assert finding.advice
            assert "." in finding.code
