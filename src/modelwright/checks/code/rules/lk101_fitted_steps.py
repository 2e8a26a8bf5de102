"""Preparation steps that were fitted on rows which are judged later."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import Leak, is_pool, is_toy, leaks, sees_elsewhere, short, way
from modelwright.checks.code.rules._leak_examples import STEPS
from modelwright.core.nouns import Severity

_KINDS = frozenset(["scaler", "imputer", "reducer", "text", "kernel", "unsupervised_selector", "cluster", "encoder"])
_TEXT_HOMES = ("keras.", "gensim.", "tokenizers.", "nltk.")

INFOS = (
    RuleInfo(
        code="LK101",
        name="fitted-before-split",
        severity=Severity.HIGH,
        why="A scaler, imputer, vectoriser or projection fitted on all rows has seen the rows that the model is judged "
        "on, so the score is too good.",
        fix="split first and fit the step on the training rows, or put it into a Pipeline with the model",
        source="Kaufman et al. 2012; scikit-learn, Common pitfalls, data leakage during pre-processing",
    ),
    RuleInfo(
        code="LK105",
        name="prepared-once-then-folds",
        severity=Severity.MEDIUM,
        why="Folds of rows that were prepared together judge each model on rows its preparation has seen.",
        fix="cross-validate a Pipeline that holds the preparation and the model",
        source="scikit-learn, Common pitfalls; Hastie, Tibshirani, Friedman, section 7.10.2",
    ),
    RuleInfo(
        code="LK116",
        name="vocabulary-from-test-text",
        severity=Severity.HIGH,
        why="A tokenizer, vocabulary or embedding learned from all texts knows the words of the texts it is judged on.",
        fix="fit the tokenizer or embedding on the training texts, with a mark for unknown words",
        source="Yang et al., Data Leakage in Notebooks, ASE 2022",
    ),
    RuleInfo(
        code="LK118",
        name="target-scaled-before-split",
        severity=Severity.LOW,
        why="A scaler of the target that saw all rows carries the test targets' range into training.",
        fix="use TransformedTargetRegressor, or fit the target scaler on the training rows",
        source="scikit-learn, TransformedTargetRegressor",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    for leak in leaks(facts.flow):
        learn = leak.learn
        if learn.kind not in _KINDS or is_toy(learn.rows) or is_pool(leak):
            continue
        if learn.of_target or leak.by_target or _only_target(facts, leak):
            if learn.kind == "scaler" and leak.way == "split":
                yield _found(facts, leak, "LK118", "the target was scaled with rows that are judged later")
            continue
        yield from _of_features(facts, leak)


def _of_features(facts: Facts, leak: Leak) -> Iterator[CodeFinding]:
    learn = leak.learn
    what = learn.cls.rpartition(".")[2] or "a fitted step"
    if leak.way in {"folds", "tune"} and (leak.way == "tune" or _is_part(facts, leak)):
        if learn.kind != "encoder":
            yield _found(facts, leak, "LK105", f"{what} was fitted once, and its output is then cross-validated")
        return
    if learn.cls.startswith(_TEXT_HOMES) and learn.kind == "text":
        yield _found(facts, leak, "LK116", f"{what} learned its words from texts that are judged later")
        return
    severity = Severity.LOW if learn.kind == "encoder" else None
    yield _found(facts, leak, "LK101", f"{what} was fitted on rows that are judged later", severity)


def _only_target(facts: Facts, leak: Leak) -> bool:
    """Was the step fitted on the very column that is the target later?"""
    if leak.fit is not None and (leak.fit.x.column in leak.learn.columns or "windows" in leak.fit.x.flags):
        return False  # a series is predicted from its own past
    pairs = {(part.root, name) for part in leak.learn.rows for name in leak.learn.columns}
    return bool(pairs) and pairs <= facts.flow.targets


def _is_part(facts: Facts, leak: Leak) -> bool:
    """Folds of a training part, with other rows kept for the end."""
    return bool(algebra.cuts(leak.sink.rows)) and sees_elsewhere(facts.flow, leak.sink.rows)


def _found(facts: Facts, leak: Leak, code: str, said: str, severity: Severity | None = None) -> CodeFinding:
    message = f"{said[0].upper()}{said[1:]} ({short(leak.sink.node)})."
    return finding(facts, code, leak.learn.node, message, Confidence.PROVED, severity=severity, steps=way(facts, leak))


PLUGIN: Rule = RuleFile(infos=INFOS, examples=STEPS, run=_run)
