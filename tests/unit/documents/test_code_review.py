from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelwright.checks.code import loading
from modelwright.checks.code.finding_models import FileReview, Skipped
from modelwright.checks.code.nouns import Source
from modelwright.checks.code.reviewing import Reviewer
from modelwright.checks.code.settings import Settings
from modelwright.documents import code_review
from modelwright.documents.code_review_sarif import RESULTS_AT_MOST, STEPS_AT_MOST, sarif
from modelwright.documents.code_review_text import text
from modelwright.lifecycle.code_review_result import Work, result_of
from tests.unit.checks.code.toys import notebook, toy_rules

SCHEMA = Path(__file__).parent / "sarif-2.1.0.json"
EVIL = "x = leak  # \x1b[31m<script>alert(1)</script> | `a` ::error::"


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    with toy_rules():
        return _result()


def _result() -> dict[str, Any]:
    reviewer = Reviewer(Settings(select=("ZZ", "IG"), noisy=True))
    texts = {
        "src/a b.py": "import x\n\ndef f():\n    é = 'ü'; y = leak\n    return fatal\nmeh\nx = bad\n",
        "n.ipynb": notebook("%matplotlib inline\nx = 1", "y = 2\nz = leak"),
        "evil<b>.py": EVIL + "\nunknown\n",
        "ok.py": "x = leak  # mw: ignore[ZZ101] the sheet fixes it\n",
    }
    work = Work(skipped=[Skipped(path="old.py", reason="it is binary")])
    for path, body in texts.items():
        work.reviews.append(_review(reviewer, body, path))
    return result_of(work, None)


def _review(reviewer: Reviewer, body: str, path: str) -> FileReview:
    source = loading.from_text(body, path)
    assert isinstance(source, Source)
    return reviewer.source(source)


def _validator() -> Any:
    import jsonschema

    return jsonschema.Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_sarif_is_what_the_standard_says(result: dict[str, Any]) -> None:
    log = json.loads(code_review.render(result, "sarif"))
    assert [error.message for error in _validator().iter_errors(log)] == []
    run = log["runs"][0]
    assert len(run["results"]) == len(result["findings"])
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} >= {each["ruleId"] for each in run["results"]}
    assert all(run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert any("old.py" in note["message"]["text"] for note in notes)
    assert any(note.get("descriptor", {}).get("id") == "ZZ103" for note in notes)


def test_the_schema_refuses_what_is_wrong(result: dict[str, Any]) -> None:
    log = sarif(result)
    log["runs"][0]["results"][0]["level"] = "terrible"
    assert list(_validator().iter_errors(log))


def test_sarif_places_count_characters_and_cells(result: dict[str, Any]) -> None:
    results = {
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] + each["ruleId"]: each
        for each in sarif(result)["runs"][0]["results"]
    }
    leak = results["src/a%20b.pyZZ101"]
    region = leak["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (4, 18, 22)
    assert [each["location"]["message"]["text"] for each in leak["codeFlows"][0]["threadFlows"][0]["locations"]] == [
        "learned here: leak",
        "judged here",
    ]
    assert leak["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "f"
    assert results["n.ipynbZZ101"]["locations"][0]["properties"]["cell"] == 2
    assert results["n.ipynbZZ101"]["locations"][0]["properties"]["line"] == 2
    levels = {each["ruleId"]: each["level"] for each in results.values()}
    assert levels == {"ZZ101": "error", "ZZ102": "error", "ZZ201": "warning", "ZZ202": "note"}


def test_sarif_stays_below_the_limits(result: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert (RESULTS_AT_MOST, STEPS_AT_MOST) == (25_000, 1_000)  # GitHub's own
    monkeypatch.setattr("modelwright.documents.code_review_sarif.RESULTS_AT_MOST", 100)
    one = next(each for each in result["findings"] if each["evidence"]["steps"])
    step = one["evidence"]["steps"][0]
    long = {**one, "evidence": {**one["evidence"], "steps": [step] * (STEPS_AT_MOST + 7)}}
    many = {**result, "findings": [long] + [one] * 105}
    run = sarif(many)["runs"][0]
    assert len(run["results"]) == 100
    assert len(run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]) == STEPS_AT_MOST
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert any("6 more findings" in note["message"]["text"] for note in notes)


@pytest.mark.parametrize("form", ["text", "sarif", "github", "markdown", "html", "json"])
def test_every_form_names_all_and_is_deterministic(result: dict[str, Any], form: str) -> None:
    body = code_review.render(result, form)
    assert body == code_review.render(result, form)
    assert "\x1b" not in body
    for word in ("ZZ101", "ZZ102", "n.ipynb", "NEEDS REWORK"):
        assert word in body
    if form not in ("github",):
        assert "it is binary" in body  # what was not read is told


def test_the_page_is_alone_and_cannot_be_broken_out_of(result: dict[str, Any]) -> None:
    body = code_review.render(result, "html")
    assert "<script>alert" not in body
    assert "evil<b>" not in body
    assert "http://" not in body.replace("http://www.w3.org", "")
    assert "https://" not in body
    assert "Content-Security-Policy" in body


def test_annotations_are_one_line_each(result: dict[str, Any]) -> None:
    lines = code_review.render(result, "github").splitlines()
    assert len(lines) == len(result["findings"]) + 1
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines[:-1])
    assert any("file=src/a b.py,line=4,col=18,title=ZZ101 leak" in line for line in lines)
    many = {**result, "findings": result["findings"] * 30}
    assert "more findings are in the report" in code_review.render(many, "github")


def test_text_groups_by_file_and_shows_the_way(result: dict[str, Any]) -> None:
    body = text(result)
    assert body.index("src/a b.py  ") < body.index("n.ipynb  ")
    assert "4:18     high     ZZ101 leak  proved flow" in body
    assert "cell 2:line 2" in body
    assert "Not judged: silence here means nothing" in body
    assert "the sheet fixes it" in body
    assert "\x1b[" in text(result, color=True)


def test_nothing_heavy_is_loaded_for_all_but_the_page(result: dict[str, Any]) -> None:
    script = (
        "import json, sys\nfrom modelwright.documents.code_review import render\n"
        "result = json.load(sys.stdin)\n"
        "[render(result, form) for form in ('text', 'sarif', 'github', 'json')]\n"
        "print([m for m in ('numpy', 'polars', 'jinja2', 'rich', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(result), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
