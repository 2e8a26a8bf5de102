"""Every code review rule proves itself on its own examples, and survives what is no proper code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelwright.checks.code import roles
from modelwright.checks.code.configs import ConfigRule, config_from_text
from modelwright.checks.code.facts import Facts, Rule
from modelwright.checks.code.loading import from_text
from modelwright.checks.code.names import Names
from modelwright.checks.code.nouns import CodeFinding, Confidence, Source
from modelwright.core import plugins
from modelwright.core.nouns import Severity

SEAM = "checks.code"
RULES = plugins.names(SEAM)
ODD = (
    "",
    "\n\n",
    "# only a comment\n",
    '"""Only a docstring."""\n',
    "x = 1\n",
    "def f(:\n    pass\ny = 2\n",
    "class A: ...\n",
    "import torch, sklearn, pandas as pd, numpy as np\nfrom sklearn import *\nfrom torch.nn import *\n",
    "print 'old'\n",
    "f()()()[0].fit(*a, **k)(lambda *x, **y: (yield))\n",
    "model.fit(); model.forward(); loss.backward(); torch.load(); pd.read_csv().fillna(); KFold(n)(1)\n",
    "import torch\ntorch.load()\ntorch.softmax()\ntorch.optim.SGD()\nfor i in []:\n    loss.backward(); opt.step()\n",
    "import pandas as pd\ndf = pd.read_csv()\ndf[df.a == float('nan')]['b'] = 1\ndel df['x'], df\n",
    "match x:\n    case [a, *b] if a: pass\n    case {'k': v, **rest}: pass\n    case A(x=1) | None: pass\n",
    "async def g():\n    async with a as b: return [i async for i in b]\n    await x\n",
    "try:\n    pass\nexcept* ValueError as e:\n    raise e from None\n",
    "from . import a\nfrom .. import *\nimport a.b.c as d, e.f\nglobal_ = __import__('x')\n",
    "x: int\nx = y = z = 0\n(a, *b), c = d\n[q.r, s[0]] = t\nlambda: (yield)\n",
    "if __name__ == '__main__':\n    pass\n",
    '{"cells": [], "metadata": {}, "nbformat": 4}',
    '{"cells": [{"cell_type": "code", "source": ["%%bash\\n", "ls"]}, {"cell_type": "code", "source": "def ("}]}',
)


class NoFlow:
    """Stands in for the flow engine where none is at hand: it knows nothing."""

    def value(self, node: object) -> None:
        return None


def facts_of(source: Source) -> Facts:
    names = Names.of(source.tree)
    try:
        from modelwright.checks.code.flow import Flow

        flow: Any = Flow.of(source, names)
    except ImportError:
        flow = NoFlow()
    return Facts(
        source=source,
        names=names,
        role=roles.of(source, names),
        flow=flow,
        beside=frozenset(_said(source.text, "beside")),
        versions=dict(pair.split(" ", 1) for pair in _said(source.text, "versions")),
    )


def _said(text: str, what: str) -> list[str]:
    """What an example says of its surroundings in its first line: `# beside: a.py, b.csv`, `# versions: torch 2.6`."""
    first = text.split("\n", 1)[0]
    head = f"# {what}: "
    return first.removeprefix(head).split(", ") if first.startswith(head) else []


def findings_of(rule: Rule, text: str) -> list[CodeFinding]:
    if isinstance(rule, ConfigRule):
        config = config_from_text(text)
        return [] if config is None else list(rule.run_config(config))
    return list(rule.run(facts_of(from_text(text))))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_it_is(name: str) -> None:
    rule = plugins.load(SEAM, name)
    assert rule.infos, name
    for info in rule.infos:
        assert info.code[:2].isalpha(), info
        assert info.code[2:].isdigit(), info
        assert info.name == info.name.lower(), info
        assert info.why, info.code
        assert info.fix, info.code
        assert info.source, info.code
    assert len({info.code for info in rule.infos}) == len(rule.infos)


def test_no_code_is_claimed_twice() -> None:
    codes = [info.code for name in RULES for info in plugins.load(SEAM, name).infos]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_examples_enough(name: str) -> None:
    rule = plugins.load(SEAM, name)
    examples = rule.examples
    codes = {info.code for info in rule.infos}
    for code in sorted(codes):
        firing = [example for example in examples if code in example.codes]
        silent = [example for example in examples if not example.codes and _is_about(example.name, code, codes)]
        assert len(firing) >= 5, f"{code} has {len(firing)} examples that fire"
        assert len(silent) >= 5, f"{code} has {len(silent)} examples that stay silent"


def _is_about(name: str, code: str, codes: set[str]) -> bool:
    """A silent example whose name begins with codes is about those; any other is about all codes of its file."""
    head = set(name.partition(":")[0].split())
    return code in head or not head & codes


@pytest.mark.parametrize("name", RULES)
def test_examples_fire_and_stay_silent(name: str) -> None:
    rule = plugins.load(SEAM, name)
    known = {info.code: info for info in rule.infos}
    wrong = []
    for number, example in enumerate(rule.examples):
        found = findings_of(rule, example.text)
        about = set(example.codes) | set(example.name.partition(":")[0].split())
        codes = {finding.code for finding in found if known[finding.code].default or finding.code in about}
        if codes != set(example.codes):
            wrong.append(
                f"{number} {example.name!r}: wanted {sorted(example.codes)}, got {sorted(codes)}\n{example.text}"
            )
        for finding in found:
            severity = finding.severity or known[finding.code].severity
            assert severity is not Severity.CRITICAL or finding.confidence is Confidence.PROVED, finding
            assert finding.message, finding
            assert finding.place.line >= 1, finding
    assert not wrong, f"{len(wrong)} of {len(rule.examples)} examples:\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", RULES)
def test_no_rule_raises_on_odd_code(name: str) -> None:
    rule = plugins.load(SEAM, name)
    for text in ODD:
        findings_of(rule, text)


@pytest.mark.parametrize("name", RULES)
def test_a_safe_fix_parses_and_ends_the_finding(name: str) -> None:
    rule = plugins.load(SEAM, name)
    for example in rule.examples:
        if not example.codes or example.text.lstrip().startswith("{"):
            continue
        found = findings_of(rule, example.text)
        fixable = [finding for finding in found if finding.fix is not None and finding.fix.safe]
        if not fixable:
            continue
        text = apply_edits(example.text, [edit for finding in fixable for edit in finding.fix.edits])  # type: ignore[union-attr]
        left = [finding for finding in findings_of(rule, text) if finding.fix is not None and finding.fix.safe]
        assert not left, f"{name}, {example.name}: still found after the fix\n{text}"


def apply_edits(text: str, edits: list[Any]) -> str:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans = [
        (starts[edit.line - 1] + edit.column - 1, starts[edit.end_line - 1] + edit.end_column - 1, edit.text)
        for edit in edits
    ]
    for start, end, new in sorted(set(spans), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def test_no_rule_reads_a_file_by_its_path() -> None:
    folder = Path(plugins.__file__).parents[1] / "checks" / "code" / "rules"
    assert {file.stem for file in folder.glob("*.py") if not file.name.startswith("_")} == set(RULES)
