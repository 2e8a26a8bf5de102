"""Check a located tree against msgspec structs: every mistake at its place, with the correction.

msgspec itself stops at the first mistake and knows no lines; its struct definitions (types, ranges, patterns) are
the only source of rules here, so the two cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from msgspec import NODEFAULT
from msgspec import inspect as mi

from modelwright.core.errors import SpecError, nearest
from modelwright.spec.fixes import remove, rename, replace_range, write, yaml_scalar
from modelwright.spec.source import Advice, Entry, Node, error_at, shorten

_TRUE, _FALSE = ("yes", "on", "y"), ("no", "off", "n")
_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?([eE][-+]?[0-9]+)?%?")


@lru_cache(maxsize=256)
def struct_type(cls: type) -> mi.StructType:
    """The fields of a struct, computed once."""
    found = mi.type_info(cls)
    assert isinstance(found, mi.StructType)
    return found


def default_of(field: mi.Field) -> Any:
    """A field's default, or NODEFAULT."""
    return (
        field.default_factory()
        if field.default is NODEFAULT and field.default_factory is not NODEFAULT
        else (field.default)
    )


class Checker:
    """Collects every independent mistake of a tree."""

    def __init__(self) -> None:
        self.errors: list[SpecError] = []

    def struct(self, node: Node, kind: mi.StructType, path: str, *, extra: Sequence[str] = ()) -> list[Entry]:
        """Check a section. Returns the entries whose keys it does not know when `extra` says that others may know
        them; without `extra` they are mistakes."""
        if node.kind != "map" and not (node.kind == "scalar" and node.value is None):
            self._not_a_section(node, kind, path)
            return []
        fields = {field.encode_name: field for field in kind.fields}
        unknown: list[Entry] = []
        for entry in node.entries:
            field = fields.get(entry.name)
            if field is not None:
                self.value(entry.node, field.type, f"{path}.{entry.name}".lstrip("."), default_of(field))
            elif extra:
                unknown.append(entry)
            else:
                self.errors.append(unknown_key(entry, fields, path, [e.name for e in node.entries]))
        meant = {nearest(entry.name, fields) for entry in node.entries if entry.name not in fields}
        for field in kind.fields:
            # a key that is there but misspelt is one mistake, not two
            if field.required and node.get(field.encode_name) is None and field.encode_name not in meant:
                self._missing(node, field, path)
        return unknown

    def value(self, node: Node, kind: mi.Type, path: str, default: Any = NODEFAULT) -> None:
        """Check one value against its type."""
        if isinstance(kind, mi.Metadata):
            kind = kind.type
        if isinstance(kind, mi.AnyType):
            return
        if isinstance(kind, mi.UnionType):
            self._union(node, kind, path, default)
        elif isinstance(kind, mi.StructType):
            self.struct(node, kind, path)
        elif isinstance(kind, (mi.ListType, mi.VarTupleType)):
            self._list(node, kind, path, default)
        elif isinstance(kind, mi.DictType):
            self._dict(node, kind, path)
        else:
            self._scalar(node, kind, path, default)

    def add(self, node: Node, message: str, advice: Advice, path: str, code: str = "spec.type") -> None:
        self.errors.append(error_at(node, message, advice, code=code, subject=path))

    def _union(self, node: Node, kind: mi.UnionType, path: str, default: Any) -> None:
        options = [t.type if isinstance(t, mi.Metadata) else t for t in kind.types]
        if node.kind == "scalar" and node.value is None and any(isinstance(t, mi.NoneType) for t in options):
            return
        rest = [t for t in options if not isinstance(t, mi.NoneType)]
        # the option of the same shape gives the clearest message
        shape = [t for t in rest if _shape(t) == node.kind] or rest
        trials = []
        for option in shape:
            trial = Checker()
            trial.value(node, option, path, default)
            if not trial.errors:
                return
            trials.append(trial.errors)
        self.errors.extend(trials[0])

    def _list(self, node: Node, kind: mi.ListType | mi.VarTupleType, path: str, default: Any) -> None:
        if node.kind == "list":
            for number, item in enumerate(node.items):
                self.value(item, kind.item_type, f"{path}[{number}]")
            return
        if node.kind == "scalar" and node.value is not None:
            source = node.source.line(node.line)[node.column - 1 : node.end_column - 1]
            parts = [part.strip() for part in node.text.split(",")] if not node.quoted else [node.text]
            written = ", ".join(yaml_scalar(part) for part in parts) if len(parts) > 1 else source or node.text
            advice = write(node, f"[{written}]")
        else:
            advice = write(node, yaml_default(default, "[]"))
        self.add(node, f"'{path}' takes a list, and this is {node.describe()}.", advice, path)

    def _dict(self, node: Node, kind: mi.DictType, path: str) -> None:
        if node.kind == "map":
            for entry in node.entries:
                self.value(entry.node, kind.value_type, f"{path}.{entry.name}")
        elif node.kind == "list" or node.value is not None:
            message = f"'{path}' takes names with values (`name: value`), and this is {node.describe()}."
            self.add(node, message, write(node, "{}", ", or one `name: value` per line below it"), path)
        else:
            self.add(node, f"'{path}' is empty.", write(node, "{}", ", or remove the line"), path)

    def _scalar(self, node: Node, kind: mi.Type, path: str, default: Any) -> None:
        problem = scalar_problem(node, kind)
        if problem is None:
            return
        message, value = problem
        advice = _advice(node, kind, value, default)
        self.add(node, f"'{path}' {message}.", advice, path, "spec.range" if "must be" in message else "spec.type")

    def _not_a_section(self, node: Node, kind: mi.StructType, path: str) -> None:
        first = next((f.encode_name for f in kind.fields if f.required), None)
        named = f"'{path}'" if path else "A pipeline file"
        message = f"{named} is a section with keys of its own, and this is {node.describe()}."
        keys = ", ".join(f.encode_name for f in kind.fields)
        if first and path and node.kind == "scalar" and isinstance(node.value, str):
            advice = write(node, "{" + f"{first}: {yaml_scalar(node.text)}" + "}", f"; its keys are: {keys}")
        else:
            advice = Advice(hint=f"write its keys below it, one `key: value` per line; they are: {keys}")
            if path:
                advice = Advice(hint=advice.hint, fix=write(node, "{}").fix)
        self.add(node, message, advice, path)

    def _missing(self, node: Node, field: mi.Field, path: str) -> None:
        name = f"{path}.{field.encode_name}".lstrip(".")
        sample = {"data.source": "source: data.csv", "data": "data:\n  source: data.csv"}.get(
            name, f"{field.encode_name}: ..."
        )
        line = node.line
        indent = " " * (node.entries[0].key.column - 1) if node.entries and not node.flow else ""
        fix = None
        shown = node.source.line(line)
        if node.entries and not node.flow and "..." not in sample and not shown.lstrip().startswith("- "):
            text = "\n".join(indent + part for part in sample.split("\n"))
            fix = replace_range(node.source, (line, 1), (line, 1), text + "\n")
        elif node.value is None and not node.entries and "..." not in sample and path:
            fix = write(node, "{" + sample + "}").fix
        where = f"in '{path}'" if path else "in the file"
        shown_sample = sample.replace("\n  ", " with ")
        self.add(
            node, f"'{name}' is missing.", Advice(hint=f"add `{shown_sample}` {where}", fix=fix), name, "spec.missing"
        )


