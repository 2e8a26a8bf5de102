"""Card, review, story and profile: what they say, and what they must never say."""

from __future__ import annotations

import datetime
import re

import msgspec
import polars as pl
import pytest

from modelwright.core.nouns import Column, ColumnType, Finding, Role, Schema, Severity
from modelwright.core.tables import Coercion, Dataset, Quarantined
from modelwright.data.profile import profile as describe
from modelwright.documents import card, profile, review, story
from tests.unit.documents import document_samples as samples
from tests.unit.documents import judged_samples

RECORDS = (samples.binary, samples.regression, samples.refused, samples.empty, samples.huge)


def test_card_says_nothing_that_differs_between_machines_and_moments() -> None:
    record = samples.binary()
    finding = Finding(
        code="data.x",
        severity=Severity.HIGH,
        subject="data",
        message="the file /home/ann/data/a.csv has gaps",
        advice="fix it",
    )
    one = msgspec.structs.replace(record, findings=(finding,))
    other = msgspec.structs.replace(
        one,
        run_id="another",
        started_at="2030-01-01T00:00:00Z",
        finished_at="2030-01-01T00:01:00Z",
        paths={"bundle": "/elsewhere/bundle"},
        timings_s={"total": 99.0},
        environment={"host": "b"},
        source="/mnt/data/bc.csv",
        steps=(),
        scorers=(),
        version=9,
        bundle_digest="sha256:ff",
    )
    text = card.markdown(one)
    assert text == card.markdown(other)
    assert "/home/ann" not in text
    assert "a.csv" in text
    assert record.run_id not in text
    assert "2026-02-01" not in text


def test_card_has_use_metrics_limits_and_loading() -> None:
    text = card.markdown(samples.binary())
    for part in (
        "## Model details", "## Intended use", "## Factors", "## Metrics", "## Evaluation data", "## Training data",
        "## Quantitative analyses", "## Ethical considerations", "## Caveats and recommendations", "## Inputs",
        "modelwright predict",
    ):  # fmt: skip
        assert part in text
    assert "0.974 | 0.943 to 1.000" in text
    assert "below the goal of 0.95" in text


def test_card_says_that_fairness_was_not_judged_instead_of_nothing() -> None:
    assert "could not be judged: no column was compared" in card.markdown(samples.binary())
    told = card.markdown(judged_samples.blocked())
    assert "could not be judged: no column was compared" not in told
    assert "By clinic" in told or "clinic" in told


def test_review_puts_conditions_checklist_and_findings_in_order() -> None:
    verdict = samples.binary().verdict
    assert verdict is not None
    text = review.markdown("Model review", verdict, verdict.findings, verdict.checklist)
    assert text.startswith("# Model review\n\n**CONDITIONAL** (medium confidence)")
    places = [text.index(part) for part in ("## What clears it", "## Checklist", "## Findings", "Could not be judged")]
    assert places == sorted(places)
    assert text == review.markdown("Model review", verdict, tuple(reversed(verdict.findings)), verdict.checklist)


@pytest.mark.parametrize("make", RECORDS)
def test_story_is_short_lines_without_markup(make: object) -> None:
    text = story.story(make())  # type: ignore[operator]
    commands = text.index("What to type next")
    assert all(len(line) <= 78 for line in text[:commands].splitlines())
    assert not re.search(r"[<>]{1}(?!- chosen)|\*\*|^#", text[:commands].replace("<- chosen", ""), re.MULTILINE)
    assert text.count("\n\n\n") == 0


def test_story_tells_all_five_parts() -> None:
    text = story.story(samples.binary())
    for part in ("What was read", "What was found", "What was tried", "Verdict: CONDITIONAL", "What to type next"):
        assert part in text
    assert "<- chosen" in text
    assert "  modelwright predict " in text


def _dataset() -> Dataset:
    frame = pl.DataFrame(
        {
            "age": [31.0, 40.0, None, 58.0],
            "<script>": ["a", "b", "a", None],
            "when": [datetime.datetime(2024, 1, day) for day in (1, 2, 3, 4)],  # noqa: DTZ001
            "note": ["free text here", None, "more | text", "again"],
            "ok": [True, False, True, True],
            "empty": pl.Series([None] * 4, dtype=pl.Float64),
        }
    )
    kinds = ("number", "category", "datetime", "text", "boolean", "number")
    columns = [Column(name=n, type=ColumnType(k), reason="seen so") for n, k in zip(frame.columns, kinds, strict=True)]
    columns[4] = Column(name="ok", type=ColumnType.BOOLEAN, role=Role.TARGET)
    return Dataset(
        frame=frame,
        schema=Schema(columns=tuple(columns)),
        digest="d",
        source="people.csv",
        coercions=(Coercion(column="age", count=1, what="1 blank text became missing", examples=(" ",)),),
        quarantined=(Quarantined(line=7, reason="9 fields where 6 were expected", content="x"),),
    )


def test_profile_page_shows_every_column_and_what_was_set_aside() -> None:
    dataset = _dataset()
    text = profile.html(describe(dataset), dataset.schema, dataset.source)
    assert "&lt;script&gt;" in text
    assert text.count("<article") == 6
    assert "Line 7 was set aside" in text
    assert "1 blank text became missing" in text
    assert text == profile.html(describe(dataset), dataset.schema, dataset.source)


def test_profile_markdown_has_one_row_per_column() -> None:
    dataset = _dataset()
    text = profile.markdown(describe(dataset), dataset.schema, dataset.source)
    table = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(table) == 6
    assert "<script>" not in text


def test_profile_of_many_columns_stays_small() -> None:
    one = describe(_dataset())["columns"]["age"]
    described = {"rows": 4, "columns": {f"column {i} " + "x" * 60: one for i in range(5000)}}
    text = profile.html(described, None, "wide.csv")
    assert len(text.encode()) < 2_000_000
    assert "2,000 columns more" in text


@pytest.mark.parametrize("described", [{}, {"columns": []}, {"columns": {"a": {}}}, {"columns": [{"name": "a"}]}])
def test_profile_tolerates_missing_keys(described: dict[str, object]) -> None:
    assert "table.csv" in profile.html(described, None, "table.csv")
    assert "table.csv" in profile.markdown(described, None, "table.csv")
