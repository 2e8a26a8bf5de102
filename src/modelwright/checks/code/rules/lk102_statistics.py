"""Figures taken over all rows by hand, and carried into rows that are judged."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import Leak, is_pool, is_toy, leaks, short, way
from modelwright.checks.code.rules._leak_examples import FIGURES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK102",
        name="statistic-before-split",
        severity=Severity.HIGH,
        why="A mean, median, quantile or frequency over all rows tells the training rows about the "
        "rows that are judged.",
        fix="split first, compute the figure on the training rows, and use the same figure on the test rows",
        source="Yang et al., Data Leakage in Notebooks, ASE 2022; scikit-learn, Common pitfalls",
    ),
    RuleInfo(
        code="LK106",
        name="target-means-before-split",
        severity=Severity.HIGH,
        why="Means of the target by group over all rows put the answer of the judged rows into their features.",
        fix="compute the encoding on the training rows, or out of fold (TargetEncoder inside the Pipeline)",
        source="Micci-Barreca 2001; scikit-learn, TargetEncoder, cross fitting",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    for leak in leaks(facts.flow):
        kind = leak.learn.kind
        if is_pool(leak) and kind in {"group", "statistic"}:
            continue
        if kind == "target_encoder":
            yield _found(facts, leak, "LK106", f"{leak.learn.cls.rpartition('.')[2]} learned target means")
        elif kind == "group" and _of_target(facts, leak):
            yield _found(facts, leak, "LK106", "Group figures of the target were taken")
        elif kind in {"group", "statistic"} and not is_toy(leak.learn.rows) and not _harmless(leak):
            yield _statistic(facts, leak)


def _statistic(facts: Facts, leak: Leak) -> CodeFinding:
    learn = leak.learn
    group = learn.kind == "group"
    mild = group or learn.detail in {"mode", "max", "min", "value_counts", "rank", "amax"} or learn.of_target
    said = f"{'Group figures' if group else 'A figure over rows'} ({learn.detail or learn.cls}) was taken"
    if leak.way in {"folds", "tune"}:
        mild = True
    if leak.by_target or all(part.root.kind == "toy" for part in learn.rows):
        return _found(facts, leak, "LK102", said, Severity.LOW)
    return _found(facts, leak, "LK102", said.replace("figures (", "figures by ("), Severity.MEDIUM if mild else None)


def _harmless(leak: Leak) -> bool:
    """Correlations and counts are looked at; only their use as a choice of columns matters (LK104)."""
    return leak.learn.cls.endswith(("corr", "corrwith", "cov", "describe", "pearsonr", "corrcoef"))


def _of_target(facts: Facts, leak: Leak) -> bool:
    if leak.learn.of_target:
        return True
    y = leak.fit.y if leak.fit is not None else leak.sink.judge.truth if leak.sink.judge is not None else None
    if y is not None and y.column and y.column in leak.learn.columns:
        return True
    return any((part.root, name) in facts.flow.targets for part in leak.learn.rows for name in leak.learn.columns)


def _found(facts: Facts, leak: Leak, code: str, said: str, severity: Severity | None = None) -> CodeFinding:
    message = f"{said} over rows that are judged later ({short(leak.sink.node)})."
    return finding(facts, code, leak.learn.node, message, Confidence.PROVED, severity=severity, steps=way(facts, leak))


PLUGIN: Rule = RuleFile(infos=INFOS, examples=FIGURES, run=_run)
