"""Attributes: of frames, estimators, objects and modules."""

from __future__ import annotations

import ast

from modelwright.checks.code.flow import judging
from modelwright.checks.code.flow.learners import learned_by
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.rows import Root, whole
from modelwright.checks.code.flow.subscripts import column
from modelwright.checks.code.flow.values import UNKNOWN, Value
from modelwright.checks.code.library import role

_SAME = frozenset(
    ["values", "T", "loc", "iloc", "ix", "at", "iat", "str", "dt", "cat", "data", "array", "sparse", "real"]
)
_FIGURES = frozenset(["mean_", "scale_", "var_", "data_min_", "data_max_", "statistics_", "center_", "idf_"])
_RANKS = frozenset(
    [
        "feature_importances_",
        "coef_",
        "support_",
        "ranking_",
        "scores_",
        "pvalues_",
        "k_feature_idx_",
        "k_feature_names_",
        "grid_scores_",
    ]
)
_CHOSEN = frozenset(["best_params_", "best_estimator_", "best_score_", "best_index_", "cv_results_", "alpha_", "C_"])


def load(m: Machine, node: ast.Attribute, base: Value) -> Value:
    name = node.attr
    if base.attrs is not None and name in base.attrs:
        return base.attrs[name]
    if base.kind == "bunch":
        return _of_bunch(base, name)
    if base.kind == "estimator":
        return _of_estimator(m, node, base, name)
    if base.is_data and base.kind not in {"unknown", "object"}:
        return _of_data(m, node, base, name)
    if base.kind == "name":
        return Value("name", cls=f"{base.cls}.{name}", node=node)
    if base.kind == "object" or base.kind == "class":
        return _of_object(m, node, base, name)
    if base.kind == "module" and base.func is not None:
        return _of_object(m, node, base, name)
    if base.is_data:
        return _of_unknown(m, node, base, name)
    if base.kind == "estimator_figure":
        return base
    return Value("unknown", learned=base.learned, loops=base.loops, preds=base.preds, flags=base.flags & {"figure"})


def _of_data(m: Machine, node: ast.Attribute, base: Value, name: str) -> Value:
    if name in _SAME:
        return base
    if name == "columns":
        return Value("scalar", flags=frozenset(["columns"]), node=node)
    if name == "index":
        return base.copy(kind="index_of", flags=base.flags | {"labels"})
    if name in {"shape", "size", "ndim", "dtypes", "dtype", "empty"}:
        return Value("scalar")
    if base.kind in {"frame"} and not name.startswith("_") and not _is_method(m, node):
        return column(base, name)
    if base.kind == "loader" and name == "dataset":
        return base
    return base


def _is_method(m: Machine, node: ast.Attribute) -> bool:
    up = m.names.parent(node)
    return isinstance(up, ast.Call) and up.func is node


def _of_unknown(m: Machine, node: ast.Attribute, base: Value, name: str) -> Value:
    """Something that nobody defined: `data.target`, `args.x`, `df.values`."""
    if name in _SAME or name in {"index"}:
        return base
    if name in {"target", "targets", "labels", "label"}:
        return base.copy(target=True, kind="unknown", column=name, only=frozenset([name]))
    if name in {"shape", "size", "columns", "dtype"}:
        return Value("scalar", flags=frozenset(["columns"]) if name == "columns" else frozenset())
    if not _is_method(m, node):
        return column(base, name)
    return base


def _of_bunch(base: Value, name: str) -> Value:
    if name in {"target", "target_names"}:
        return Value("array", rows=base.rows, target=True) if name == "target" else Value("scalar")
    if name in {"data", "images", "frame"}:
        return Value("frame" if name == "frame" else "array", rows=base.rows)
    return Value("scalar", flags=frozenset(["columns"]))


def _of_object(m: Machine, node: ast.Attribute, base: Value, name: str) -> Value:
    found = method_of(base, name)
    if found is not None:
        decorated = any(isinstance(part, ast.Name) and part.id == "property" for part in found.func.decorator_list)
        bound = found.copy(receiver=base)
        if decorated:
            return m.follow(bound, [], {}, node)
        return bound
    if base.attrs is None:
        base.attrs = {}
    made = base.attrs[name] = Value("unknown", rows=whole(Root("unknown", name, node, "")))
    return made


def method_of(base: Value, name: str) -> Value | None:
    """A method of an object of a local class, or of its local parents."""
    definition = (
        base.scope if base.kind in {"object", "module", "estimator"} and isinstance(base.scope, Value) else base
    )
    todo, met = [definition], 0
    while todo and met < 12:
        met += 1
        current = todo.pop(0)
        found = (current.attrs or {}).get(name) if current.kind == "class" else None
        if (
            found is not None
            and found.kind == "function"
            and isinstance(found.func, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            return found
        todo.extend(current.members if current.kind == "class" else ())
    return None


def _inner(m: Machine, base: Value, name: str) -> Value:
    """The estimator inside a search or a wrapper; what a search found is in how it is set up."""
    fit = base.fit
    inner = base.members[0] if base.members and name not in {"booster_", "model"} else base
    made = inner.copy(fit=fit or inner.fit, loops=inner.loops | base.loops)
    if fit is not None and name.startswith("best_") and role(base.cls) == "search":
        learned = m.learn(fit.node, "search", base.cls, fit.rows, supervised=True)
        made.params = {**(inner.params or {}), "found by": Value("scalar", learned=frozenset([learned]))}
    return made


def _of_estimator(m: Machine, node: ast.Attribute, base: Value, name: str) -> Value:
    if base.func is not None:
        found = method_of(base, name)
        if found is not None:
            return found.copy(receiver=base)
    fit = base.fit
    if name in {"best_estimator_", "estimator", "estimator_", "base_estimator", "model", "booster_", "best_pipeline_"}:
        return _inner(m, base, name)
    if fit is None:
        return Value("unknown")
    if name in {"labels_", "embedding_"}:
        learned = m.learn(fit.node, "cluster", base.cls, fit.rows)
        return fit.x.copy(kind="array", learned=fit.x.learned | {learned}, column="", cols=None)
    if name in _FIGURES:
        return Value("scalar", learned=frozenset([m.learn(fit.node, "statistic", base.cls, fit.rows)]))
    if name in _RANKS and base.cls and role(base.cls) not in {"scaler", "imputer"}:
        learned = m.learn(fit.node, "selector", base.cls, fit.rows, supervised=True, detail=name)
        return Value("scalar", learned=frozenset([learned]), flags=frozenset(["ranking"]))
    if name in _CHOSEN and role(base.cls) == "search":
        learned = m.learn(fit.node, "search", base.cls, fit.rows, supervised=True)
        table: dict[str, Value] = {}
        return Value(
            "scalar",
            learned=frozenset([learned]),
            table=None,
            element=Value("scalar", learned=frozenset([learned])),
            attrs=table,
        )
    if name in {"wv", "docvecs", "dv", "word_index", "vocabulary_"} and role(base.cls) == "text":
        return Value("scalar", learned=learned_by(m, base) if name in {"wv", "docvecs", "dv"} else frozenset())
    if name in {"best_score", "best_score_"} and fit.watched is not None and fit.watched.rows:
        return judging.watched(m, node, base, fit)
    if name in {"history", "history_"}:
        return Value("estimator_figure", preds=(), learned=frozenset(), flags=frozenset(["history"]))
    return Value("unknown", learned=frozenset())


__all__ = ["UNKNOWN", "load", "method_of"]
