"""The target, or something computed from it, is among the features."""

from __future__ import annotations

from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.values import UNKNOWN, Fit, Value
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import short, sinks, step
from modelwright.checks.code.rules._lk107_target_inside_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK107",
        name="target-among-features",
        severity=Severity.CRITICAL,
        why="The model is given the answer as a feature.",
        fix="drop the target column from the features",
        source="Kaufman et al. 2012",
    ),
    RuleInfo(
        code="LK108",
        name="feature-from-target",
        severity=Severity.HIGH,
        why="A feature computed from the target of the same row is the answer in other words.",
        fix="remove the feature, or compute it from what is known before the answer",
        source="Kaufman et al. 2012; Kapoor and Narayanan 2023, L2",
    ),
)


def _run(facts: Facts) -> Iterator[CodeFinding]:
    told: set[tuple[str, str]] = set()
    for fit in (*facts.flow.fits, *_folded(facts)):
        y = fit.y
        if y is None or not (y.column or len(y.origin) == 1) or fit.how == "step" or fit.x.alts:
            continue
        if not algebra.roots(y.rows) & algebra.roots(fit.x.rows) or y.flags & {"future", "lag"}:
            continue
        if y.column and _is_in(fit.x, y.column) and ("LK107", y.column) not in told:
            told.add(("LK107", y.column))
            yield _found(facts, fit, "LK107", f"The features still hold the target '{y.column}'.")
        parts = _parts(facts, fit.x, y)
        if parts and ("LK108", y.column) not in told:
            told.add(("LK108", y.column))
            said = ", ".join(f"'{name}'" for name in parts)
            yield _found(
                facts, fit, "LK108", f"The target is computed from {said}, which the features hold.", sure=False
            )
        source = y.column or next(iter(y.origin))
        name = _derived(facts, fit.x, y, source)
        if name and ("LK108", name) not in told:
            told.add(("LK108", name))
            yield _found(
                facts, fit, "LK108", f"The feature '{name}' is computed from the target '{source}' of the same row."
            )


def _folded(facts: Facts) -> Iterator[Fit]:
    """The fits inside `cross_val_score(model, X, y)`."""
    for judge in facts.flow.judges:
        if judge.how == "cv" and judge.x is not None and judge.truth is not None:
            yield Fit(judge.node, judge.est or UNKNOWN, "", judge.x, judge.truth, judge.order)


def _is_in(x: Value, name: str) -> bool:
    """Is a column surely in? Only where no cut of columns went unseen."""
    if x.partial or name in x.lack or x.column == name or not x.exact:
        return False
    if x.kind in {"row", "prediction", "tensor"} or x.target:
        return False
    if any(part.root.kind in {"parameter", "unknown"} for part in x.rows) and x.only is None:
        return False
    return name in x.only if x.only is not None else True


def _parts(facts: Facts, x: Value, y: Value) -> list[str]:
    """The columns that the target was computed from, where the features surely hold all of them."""
    roots = frozenset(part.root for part in x.rows)
    origin = facts.flow.machine._cache.get(("origin", roots, y.column)) if y.column else y.origin
    if not origin or y.column in origin or any(root.kind not in {"read", "load"} for root in roots):
        return []
    if y.flags & {"future", "lag", "group", "window"} or y.learned - x.learned:
        return []
    if x.kind == "array" or not all(_is_in(x, name) for name in origin):
        return []
    marks = [(x.colflags or {}).get(name, frozenset()) for name in origin]
    return [] if any(mark & {"lag", "window", "group"} for mark in marks) else sorted(origin)


def _derived(facts: Facts, x: Value, y: Value, source: str) -> str:
    """A column of the features whose value was computed from the target's column."""
    origins = facts.flow.machine._cache
    roots = frozenset(part.root for part in x.rows)
    for key, origin in list(origins.items()):
        if key[0] != "origin" or key[1] != roots or source not in origin:
            continue
        name = str(key[2])
        if name == source or name in x.lack or (x.only is not None and name not in x.only) or name in y.origin:
            continue
        if x.partial or (x.colflags or {}).get(name, frozenset()) & {"lag", "future", "group", "window"}:
            continue
        if x.colflags is None or name not in x.colflags:
            continue
        return name
    return ""


def _found(facts: Facts, fit: Fit, code: str, message: str, *, sure: bool = True) -> CodeFinding:
    steps = [step(facts, "trained here", fit.node)]
    sink = next((sink for sink in sinks(facts.flow) if sink.fit is fit), None)
    if sink is not None:
        steps.append(step(facts, "judged here", sink.node))
    steps[0:0] = (
        [step(facts, "target chosen here", fit.y.node)]
        if fit.y is not None and fit.y.node is not None and hasattr(fit.y.node, "lineno")
        else []
    )
    known = Confidence.PROVED if sure else Confidence.LIKELY
    return finding(facts, code, fit.node, f"{message} ({short(fit.node)})", known, steps=tuple(steps))


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
