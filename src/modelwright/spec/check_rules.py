"""Rules between keys: splits that add up, columns with one role, kinds of split that need other keys."""

from __future__ import annotations

from typing import Any

from modelwright.core.errors import Fix, nearest
from modelwright.spec.check_types import Checker
from modelwright.spec.fixes import insert_into, quote, replace_node, write, yaml_scalar
from modelwright.spec.model import DataSpec
from modelwright.spec.source import Advice, Entry, Node

_SPLITS = ("train_split", "val_split", "test_split")
_LISTS = ("categorical", "numerical", "text", "dates", "id", "ignore")
#: a column may stand in both of these
_ALLOWED = {frozenset(pair) for pair in (("id", "group"), ("categorical", "group"), ("dates", "time"), ("id", "time"))}


def check_rules(root: Node, checker: Checker) -> None:
    """Everything that one key alone cannot tell. Values of a wrong type are passed over: they were reported."""
    data, features, model = (_section(root, name) for name in ("data", "features", "model"))
    check_splits(root, checker)
    check_roles(features, checker)
    check_needs(data, features, checker)
    check_target(root, features, model, checker)


def _section(root: Node, name: str) -> Node | None:
    entry = root.get(name)
    return entry.node if entry is not None and entry.node.kind == "map" else None


def _value(section: Node | None, key: str) -> Any:
    entry = section.get(key) if section is not None else None
    return entry.node.value if entry is not None and entry.node.kind == "scalar" else None