def unknown_key(entry: Entry, known: Iterable[str], path: str, present: Iterable[str] = ()) -> SpecError:
    """A SpecError for a key that nobody knows: the nearest known one that is not there yet, or its removal."""
    names = list(known)
    taken = set(present)
    close = nearest(entry.name, [name for name in names if name not in taken])
    listing = f" (known: {', '.join(sorted(names))})" if len(names) <= 40 else ""
    if close:
        advice = rename(entry.key, close)
    else:
        advice = remove(entry, f": '{shorten(entry.name)}' means nothing here{listing}")
    where = f" in '{path}'" if path else ""
    message = f"There is no key '{shorten(entry.name)}'{where}."
    subject = f"{path}.{entry.name}".lstrip(".")
    return error_at(entry.key, message, advice, code="spec.unknown_key", subject=subject)


def yaml_default(default: Any, otherwise: str) -> str:
    """A default as YAML, where a scalar or an empty collection can say it."""
    if default is NODEFAULT or not isinstance(default, (str, int, float, bool, type(None), list, tuple, dict)):
        return otherwise
    if isinstance(default, (list, tuple, dict)):
        return otherwise if default else ("{}" if isinstance(default, dict) else "[]")
    return yaml_scalar(default)


def _shape(kind: mi.Type) -> str:
    if isinstance(kind, (mi.ListType, mi.VarTupleType)):
        return "list"
    return "map" if isinstance(kind, (mi.DictType, mi.StructType)) else "scalar"


def scalar_problem(node: Node, kind: mi.Type) -> tuple[str, Any] | None:
    """What is wrong with a scalar, and the value that was probably meant (None when nobody can tell)."""
    value = node.value
    if node.kind != "scalar":
        only = node.items[0].value if node.kind == "list" and len(node.items) == 1 else None
        return f"takes {_named(kind)}, and this is {node.describe()}", only
    if isinstance(kind, (mi.EnumType, mi.LiteralType)):
        return _not_among(node, choices(kind))
    if isinstance(kind, mi.BoolType):
        return None if isinstance(value, bool) else (_takes(node, kind), _meant_switch(node))
    if isinstance(kind, (mi.IntType, mi.FloatType)):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return _takes(node, kind), _meant_number(node, kind)
        if isinstance(kind, mi.IntType) and not isinstance(value, int):
            return _takes(node, kind), int(value) if value == int(value) else round(value)
        return _out_of_range(kind, value)
    if isinstance(kind, mi.StrType):
        if not isinstance(value, str):
            return _takes(node, kind), node.text if value is not None else None
        return _bad_text(kind, value)
    return None


