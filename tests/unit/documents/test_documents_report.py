"""The report: self-contained, small, inert against hostile names, complete, and the same for the same record."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from modelwright.core.nouns import Column, ColumnType, Finding, Schema, Severity
from modelwright.core.run import RunRecord
from modelwright.documents import report
from tests.unit.documents import document_samples as samples

VOID = {"meta", "link", "br", "hr", "img", "input"}
RECORDS = {
    "binary": samples.binary,
    "regression": samples.regression,
    "refused": samples.refused,
    "empty": samples.empty,
    "huge": samples.huge,
}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Collects tags and attributes, and insists that every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", RECORDS)
def test_page_is_well_formed_and_reaches_no_network(name: str) -> None:
    text = report.html(RECORDS[name]())
    page = Page(text)
    for tag, attributes in page.tags:
        for key in ("src", "href", "action", "data", "srcset"):
            value = attributes.get(key) or ""
            assert value == "" or value.startswith(("#", "data:")), (tag, key, value)
    assert not re.search(r"@import|url\(", text)
    assert "default-src 'none'" in text
    assert len(page.ids) == len(set(page.ids))
    # every place the navigation names exists
    targets = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert targets
    assert all(target and target[1:] in page.ids for target in targets)


@pytest.mark.parametrize("name", RECORDS)
def test_page_is_below_two_megabytes(name: str) -> None:
    assert len(report.html(RECORDS[name]()).encode()) < 2_000_000


@pytest.mark.parametrize("name", RECORDS)
def test_same_record_gives_the_same_bytes(name: str) -> None:
    record = RECORDS[name]()
    again = msgspec.json.decode(msgspec.json.encode(record), type=RunRecord)
    assert report.html(record) == report.html(again)
    assert report.markdown(record) == report.markdown(again)


def test_security_policy_names_exactly_this_style_and_script() -> None:
    import base64
    import hashlib

    text = report.html(samples.binary())
    for tag in ("style", "script"):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in text
    assert " style=" not in text
    assert not re.search(r"\son\w+=", text)


def test_hostile_names_are_inert_everywhere() -> None:
    base = samples.binary()
    assert base.report is not None
    finding = Finding(
        code="data.x",
        severity=Severity.HIGH,
        subject=f"column:{HOSTILE}",
        message=HOSTILE,
        advice=HOSTILE,
        evidence=HOSTILE,
    )
    importances = tuple(msgspec.structs.replace(each, column=HOSTILE) for each in base.report.importances)
    slices = tuple(msgspec.structs.replace(each, condition=HOSTILE) for each in base.report.slices)
    curves = {**base.report.curves, "confusion": {"classes": [HOSTILE, "b"], "counts": [[1, 2], [3, 4]]}}
    record = samples.binary(
        name=HOSTILE,
        source=HOSTILE,
        spec_text=HOSTILE,
        findings=(finding,),
        pipeline=(HOSTILE,),
        notes=(HOSTILE,),
        leaderboard=tuple(msgspec.structs.replace(row, name=HOSTILE, note=HOSTILE) for row in base.leaderboard),
        schema=Schema(columns=(Column(name=HOSTILE, type=ColumnType.TEXT, reason=HOSTILE),)),
        profile={"columns": {HOSTILE: {"missing_share": 0.5}}},
        report=msgspec.structs.replace(base.report, importances=importances, slices=slices, curves=curves),
    )
    text = report.html(record)
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag == "img" for tag, _ in page.tags)
    assert "&lt;script&gt;alert(1)" in text
    fenced = report.markdown(record).split("~~~")
    assert "<script" not in fenced[0] + fenced[2]
    assert "<img" not in fenced[0] + fenced[2]


def test_verdict_goal_baseline_and_blocking_are_said() -> None:
    text = report.html(samples.binary())
    assert ">CONDITIONAL<" in text
    assert "medium confidence" in text
    assert "reached, but not for certain: the lower bound 0.943 against 0.950" in text
    assert "0.053 better (0.022 to 0.084) on the same rows" in text
    refused = report.html(samples.refused())
    assert ">NEEDS REWORK<" in refused
    assert "What a person must decide" in refused
    assert "blocking" in refused
    assert "modelwright predict" not in refused


def test_an_empty_record_still_says_what_is_known() -> None:
    for text in (report.html(samples.empty()), report.markdown(samples.empty())):
        assert "FAILED" in text
        assert "modelwright run pipeline.yaml" in text
        assert "None" not in text


def test_each_part_of_the_record_may_be_missing() -> None:
    full = samples.binary()
    defaults = RunRecord(run_id="", name="", status="done", started_at="")
    for field in RunRecord.__struct_fields__:
        if field in ("run_id", "name", "status", "started_at"):
            continue
        record = msgspec.structs.replace(full, **{field: getattr(defaults, field)})
        assert "What to type next" in report.html(record), field
        assert "What to type next" in report.markdown(record), field


def test_curves_of_any_shape_never_break_the_report() -> None:
    base = samples.binary()
    assert base.report is not None
    for bad in (
        None,
        [],
        {},
        "text",
        3,
        {"x": None},
        {"edges": [1], "counts": {"a": [1, 2]}},
        {"classes": 3, "counts": 4},
    ):
        curves = dict.fromkeys((*base.report.curves, "residuals", "predicted_vs_actual", "error_quantiles"), bad)
        record = samples.binary(report=msgspec.structs.replace(base.report, curves=curves))
        assert "How good it is" in report.html(record)


def test_findings_are_ordered_blocking_first() -> None:
    low = Finding(code="a.low", severity=Severity.LOW, subject="data", message="a low one")
    blocking = Finding(
        code="z.block", severity=Severity.MEDIUM, subject="data", message="a blocking one", blocking=True
    )
    high = Finding(code="b.high", severity=Severity.HIGH, subject="data", message="a high one")
    text = report.markdown(samples.binary(findings=(low, high, blocking), verdict=None))
    assert text.index("A blocking one") < text.index("A high one") < text.index("A low one")


def test_markdown_tables_are_rectangular() -> None:
    rows = [line for line in report.markdown(samples.binary()).splitlines() if line.startswith("|")]
    assert len(rows) > 30
    widths = {}
    for line in rows:
        cells = len(re.split(r"(?<!\\)\|", line))
        widths.setdefault(line[:12], cells)
        assert cells >= 4
