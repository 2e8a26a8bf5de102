"""A review of code as SARIF 2.1.0 (OASIS, 2020), within the limits of GitHub's code scanning."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

from modelwright.documents.code_review_parts import Finding, Result

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
#: what GitHub accepts of one run, shows of one flow, and reads of one text
RESULTS_AT_MOST = 25_000
STEPS_AT_MOST = 1_000
_TEXT_AT_MOST = 1_000
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
#: GitHub sorts by this number: over 9.0 critical, 7.0 high, 4.0 medium, else low
_SECURITY = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0", "info": "1.0"}


def sarif(result: Result) -> dict[str, Any]:
    """The log as JSON values. Results beyond the limit are left out, the least grave first, and said so."""
    rules = sorted(result["rules"].values(), key=lambda rule: rule["code"])
    index = {rule["code"]: number for number, rule in enumerate(rules)}
    kept = result["findings"][:RESULTS_AT_MOST]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(result, rules)},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"ROOT": {"description": {"text": "Where the review was asked for."}}},
                "invocations": [_invocation(result, len(result["findings"]) - len(kept))],
                "results": [_result(each, index) for each in kept],
                "properties": {"verdict": result["verdict"], "reasons": list(result["reasons"])},
            }
        ],
    }


def _driver(result: Result, rules: list[Any]) -> dict[str, Any]:
    return {
        "name": "Modelwright",
        "semanticVersion": result["version"],
        "informationUri": "https://pypi.org/project/modelwright/",
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    security = {"security-severity": _SECURITY[rule["severity"]]} if rule["code"].startswith("SE") else {}
    return {
        "id": rule["code"],
        "name": "".join(word.capitalize() for word in rule["name"].split("-")),
        "shortDescription": {"text": rule["name"].replace("-", " ").capitalize()},
        "fullDescription": {"text": rule["why"][:_TEXT_AT_MOST]},
        "help": {
            "text": f"{rule['why']}\n\nFix: {rule['fix']}\n\nSource: {rule['source']}",
            "markdown": f"{rule['why']}\n\n**Fix:** {rule['fix']}\n\n*Source:* {rule['source']}",
        },
        "defaultConfiguration": {"level": _LEVELS[rule["severity"]]},
        "properties": {
            "tags": ["machine-learning", rule["code"][:2]],
            "problem.severity": rule["severity"],
            **security,
        },
    }


def _invocation(result: Result, left_out: int) -> dict[str, Any]:
    notes = [
        {
            "level": "note",
            "message": {"text": each["message"]},
            "descriptor": {"id": each["code"]},
            "locations": [_location(each["evidence"])],
        }
        for each in result["undecided"]
    ]
    notes += [
        {"level": "warning", "message": {"text": f"{each['path']} was not read: {each['reason']}."}}
        for each in result["files"]["skipped"]
    ]
    if left_out:
        notes.append({"level": "warning", "message": {"text": f"{left_out} more findings are left out here."}})
    return {"executionSuccessful": True, **({"toolExecutionNotifications": notes} if notes else {})}


def _result(each: Finding, index: Mapping[str, int]) -> dict[str, Any]:
    seen = each["evidence"]
    made: dict[str, Any] = {
        "ruleId": each["code"],
        "ruleIndex": index[each["code"]],
        "level": _LEVELS[each["severity"]],
        "message": {"text": f"{each['message']} Fix: {each['advice']}"},
        "locations": [_location(seen)],
        "partialFingerprints": {"modelwright/v1": seen["fingerprint"]},
        "rank": {"critical": 95.0, "high": 80.0, "medium": 50.0, "low": 20.0, "info": 5.0}[each["severity"]],
        "properties": {"severity": each["severity"], "confidence": seen["confidence"], "blocking": each["blocking"]},
    }
    if seen["steps"]:
        steps = [{"location": {**_location(step), "message": {"text": step["text"]}}} for step in seen["steps"]]
        made["codeFlows"] = [{"threadFlows": [{"locations": _capped(steps)}]}]
    return made


def _capped(steps: list[Any]) -> list[Any]:
    """The first and the last steps say where it was learned and judged; the middle may go."""
    if len(steps) <= STEPS_AT_MOST:
        return steps
    half = STEPS_AT_MOST // 2
    return steps[:half] + steps[-half:]


def _location(seen: Mapping[str, Any]) -> dict[str, Any]:
    """In a notebook the region is the line of the JSON file; cell and line within it stand in the properties."""
    source = seen.get("source_line") or seen.get("source") or ""
    region: dict[str, Any] = {"startLine": max(1, seen["file_line"])}
    if seen["cell"] is None:
        region["startColumn"] = max(1, seen["column"])
        last, end = seen.get("end_line"), seen.get("end_column")
        if last is not None and last >= region["startLine"]:
            region["endLine"] = last
            if end is not None and (last > region["startLine"] or end >= region["startColumn"]):
                region["endColumn"] = max(1, end)
    if source.strip():
        region["snippet"] = {"text": source[:_TEXT_AT_MOST]}
    made: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(seen["path"]), "region": region},
    }
    if seen["cell"] is not None:
        made["properties"] = {"cell": seen["cell"], "line": seen["line"], "column": seen["column"]}
    if seen.get("function"):
        made["logicalLocations"] = [{"fullyQualifiedName": seen["function"], "kind": "function"}]
    return made


def _artifact(path: str) -> dict[str, Any]:
    quoted = urllib.parse.quote(path, errors="backslashreplace")
    if path.startswith("/"):
        return {"uri": f"file://{quoted}"}
    return {"uri": quoted, "uriBaseId": "ROOT"}