def choices(kind: mi.EnumType | mi.LiteralType) -> list[Any]:
    if isinstance(kind, mi.EnumType):
        return [member.value for member in kind.cls]
    return list(kind.values)


def _not_among(node: Node, allowed: list[Any]) -> tuple[str, Any] | None:
    if node.value in allowed and not isinstance(node.value, bool):
        return None
    close = nearest(node.text, [str(item) for item in allowed]) if node.text else None
    listing = ", ".join(map(str, allowed))
    return f"must be one of {listing}, and this is {node.describe()}", close


def _takes(node: Node, kind: mi.Type) -> str:
    return f"takes {_named(kind)}, and this is {node.describe()}"


def _named(kind: mi.Type) -> str:
    if isinstance(kind, mi.BoolType):
        return "true or false"
    if isinstance(kind, mi.IntType):
        return "a whole number"
    if isinstance(kind, mi.FloatType):
        return "a number"
    if isinstance(kind, (mi.EnumType, mi.LiteralType)):
        return "one of " + ", ".join(map(str, choices(kind)))
    return "one text"


def _meant_switch(node: Node) -> bool | None:
    word = node.text.lower()
    if word in (*_TRUE, "true", "1"):
        return True
    return False if word in (*_FALSE, "false", "0") else None


def _meant_number(node: Node, kind: mi.IntType | mi.FloatType) -> float | int | None:
    if node.value is None or isinstance(node.value, bool) or not _NUMBER.fullmatch(node.text):
        return None
    text = node.text.replace("_", "")
    number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if number - number != 0.0 or _out_of_range(kind, number):
        return None
    if isinstance(kind, mi.IntType) or (number == int(number) and "." not in text):
        return int(number)
    return number


def _out_of_range(kind: mi.IntType | mi.FloatType, value: float) -> tuple[str, Any] | None:
    high = kind.le if kind.le is not None else kind.lt
    too_low = (kind.ge is not None and value < kind.ge) or (kind.gt is not None and value <= kind.gt)
    too_high = (kind.le is not None and value > kind.le) or (kind.lt is not None and value >= kind.lt)
    if not (too_low or too_high):
        return None
    words = (("at least", kind.ge), ("above", kind.gt), ("at most", kind.le), ("below", kind.lt))
    wanted = " and ".join(f"{word} {limit:,}" for word, limit in words if limit is not None)
    if too_low:
        bound = kind.ge
    else:
        bound = kind.le if kind.le is not None else (high - 1 if isinstance(kind, mi.IntType) and high else None)
    if isinstance(bound, float) and bound == int(bound) and abs(bound) >= 100:
        bound = int(bound)
    return f"must be {wanted}, and this is {shorten(repr(value))}", bound


def _bad_text(kind: mi.StrType, value: str) -> tuple[str, Any] | None:
    if kind.min_length is not None and len(value) < kind.min_length:
        return "must not be empty", None
    if kind.max_length is not None and len(value) > kind.max_length:
        return f"must be at most {kind.max_length:,} characters long, and this has {len(value):,}", None
    if kind.pattern is not None and not re.search(kind.pattern, value):
        meant = re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-")
        return f"must look like {_pattern_words(kind.pattern)}, and this is '{shorten(value)}'", (
            meant if re.search(kind.pattern, meant) else None
        )
    return None


def _pattern_words(pattern: str) -> str:
    from modelwright.spec.model import HOOK_PATTERN

    known = {
        HOOK_PATTERN: "module:function, such as my_steps:prepare",
        r"^[0-9]+(rows|s|m|h|d|w)$": "a number with a unit, such as 7d, 12h or 100rows",
        r"^[a-z][a-z0-9_-]{0,63}$": "a name of small letters, digits, _ and -, beginning with a letter",
    }
    return known.get(pattern, f"the pattern {pattern}")


def _advice(node: Node, kind: mi.Type, value: Any, default: Any) -> Advice:
    """Write what was meant; else the default; else a legal example."""
    if value is not None:
        text = yaml_scalar(value) if not isinstance(kind, mi.StrType) else _as_text(str(value))
        return write(node, text)
    if default is not NODEFAULT and isinstance(default, (str, int, float, bool)):
        return write(node, yaml_scalar(default), ", the default, or a value of your own")
    if default is None:
        return write(node, "null", ", the default, or a value of your own")
    if isinstance(kind, (mi.EnumType, mi.LiteralType)):
        return write(node, yaml_scalar(choices(kind)[0]), " or another of them")
    if isinstance(kind, mi.StrType):
        return write(node, '"..."', " with your own text")
    return Advice(hint=f"write {_named(kind)}")


def _as_text(text: str) -> str:
    written = yaml_scalar(text)
    looks_typed = re.fullmatch(r"[-+.\d].*", text) is not None
    return f'"{text}"' if looks_typed and written == text else written
