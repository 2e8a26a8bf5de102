"""Rows in time order: values from the future, random splits, the same entity on both sides."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelwright.checks.code.facts import Facts, Rule, RuleFile, finding
from modelwright.checks.code.flow import rows as algebra
from modelwright.checks.code.flow.values import Fit, Split, Value
from modelwright.checks.code.nouns import CodeFinding, Confidence, RuleInfo
from modelwright.checks.code.proofs import held_out, short, sinks, step
from modelwright.checks.code.rules._lk109_time_examples import EXAMPLES
from modelwright.core.nouns import Severity

INFOS = (
    RuleInfo(
        code="LK109",
        name="future-in-a-feature",
        severity=Severity.HIGH,
        why="A feature that looks at later rows (shift by a negative step, a centred window, a "
        "backward fill) is not known "
        "when the prediction is made.",
        fix="use past rows only: shift by a positive step, trailing windows, forward fill",
        source="Kapoor and Narayanan 2023, L3.1",
    ),
    RuleInfo(
        code="LK110",
        name="random-split-of-ordered-rows",
        severity=Severity.HIGH,
        why="A shuffled split of rows in time order trains on the days around each judged day.",
        fix="split by time: shuffle=False, TimeSeriesSplit with a gap, or a date",
        source="Bergmeir and Benitez 2012; scikit-learn, TimeSeriesSplit",
    ),
    RuleInfo(
        code="LK111",
        name="same-entity-on-both-sides",
        severity=Severity.HIGH,
        why="Rows of one person, machine or image on both sides let the model recognise it instead of learning.",
        fix="use GroupKFold, GroupShuffleSplit or StratifiedGroupKFold with the entity as the group",
        source="scikit-learn, Cross-validation iterators for grouped data",
    ),
)


#: marks of values that were computed from later rows
_AHEAD = frozenset(["future", "centred"])


def _run(facts: Facts) -> Iterator[CodeFinding]:
    yield from _future(facts)
    yield from _filled_backwards(facts)
    yield from _ordered(facts)
    yield from _entities(facts)


def _future(facts: Facts) -> Iterator[CodeFinding]:
    told: set[str] = set()
    for fit in facts.flow.fits:
        if fit.how == "step" or fit.y is None:
            continue
        for name, flags in sorted((fit.x.colflags or {}).items()):
            if not flags & _AHEAD or name in told or name in fit.x.lack or name == fit.y.column or fit.x.partial:
                continue
            if fit.x.only is not None and name not in fit.x.only:
                continue
            told.add(name)
            yield _future_found(facts, fit, name)


def _filled_backwards(facts: Facts) -> Iterator[CodeFinding]:
    """Gaps of a time order filled from later rows, in features of a model that is judged on held-out rows."""
    told: set[ast.AST] = set()
    for sink in sinks(facts.flow):
        fit = sink.fit
        if fit is None or fit.how == "step" or sink.judge is None or not held_out(facts.flow, sink):
            continue
        marked = bool(fit.x.flags & {"backfilled", "interpolated"})
        columns = (name for name in fit.x.colflags or {} if name not in fit.x.lack)
        marked = marked or any((fit.x.colflags or {})[name] & {"backfilled", "interpolated"} for name in columns)
        fill = _fill_call(facts, fit) if marked and _is_ordered(fit.x) else None
        if fill is None or fill in told:
            continue
        told.add(fill)
        steps = (step(facts, "filled here", fill), step(facts, "judged here", sink.node))
        message = f"Gaps in rows in time order are filled from later rows ({short(fill)})."
        yield finding(facts, "LK109", fill, message, Confidence.LIKELY, severity=Severity.MEDIUM, steps=steps)


def _fill_call(facts: Facts, fit: Fit) -> ast.Call | None:
    """The call that filled rows of the same source."""
    for call in facts.names.calls:
        func = call.func
        if not isinstance(func, ast.Attribute) or func.attr not in {"bfill", "backfill", "interpolate", "fillna"}:
            continue
        words = {part.value.value for part in call.keywords if isinstance(part.value, ast.Constant)}
        if func.attr == "fillna" and not words & {"bfill", "backfill"}:
            continue
        base = facts.flow.value(func.value)
        if base is not None and algebra.roots(base.rows) & algebra.roots(fit.rows):
            return call
    return None


def _future_found(facts: Facts, fit: Fit, name: str) -> CodeFinding:
    made = _made(facts, name)
    steps = [step(facts, "made here", made)] if made is not None else []
    steps.append(step(facts, "trained here", fit.node))
    sink = next((sink for sink in sinks(facts.flow) if sink.fit is fit), None)
    if sink is not None:
        steps.append(step(facts, "judged here", sink.node))
    message = f"The feature '{name}' looks at later rows."
    return finding(facts, "LK109", made or fit.node, message, Confidence.PROVED, steps=tuple(steps))


def _made(facts: Facts, name: str) -> ast.AST | None:
    for assign in facts.names.nodes(ast.Assign):
        for target in assign.targets:
            if (
                isinstance(target, ast.Subscript)
                and isinstance(target.slice, ast.Constant)
                and target.slice.value == name
            ):
                return assign
    return None


def _ordered(facts: Facts) -> Iterator[CodeFinding]:
    told: set[ast.AST] = set()
    for split in facts.flow.splits:
        if (
            split.how not in {"split", "train_test_split", "fold", "random_split"}
            or not split.shuffle
            or split.node in told
            or not split.inputs
        ):
            continue
        why = _is_ordered(split.inputs[0])
        if why and _leads_somewhere(facts, split):
            told.add(split.node)
            steps = (
                step(facts, "split here", split.node),
                step(facts, "judged here", _first_sink(facts, split) or split.node),
            )
            message = f"Rows in time order ({why}) are split at random ({short(split.node)})."
            yield finding(facts, "LK110", split.node, message, Confidence.LIKELY, steps=steps)


_TIMES = ("date", "time", "timestamp", "datetime", "ds", "day", "month_year", "period")


def _is_ordered(x: Value) -> str:
    """Lag features, trailing windows, or rows sorted by a time."""
    flags = set(x.flags)
    for name, more in (x.colflags or {}).items():
        if name not in x.lack and more & {"lag", "window"}:
            return f"'{name}' is made of earlier rows"
    if "lag" in flags or "window" in flags:
        return "a feature is made of earlier rows"
    by = next((flag[3:] for flag in flags if flag.startswith("by:")), "")
    if by and "sorted" in flags and any(word in by.lower() for word in _TIMES):
        return f"sorted by '{by}'"
    if "windows" in flags:
        return "windows of a series"
    return ""


def _leads_somewhere(facts: Facts, split: Split) -> bool:
    return _first_sink(facts, split) is not None


def _first_sink(facts: Facts, split: Split) -> ast.AST | None:
    for sink in sinks(facts.flow):
        if sink.how not in {"cv", "search"} and any(piece.key == split.key for piece in algebra.cuts(sink.rows)):
            return sink.node
    return None


_ENTITIES = (
    "patient",
    "subject",
    "user",
    "customer",
    "client",
    "person",
    "machine",
    "device",
    "session",
    "speaker",
    "store",
    "group",
    "household",
    "driver",
    "player",
    "engine",
    "unit",
    "house",
    "sensor",
    "vehicle",
    "participant",
)


def _entities(facts: Facts) -> Iterator[CodeFinding]:
    """Rows made by groups of an entity (its figures or windows), then split without regard to it."""
    keys = _keys(facts)
    counted = [] if keys else [*_counted(facts), *_joined(facts)]
    if not keys and not counted:
        return
    for fit in facts.flow.fits:
        if fit.how == "step":
            continue
        for sink in sinks(facts.flow):
            if sink.fit is not fit or not held_out(facts.flow, sink):
                continue
            name = _entity(facts, keys, sink.x) or _entity_of(facts, counted, sink.x)
            split = next(
                (one for one in facts.flow.splits if one.key in {piece.key for piece in algebra.cuts(sink.rows)}), None
            )
            if name and split is not None and split.how in {"train_test_split", "fold"} and "Group" not in split.cls:
                steps = (step(facts, "split here", split.node), step(facts, "judged here", sink.node))
                message = f"Rows of one '{name}' can stand on both sides of {short(split.node)}."
                severity = None if keys else Severity.LOW
                yield finding(facts, "LK111", split.node, message, Confidence.LIKELY, severity=severity, steps=steps)
                return


def _entity(facts: Facts, keys: list[tuple[ast.Call, str]], x: Value) -> str:
    """An entity's column by whose groups rows were worked on (several rows for each)."""
    roots = algebra.roots(x.rows)
    for call, key in keys:
        base = facts.flow.value(call.func.value) if isinstance(call.func, ast.Attribute) else None
        if base is not None and algebra.roots(base.rows) & roots:
            return key
    return ""


