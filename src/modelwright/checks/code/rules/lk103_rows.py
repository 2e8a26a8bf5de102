"""Rows that were drawn, made or repeated before the split stand on both sides of it."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import Leak, leaks, short, way
from modelwright.checks.code.rules._leak_examples import ROWS
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK103",
        name="resampled-before-split",
        severity=Severity.CRITICAL,
        why="Repeated or synthetic rows made before the split land on both sides: the model is judged on copies of "
        "what it was trained on, and on a class balance that does not exist.",
        fix="resample the training rows only, or put the sampler into an imblearn Pipeline",
        source="imbalanced-learn, Common pitfalls; Yang et al., ASE 2022 (overlap)",
    ),
    RuleInfo(
        code="LK112",
        name="augmented-before-split",
        severity=Severity.HIGH,
        why="Augmented, repeated or overlapping copies of one row on both sides of the split make "
        "the score a memory test.",
        fix="split first, then augment or cut windows within each part",
        source="Kapoor and Narayanan 2023, Leakage and the reproducibility crisis, L1.4",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    for leak in leaks(facts.flow):
        if leak.learn.kind in {"sampler", "undersampler"}:
            yield _found(facts, leak, "LK103", Severity.HIGH if leak.learn.kind == "undersampler" else None)
        elif leak.learn.kind == "augment":
            yield _found(facts, leak, "LK112", None)


def _found(facts: Facts, leak: Leak, code: str, severity: Severity | None) -> CodeFinding:
    what = leak.learn.cls.rpartition(".")[2]
    where = "the folds" if leak.way != "split" else "the split"
    message = f"{what} changes which rows there are before {where}; they are judged later ({short(leak.sink.node)})."
    return finding(facts, code, leak.learn.node, message, Confidence.PROVED, severity=severity, steps=way(facts, leak))


PLUGIN: Rule = RuleFile(infos=INFOS, examples=ROWS, run=_run)
