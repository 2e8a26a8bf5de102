"""Methods of data: frames, series, arrays, tensors, sparse matrices."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from modelwright.checks.code.flow import groups, judging, learners, nets, polars_frames, splits, stretches, subscripts
from modelwright.checks.code.flow.arguments import Call
from modelwright.checks.code.flow.machine import Machine, names_in
from modelwright.checks.code.flow.rows import cut, is_test
from modelwright.checks.code.flow.values import NO_LEARN, UNKNOWN, UNSET, Value, merge
from modelwright.checks.code.library import method as meaning

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call


def method(m: Machine, c: Call, base: Value, name: str) -> Value:
    """`base.name(...)` of data; the object itself changes where `inplace=True`."""
    if name == "backward":
        nets.backward(m, c, base)
        return UNKNOWN
    if base.kind == "unknown" or not base.rows:
        guessed = learners.guess(m, c, base, name)
        if guessed is not None:
            return guessed
    result = _result(m, c, base, name)
    if c.const("inplace") is True:
        _in_place(m, c, base, result)
        return UNKNOWN
    return result


def _in_place(m: Machine, c: Call, base: Value, result: Value) -> None:
    func = c.node.func
    owner = func.value if isinstance(func, ast.Attribute) else None
    if isinstance(owner, ast.Subscript):
        subscripts.store(m, owner, result)
    elif isinstance(owner, ast.Attribute) and base.column:
        subscripts.store_attribute(m, owner, result)
    else:
        base.become(result)


def _result(m: Machine, c: Call, base: Value, name: str) -> Value:
    special = SPECIAL.get(name)
    if special is not None:
        return special(m, c, base, name)
    op = meaning(name)
    if op == "stat":
        return statistic(m, c, base, name)
    if op == "plain":
        return Value("scalar", loops=base.loops, preds=base.preds if base.preds else (), flags=base.flags & {"figure"})
    if op == "order":
        by = names_in(c.get(0, "by")) or [""]
        return base.copy(flags=base.flags | {"sorted", *(f"by:{by[0]}",)}, const=UNSET)
    if op == "drop":
        return base.copy(const=UNSET)
    new = _with_arguments(base, c)
    if name in {"eq", "ne", "sub"} and base.preds and not any(value.preds for value in c.args):
        new.flags |= {"compared"}
    if op == "view":
        new.partial = True
    elif not op and base.kind == "unknown":
        return Value("unknown", learned=base.learned, rows=base.rows, loops=base.loops, preds=base.preds)
    if name in {"values", "to_numpy", "toarray", "numpy", "tolist", "todense"}:
        new.kind = "array"
    return new


def _with_arguments(base: Value, c: Call) -> Value:
    """Row for row, with whatever the arguments had learned: `fillna(mean)`, `sub(mu)`, `clip(low, high)`."""
    new = base.copy(const=UNSET, index=None)
    for value in c.all:
        _take(new, value)
    return new


def _take(new: Value, value: Value) -> None:
    if value.index is None:
        new.learned |= value.learned
        new.loops |= value.loops if value.kind == "scalar" else frozenset()
    for item in value.contents:
        if item is not value and item.learned:
            new.learned |= item.learned


def statistic(m: Machine, c: Call, base: Value, name: str) -> Value:
    """A figure over rows; of each row where it goes along the columns."""
    axis = (
        c.const("axis") if "axis" in c.keywords else (c.args[0].const if c.args and name not in {"quantile"} else None)
    )
    dim = c.const("dim")
    if (
        base.kind == "row"
        or axis in (1, "columns", -1)
        or dim in (1, -1)
        or base.flags & {"rowwise", "ranking", "figure"}
    ):
        return base.copy(kind="series" if base.kind == "frame" else base.kind, const=UNSET, column="", index=None)
    if base.preds:
        return of_hits(m, c, base)
    if not base.rows or base.kind == "tensor":
        return Value("scalar", learned=base.learned, preds=base.preds, loops=base.loops)
    kind = "statistic"
    columns = frozenset([base.column]) if base.column else frozenset()
    learned = m.learn(c.node, kind, name, base.rows, columns=columns, detail=name, of_target=base.target)
    flags: frozenset[str] = frozenset(["corr"]) if name in {"corr", "corrwith"} else frozenset()
    return Value("scalar", learned=base.learned | {learned}, flags=flags, node=c.node)


def of_hits(m: Machine, c: Call, base: Value) -> Value:
    """A figure over a comparison of predictions with the truth is a judgement written by hand."""
    if base.flags & {"compared"}:
        return judging.by_hand(m, c.node, base)
    return Value("scalar", preds=base.preds, flags=base.flags)


def _corr(m: Machine, c: Call, base: Value, name: str) -> Value:
    found = statistic(m, c, base, name)
    if name == "corrwith" or (base.column and c.args):
        learned = m.learn(c.node, "selector", "corr", base.rows, supervised=True, detail="corr")
        return Value("scalar", learned=frozenset([learned]), flags=frozenset(["ranking"]))
    return found


def _fill(m: Machine, c: Call, base: Value, name: str) -> Value:
    how = c.const("method")
    value = c.get(0, "value")
    new = _with_arguments(base, c)
    if how in {"bfill", "backfill"} or name in {"bfill", "backfill"} or (name == "interpolate"):
        new.flags |= {"backfilled" if name != "interpolate" else "interpolated"}
    if value is not None and value.is_data and value.rows and not value.learned:
        new.learned = base.learned
    return new


def _drop(m: Machine, c: Call, base: Value, name: str) -> Value:
    given = c.get(0, "labels", "columns", "index")
    if given is None:
        return base
    axis = c.const("axis") if "axis" in c.keywords else (c.args[1].const if len(c.args) > 1 else 0)
    new = base.copy(const=UNSET, items=None)
    if "columns" in c.keywords or axis in (1, "columns") or (names_in(given) and "index" not in c.keywords):
        listed = names_in(c.get(None, "columns") or given)
        if listed is not None:
            subscripts.drop_columns(new, listed)
        else:
            new.partial = True
            new.learned |= frozenset(learn for learn in given.learned if learn.kind in {"selector"})
        return new
    if "labels" in given.flags and given.rows:  # df.drop(train.index): the other side
        for part in given.rows:
            for piece in part.path:
                if piece.how in {"sample", "mask", "slice"} and not any(piece in own.path for own in base.rows):
                    new.rows = cut(base.rows, piece.key, "rest", piece.how)
                    stretches.note_split(m, c.node, piece.how, piece.key, base, new)
                    return new
    new.rows = cut(base.rows, ("drop", c.node), "in", "filter")
    return new


def _sample(m: Machine, c: Call, base: Value, name: str) -> Value:
    share = c.get(1, "frac")
    if share is not None and share.const in (1, 1.0):
        flags = (base.flags - {"sorted"}) | {"shuffled"}
        if c.const("replace") is not True:
            return base.copy(const=UNSET, flags=flags)
    if c.const("replace") is True:
        return multiplied(m, c, base, "sample", "sampler")
    key = ("sample", c.node, m.stack)
    new = base.copy(const=UNSET, rows=cut(base.rows, key, "in", "sample"))
    stretches.note_split(m, c.node, "sample", key, base, new)
    return new


def multiplied(m: Machine, c: Call, base: Value, name: str, kind: str) -> Value:
    """Rows that come out more than once."""
    learned = m.learn(c.node, kind, name, base.rows, detail=name)
    return base.copy(const=UNSET, learned=base.learned | {learned}, items=None)


def _head(m: Machine, c: Call, base: Value, name: str) -> Value:
    given = c.get(0, "n")
    if given is None:
        return base.copy(const=UNSET, rows=cut(base.rows, ("head", name), name, "filter"))
    edge = str(given.const) if given.const is not UNSET else ast.unparse(c.node.args[0] if c.node.args else c.node)
    key = ("at", edge if name == "head" else f"-{edge}")
    new = base.copy(const=UNSET, rows=cut(base.rows, key, "lo" if name == "head" else "hi", "slice"))
    stretches.note_split(m, c.node, "slice", key, base, new)
    return new


def _pop(m: Machine, c: Call, base: Value, name: str) -> Value:
    listed = names_in(c.get(0)) if c.args else None
    if not listed:
        return UNKNOWN
    out = subscripts.column(base, listed[0])
    out.cols = None
    subscripts.drop_columns(base, listed)
    return out


def _apply(m: Machine, c: Call, base: Value, name: str) -> Value:
    """`apply(f)`: f sees each column; with axis=1, or on a series, each row or value."""
    fn = c.get(0, "func", "arg", "fn")
    if fn is None:
        return base
    axis = c.const("axis")
    by_row = axis in (1, "columns") or base.kind == "series" or bool(base.column) or name in {"map", "applymap"}
    if name == "transform" and fn.kind in {"scalar"}:
        return statistic(m, c, base, str(fn.const))
    seen = base.copy(const=UNSET, items=None)
    if by_row:
        seen.kind = "row"
        seen.learned = base.learned
    new = base.copy(const=UNSET, index=None, cols=None, learned=base.all_learned, items=None)
    if fn.kind in {"function", "partial"}:
        made = Call(c.node, [seen], {})
        out = m.invoke(made, fn)
        new.learned |= out.learned if not by_row else frozenset(x for x in out.learned)
        new.origin |= out.origin
        if out.items is not None and len(out.items) > 1 and not base.rows:
            return out
    elif fn.kind == "name" and not by_row:  # `df.apply(zscore)`
        new.learned |= m.invoke(Call(c.node, [seen], {}), fn).learned
    elif fn.kind in {"dict", "scalar", "series", "unknown"}:
        _take(new, fn)
        if fn.flags & {"group", "from_target"}:
            new.flags |= fn.flags & {"group", "from_target"}
        if fn.kind == "unknown" and fn.rows and not fn.learned:
            new.learned = base.all_learned
    if by_row and base.kind == "frame":
        new.kind, new.column, new.only, new.partial = "series", "", None, True
    return new


def _agg(m: Machine, c: Call, base: Value, name: str) -> Value:
    return statistic(m, c, base, name)


def _merge(m: Machine, c: Call, base: Value, name: str) -> Value:
    other = c.get(0, "right", "other")
    new = base.copy(const=UNSET, only=None)
    new.lack = frozenset()
    if other is not None:
        new.learned |= other.all_learned
        new.flags |= other.flags & {"group", "from_target"}
        if other.cols:
            new.cols = {**other.cols, **(new.cols or {})}
    return new


def _append(m: Machine, c: Call, base: Value, name: str) -> Value:
    other = c.get(0, "other")
    values = [base, *(other.items if other is not None and other.items is not None else [other] if other else [])]
    new = merge(values)
    new.params = {"stacked": Value("tuple", items=values)}
    return new


def _assign(m: Machine, c: Call, base: Value, name: str) -> Value:
    new = base.copy(const=UNSET, cols=dict(base.cols or {}), colflags=dict(base.colflags or {}))
    for key, value in c.keywords.items():
        if value.kind == "function":
            value = m.invoke(Call(c.node, [new], {}), value)
        subscripts._write(m, new, [key], value, whole_column=True)
    return new


def _pipe(m: Machine, c: Call, base: Value, name: str) -> Value:
    if not c.args:
        return base
    return m.invoke(Call(c.node, [base, *c.args[1:]], c.keywords), c.args[0])


def _repeat(m: Machine, c: Call, base: Value, name: str) -> Value:
    return base if base.kind in {"loader", "row", "tensor"} else multiplied(m, c, base, name, "augment")


def _rename(m: Machine, c: Call, base: Value, name: str) -> Value:
    new = base.copy(const=UNSET)
    new.partial = True
    return new


def _rank(m: Machine, c: Call, base: Value, name: str) -> Value:
    learned = m.learn(c.node, "statistic", name, base.rows, detail=name) if base.rows else None
    return base.copy(const=UNSET, learned=base.learned | {learned} if learned else base.learned)


def _take_rows(m: Machine, c: Call, base: Value, name: str) -> Value:
    index = c.get(0, "indices")
    if index is not None and index.index is not None:
        return subscripts._by_value(m, c.node, base, index, True)
    return base.copy(const=UNSET)


def _tf_split(m: Machine, c: Call, base: Value, name: str) -> Value:
    """`dataset.take(n)`, `dataset.skip(n)`."""
    edge = ast.unparse(c.node.args[0]) if c.node.args else ""
    if name == "take" and c.args and (c.args[0].index is not None or c.args[0].items is not None):
        return _take_rows(m, c, base, name)
    new = base.copy(const=UNSET, rows=cut(base.rows, ("at", edge), "lo" if name == "take" else "hi", "slice"))
    stretches.note_split(m, c.node, "slice", ("at", edge), base, new)
    return new


def _hf_split(m: Machine, c: Call, base: Value, name: str) -> Value:
    parts = splits.split_parts(m, c, [base], "train_test_split")
    return Value("dict", table={"train": parts[0], "test": parts[1]})


def _item(m: Machine, c: Call, base: Value, name: str) -> Value:
    """`loss.item()` over held-out rows is a figure that judges; over training rows it is a log."""
    judging_it = base.kind == "scalar" and base.preds and "figure" not in base.flags
    if judging_it and all(is_test(asked.rows) and not asked.training for asked in base.preds):
        return judging.by_hand(m, c.node, base)
    return base.copy(const=UNSET)


def _identity(m: Machine, c: Call, base: Value, name: str) -> Value:
    return base.copy(const=UNSET)


def _call_stat_or_self(m: Machine, c: Call, base: Value, name: str) -> Value:
    """`sum` of hits over rows is a figure of the judgement; of a frame's columns, of no further use."""
    if base.preds:
        return of_hits(m, c, base)
    if c.const("axis") in (1, "columns"):
        return base.copy(kind="series", column="", const=UNSET)
    return Value("scalar", learned=NO_LEARN, loops=base.loops)