def _counted(facts: Facts) -> list[tuple[ast.expr, str]]:
    """Columns of an entity whose different values the file counts: `df["patient_id"].nunique()`."""
    found = []
    for call in facts.names.calls:
        func = call.func
        name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if name not in {"nunique", "unique", "n_unique"} or not isinstance(func, ast.Attribute | ast.Name):
            continue
        for node in [*call.args, *([func.value] if isinstance(func, ast.Attribute) else [])]:
            value = facts.flow.value(node)
            if value is not None and value.rows and any(word in value.column.lower() for word in _ENTITIES):
                found.append((node, value.column))
    return found


def _joined(facts: Facts) -> list[tuple[ast.expr, str]]:
    """A table of an entity joined to a table of something else by the entity's key, as in
    `visits.merge(patients, on="patient_id")`, or a key that is asked for repeats."""
    found: list[tuple[ast.expr, str]] = []
    for call in facts.names.calls:
        func = call.func
        if not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Name) or not call.args:
            continue
        first = call.args[0]
        if func.attr == "duplicated" and isinstance(first, ast.Constant) and _is_entity(str(first.value)):
            found.append((func.value, str(first.value)))
        if func.attr not in {"merge", "join"} or not isinstance(first, ast.Name):
            continue
        on = next((part.value for part in call.keywords if part.arg == "on"), None)
        key = str(on.value) if isinstance(on, ast.Constant) else ""
        stem = next((word for word in _ENTITIES if word in key.lower()), "")
        if stem and stem in first.id.lower() and stem not in func.value.id.lower():
            found.append((func.value, key))
    return found


