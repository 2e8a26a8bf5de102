"""No rule breaks on code that was cut, shuffled and spoilt."""

from __future__ import annotations

import random

import pytest

from modelwright.checks.code.configs import ConfigRule, config_from_text
from modelwright.checks.code.loading import from_text
from modelwright.core import plugins
from tests.contracts.test_code_rules import facts_of

FAMILIES = {"rp", "da", "sk", "to", "se", "dp", "nb", "cf"}
NAMES = [name for name in plugins.names("checks.code") if name[:2] in FAMILIES]
SPOILERS = [
    "(",
    ")",
    "()",
    "[0]",
    ".a",
    "*",
    "**k",
    "=",
    "None",
    "1",
    "lambda: 0",
    "await ",
    ":",
    "\n",
    "é",
    "if 1 else 2",
]
ODD_SETTINGS = ["-1", "[", "{a: b}", "null", "1e400", ".inf", ".nan", "2001-01-01", "!!python/object:x y", "\n- "]


def spoilt(one: str, other: str, chance: random.Random) -> str:
    lines = one.split("\n") + other.split("\n")
    if chance.random() < 0.3:
        chance.shuffle(lines)
    else:
        for _ in range(3):
            del lines[chance.randrange(len(lines))]
    text = "\n".join(lines)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(SPOILERS) + text[at:]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_spoilt_code(seed: int) -> None:
    chance = random.Random(seed)
    rules = [plugins.load("checks.code", name) for name in NAMES]
    texts = [example.text for rule in rules if not isinstance(rule, ConfigRule) for example in rule.examples]
    for _ in range(40):
        try:
            source = from_text(spoilt(chance.choice(texts), chance.choice(texts), chance))
        except ValueError:
            continue
        facts = facts_of(source)
        for rule in rules:
            for finding in rule.run(facts):
                assert finding.place.line >= 1
                for edit in finding.fix.edits if finding.fix else ():
                    assert min(edit.line, edit.column, edit.end_line, edit.end_column) >= 1


def test_spoilt_configurations() -> None:
    chance = random.Random(1)
    rule = plugins.load("checks.code", "cf_training")
    for example in rule.examples:
        for _ in range(3):
            at = chance.randrange(len(example.text))
            config = config_from_text(example.text[:at] + chance.choice(ODD_SETTINGS) + example.text[at:])
            if config is not None:
                list(rule.run_config(config))