SPECIAL = {
    "corr": _corr,
    "corrwith": _corr,
    "fillna": _fill,
    "bfill": _fill,
    "backfill": _fill,
    "interpolate": _fill,
    "ffill": _identity,
    "pad": _identity,
    "drop": _drop,
    "sample": _sample,
    "head": _head,
    "tail": _head,
    "pop": _pop,
    "limit": _head,
    "apply": _apply,
    "map": _apply,
    "applymap": _apply,
    "transform": _apply,
    "progress_apply": _apply,
    "map_elements": _apply,
    "agg": _agg,
    "aggregate": _agg,
    "groupby": groups.groupby,
    "group_by": groups.groupby,
    "rolling": groups.window,
    "expanding": groups.window,
    "ewm": groups.window,
    "resample": groups.window,
    "shift": groups.shift,
    "diff": _identity,
    "pct_change": _identity,
    "merge": _merge,
    "join": _merge,
    "append": _append,
    "concat": _append,
    "vstack": _append,
    "assign": _assign,
    "with_columns": polars_frames.with_columns,
    "select": polars_frames.select,
    "alias": polars_frames.alias,
    "filter": polars_frames.filtered,
    "pipe": _pipe,
    "repeat": _repeat,
    "rename": _rename,
    "rank": _rank,
    "take": _tf_split,
    "skip": _tf_split,
    "train_test_split": _hf_split,
    "sum": _call_stat_or_self,
    "any": _call_stat_or_self,
    "item": _item,
}
