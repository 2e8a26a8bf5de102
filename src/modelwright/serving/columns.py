"""What one input column accepts: its type without coercion, then nulls, categories and ranges by the declared rule."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from modelwright.core.nouns import ColumnType, SignatureField
from modelwright.spec.serving import ColumnPolicy, ServingSpec

#: whole numbers beyond this have neighbours that are the same float
EXACT = 2.0**53
#: a signature lists no more categories than this, so a full list may be a cut one
_LISTED = 1_000
#: what the table rules strip (Unicode White_Space), so that a text means the same in a table and in a request
BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC is the storage of a datetime column
_PER_SECOND = {"epoch s": 1.0, "epoch ms": 1e3}
_FRACTION = re.compile(r"\.\d+")
_WHOLE = re.compile(r"0|-?[1-9]\d{0,14}")

Said = tuple[str, str]  # code and message


class Field:
    """One column: turns a JSON value into what a table stores, and counts what training never saw."""

    __slots__ = ("format", "high", "known", "low", "name", "null", "nulls", "outside", "refuse_outside",
                 "refuse_unseen", "stated_high", "stated_low", "type", "unseen", "whole")  # fmt: skip

    def __init__(self, field: SignatureField, spec: ServingSpec) -> None:
        policy = spec.columns.get(field.name, ColumnPolicy())
        self.name, self.type, self.format = field.name, field.type, field.format
        self.null = policy.null != "refuse"
        self.refuse_unseen = (policy.unseen or spec.unseen) == "refuse"
        self.refuse_outside = (policy.out_of_range or spec.out_of_range) == "refuse"
        listed = field.categories
        self.known: frozenset[str] | None = None
        if field.type is ColumnType.CATEGORY and listed is not None and len(listed) < _LISTED:
            self.known = frozenset(listed)
        self.whole = written_whole(field)
        self.stated_low, self.stated_high = policy.low, policy.high  # what a person declared is always refused
        numeric = field.type is ColumnType.NUMBER
        self.low = field.low if numeric and field.low is not None else -math.inf
        self.high = field.high if numeric and field.high is not None else math.inf
        self.unseen = self.outside = self.nulls = 0  # values so far

    def stored(self, value: Any) -> Any:
        """float, bool, str, datetime or None. Raises BadValueError; counts nothing."""
        if value is None:
            return None
        return _STORED[self.type](self, value)

    def judge(self, value: Any) -> None:
        """Apply the rules of a stored value. Raises BadValueError where the rule is to refuse; else counts."""
        if value is None:
            self.nulls += 1
            if not self.null:
                raise BadValueError("request.null", "may not be missing")
        elif self.type is ColumnType.NUMBER:
            self._range(value)
        elif self.known is not None and value not in self.known:
            if self.refuse_unseen:
                raise BadValueError("request.category", f"holds {value[:60]!r}, which training never saw")
            self.unseen += 1

    def _range(self, value: float) -> None:
        low, high = self.stated_low, self.stated_high
        if (low is not None and value < low) or (high is not None and value > high):
            raise BadValueError("request.range", f"holds {value!r}, outside of {_span(low, high)}")
        if not self.low <= value <= self.high:
            if self.refuse_outside:
                raise BadValueError("request.range", f"holds {value!r}, and training saw {_span(self.low, self.high)}")
            self.outside += 1


class BadValueError(ValueError):
    """Why a value is not accepted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def written_whole(field: SignatureField) -> bool:
    """Whether all categories are whole numbers as JSON writes them: a table read them from numbers, so a request may
    hold them as numbers too."""
    listed = field.categories
    return (
        field.type is ColumnType.CATEGORY
        and bool(listed)
        and len(listed or ()) < _LISTED
        and all(_WHOLE.fullmatch(one) for one in listed or ())
    )


def text(value: str) -> str | None:
    """A category or text as tables store it: outer blanks removed, blank is missing."""
    return value.strip(BLANKS) or None


def microseconds(value: datetime) -> int:
    return (value - _EPOCH) // timedelta(microseconds=1)


def moment(value: str, pattern: str = "") -> datetime | None:
    """A naive UTC datetime out of ISO 8601 text, or text written as the column's own format says."""
    plain = value.strip(BLANKS)
    found: datetime | None = None
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        if pattern and pattern not in _PER_SECOND:
            found = _written(plain, pattern)
    if found is None or found.tzinfo is None:
        return found
    try:
        return found.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return None


def _written(value: str, pattern: str) -> datetime | None:
    """By a strptime pattern as tables are read with; `%.f` is a fraction that may be absent, `%#z` any offset."""
    known = pattern.replace("%#z", "%z").replace("%.f", ".%f" if _FRACTION.search(value) else "")
    try:
        return datetime.strptime(value, known)  # noqa: DTZ007 - a zone is read where the pattern has one
    except ValueError:
        return None


def _number(field: Field, value: Any) -> float:
    if type(value) is not float:
        if type(value) is not int:
            raise _wrong(field, value, "a number")
        if not -EXACT <= value <= EXACT:
            raise BadValueError("request.type", "holds a whole number beyond 2**53, which a float cannot say")
        return float(value)
    if not math.isfinite(value):
        raise BadValueError("request.type", "holds a number that is not finite")
    return value


def _boolean(field: Field, value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong(field, value, "true or false")
    return value


def _text(field: Field, value: Any) -> str | None:
    if type(value) is not str:
        raise _wrong(field, value, "a text")
    return text(value)


def _category(field: Field, value: Any) -> str | None:
    if field.whole and type(value) is not str:
        if type(value) is not int:
            raise _wrong(field, value, "a whole number or a text")
        return str(int(_number(field, value)))
    return _text(field, value)


def _datetime(field: Field, value: Any) -> datetime | None:
    kind: type = type(value)
    if kind is str:
        if not text(value):
            return None
        found = moment(value, field.format)
        if found is None:
            raise BadValueError("request.type", f"holds {value[:60]!r}, which is no ISO 8601 date and time")
        return found
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if kind in (int, float) and field.format in _PER_SECOND:
        try:
            return _EPOCH + timedelta(seconds=int(value) / _PER_SECOND[field.format])
        except (OverflowError, ValueError):
            raise BadValueError("request.type", f"holds {value!r}, which is no moment of the calendar") from None
    raise _wrong(field, value, "an ISO 8601 date and time")


_STORED: dict[ColumnType, Callable[[Field, Any], Any]] = {
    ColumnType.NUMBER: _number,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.CATEGORY: _category,
    ColumnType.TEXT: _text,
    ColumnType.DATETIME: _datetime,
}
_NAMES: dict[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number",
                           list: "an array", dict: "an object", type(None): "null"}  # fmt: skip


def _wrong(field: Field, value: Any, wanted: str) -> BadValueError:
    return BadValueError("request.type", f"should hold {wanted}, not {_NAMES.get(type(value), type(value).__name__)}")


def _span(low: float | None, high: float | None) -> str:
    return f"{-math.inf if low is None else low:g} to {math.inf if high is None else high:g}"
