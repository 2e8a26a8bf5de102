"""The careful look at rows that were read slowly: what is wrong with which field of which row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelwright.core.errors import did_you_mean
from modelwright.serving.asking import Limits, Refused, RowProblem
from modelwright.serving.columns import BadValueError, Field

_MOST_LISTED = 20  # problems in one refusal


class Batch(msgspec.Struct, kw_only=True, gc=False):
    """The rows of one request as a table would store them, in the signature's order."""

    values: list[tuple[Any, ...] | None]  # None for a refused row
    refused: int = 0  # how many of them are None
    problems: Sequence[RowProblem] = ()
    request_id: str = ""
    idempotency_key: str = ""
    sticky: str = ""
    partial: bool = False
    version: int | None = None
    row_ids: Sequence[str] | None = None


class Judge:
    """Of one signature and one policy."""

    def __init__(self, fields: Sequence[Field], limits: Limits, *, ignore_unknown: bool) -> None:
        self._fields, self._limits, self._ignore_unknown = fields, limits, ignore_unknown
        self._names = [field.name for field in fields]
        self._known = frozenset(self._names)

    def turned(self, columns: Any) -> list[dict[str, Any]]:
        """Columns as rows. All of the same length, or refused."""
        if not isinstance(columns, Mapping):
            raise wrong_shape("`columns` should be an object of arrays")
        for name, values in columns.items():
            if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
                raise wrong_shape(f"the column {str(name)[:60]!r} should be an array")
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise wrong_shape("the columns differ in length")
        names = list(columns)
        if lengths and max(lengths) > self._limits.max_rows:
            raise too_many(max(lengths), self._limits)
        return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def judged(self, rows: Sequence[Any], *, partial: bool) -> Batch:
        if not len(rows):
            raise wrong_shape("it should have at least one row")
        if len(rows) > self._limits.max_rows:
            raise too_many(len(rows), self._limits)
        values: list[tuple[Any, ...] | None] = []
        problems: list[RowProblem] = []
        for number, row in enumerate(rows):
            wrong: list[RowProblem] = []
            values.append(self._row(number, row, wrong))
            problems.extend(wrong)
            if not partial and len(problems) >= _MOST_LISTED:
                break
        if problems and not partial:
            raise _wrong_rows(problems[:_MOST_LISTED])
        return Batch(values=values, refused=sum(row is None for row in values), problems=problems)

    def _row(self, number: int, row: Any, wrong: list[RowProblem]) -> tuple[Any, ...] | None:
        if not isinstance(row, Mapping):
            wrong.append(RowProblem(row=number, field="", code="request.type", message=f"Row {number} is no object."))
            return None
        if not self._ignore_unknown:
            for name in row:
                if name not in self._known:
                    meant = did_you_mean(str(name), self._names)
                    message = f"Row {number} has a field {str(name)[:60]!r}, which the model does not know. {meant}"
                    wrong.append(_problem(number, str(name)[:200], "request.unknown_field", message.strip()))
        values = []
        for field in self._fields:
            try:
                if field.name not in row:
                    raise BadValueError("request.missing_field", "is missing; null says that a value is not known")
                values.append(field.stored(row[field.name]))
            except BadValueError as bad:
                wrong.append(_problem(number, field.name, bad.code, f"'{field.name}' of row {number} {bad.message}."))
        if wrong:
            return None
        for field, value in zip(self._fields, values, strict=True):
            try:
                field.judge(value)
            except BadValueError as bad:
                wrong.append(_problem(number, field.name, bad.code, f"'{field.name}' of row {number} {bad.message}."))
        return None if wrong else tuple(values)


def _problem(row: int, field: str, code: str, message: str) -> RowProblem:
    return RowProblem(row=row, field=field, code=code, message=message)


def _wrong_rows(problems: Sequence[RowProblem]) -> Refused:
    first = problems[0]
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return Refused(
        first.message + more,
        code=first.code,
        hint="the model's signature lists its fields and types; `partial` answers the rows that are right",
        subject=f"rows[{first.row}].{first.field}" if first.field else f"rows[{first.row}]",
        problems=problems,
    )


def wrong_shape(what: str) -> Refused:
    return Refused(
        f"The request is not in the right shape: {what}.",
        code="request.schema",
        hint='send {"rows": [{"column": value, ...}, ...]} or {"columns": {"column": [value, ...], ...}}',
    )


def too_many(rows: int, limits: Limits) -> Refused:
    return Refused(
        f"The request has {rows:,} rows, and {limits.max_rows:,} are allowed.",
        code="request.rows",
        hint="send the rows in several requests, or use `modelwright predict` for a table",
    )


def too_large(what: str) -> Refused:
    return Refused(f"The request is too large: {what}.", code="request.size", hint="send fewer rows at a time")
