"""Runs one rule over a text, for the rules' own tests."""

from __future__ import annotations

from modelwright.checks.code.nouns import CodeFinding
from modelwright.core import plugins
from tests.contracts.test_code_rules import findings_of


def found(rule: str, text: str) -> list[CodeFinding]:
    return findings_of(plugins.load("checks.code", rule), text)


def codes(rule: str, text: str) -> set[str]:
    return {finding.code for finding in found(rule, text)}
