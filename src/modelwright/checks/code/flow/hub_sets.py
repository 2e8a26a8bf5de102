"""Sets of the `datasets` library: dictionaries of splits, each a table of rows; and the trainer that takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwright.checks.code.flow import judging
from modelwright.checks.code.flow.machine import Machine
from modelwright.checks.code.flow.rows import cut
from modelwright.checks.code.flow.values import UNKNOWN, UNSET, Predict, Value

if TYPE_CHECKING:
    from modelwright.checks.code.flow.arguments import Call

_SIDES = {"train": "train", "test": "test", "validation": "valid", "valid": "valid", "dev": "valid"}
#: methods of a dictionary of splits that treat each split row by row
_EACH = frozenset(
    [
        "map",
        "filter",
        "shuffle",
        "remove_columns",
        "rename_column",
        "rename_columns",
        "select_columns",
        "cast_column",
        "cast",
        "class_encode_column",
        "set_format",
        "with_format",
        "with_transform",
        "flatten",
    ]
)


def load(m: Machine, c: Call, name: str) -> Value:
    """`load_dataset(name)`: a dictionary of splits; `split="train"`: one of them."""
    base = m.fresh("tensor", c.node, how="load", name=name)
    wanted = c.const("split")
    if isinstance(wanted, str):
        side = _SIDES.get(wanted.partition("[")[0], "")
        key = ("hub", str(c.args[0].const) if c.args else "")
        root = m._cache.setdefault(key, base.rows)
        return base.copy(rows=cut(root, ("load", key), side or wanted, "split"))
    table = {
        side: base.copy(rows=cut(base.rows, ("load", c.node), kind, "split"))
        for side, kind in (("train", "train"), ("test", "test"), ("validation", "valid"))
    }
    return Value("dict", table=dict(table))


def each(m: Machine, c: Call, base: Value, name: str) -> Value | None:
    """`sets.map(f)` and its kin; None where this is another dictionary."""
    table = base.table
    if name not in _EACH or not table or not all(value.rows for value in table.values()):
        return None
    return base.copy(table={key: value.copy(const=UNSET) for key, value in table.items()})


def collected(m: Machine, c: Call, name: str) -> Value:
    """`DatasetDict(train=..., test=...)`."""
    table = c.keywords or (c.args[0].table if c.args else None)
    return Value("dict", table={**table}) if table else UNKNOWN


_NAMES = ("model", "args", "data_collator", "train_dataset", "eval_dataset")


def trainer(c: Call) -> dict[str, Value]:
    """What a trainer of `transformers` was handed, by name."""
    return {**dict(zip(_NAMES, c.args, strict=False)), **c.keywords}


def keeps_best(est: Value) -> bool:
    """Does training end with the best epoch by the rows that are watched?"""
    given = est.attrs or {}
    said = (given.get("args") or UNKNOWN).params or {}
    if "load_best_model_at_end" in said:
        return said["load_best_model_at_end"].const is True
    callbacks = given.get("callbacks")
    items = callbacks.items if callbacks is not None and callbacks.items is not None else []
    return any("EarlyStopping" in item.cls for item in items)


def judged(m: Machine, c: Call, est: Value, name: str) -> Value:
    """`trainer.evaluate(rows)`, `trainer.predict(rows)`; without rows, those that were watched."""
    x = c.get(0, "eval_dataset", "test_dataset") or (est.attrs or {}).get("eval_dataset") or UNKNOWN
    if name == "evaluate":
        return judging.score(m, type(c)(c.node, [x], {}), est, "evaluate")
    asked = Predict(c.node, est, est.fit, x.copy(), "predict", m.tick(), loops=m.loops)
    m.predicts.append(asked)
    found = Value("prediction", rows=x.rows, preds=(asked,), flags=frozenset(["proba"]), node=c.node)
    return found.copy(attrs={"predictions": found, "label_ids": x.copy(target=True), "metrics": found})
