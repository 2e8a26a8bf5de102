"""Sinks: where a model is judged."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.rows import NOTHING
from modelwright.checks.code.flow.values import UNKNOWN, Fit, Judge, Predict, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call

FIGURE = frozenset(["figure"])


def figure(judge: Judge, m: Machine) -> Value:
    """What a judgement gives back; reading it is a fact of its own."""
    judge.result = Value("scalar", preds=judge.preds, flags=FIGURE, node=judge.node)
    m.judges.append(judge)
    for asked in judge.preds:
        asked.judged += 1
    return judge.result


def metric(m: Machine, c: Call, name: str) -> Value:
    """`metric(truth, prediction)`, whichever way round."""
    asked = [value for value in c.all if value.preds]
    truth = next((value for value in c.all if not value.preds and value.is_data), None)
    preds = asked[0].preds if asked else ()
    if preds and preds[0].how == "forecast" and truth is not None and not preds[0].rows:
        preds[0].x = truth.copy(exact=False)
    rows = preds[0].rows if preds else NOTHING
    judge = Judge(c.node, "metric", name.rpartition(".")[2], rows, preds[:4], m.tick(), truth=truth, loops=m.loops)
    judge.asked = asked[0] if asked else None
    judge.args = tuple(c.args)
    judge.keywords = dict(c.keywords)
    if preds:
        judge.fit, judge.est, judge.x = preds[0].fit, preds[0].est, preds[0].x
    last = judge.name
    if last in {"roc_curve", "precision_recall_curve", "precision_recall_fscore_support", "det_curve"}:
        result = figure(judge, m)
        return Value("tuple", items=[result.copy(), result.copy(), result.copy()], preds=judge.preds, flags=FIGURE)
    return figure(judge, m)


def score(m: Machine, c: Call, est: Value, name: str) -> Value:
    x = c.get(0, "X", "x", "test_data") or UNKNOWN
    truth = c.get(1, "y")
    if x.items is not None and not x.rows:
        x = next((item for item in x.items if item.is_data), x)
    asked = Predict(c.node, est, est.fit, x.copy(), "score", m.tick(), loops=m.loops)
    m.predicts.append(asked)
    if est.fit is not None:
        est.fit.asked += 1
    judge = Judge(
        c.node,
        "score" if name == "score" else "evaluate",
        name,
        x.rows,
        (asked,),
        m.tick(),
        est=est,
        x=x.copy(),
        truth=truth,
        fit=est.fit,
        loops=m.loops,
    )
    result = figure(judge, m)
    if name == "evaluate":
        return Value("unknown", items=None, element=result, preds=judge.preds, flags=FIGURE)
    return result


def watched(m: Machine, node: ast.AST, est: Value, fit: Fit) -> Value:
    """`booster.best_score`: the figure on the rows that were watched while fitting."""
    assert fit.watched is not None
    key = ("watched", node, m.stack)
    found: Value | None = m._cache.get(key)
    if found is None:
        x = fit.watched.copy()
        asked = Predict(node, est, fit, x, "score", m.tick(), loops=m.loops)
        judge = Judge(node, "evaluate", "best_score", x.rows, (asked,), m.tick(), est=est, x=x, fit=fit, loops=m.loops)
        m.predicts.append(asked)
        found = m._cache[key] = figure(judge, m)
    return found


def cross_validate(m: Machine, c: Call, name: str) -> Value:
    """`cross_val_score(est, X, y)` and its kin."""
    est = c.get(0, "estimator") or UNKNOWN
    x = c.get(1, "X", "dtrain", "train_set", "pool") or UNKNOWN
    if name.endswith(".cv"):
        est, x = UNKNOWN, c.get(1, "dtrain", "train_set", "pool") or UNKNOWN
    truth = c.get(2, "y")
    asked = Predict(c.node, est, None, x.copy(), "cv", m.tick(), loops=m.loops)
    last = name.rpartition(".")[2]
    judge = Judge(c.node, "cv", last, x.rows, (asked,), m.tick(), est=est, x=x.copy(), truth=truth, loops=m.loops)
    judge.keywords = dict(c.keywords)
    judge.args = tuple(c.args)
    m.predicts.append(asked)
    result = figure(judge, m)
    if last == "cross_val_predict":
        soft = c.const("method") in {"predict_proba", "decision_function", "predict_log_proba"}
        flags = frozenset(["proba" if soft else "hard", "cv"])
        return Value("prediction", rows=x.rows, preds=(asked,), flags=flags)
    if last in {"learning_curve", "validation_curve"}:
        return Value(
            "tuple", items=[result.copy() for _ in range(3 if last == "learning_curve" else 2)], preds=result.preds
        )
    return result


def searched(m: Machine, c: Call, est: Value, found: Fit) -> None:
    """The fit of a search judges by folds of what it is given."""
    asked = Predict(c.node, est, None, found.x, "cv", m.tick(), loops=m.loops)
    judge = Judge(
        c.node,
        "search",
        est.cls.rpartition(".")[2],
        found.rows,
        (asked,),
        m.tick(),
        est=est,
        x=found.x,
        truth=found.y,
        loops=m.loops,
    )
    m.judges.append(judge)


def display(m: Machine, c: Call, name: str) -> Value:
    """`RocCurveDisplay.from_estimator(est, X, y)`."""
    if len(c.args) > 1 and c.args[0].kind in {"estimator", "module"}:
        made = type(c)(c.node, c.args[1:], c.keywords)
        score(m, made, c.args[0], "score")
    return UNKNOWN


def by_hand(m: Machine, node: object, value: Value) -> Value:
    """`(pred == y).mean()`: a judgement without a metric function."""
    assert isinstance(node, ast.AST)
    key = ("by_hand", node, m.stack)
    if key in m._cache:
        result: Value = m._cache[key]
        return result
    first = value.preds[0]
    judge = Judge(
        node,
        "metric",
        "by hand",
        first.rows,
        value.preds[:4],
        m.tick(),
        est=first.est,
        x=first.x,
        fit=first.fit,
        loops=m.loops,
    )
    m._cache[key] = made = figure(judge, m)
    return made
