"""The demo of the loop as one page that holds everything it needs, and as Markdown: claims, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwright.documents import pictures
from modelwright.documents.markdown import bullets, code, document, safe, section, table
from modelwright.documents.page import render
from modelwright.documents.words import duration, number, plain, sentence

Result = Mapping[str, Any]

_HEADS = ("part", "requests", "failed", "answered by version", "right by version", "repeated rows", "p50 ms", "p99 ms")


def page(result: Result) -> str:
    """The page as text; the same result gives the same bytes."""
    return render(
        "loop.html.j2",
        {
            "sections": [("overview", "Outcome"), ("claims", "Claims"), ("traffic", "Traffic"), ("drift", "Drift"),
                         ("journal", "Journal"), ("story", "Story"), ("next", "Next")],
            "result": result,
            "headline": headline(result),
            "tiles": _tiles(result),
            "times": pictures.timeline("Time of each stage", [(s["name"], s["seconds"], False)
                                                              for s in result["stages"]]),
            "errors": _errors(result),
            "heads": _HEADS,
            "traffic": _traffic(result),
            "rules": _rules(result),
            "features": _features(result),
            "drift": _drift(result),
            "journal": [(one["at"][11:19], one["kind"], one["by"], _what(one["what"])) for one in result["journal"]],
        },
    )  # fmt: skip


def markdown(result: Result) -> str:
    parts = ["# The loop, shown on a real table", safe(headline(result))]
    parts += ["\n".join(f"- {safe(name)}: {safe(value)} ({safe(note)})" for name, value, note in _tiles(result))]
    for stage in result["stages"]:
        title = f"{stage['title']}" + ("" if stage["shown"] else " (not shown)")
        claims = bullets(f"**{safe(one['said'])}**: {safe(one['evidence'])}" for one in stage["claims"])
        why = f"Not shown: {safe(stage['reason'])}" if stage["reason"] else ""
        parts += section(safe(title), claims, why)
    parts += section("Traffic", table(_HEADS, [tuple(map(safe, row)) for row in _traffic(result)]))
    parts += section("What was done to the later rows", safe(_drift(result)))
    rules = table(("canary of", "rule", "state", "measured", "champion", "p", "stops at"),
                  [tuple(map(safe, row)) for row in _rules(result)])  # fmt: skip
    parts += section("Stop rules at their last look", rules)
    parts += section(
        "Journal",
        table(("UTC", "event", "by", "what"), [(safe(one["at"][11:19]), code(one["kind"]), safe(one["by"]),
              safe(_what(one["what"]))) for one in result["journal"]]),
    )  # fmt: skip
    parts += section("Next", bullets(f"{code(each['command'])}: {safe(each['why'])}" for each in result["next"]))
    return document(parts)


def headline(result: Result) -> str:
    if result["ok"]:
        return (f"All {len(result['stages'])} stages happened in {duration(result['seconds'])}: "
                f"{result['requests']:,} requests, {result['failed']} failed.")  # fmt: skip
    return f"Not everything could be shown ({', '.join(result['missing'])}): {sentence(result['why'])}"


def _tiles(result: Result) -> list[tuple[str, str, str]]:
    facts = {stage["name"]: stage["facts"] for stage in result["stages"]}
    found = [
        ("Requests", f"{result['requests']:,}", f"{result['failed']} failed"),
        ("Late labels", f"{result['labels']['told']:,}", f"{result['labels']['failed']} not taken"),
        ("Time", f"{result['seconds']:.0f} s", f"{result['cpu_s']:.0f} s of processor"),
    ]
    if "rows_to_drift_alarm" in facts.get("drift", {}):
        found.append(("Drift found after", f"{facts['drift']['rows_to_drift_alarm']} rows", "without any label"))
    if "labels_to_decay_alarm" in facts.get("drift", {}):
        found.append(("Decay found after", f"{facts['drift']['labels_to_decay_alarm']} labels", "of drifted rows"))
    if "seconds" in facts.get("rollback", {}):
        found.append(("Rollback", f"{facts['rollback']['seconds']:.2f} s", "checked, moved, followed"))
    return found


def _traffic(result: Result) -> list[tuple[str, ...]]:
    return [
        (
            part, f"{one['requests']:,}", str(one["failed"]), _by_version(one["versions"]),
            ", ".join(f"{version}: {one['right'][version] / count:.0%}" for version, count in one["versions"].items()),
            str(one["repeats"]), number(one["p50_ms"]), number(one["p99_ms"]),
        )
        for part, one in result["traffic"].items()
    ]  # fmt: skip


def _by_version(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{version}: {count:,}" for version, count in counts.items())


def _rules(result: Result) -> list[tuple[str, ...]]:
    return [
        (f"version {stage['facts'].get('version', 2)}" if stage["name"] != "canary" else "the challenger",
         one["rule"], one["state"], number(one["value"]), number(one["champion"]), f"{one['p_value']:.2g}",
         f"{one['needs']:.2g}")
        for stage in result["stages"]
        for one in stage["facts"].get("judged", [])
    ]  # fmt: skip


def _features(result: Result) -> list[tuple[str, ...]]:
    """Columns that alarm in the newest window that alarms."""
    stage = next((one for one in result["stages"] if one["name"] == "drift"), None)
    windows = [] if stage is None else stage["facts"].get("drift", {}).get("windows", [])
    last = next((one for one in reversed(windows) if one["alarm"]), None)
    return [] if last is None else [
        (each["name"], each["kind"], each["measure"], number(each["effect"]), f"{each['p_adjusted']:.2g}",
         "yes" if each["alarm"] else "no")
        for each in last["features"]
    ]  # fmt: skip


def _what(facts: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {plain(value, 200)}" for name, value in facts.items())


def _drift(result: Result) -> str:
    drift = result["drift"]
    pairs = ", ".join(f"{one} and {other}" for one, other in drift["classes"])
    where = f", where {drift['where']} lies above its median" if drift["where"] else ""
    return (f"{', '.join(drift['columns'])} read 0.8 x + 1.5 standard deviations; the classes {pairs} exchanged their "
            f"names{where}.")  # fmt: skip


def _errors(result: Result) -> Any:
    """Share of wrong answers of each version in each part of the traffic."""
    rows = []
    for part, one in result["traffic"].items():
        for version, count in one["versions"].items():
            if count >= 10:
                wrong = 1 - one["right"][version] / count
                rows.append(pictures.Part(label=f"{part}, version {version}", value=wrong,
                                          note=f"{wrong:.0%} of {count:,}", css="s1"))  # fmt: skip
    return pictures.bars("Share of wrong answers", rows, whole=1.0)
