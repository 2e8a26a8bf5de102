"""The review of a stored run, what became of the former run's conditions, and the documents on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from modelwright.checks.verdict import fold
from modelwright.core.errors import NotFoundError
from modelwright.core.nouns import Finding, Severity
from modelwright.core.run import RunRecord
from modelwright.lifecycle.operation import Context
from modelwright.lifecycle.operations import docs, review_data, review_model
from modelwright.lifecycle.reviewing import ReviewRequest
from modelwright.lifecycle.workspace import Workspace

LEAK = Finding(
    code="leak.post_event",
    severity=Severity.HIGH,
    blocking=True,
    subject="column:duration",
    message="m.",
    advice="drop it",
)
GAPS = Finding(code="data.missing", severity=Severity.MEDIUM, subject="column:age", message="g.", advice="fill it")


def stored(folder: Path, run_id: str, findings: tuple[Finding, ...], *, name: str = "bank", version: int) -> RunRecord:
    record = RunRecord(
        run_id=run_id, name=name, status="done", started_at=f"2026-01-0{version}T00:00:00Z", version=version
    )
    record = msgspec.structs.replace(record, findings=findings, verdict=fold(findings, "model", record=record))
    Workspace(folder).write_record(record)
    return record


def test_a_newer_run_shows_which_conditions_are_cleared(tmp_path: Path) -> None:
    stored(tmp_path, "20260101-1", (LEAK, GAPS), version=1)
    stored(tmp_path, "20260102-1", (LEAK,), name="other", version=2)
    stored(tmp_path, "20260103-1", (GAPS,), version=3)
    told = review_model.perform(ReviewRequest(run="latest"), Context(workspace=tmp_path))
    assert told["since"]["version"] == 1
    assert [each["subject"] for each in told["since"]["cleared"]] == ["column:duration"]
    assert [each["subject"] for each in told["since"]["still_open"]] == ["column:age"]
    assert "Cleared since version 1" in told["markdown"]
    assert list(told["recommendations"][0]["codes"]) == ["data.missing"]
    first = review_model.perform(ReviewRequest(run="20260101-1"), Context(workspace=tmp_path))
    assert first["since"] is None
    assert first["verdict"] == "NEEDS REWORK"


def test_a_review_of_one_side_has_the_same_shape(tmp_path: Path) -> None:
    stored(tmp_path, "20260101-1", (LEAK, GAPS), version=1)
    told = review_data.perform(ReviewRequest(), Context(workspace=tmp_path))
    assert {"escalation", "recommendations", "red_flags", "terms", "since"} <= set(told)


def test_docs_writes_all_or_one(tmp_path: Path) -> None:
    stored(tmp_path, "20260101-1", (LEAK, GAPS), version=1)
    everything = docs.perform(docs.Request(), Context(workspace=tmp_path))
    assert len(everything["paths"]) == 8
    assert all(Path(path).read_text(encoding="utf-8") for path in everything["paths"].values())
    one = docs.perform(docs.Request(kind="data_sheet", output=str(tmp_path / "out")), Context(workspace=tmp_path))
    assert [Path(path).name for path in one["paths"].values()] == ["data_sheet.md"]
    assert one["markdown"].startswith("# Data sheet")
    with pytest.raises(NotFoundError):
        docs.perform(docs.Request(run="nothing"), Context(workspace=tmp_path))
