"""Toy rules: names that fire, in every severity, with safe, wrong and unsafe fixes."""

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.nouns import CodeExample, CodeFinding, Confidence, Edit, Fix, Place, RuleInfo, Step
from modelwright.core.nouns import Severity

#: name -> code, message, confidence
_FIRES = {
    "leak": ("ZZ101", "A leak.", Confidence.PROVED),
    "maybe": ("ZZ101", "Maybe a leak.", Confidence.LIKELY),
    "fatal": ("ZZ102", "A fatal leak.", Confidence.PROVED),
    "guess": ("ZZ102", "Perhaps fatal.", Confidence.LIKELY),
    "unknown": ("ZZ103", "Could not judge: unknown.", Confidence.PATTERN),
    "note": ("ZZ104", "A note.", Confidence.PATTERN),
    "bad": ("ZZ201", "A bad name.", Confidence.LIKELY),
    "meh": ("ZZ202", "A meh name.", Confidence.PATTERN),
    "wrongfix": ("ZZ203", "A fix that breaks.", Confidence.LIKELY),
    "swap": ("ZZ203", "A fix that leaks.", Confidence.LIKELY),
}
#: name -> what to write instead, and whether that is safe
_FIXES = {"bad": ("good", True), "meh": ("fine", False), "wrongfix": ("bad bad", True), "swap": ("leak", True)}


def _fix(name: str, place: Place) -> Fix | None:
    if name not in _FIXES or place.end_line is None or place.end_column is None:
        return None
    text, safe = _FIXES[name]
    edit = Edit(
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        text=text,
        cell=place.cell,
    )
    return Fix(edits=(edit,), safe=safe, text=f"write {text}")


def run(facts: Facts) -> Iterator[CodeFinding]:
    for node in facts.names.nodes(ast.Name):
        if node.id == "crash":
            raise RuntimeError("boom")
        if node.id not in _FIRES:
            continue
        code, message, confidence = _FIRES[node.id]
        place = facts.source.place(node)
        steps = (Step(text=f"learned here: {node.id}", place=place), Step(text="judged here", place=place))
        yield finding(
            facts,
            code,
            node,
            message,
            confidence,
            steps=steps if confidence is Confidence.PROVED else (),
            fix=_fix(node.id, place),
            undecided=node.id == "unknown",
        )


def _info(code: str, name: str, severity: Severity, default: bool = True) -> RuleInfo:
    return RuleInfo(
        code=code, name=name, severity=severity, why=f"Why {name}.", fix=f"mend {name}", source="ours", default=default
    )


PLUGIN: Rule = RuleFile(
    infos=(
        _info("ZZ101", "leak", Severity.HIGH),
        _info("ZZ102", "fatal", Severity.CRITICAL),
        _info("ZZ103", "dark", Severity.MEDIUM),
        _info("ZZ104", "note", Severity.INFO),
        _info("ZZ201", "bad-name", Severity.MEDIUM),
        _info("ZZ202", "meh", Severity.LOW, default=False),
        _info("ZZ203", "wrong", Severity.LOW),
    ),
    examples=(CodeExample(text="x = leak", codes=("ZZ101",)),),
    run=run,
)
