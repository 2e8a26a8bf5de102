"""Store a raw table by the rules of its schema; count every value that could not keep its meaning."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from modelwright.core.errors import DataError
from modelwright.core.nouns import Column, ColumnType, Role, Schema, SignatureField
from modelwright.core.tables import Coercion, Dataset, RawTable
from modelwright.data import texts

_EXAMPLES = 5


def conform(raw: RawTable, schema: Schema) -> Dataset:
    """Storage as `core.tables.Dataset` says. Raises DataError `data.not_numeric` or `data.not_dates` when a
    declared column holds (almost) nothing of its kind, `data.empty` when there are no rows."""
    if raw.frame.height == 0:
        raise DataError(
            f"{raw.source} holds a header but no rows." if raw.frame.width else f"{raw.source} is empty.",
            code="data.empty",
            hint="check the export, the query or the path",
            subject="data",
        )
    coercions: list[Coercion] = []
    stored = []
    for column in schema.columns:
        series, found = store(raw.frame[column.name], column.type, column.format)
        _refuse_wrong_type(raw.frame[column.name], series, column)
        stored.append(series.rechunk())
        coercions.extend(found)
    kept = set(schema.names)
    left_out = [name for name in raw.frame.columns if name not in kept]
    notes = list(raw.notes)
    if left_out:
        notes.append(f"left out, since nested or binary: {', '.join(left_out[:10])}")
    notes.extend(
        f"{column.name} is not used: {column.reason}"
        for column in schema.columns
        if column.role is Role.IGNORED and column.reason.startswith("every ")
    )
    return Dataset(
        frame=pl.DataFrame(stored),
        schema=schema,
        digest=raw.digest,
        source=raw.source,
        coercions=tuple(coercions),
        quarantined=raw.quarantined,
        notes=tuple(notes),
    )


def conform_inputs(frame: pl.DataFrame, inputs: Sequence[SignatureField]) -> tuple[pl.DataFrame, tuple[Coercion, ...]]:
    """The columns a model needs, stored by its signature, in its order: for `predict`.

    A column that is absent but nullable becomes missing. Raises DataError `data.missing_column` otherwise.
    """
    stored: list[pl.Series] = []
    coercions: list[Coercion] = []
    there = frozenset(frame.columns)  # asked once: polars makes the list anew each time
    for field in inputs:
        if field.name not in there:
            if not field.nullable:
                raise _absent(field.name, frame.columns)
            series = pl.Series(field.name, [None] * frame.height, dtype=_DTYPES[field.type])
        else:
            series, found = store(frame[field.name], field.type, field.format)
            coercions.extend(found)
        stored.append(series)
    return pl.DataFrame(stored), tuple(coercions)


_DTYPES: dict[ColumnType, pl.DataType] = {
    ColumnType.NUMBER: pl.Float64(),
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.CATEGORY: pl.String(),
    ColumnType.TEXT: pl.String(),
    ColumnType.DATETIME: pl.Datetime("us"),
}


def store(values: pl.Series, kind: ColumnType, pattern: str = "") -> tuple[pl.Series, list[Coercion]]:
    """One column in the storage of its type, and what was lost on the way."""
    if kind is ColumnType.NUMBER:
        return _number(values, pattern)
    if kind is ColumnType.BOOLEAN:
        return _boolean(values)
    if kind is ColumnType.DATETIME:
        return _datetime(values, pattern)
    return _string(values)


def _number(values: pl.Series, pattern: str) -> tuple[pl.Series, list[Coercion]]:
    dtype, found = values.dtype, []
    if dtype == pl.String or dtype == pl.Categorical or isinstance(dtype, pl.Enum):
        text = texts.strip(values.cast(pl.String))
        numbers = texts.to_number(text, pattern)
        found += _lost(values.cast(pl.String), numbers)
    elif dtype.is_temporal():
        numbers = _seconds(values)
    else:
        numbers = values
    if numbers.dtype == pl.Boolean or numbers.dtype.is_integer():
        return _whole(numbers), found
    numbers = numbers.cast(pl.Float64, strict=False)
    odd = ~numbers.is_finite().fill_null(True)
    if odd.any():
        infinite = numbers.is_infinite().fill_null(False)
        count = int(infinite.sum())
        if count:
            found.append(Coercion(column=values.name, count=count, what=f"{count:,} infinite values became missing"))
        numbers = numbers.set(odd, None)
    return numbers, found


def _whole(numbers: pl.Series) -> pl.Series:
    """Int64 where it fits (unsigned 64-bit and wider may not), else Float64."""
    as_int = numbers.cast(pl.Int64, strict=False)
    return as_int if as_int.null_count() == numbers.null_count() else numbers.cast(pl.Float64)


def _seconds(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Duration:
        return values.dt.total_microseconds() / 1e6
    if values.dtype == pl.Time:
        return values.cast(pl.Int64) / 1e9
    return texts.naive_utc(values).dt.epoch("s")


def _boolean(values: pl.Series) -> tuple[pl.Series, list[Coercion]]:
    if values.dtype == pl.Boolean:
        return values, []
    if values.dtype.is_numeric():
        truth = (values != 0).set(~((values == 0) | (values == 1)).fill_null(True), None)
        return truth, _lost(values, truth)
    text = values.cast(pl.String)
    truth = texts.to_boolean(text)
    return truth, _lost(text, truth)


def _datetime(values: pl.Series, pattern: str) -> tuple[pl.Series, list[Coercion]]:
    if values.dtype.is_temporal():
        return texts.naive_utc(values), []
    if values.dtype.is_numeric():
        moments = texts.to_datetime(values, pattern or "epoch s")
        return moments, _lost(values, moments)
    text = texts.strip(values.cast(pl.String))
    if not pattern:
        found = texts.date_format(texts.without_words(text), least_share=0.5)
        pattern = found.pattern if found else "%Y-%m-%d"
    moments = texts.to_datetime(text, pattern)
    return moments, _lost(values.cast(pl.String), moments)


def _string(values: pl.Series) -> tuple[pl.Series, list[Coercion]]:
    if values.dtype == pl.Boolean:
        return values.cast(pl.Int8).replace_strict([0, 1], ["false", "true"], return_dtype=pl.String), []
    if values.dtype.is_float():
        known = values.drop_nulls().drop_nans()
        whole = bool(known.is_finite().all()) and bool((known == known.round(0)).all())
        if whole and known.len() and float(known.abs().max() or 0) < 2**53:  # type: ignore[arg-type]
            # 3.0 in one file and 3 in the next are the same label
            return values.fill_nan(None).cast(pl.Int64).cast(pl.String), []
        return values.fill_nan(None).cast(pl.String), []
    text = values.cast(pl.String)
    stripped = texts.strip(text)
    blanks = int((text.str.len_chars() > 0).sum() or 0) - (stripped.len() - stripped.null_count())
    what = f"{blanks:,} blank texts became missing"
    return stripped, [Coercion(column=values.name, count=blanks, what=what, examples=(" ",))] if blanks else []


def _lost(before: pl.Series, after: pl.Series) -> list[Coercion]:
    """What was a value before and is missing after; blank text apart from words, which may matter."""
    gone = before.is_not_null() & after.is_null()
    if before.dtype.is_float():
        gone = gone & before.is_not_nan()
    if not gone.any():
        return []
    lost = before.filter(gone)
    found: list[Coercion] = []
    if lost.dtype == pl.String:
        blank = lost.str.strip_chars() == ""
        count = int(blank.sum())
        if count and (lost.filter(blank) != "").any():
            what = f"{count:,} blank text{'s' * (count > 1)} became missing"
            found.append(Coercion(column=before.name, count=count, what=what, examples=(str(lost.filter(blank)[0]),)))
        lost = lost.filter(~blank)
    if lost.len():
        examples = tuple(str(value)[:60] for value in lost.unique(maintain_order=True).head(_EXAMPLES).to_list())
        what = f"{lost.len():,} value{'s' * (lost.len() > 1)} became missing, such as {examples[0]!r}"
        found.append(Coercion(column=before.name, count=lost.len(), what=what, examples=examples))
    return found


def _refuse_wrong_type(before: pl.Series, after: pl.Series, column: Column) -> None:
    """Most values gone means that the declaration is wrong, not the values."""
    had = before.len() - before.null_count()
    if before.dtype == pl.String:
        had = before.len() - texts.without_words(texts.strip(before)).null_count()
    kept = after.len() - after.null_count()
    if had == 0 or kept >= 0.5 * had or column.type in (ColumnType.CATEGORY, ColumnType.TEXT):
        return
    words = {ColumnType.NUMBER: "a number", ColumnType.BOOLEAN: "yes or no", ColumnType.DATETIME: "a date"}
    example = before.filter(before.is_not_null() & after.is_null())[0]
    declared = column.reason.startswith("declared")
    how = f"is {column.reason}" if declared else f"looks like {words[column.type]} ({column.reason})"
    raise DataError(
        f"The column '{column.name}' {how}{' as ' + column.type.value if declared else ''}, but {had - kept:,} of "
        f"{had:,} values do not read as {words[column.type]}, such as {str(example)[:60]!r}.",
        code=f"data.not_{column.type.value}",
        hint=f"declare its real type in data.types, repair the values of '{column.name}' (infinity is no number), or "
        "leave it out (features.ignore)",
        subject=f"column:{column.name}",
    )


def _absent(name: str, known: Sequence[str]) -> DataError:
    from modelwright.core.errors import did_you_mean

    return DataError(
        f"The column '{name}', which the model needs, is not in the data.",
        code="data.missing_column",
        hint=did_you_mean(name, known),
        subject=f"column:{name}",
    )
