"""From the bytes of a request to stored values, strictly: a typed decoder made from the model's signature.

A good request is read by msgspec alone, about a microsecond a row. Whatever that objects to is read again slowly, to
say which field of which row is wrong; both ways accept the same requests and give the same values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import UNSET

from modelwright.core.errors import did_you_mean
from modelwright.core.nouns import ColumnType, Signature, SignatureField
from modelwright.serving import strict
from modelwright.serving.asking import Ask, Limits, Refused
from modelwright.serving.columns import EXACT, BadValueError, Field
from modelwright.serving.judging import Batch, Judge, too_large, too_many, wrong_shape
from modelwright.spec.serving import ServingSpec

_TYPES: dict[ColumnType, Any] = {
    ColumnType.NUMBER: float | None,
    ColumnType.BOOLEAN: bool | None,
    ColumnType.CATEGORY: str | None,
    ColumnType.TEXT: str | None,
    ColumnType.DATETIME: str | None,
}
_PLAIN: dict[ColumnType, frozenset[type]] = {
    ColumnType.NUMBER: frozenset((float, type(None))),
    ColumnType.BOOLEAN: frozenset((bool, type(None))),
    ColumnType.CATEGORY: frozenset((str, type(None))),
    ColumnType.TEXT: frozenset((str, type(None))),
    ColumnType.DATETIME: frozenset((str, type(None))),
}
#: what may stand beside the rows, and its type
_OPTIONS: dict[str, Any] = {
    "request_id": str, "idempotency_key": str, "sticky": str, "partial": bool, "row_ids": list[str], "version": int,
}  # fmt: skip
_LONGEST_ID = 200
#: from so many rows on, columns are looked at as a whole
_FEW = 4
#: below this a float came from a number that it says exactly
_SURE = EXACT - 1.0


class Decoder:
    """Of one signature and one policy. Not for several threads: it counts."""

    def __init__(self, signature: Signature, spec: ServingSpec, limits: Limits) -> None:
        self.fields = [Field(field, spec) for field in signature.inputs]
        self.limits = limits
        self._inputs = signature.inputs
        self._names = [field.name for field in self.fields]
        ignore = spec.unknown_fields == "ignore"
        self._judge = Judge(self.fields, limits, ignore_unknown=ignore)
        body = _body_type(self.fields, ignore)
        self._decode = msgspec.json.Decoder(body).decode
        #: colons that each row, or the columns, hold outside of their values
        self._colons = sum(1 + name.count(":") for name in self._names)
        self._pick = itemgetter(*self._names) if len(self._names) > 1 else None
        self._sort_fields()

    def _sort_fields(self) -> None:
        self._numbers, self._categories, self._booleans = [], [], []
        self._texts: list[int] = []
        self._moments: list[int] = []
        for at, field in enumerate(self.fields):
            if field.type is ColumnType.NUMBER:
                low = max(value for value in (field.low, field.stated_low, -_SURE) if value is not None)
                high = min(value for value in (field.high, field.stated_high, _SURE) if value is not None)
                self._numbers.append((at, low, high))
            elif field.type is ColumnType.BOOLEAN:
                self._booleans.append(at)
            elif field.type is ColumnType.DATETIME:
                self._moments.append(at)
            elif field.known is not None:
                self._categories.append((at, field.known))
            else:
                self._texts.append(at)

    def decode(self, ask: Ask) -> Batch:
        """Raises Refused naming field and row."""
        if ask.typed is not None:
            return self._checked(self._from_typed(*ask.typed, partial=ask.partial), ask)
        if ask.rows is not None or ask.columns is not None:
            return self._from_values(ask)
        body = ask.body
        if len(body) > self.limits.max_bytes:
            raise too_large(f"{len(body):,} bytes, and {self.limits.max_bytes:,} are allowed")
        if type(body) is not bytes:
            body = bytes(body)
        if body.count(b"{") > self.limits.max_rows + 2:
            self._count_rows(body)
        try:
            found = self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._slowly(ask, body)
        batch = self._typed(found, body)
        if batch is None:
            return self._slowly(ask, body)
        return self._checked(batch, ask)

    def _count_rows(self, body: bytes) -> None:
        """The rows are counted before they are read as values: a short row is many times its bytes in memory."""
        try:
            found = _raw_decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        if found.rows is not UNSET and len(found.rows) > self.limits.max_rows:
            raise too_many(len(found.rows), self.limits)

    def _typed(self, found: Any, body: bytes) -> Batch | None:
        """What the quick reading found; None where only the slow one can tell."""
        rows, columns, *beside = _astuple(found)
        options = _NONE if beside == _UNSAID else _said(beside)
        colons = 1 + len(options)
        if columns is UNSET:
            if rows is UNSET or not rows or len(rows) > self.limits.max_rows:
                return None
            colons += len(rows) * self._colons
            values = list(map(_astuple, rows))
        else:
            if rows is not UNSET:
                return None
            whole = _astuple(columns)
            lengths = set(map(len, whole))
            if len(lengths) != 1 or not 0 < next(iter(lengths)) <= self.limits.max_rows:
                return None
            colons += self._colons
            values = list(zip(*whole, strict=True))
        if body.count(b":") != colons and not self._no_key_twice(body, colons, values, options):
            return None
        settled = self._settled(values)
        if settled is None:
            return None
        return Batch(values=settled, **options)

    def _no_key_twice(self, body: bytes, colons: int, values: list[Any], options: Mapping[str, Any]) -> bool:
        """Whether the further colons all stand in texts that were kept: a key that comes twice brings one of its own.

        An escape could hide a colon, so a text with a backslash is read slowly.
        """
        if b"\\" in body:
            return False
        kept = sum(value.count(":") for row in values for value in row if type(value) is str)
        for value in options.values():
            kept += value.count(":") if type(value) is str else 0
            kept += sum(each.count(":") for each in value) if type(value) is list else 0
        return body.count(b":") == colons + kept

    def _settled(self, rows: list[Any]) -> list[tuple[Any, ...] | None] | None:
        """Typed values as a table stores them; None where one of them is refused, or cannot be told from here."""
        odd: list[tuple[int, int]] = []
        if len(rows) < _FEW:
            for row, values in enumerate(rows):
                self._odd_in(row, values, odd)
        else:
            self._odd_among(list(zip(*rows, strict=True)), odd)
        if self._moments:
            odd.extend((row, at) for row in range(len(rows)) for at in self._moments)
        return self._mended(rows, odd) if odd else rows

    def _odd_in(self, row: int, values: tuple[Any, ...], odd: list[tuple[int, int]]) -> None:
        """Values that are to be stored otherwise, counted or refused."""
        for at, low, high in self._numbers:
            value = values[at]
            if value is None or not low <= value <= high:
                odd.append((row, at))
        for at, known in self._categories:
            if values[at] not in known:
                odd.append((row, at))
        if self._booleans:
            odd.extend((row, at) for at in self._booleans if values[at] is None)
        if self._texts:
            odd.extend((row, at) for at in self._texts if not _visible(values[at]))

    def _odd_among(self, columns: Sequence[tuple[Any, ...]], odd: list[tuple[int, int]]) -> None:
        """The same for many rows, column by column: most columns of most requests hold nothing odd."""
        for at, low, high in self._numbers:
            column = columns[at]
            said = [value for value in column if value is not None] if None in column else column
            if said and not (low <= min(said) and max(said) <= high):
                odd.extend((row, at) for row, v in enumerate(column) if v is None or not low <= v <= high)
            elif said is not column:
                odd.extend([(row, at) for row, value in enumerate(column) if value is None])
        for at, known in self._categories:
            if not known.issuperset(columns[at]):
                odd.extend((row, at) for row, value in enumerate(columns[at]) if value not in known)
        for at in self._booleans:
            odd.extend((row, at) for row, value in enumerate(columns[at]) if value is None)
        for at in self._texts:
            odd.extend((row, at) for row, value in enumerate(columns[at]) if not _visible(value))

    def _mended(self, rows: list[Any], odd: list[tuple[int, int]]) -> list[tuple[Any, ...] | None] | None:
        fields = self.fields
        changed: dict[int, list[Any]] = {}
        counted = []
        for row, at in odd:
            field, value = fields[at], rows[row][at]
            if type(value) is float and not -_SURE <= value <= _SURE:
                return None  # written as a whole number or not: only the text tells
            try:
                stored = field.stored(value)
                if not (stored is None and field.null) and not _fine(field, stored):
                    counted.append((field, stored))
            except BadValueError:
                return None
            if stored is None and not field.null:
                return None
            if stored is None:
                counted.append((field, None))
            if stored is not value:
                changed.setdefault(row, list(rows[row]))[at] = stored
        try:
            for field, stored in counted:
                field.judge(stored)
        except BadValueError:
            return None
        for row, values in changed.items():
            rows[row] = tuple(values)
        return rows

    # ------------------------------------------------------------ slowly

    def _slowly(self, ask: Ask, body: bytes) -> Batch:
        found = strict.parse(body, self.limits.max_depth)
        if type(found) is not dict:
            raise wrong_shape("the request should be an object with `rows` or `columns`")
        options = {}
        for name, value in found.items():
            if name in _OPTIONS:
                options[name] = _option(name, value)
            elif name not in ("rows", "columns"):
                raise Refused(
                    f"The request has a field {name[:60]!r}, which is not known.",
                    code="request.unknown_field",
                    hint=did_you_mean(name, ["rows", "columns", *_OPTIONS]),
                    subject=name[:60],
                )
        if ("rows" in found) == ("columns" in found):
            raise wrong_shape("the request should have either `rows` or `columns`")
        rows = self._judge.turned(found["columns"]) if "columns" in found else found["rows"]
        if type(rows) is not list:
            raise wrong_shape("`rows` should be an array of objects")
        batch = self._judge.judged(rows, partial=bool(options.get("partial", ask.partial)))
        for name, value in options.items():
            setattr(batch, name, value)
        return self._checked(batch, ask)

    # ------------------------------------------------------------ values that came by another road

    def _from_values(self, ask: Ask) -> Batch:
        if ask.columns is not None:
            rows = self._typed_columns(ask.columns)
            batch = None if rows is None else self._judged_quickly(rows)
            if batch is None:
                batch = self._judge.judged(self._judge.turned(ask.columns), partial=ask.partial)
        else:
            batch = self._judge.judged(ask.rows or (), partial=ask.partial)
        return self._checked(batch, ask)

    def _from_typed(self, inputs: Sequence[SignatureField], rows: list[Any], *, partial: bool) -> Batch:
        if inputs is self._inputs or inputs == self._inputs:
            batch = self._judged_quickly(list(rows))
            if batch is not None:
                return batch
        names = [field.name for field in inputs]
        return self._judge.judged([dict(zip(names, row, strict=True)) for row in rows], partial=partial)

    def _typed_columns(self, columns: Mapping[str, Sequence[Any]]) -> list[Any] | None:
        """Rows out of lists of exactly the right types and one length; None for whatever else."""
        if len(columns) != len(self._names):
            return None
        found = []
        for field in self.fields:
            values = columns.get(field.name)
            if type(values) is not list:
                return None
            kinds = set(map(type, values))
            if int in kinds and field.type is ColumnType.NUMBER:
                if any(type(value) is int and not -EXACT <= value <= EXACT for value in values):
                    return None
                values = [float(value) if type(value) is int else value for value in values]
                kinds.discard(int)
            if not kinds <= _PLAIN[field.type]:
                return None
            found.append(values)
        if len(set(map(len, found))) != 1 or not 0 < len(found[0]) <= self.limits.max_rows:
            return None
        return list(zip(*found, strict=True))

    def _judged_quickly(self, rows: list[Any]) -> Batch | None:
        settled = self._settled(rows)
        return None if settled is None else Batch(values=settled)

    def _checked(self, batch: Batch, ask: Ask) -> Batch:
        """Options of the call itself win over those in the body."""
        if ask.request_id:
            batch.request_id = ask.request_id
        if ask.idempotency_key:
            batch.idempotency_key = ask.idempotency_key
        if ask.sticky:
            batch.sticky = ask.sticky
        if ask.row_ids is not None:
            batch.row_ids = ask.row_ids
        if len(batch.request_id) > _LONGEST_ID or len(batch.idempotency_key) > _LONGEST_ID:
            raise wrong_shape(f"`request_id` and `idempotency_key` have at most {_LONGEST_ID} characters")
        if batch.row_ids is not None and len(batch.row_ids) != len(batch.values):
            raise wrong_shape(f"there are {len(batch.values)} rows and {len(batch.row_ids)} `row_ids`")
        return batch


class _RawBody(msgspec.Struct):
    rows: list[msgspec.Raw] | msgspec.UnsetType = UNSET


_raw_decoder = msgspec.json.Decoder(_RawBody)
_astuple = msgspec.structs.astuple


def _body_type(fields: Sequence[Field], ignore_unknown: bool) -> type[msgspec.Struct]:
    names = {f"c{at}": field.name for at, field in enumerate(fields)}
    strict_rows = not ignore_unknown
    cells = [
        (place, _TYPES[field.type] | int if field.whole else _TYPES[field.type])
        for place, field in zip(names, fields, strict=True)
    ]
    lists: list[Any] = [(place, list.__class_getitem__(kind)) for place, kind in cells]
    row = msgspec.defstruct("Row", cells, rename=names, forbid_unknown_fields=strict_rows, gc=False)
    columns = msgspec.defstruct("Columns", lists, rename=names, forbid_unknown_fields=strict_rows)
    parts: list[Any] = [
        ("rows", list.__class_getitem__(row) | msgspec.UnsetType, UNSET),
        ("columns", columns | msgspec.UnsetType, UNSET),
    ]
    parts += [(name, kind | msgspec.UnsetType, UNSET) for name, kind in _OPTIONS.items()]
    return msgspec.defstruct("Body", parts, forbid_unknown_fields=True)


_NONE: dict[str, Any] = {}
_UNSAID = [UNSET] * len(_OPTIONS)


def _visible(value: str | None) -> bool:
    """Whether a text begins and ends with a visible character: it is stored as it stands."""
    return bool(value) and "!" <= value[0] <= "~" and "!" <= value[-1] <= "~"  # type: ignore[index]


def _said(beside: Sequence[Any]) -> dict[str, Any]:
    return {name: value for name, value in zip(_OPTIONS, beside, strict=True) if value is not UNSET}


def _fine(field: Field, value: Any) -> bool:
    """Whether training saw values like this one, so that nothing is to be counted or refused."""
    if type(value) is float:
        low, high = field.stated_low, field.stated_high
        return field.low <= value <= field.high and not (
            (low is not None and value < low) or (high is not None and value > high)
        )
    return isinstance(value, bool | datetime) or field.known is None or value in field.known


def _option(name: str, value: Any) -> Any:
    kind = _OPTIONS[name]
    if kind is int and (type(value) is not int or value < 0):
        raise wrong_shape(f"`{name}` should be a whole number")
    if kind is str and type(value) is not str:
        raise wrong_shape(f"`{name}` should be a text")
    if kind is bool and type(value) is not bool:
        raise wrong_shape(f"`{name}` should be true or false")
    if name == "row_ids" and (type(value) is not list or any(type(each) is not str for each in value)):
        raise wrong_shape("`row_ids` should be an array of texts")
    return value
