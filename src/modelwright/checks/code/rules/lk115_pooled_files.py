"""Figures over the training file and the unlabelled test file together."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import is_pool, is_toy, leaks, short, way
from modelwright.checks.code.rules._lk115_pooled_files_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK115",
        name="pooled-with-unlabelled-test",
        severity=Severity.LOW,
        why="Contests often allow it, but a step learned over training and test file together cannot "
        "be repeated on rows "
        "that come one at a time.",
        fix="learn on the training file alone, or note that the method is transductive",
        source="d2l-en issue 843; Kaggle rules on external data",
    ),
)
_KINDS = frozenset(
    ["scaler", "imputer", "reducer", "text", "kernel", "unsupervised_selector", "cluster", "statistic", "group"]
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    for leak in leaks(facts.flow):
        if leak.learn.kind in _KINDS and is_pool(leak) and not is_toy(leak.learn.rows) and not leak.learn.of_target:
            what = leak.learn.detail or leak.learn.cls.rpartition(".")[2]
            said = f"{what} was learned over training and test file together ({short(leak.sink.node)})."
            yield finding(
                facts, "LK115", leak.learn.node, said[0].upper() + said[1:], Confidence.PROVED, steps=way(facts, leak)
            )


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
