"""Whole programs in the many styles that people use: each says on its first line which codes it must bring."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from modelwright.checks.code.facts import Facts, Rule, RuleFile
from modelwright.checks.code.flow import Flow
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import CodeFinding, Kind, Role, Source
from modelwright.core.nouns import Severity
from modelwright.core.plugins import load, names

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))
RULES: dict[str, Rule] = {
    name: load("checks.code", name) for name in names("checks.code") if re.match(r"(lk|ev)\d{3}_", name)
}
SEVERITIES = {info.code: info.severity for rule in RULES.values() for info in rule.infos}


def facts_of(text: str) -> Facts:
    tree = ast.parse(text)
    source = Source(path="program.py", kind=Kind.MODULE, text=text, tree=tree)
    found = Names.of(tree)
    return Facts(source=source, names=found, role=Role.TRAINING, flow=Flow.of(source, found))


def findings_of(text: str) -> list[CodeFinding]:
    facts = facts_of(text)
    found = [finding for rule in RULES.values() for finding in rule.run(facts)]
    assert facts.flow.trouble == ""
    return found


def loud(found: list[CodeFinding]) -> set[str]:
    return {one.code for one in found if (one.severity or SEVERITIES[one.code]).rank >= Severity.MEDIUM.rank}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_program_brings_what_its_first_line_says_and_nothing_else_that_is_loud(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = text.splitlines()[0].partition(":")[2].strip()
    want = set() if said == "clean" else set(re.split(r"[,\s]+", said))
    found = findings_of(text)
    assert want <= {one.code for one in found}
    assert loud(found) <= want, [f"{one.code} line {one.place.line}: {one.message}" for one in found]


@pytest.mark.parametrize("name", sorted(RULES))
def test_each_rule_proves_itself_by_its_own_examples(name: str) -> None:
    rule = RULES[name]
    assert isinstance(rule, RuleFile)
    own = {info.code for info in rule.infos}
    silent = sum(not example.codes for example in rule.examples)
    for code in own:
        assert sum(code in example.codes for example in rule.examples) >= 5, f"{code} fires too rarely"
        assert silent >= 5, f"{code} is silent too rarely"
    for example in rule.examples:
        facts = facts_of(example.text)
        got = {one.code for one in rule.run(facts)}
        assert facts.flow.trouble == "", example.name
        if example.codes:
            assert set(example.codes) <= got, f"{example.name}: {got}"
        else:
            assert not got, f"{example.name}: {got}"


@pytest.mark.parametrize(
    "path", [path for path in CORPUS if "expect: clean" not in path.read_text()], ids=lambda p: p.stem
)
def test_steps_stand_in_the_file_and_begin_where_they_say(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for one in findings_of(text):
        for step in one.steps:
            assert lines[step.place.line - 1].strip()[:160] == step.source