def _entity_of(facts: Facts, counted: list[tuple[ast.expr, str]], x: Value) -> str:
    for node, name in counted:
        value = facts.flow.value(node)
        if value is not None and algebra.roots(value.rows) & algebra.roots(x.rows):
            return name
    return ""


def _keys(facts: Facts) -> list[tuple[ast.Call, str]]:
    """Groupings by a column that names an entity, used for windows, order or figures of several rows."""
    found = []
    for call in facts.names.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"groupby", "group_by"} or not call.args:
            continue
        key = call.args[0].elts[0] if isinstance(call.args[0], ast.List) and call.args[0].elts else call.args[0]
        if (
            isinstance(key, ast.Constant)
            and isinstance(key.value, str)
            and _is_entity(key.value)
            and _within(facts, call)
        ):
            found.append((call, key.value))
    return found


def _is_entity(name: str) -> bool:
    low = name.lower()
    return low.endswith(("id", "_no", "number")) or any(word in low for word in _ENTITIES)


def _within(facts: Facts, call: ast.Call) -> bool:
    """Are the groups used for windows, order or figures of several rows?"""
    up = facts.names.parent(call)
    for _ in range(4):
        if isinstance(up, ast.Attribute) and up.attr in {
            "shift",
            "rolling",
            "cumsum",
            "cumcount",
            "diff",
            "expanding",
        }:
            return True
        up = facts.names.parent(up) if up is not None else None
    return False


PLUGIN: Rule = RuleFile(infos=INFOS, examples=EXAMPLES, run=_run)