def check_splits(root: Node, checker: Checker) -> None:
    """The three parts add up to 1 (within 1e-6)."""
    data = _section(root, "data")
    written = {name: e for name in _SPLITS if data is not None and (e := data.get(name)) is not None}
    shares: dict[str, float] = {}
    for name in _SPLITS:
        value = written[name].node.value if name in written else getattr(DataSpec(source="-"), name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
            return  # reported where it stands
        shares[name] = float(value)
    total = sum(shares.values())
    if abs(total - 1.0) <= 1e-6 or not written:
        return
    shown = " + ".join(f"{shares[name]:g}" for name in _SPLITS)
    message = f"The splits add up to {total:g}, not to 1: {shown} (train, val, test)."
    at, advice = _split_advice(written, shares)
    checker.add(at.node, message, advice, "data.splits", "spec.splits")


def _split_advice(written: dict[str, Entry], shares: dict[str, float]) -> tuple[Entry, Advice]:
    """Which share to change, and to what."""
    at = next(reversed(written.values()))
    absent = [name for name in _SPLITS if name not in written]
    if absent:
        rest = 1.0 - sum(shares[name] for name in written)
        weight = sum(shares[name] for name in absent)
        if rest > 0:
            extra = [f"{name}: {_round(rest * shares[name] / weight)}" for name in absent]
            line = at.key.source.line(at.node.end_line)
            if at.key.flow:
                fix = replace_node(at.node, f"{at.node.text}, {', '.join(extra)}")
            else:
                indent = " " * (at.key.column - 1)
                fix = Fix(at.node.end_line, at.node.end_line, "\n".join([line, *(indent + text for text in extra)]))
            return at, Advice(hint=f"add `{'`, `'.join(extra)}`", fix=fix)
    for name in ("test_split", "val_split", "train_split"):
        left = _round(1.0 - sum(share for other, share in shares.items() if other != name))
        if name in written and (0 < left < 1 or (left == 0 and name == "val_split")):
            return written[name], write(written[name].node, yaml_scalar(left), ", so that the three add up to 1")
    return at, Advice(hint="write `train_split: 0.7`, `val_split: 0.15` and `test_split: 0.15`")


def _round(share: float) -> float:
    return round(share, 6)


def check_roles(features: Node | None, checker: Checker) -> None:
    """No column twice in a list or in two roles; the target is not a feature."""
    if features is None:
        return
    seen: dict[str, tuple[str, Node]] = {}
    for role in ("target", "time", "group"):
        entry = features.get(role)
        if entry is not None and isinstance(entry.node.value, str):
            _claim(entry.node.value, role, entry, None, seen, checker)
    for role in _LISTS:
        entry = features.get(role)
        for item in entry.node.items if entry is not None and entry.node.kind == "list" else []:
            if isinstance(item.value, str):
                assert entry is not None
                _claim(item.value, role, entry, item, seen, checker)


def _claim(
    column: str, role: str, entry: Entry, item: Node | None, seen: dict[str, tuple[str, Node]], checker: Checker
) -> None:
    before = seen.get(column)
    seen.setdefault(column, (role, entry.node))
    if before is None or frozenset((before[0], role)) in _ALLOWED:
        return
    path = f"features.{role}"
    if before[0] == role:
        message = f"The column '{column}' is listed twice in '{path}'."
    elif before[0] == "target":
        message = f"'{column}' is the target, so it cannot be in '{path}' too: the model would see the answer."
    else:
        message = f"The column '{column}' is in 'features.{before[0]}' and in '{path}': one column, one role."
    if item is None:
        advice = write(entry.node, "null", f", or take '{column}' out of features.{before[0]}")
    else:
        advice = _without(entry, item)
    checker.add(item or entry.node, message, advice, path, "spec.role_conflict")


def _without(entry: Entry, item: Node) -> Advice:
    """Take one item out of a list."""
    if entry.node.flow:
        rest = [i.source.line(i.line)[i.column - 1 : i.end_column - 1] for i in entry.node.items if i is not item]
        return write(entry.node, f"[{', '.join(rest)}]")
    if len(entry.node.items) == 1:
        return write(entry.node, "[]")
    return Advice(hint=f"remove line {item.line}", fix=Fix(item.line, item.end_line, None))


def check_needs(data: Node | None, features: Node | None, checker: Checker) -> None:
    """Time splits and windows need `features.time`; group splits need `features.group`."""
    split_entry = data.get("split") if data is not None else None
    split = split_entry.node if split_entry is not None and split_entry.node.kind == "map" else None
    kind_entry = split.get("kind") if split is not None else None
    kind = kind_entry.node.value if kind_entry is not None else "auto"
    for wanted, kinds in (("time", ("time", "group_time")), ("group", ("group", "group_time"))):
        if kind_entry is not None and kind in kinds and _value(features, wanted) is None:
            advice = write(kind_entry.node, "auto", f", or add `{wanted}: COLUMN` under features")
            message = f"A split by {kind.replace('_', ' and ')} needs 'features.{wanted}', which names no column."
            checker.add(kind_entry.node, message, advice, "data.split.kind", "spec.missing")
            break
    gap = split.get("gap") if split is not None else None
    if gap is not None and gap.node.value is not None and kind in ("random", "stratified", "group"):
        message = f"A gap is for splits by time, and 'data.split.kind' is {kind}."
        checker.add(gap.node, message, write(gap.node, "null", ", or `kind: time`"), "data.split.gap", "spec.conflict")
    windows = features.get("windows") if features is not None else None
    if windows is not None and windows.node.items and _value(features, "time") is None:
        advice = write(windows.node, "[]", ", or add `time: COLUMN` under features")
        message = "Windows look back in time, and 'features.time' names no column."
        checker.add(windows.node, message, advice, "features.windows", "spec.missing")


def check_target(root: Node, features: Node | None, model: Node | None, checker: Checker) -> None:
    """Tasks that learn from answers need a target."""
    entry = features.get("target") if features is not None else None
    task = model.get("task") if model is not None else None
    wants = task is None or task.node.value in ("binary", "multiclass", "regression")
    has = entry is not None and entry.node.value is not None
    if task is not None and task.node.value in ("clustering", "anomaly") and has:
        assert entry is not None
        message = f"A {task.node.value} task learns without answers, and 'features.target' names a column."
        checker.add(entry.node, message, write(entry.node, "null"), "features.target", "spec.conflict")
    if task is not None and wants and not has and task.node.value is not None:
        section = root.get("features")
        fix = insert_into(section, ["target: label"]) if section is not None and entry is None else None
        if entry is not None:
            fix = write(entry.node, "label").fix
        message = f"A {task.node.value} task needs 'features.target': the column to predict."
        hint = "add `target: COLUMN` under features"
        checker.add(task.node, message, Advice(hint=hint, fix=fix), "features.target", "spec.missing")


def check_metric(root: Node, known: list[str], checker: Checker) -> None:
    """`evaluation.metric` is a known name; `known` holds every name and alias, empty when none can be listed."""
    section = _section(root, "evaluation")
    entry = section.get("metric") if section is not None else None
    if entry is None or not isinstance(entry.node.value, str) or ":" in entry.node.value or not known:
        return
    wanted = entry.node.value
    if wanted.lower().replace("-", "_").replace(" ", "_") in {name.lower().replace("-", "_") for name in known}:
        return
    close = nearest(wanted, known)
    advice = write(entry.node, close or quote("f1"), "" if close is None else f" (did you mean '{close}'?)")
    listing = "" if close else f"; known: {', '.join(sorted(set(known)))}"
    advice = Advice(hint=advice.hint + listing, fix=advice.fix)
    checker.add(entry.node, f"There is no metric named '{wanted}'.", advice, "evaluation.metric", "spec.unknown_metric")
