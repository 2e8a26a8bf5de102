from __future__ import annotations

import pytest

from modelwright.checks.code.verdicts import judge, word_for
from tests.unit.checks.code.toys import notebook, review

pytestmark = pytest.mark.usefixtures("toys")


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("x = 1", "APPROVE"),
        ("fatal", "NEEDS REWORK"),  # one critical, proved
        ("leak", "CONDITIONAL"),  # one high
        ("leak\nx = leak", "NEEDS REWORK"),  # two high, both proved
        ("maybe\nx = maybe\ny = maybe", "CONDITIONAL"),  # high, but only likely
        ("bad", "APPROVE"),  # one medium
        ("bad\nx = bad", "APPROVE"),  # two medium
        ("bad\nx = bad\ny = bad", "CONDITIONAL"),  # three medium
        ("meh\nx = meh\ny = meh\nz = meh", "APPROVE"),  # low never moves it
        ("note\nx = note\ny = note", "APPROVE"),  # info never moves it
    ],
)
def test_the_fold_gives_what_the_rules_weigh(text: str, decision: str) -> None:
    found = review(text, noisy=True)
    verdict = judge(found.findings)
    assert verdict.decision.value == decision
    assert len(verdict.findings) == len(found.findings)
    assert bool([each for each in verdict.findings if each.blocking]) == (decision == "NEEDS REWORK")


def test_open_findings_of_medium_severity_are_told() -> None:
    verdict = judge(review("bad").findings)
    assert any("stays open" in reason for reason in verdict.reasons)
    assert not verdict.conditions


def test_only_a_proved_flow_is_critical() -> None:
    found = review("guess")
    assert found.findings[0].severity.value == "high"


def test_what_was_not_judged_is_never_a_plain_approval() -> None:
    found = review("unknown")
    assert not found.findings
    assert word_for(found) == "could not judge"
    verdict = judge(found.findings, [found])
    assert verdict.decision.value == "CONDITIONAL"
    assert any("Could not judge 1 file" in reason for reason in verdict.reasons)


def test_a_rule_that_breaks_takes_nothing_down() -> None:
    found = review("leak\ncrash")
    assert [each.code for each in found.undecided] == ["CHECK.FAILED"]
    assert "RuntimeError: boom" in found.undecided[0].finding.message


def test_the_order_of_findings_is_nothing() -> None:
    found = review("leak\nx = bad\ny = leak\nfatal").findings
    one, other = judge(found), judge(tuple(reversed(found)))
    assert one.decision == other.decision
    assert set(one.reasons) == set(other.reasons)


def test_a_leak_in_a_unit_test_misleads_nobody() -> None:
    text = (
        "from sklearn.model_selection import train_test_split\nfrom sklearn.preprocessing import StandardScaler\n"
        "from sklearn.svm import SVC\n\ndef test_svc():\n    X, y = load()\n    X = StandardScaler().fit_transform(X)\n"
        "    a, b, c, d = train_test_split(X, y, random_state=0)\n    assert SVC().fit(a, c).score(b, d) > 0.9\n"
    )
    found = review(text, "test_svc.py", select=("LK",))
    assert {each.severity.value for each in found.findings} == {"low"}
    assert {each.severity.value for each in review(text, "svc.py", select=("LK",)).findings} == {"high"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from sklearn.svm import SVC\nX, y = load()\nSVC().fit(X, y)\n", ["NJ002"]),
        ("import torch\nfrom odd import Magic\nX, y = load()\nm = Magic()\nm.fit(X, y)\nprint(m)\n", ["NJ003"]),
        ("from sklearn.cluster import KMeans\nKMeans(3).fit(load())\n", []),
        ("import os\nprint(os.getcwd())\n", []),
        ("class A:\n    def fit(self, X, y):\n        return self.inner.fit(X, y)\n", []),
        ("from sklearn.svm import SVC\nimport sklearn.model_selection as m\nm.cross_val_score(SVC(), *load())\n", []),
    ],
)
def test_trainings_that_could_not_be_judged_say_so(text: str, expected: list[str]) -> None:
    found = review(text, "train.py", select=("LK", "EV"))
    assert [each.code for each in found.undecided if each.code.startswith("NJ")] == expected
    assert (word_for(found) == "could not judge") == (bool(found.undecided) and not found.findings)


def test_one_cell_that_does_not_parse_is_told_and_leaves_the_others_judged() -> None:
    found = review(notebook("x = 1", "def (:", "y = 2"), "n.ipynb", select=("NB",))
    assert [each.code for each in found.undecided] == ["NB903"]
    assert word_for(found) == "APPROVE"
    assert word_for(review(notebook("def (:"), "n.ipynb", select=("NB",))) == "could not judge"
