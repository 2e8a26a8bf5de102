"""Check a family's own parameters, written beside `model.type`, against the Params of the family."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import inspect as mi

from modelwright.core.errors import ModelwrightError, SpecError, did_you_mean, nearest
from modelwright.core.plugins import load_module, names
from modelwright.spec.check_types import Checker, default_of, struct_type, unknown_key
from modelwright.spec.fixes import remove, rename, write, yaml_scalar
from modelwright.spec.model import HOOK_PATTERN, ModelSpec
from modelwright.spec.source import Advice, Entry, Node, error_at

_SEAM = "families"
_AUTO = "auto"


def chosen_families(model: Node | None) -> list[tuple[str, Node]]:
    """The family names of `model.type` with their places; empty for auto."""
    entry = model.get("type") if model is not None else None
    if entry is None:
        return []
    nodes = entry.node.items if entry.node.kind == "list" else [entry.node]
    return [(n.value, n) for n in nodes if isinstance(n.value, str) and n.value != _AUTO]


def check_families(model: Node | None, checker: Checker) -> list[str] | None:
    """The families to check parameters against; None when they cannot be known before running (a hook)."""
    entry = model.get("type") if model is not None else None
    if entry is not None and entry.node.kind == "list":
        _check_list(entry, checker)
    known: list[str] = []
    open_ended = False
    for name, node in chosen_families(model):
        if re.search(HOOK_PATTERN, name):
            open_ended = True
        elif name in names(_SEAM):
            known.append(name)
        else:
            close = nearest(name, [*names(_SEAM), _AUTO])
            listing = did_you_mean(name, [*names(_SEAM), _AUTO])
            advice = write(node, close or _AUTO)
            hint = advice.hint if close is None else f"{advice.hint}; {listing}"
            checker.add(
                node,
                f"There is no model family named '{name}'.",
                Advice(hint=hint, fix=advice.fix),
                "model.type",
                "spec.unknown_family",
            )
            open_ended = True  # its parameters cannot be judged, and one mistake is reported once
    return None if open_ended else known


def _check_list(entry: Entry, checker: Checker) -> None:
    seen: set[str] = set()
    if not entry.node.items:
        checker.add(entry.node, "'model.type' is an empty list.", write(entry.node, _AUTO), "model.type", "spec.empty")
    for node in entry.node.items:
        if node.value == _AUTO:
            advice = write(entry.node, _AUTO, ", or name the families without auto")
            checker.add(node, "'auto' already means several families.", advice, "model.type", "spec.conflict")
        elif isinstance(node.value, str) and node.value in seen:
            rest = list(dict.fromkeys(n.text for n in entry.node.items))
            advice = write(entry.node, f"[{', '.join(rest)}]")
            checker.add(node, f"'{node.value}' is listed twice.", advice, "model.type", "spec.duplicate")
        seen.add(str(node.value))


def check_params(model: Node | None, unknown: Sequence[Entry], families: list[str] | None, checker: Checker) -> None:
    """Check the keys of `model` that are not its own, and those under `model.params`."""
    if model is None or families is None:
        return
    below = model.get("params")
    inside = below.node.entries if below is not None and below.node.kind == "map" else []
    for entry in inside:
        if any(entry.name == other.name for other in unknown):
            message = f"'{entry.name}' is written twice: in 'model' and in 'model.params'."
            checker.errors.append(
                error_at(entry.key, message, remove(entry), code="spec.duplicate_key", subject=f"model.{entry.name}")
            )
    entries = [*unknown, *inside]
    if not entries:
        return
    if not families:
        for entry in entries:
            checker.errors.append(_needs_family(entry, model))
        return
    fields = {name: params_of(name) for name in families}
    for entry in entries:
        _check_one(entry, fields, model, checker)


def params_of(family: str) -> dict[str, mi.Field]:
    """The parameters of a family by name. Raises ModelwrightError when its file cannot be loaded."""
    return {field.encode_name: field for field in struct_type(load_module(_SEAM, family).PLUGIN.Params).fields}


def owners_of(parameter: str) -> list[str]:
    """The families that have a parameter; those that cannot be loaded are passed over."""
    found = []
    for name in names(_SEAM):
        try:
            if parameter in params_of(name):
                found.append(name)
        except ModelwrightError:
            continue
    return found


def _check_one(entry: Entry, fields: dict[str, dict[str, mi.Field]], model: Node, checker: Checker) -> None:
    holders = [known[entry.name] for known in fields.values() if entry.name in known]
    if not holders:
        own = [] if _inside_params(entry, model) else list(ModelSpec.__struct_fields__)
        every = [*own, *(name for known in fields.values() for name in known)]
        checker.errors.append(_unknown_param(entry, every, list(fields), model))
        return
    trials = []
    for field in holders:
        trial = Checker()
        trial.value(entry.node, field.type, f"model.{entry.name}", default_of(field))
        if not trial.errors:
            return
        trials.append(trial.errors)
    checker.errors.extend(trials[0])


def _inside_params(entry: Entry, model: Node) -> bool:
    return all(entry is not own for own in model.entries)


def _unknown_param(entry: Entry, known: list[str], families: list[str], model: Node) -> SpecError:
    error = unknown_key(entry, set(known) - {"params"}, "model", [e.name for e in model.entries])
    others = owners_of(entry.name)
    what = f"The family {families[0]} has no" if len(families) == 1 else f"None of {', '.join(families)} has a"
    error.message = f"{what} parameter '{entry.name}', and 'model' has no such key."
    error.args = (error.message,)
    if others:
        error.hint += f"; it belongs to {', '.join(others)}"
    return error


def _needs_family(entry: Entry, model: Node) -> SpecError:
    """A parameter beside `type: auto`: say whose it is."""
    own = set(ModelSpec.__struct_fields__) - {"params"}
    close = nearest(entry.name, own - {e.name for e in model.entries})
    owners = owners_of(entry.name)
    subject = f"model.{entry.name}"
    if close and not owners:
        message = f"There is no key '{entry.name}' in 'model'."
        return error_at(entry.key, message, rename(entry.key, close), code="spec.unknown_key", subject=subject)
    message = f"'{entry.name}' is a parameter of single families, and 'model.type' is auto."
    removal = remove(entry)
    if not owners:
        message = f"There is no key '{entry.name}' in 'model', and no family has such a parameter."
        return error_at(entry.key, message, removal, code="spec.unknown_key", subject=subject)
    named = model.get("type")
    fix = write(named.node, owners[0]).fix if named is not None else removal.fix
    hint = f"{removal.hint}, or choose a family that has it, such as `type: {owners[0]}` (has it: {', '.join(owners)})"
    advice = Advice(hint=hint, fix=fix)
    return error_at(entry.key, message, advice, code="spec.unknown_key", subject=subject)


def check_space(tuning: Node | None, families: list[str] | None, checker: Checker) -> None:
    """Check the ranges of `tuning.space`: known parameters, and low below high."""
    entry = tuning.get("space") if tuning is not None and tuning.kind == "map" else None
    if entry is None or entry.node.kind != "map":
        return
    known: set[str] | None = None
    if families is not None:
        known = set()
        for family in families or names(_SEAM):
            try:
                known |= set(params_of(family))
            except ModelwrightError:
                known = None
                break
    for one in entry.node.entries:
        if known is not None and one.name not in known:
            checker.errors.append(unknown_key(one, known, "tuning.space", [e.name for e in entry.node.entries]))
        else:
            _check_range(one, checker)


def _check_range(entry: Entry, checker: Checker) -> None:
    node, path = entry.node, f"tuning.space.{entry.name}"
    if node.kind == "list":
        if len(node.items) == 2 and all(_is_number(item) for item in node.items):
            low, high = node.items[0].value, node.items[1].value
            if low >= high:
                _range_error(node, low, high, f"[{high}, {low}]", path, checker)
            return
        written = ", ".join(item.text for item in node.items) or "1, 10"
        advice = write(node, "{choices: [" + written + "]}", " for choices, or `[low, high]` for a range")
        checker.add(node, f"'{path}' takes two numbers, [low, high].", advice, path)
    elif node.kind == "map":
        _check_map(entry, checker, path)
    else:
        advice = write(node, "{choices: [" + (yaml_scalar(node.value) if node.text else "1") + "]}")
        checker.add(node, f"'{path}' takes [low, high], {{low, high, log}} or {{choices: [...]}}.", advice, path)


def _check_map(entry: Entry, checker: Checker, path: str) -> None:
    keys = {e.name: e.node for e in entry.node.entries}
    known = ("choices",) if "choices" in keys else ("low", "high", "log", "integer")
    for one in entry.node.entries:
        if one.name not in known:
            checker.errors.append(unknown_key(one, known, path, keys))
    low, high, found = keys.get("low"), keys.get("high"), keys.get("choices")
    if found is not None:
        if found.kind != "list" or not found.items:
            checker.add(found, f"'{path}.choices' takes a list with at least one value.", write(found, "[1]"), path)
    elif low is None or high is None or not (_is_number(low) and _is_number(high)):
        advice = Advice(hint="write `{low: 1, high: 10}`", fix=write(entry.node, "{low: 1, high: 10}").fix)
        checker.add(entry.node, f"'{path}' needs two numbers, low and high.", advice, path)
    elif low.value >= high.value:
        _range_error(low, low.value, high.value, yaml_scalar(high.value), path, checker)
    elif "log" in keys and keys["log"].value is True and low.value <= 0:
        checker.add(low, f"'{path}' is a log range, so low must be above 0.", write(low, "0.001"), path, "spec.range")


def _range_error(node: Node, low: Any, high: Any, text: str, path: str, checker: Checker) -> None:
    message = f"'{path}' must have low below high, and {low} is not below {high}."
    checker.add(node, message, write(node, text), path, "spec.range")


def _is_number(node: Node) -> bool:
    return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
