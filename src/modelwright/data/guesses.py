"""Guess the type of one column from its name and values, and whether it is an id, constant or empty."""

from __future__ import annotations

import re

import polars as pl

from modelwright.core.nouns import Column, ColumnType, Role
from modelwright.data import texts

#: rows below which "every value differs" proves nothing
_FEW = 20
#: a pair of words may come with as many that mean "nothing"; looked for in all rows only where the first have no more
_FEW_WORDS, _HEAD = 8, 1000
#: a text column is numeric although some words are mixed in, up to this share
_MIXED_SHARE = 0.01
_ID_NAME = re.compile(r"(^|[_\-. ])(id|ids|uuid|guid|uid|key|pk|identifier|index|idx|rownum|row|instant)$", re.I)
_ID_CAMEL = re.compile(r"[a-z](Id|ID|Uuid|Guid|Key|Number|No)$")
_CODE_NAME = re.compile(
    r"(^|_|\b)(zip|zip_?code|post_?code|postal|postal_?code|code|flight|sku|isbn|upc|ssn|phone|fips)$", re.I
)
_YEAR_NAME = re.compile(r"(^|[_\-. ])(year|yr)s?($|[_\-. ])", re.I)
_EPOCH_NAME = re.compile(r"(^|[_\-. ])(timestamp|time|ts|epoch|unixtime|datetime|date)$|_at$", re.I)
_DATE_NAME = re.compile(r"(date|day|time|_at$|_on$)", re.I)
_NAMED = "named like an id"
_COUNTS = "counts the rows one by one"
#: 1990-01-01 to 2100-01-01 in seconds
_EPOCH_S = (631_152_000, 4_102_444_800)


def storable(dtype: pl.DataType) -> bool:
    """Whether a column can be kept at all: no lists, structs, arrays, binary or Python objects."""
    return not (dtype.is_nested() or dtype in (pl.Binary, pl.Object))


def id_like(name: str) -> bool:
    return bool(_ID_NAME.search(name) or _ID_CAMEL.search(name))


def as_declared(values: pl.Series, kind: ColumnType, reason: str) -> Column:
    """A column of a declared type; only the way its text is written is looked up."""
    pattern = ""
    if values.dtype == pl.String:
        stripped = texts.strip(values)
        if kind is ColumnType.DATETIME:
            found = texts.date_format(texts.without_words(stripped), least_share=0.5)
            pattern = found.pattern if found else ""
        elif kind is ColumnType.NUMBER:
            pattern = texts.number_pattern(texts.without_words(stripped))
    elif kind is ColumnType.DATETIME and values.dtype.is_numeric():
        pattern = _epoch(values) or "epoch s"
    return Column(name=values.name, type=kind, reason=reason, format=pattern)


def as_counter(column: Column) -> Column:
    """A column that counted the rows of the table from which these were drawn, as it would be in the whole table."""
    counts = column.type is ColumnType.NUMBER or column.reason.startswith(_NAMED)
    return _id(column.name, ColumnType.NUMBER, _COUNTS) if counts and not _YEAR_NAME.search(column.name) else column


def guess(values: pl.Series, *, is_target: bool = False) -> Column:
    """Type, role (feature, id or ignored) and the reason. A target keeps its labels: no 0/1 or yes/no booleans."""
    dtype = values.dtype
    if values.null_count() == values.len() or dtype == pl.Null:
        return _ignored(values.name, ColumnType.CATEGORY, "every value is missing")
    if dtype == pl.Boolean:
        column = Column(name=values.name, type=ColumnType.BOOLEAN, reason="stored as true/false")
    elif dtype.is_temporal():
        kind = ColumnType.NUMBER if dtype in (pl.Duration, pl.Time) else ColumnType.DATETIME
        column = Column(name=values.name, type=kind, reason=f"stored as {str(dtype).split('(')[0].lower()}")
    elif dtype.is_numeric():
        column = _numeric(values, "", is_target)
    else:
        column = _textual(values.cast(pl.String), is_target)
    return column if is_target else _useless(values, column)


def _numeric(values: pl.Series, how: str, is_target: bool, pattern: str = "") -> Column:
    name, known = values.name, values.drop_nulls()
    number = Column(name=name, type=ColumnType.NUMBER, reason=how or "numbers", format=pattern)
    if is_target or known.len() == 0:
        return number
    if known.min() == 0 and known.max() == 1 and known.n_unique() == 2:
        return Column(name=name, type=ColumnType.BOOLEAN, reason="only 0 and 1")
    if not known.dtype.is_integer():
        return number
    epoch = _epoch(known) if _EPOCH_NAME.search(name) else ""
    if epoch:
        unit = "seconds" if epoch == "epoch s" else "milliseconds"
        return Column(name=name, type=ColumnType.DATETIME, reason=f"{unit} since 1970", format=epoch)
    if _row_number(known, values, name):
        return _id(name, ColumnType.NUMBER, _COUNTS)
    if id_like(name):
        distinct = known.n_unique()
        if known.len() >= _FEW and distinct / known.len() >= 0.95:
            return _id(name, ColumnType.CATEGORY, f"{_NAMED}, and {distinct:,} of {known.len():,} values differ")
        return Column(name=name, type=ColumnType.CATEGORY, reason=f"{_NAMED}: the numbers only name a thing")
    if _CODE_NAME.search(name):
        return Column(name=name, type=ColumnType.CATEGORY, reason="named like a code: the numbers only name a thing")
    return number


def _row_number(known: pl.Series, values: pl.Series, name: str) -> bool:
    if known.len() < _FEW or known.len() != values.len() or _YEAR_NAME.search(name):
        return False
    low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
    if high - low + 1 != known.len():
        return False
    return bool(known.is_sorted()) or (id_like(name) and known.n_unique() == known.len())


def _epoch(values: pl.Series) -> str:
    low, high = values.min(), values.max()
    for pattern, factor in (("epoch s", 1), ("epoch ms", 1000)):
        if low is not None and _EPOCH_S[0] * factor <= low and high <= _EPOCH_S[1] * factor:  # type: ignore[operator]
            return pattern
    return ""


def _textual(raw: pl.Series, is_target: bool) -> Column:
    values = texts.strip(raw)
    name, total = values.name, values.len() - values.null_count()
    if total == 0:
        return _ignored(name, ColumnType.CATEGORY, "every value is blank")
    few = not is_target and values.head(_HEAD).drop_nulls().n_unique() <= _FEW_WORDS
    if few and (distinct := values.drop_nulls().unique()).len() <= _FEW_WORDS:
        words = texts.without_words(distinct).drop_nulls().to_list()
        if texts.boolean_pair(words):
            return Column(name=name, type=ColumnType.BOOLEAN, reason=f"only {' and '.join(sorted(words))}")
    found = _number_in_text(values, is_target)
    if found is None and not is_target:
        found = _date_in_text(values)
    return found or _worded(values, values.drop_nulls().n_unique(), total, is_target)


def _number_in_text(values: pl.Series, is_target: bool) -> Column | None:
    cleaned = texts.without_words(values)
    total = cleaned.len() - cleaned.null_count()
    if total == 0:
        return None
    pattern = texts.number_pattern(cleaned)
    if texts.to_number(cleaned.drop_nulls().head(500), pattern).null_count() > 250 and total > 500:
        return None  # most of the head is words: not worth parsing the rest
    numbers = texts.to_number(cleaned, pattern)
    bad = numbers.null_count() - cleaned.null_count()
    if bad / total > _MIXED_SHARE:
        return None
    codes = int(cleaned.filter(cleaned.str.starts_with("0")).str.contains(r"^0\d+$").sum() or 0)
    if codes and codes / total >= 0.001:
        example = cleaned.filter(cleaned.str.contains(r"^0\d+$").fill_null(False))[0]
        return _coded(values, f"leading zeros such as '{example}' would be lost in a number")
    if texts.date_format(cleaned, least_share=0.999) is not None and _DATE_NAME.search(values.name):
        return None  # 20110131 in a column named as a date
    how = "numbers"
    if pattern:
        how = "numbers with a decimal comma"
    elif bad or cleaned.null_count() > values.null_count():
        how = f"numbers, and {bad + cleaned.null_count() - values.null_count()} words read as missing"
    return _numeric(numbers, how, is_target, pattern)


def _coded(values: pl.Series, reason: str) -> Column:
    known = values.drop_nulls()
    if known.len() >= _FEW and known.n_unique() / known.len() >= 0.99:
        return _id(values.name, ColumnType.CATEGORY, f"codes that differ in every row ({reason})")
    return Column(name=values.name, type=ColumnType.CATEGORY, reason=f"codes: {reason}")


def _date_in_text(values: pl.Series) -> Column | None:
    found = texts.date_format(texts.without_words(values))
    if found is None:
        return None
    reason = f"dates written as {found.pattern}"
    if found.ambiguous_with:
        reason += f"; {found.ambiguous_with} would read every value too: declare data.types and check"
    return Column(name=values.name, type=ColumnType.DATETIME, reason=reason, format=found.pattern)


def _worded(values: pl.Series, distinct: int, total: int, is_target: bool) -> Column:
    name, share = values.name, distinct / total
    if is_target:
        return Column(name=name, type=ColumnType.CATEGORY, reason=f"{distinct:,} labels")
    sample = values.drop_nulls().head(2000)
    words = float(sample.str.count_matches(r"\S+").mean() or 0.0)  # type: ignore[arg-type]
    letters = float(sample.str.len_chars().mean() or 0.0)  # type: ignore[arg-type]
    if distinct >= _FEW and ((words >= 3.5 and share > 0.5) or (letters >= 40 and words >= 4 and share > 0.1)):
        return Column(
            name=name, type=ColumnType.TEXT, reason=f"free text: {words:.0f} words a value, {share:.0%} differ"
        )
    if total >= _FEW and (share >= 0.99 or (id_like(name) and share >= 0.9)):
        return _id(name, ColumnType.CATEGORY, f"{distinct:,} of {total:,} values differ: it only names the row")
    return Column(name=name, type=ColumnType.CATEGORY, reason=f"{distinct:,} distinct texts")


def _useless(values: pl.Series, column: Column) -> Column:
    if column.role is not Role.FEATURE or values.len() < 2:
        return column
    known = values.drop_nulls()
    if known.len() == values.len() and (known == known[0]).all():
        return _ignored(column.name, column.type, f"every row says {str(known[0])[:40]!r}", column.format)
    return column


def _id(name: str, kind: ColumnType, reason: str) -> Column:
    return Column(name=name, type=kind, role=Role.ID, reason=reason)


def _ignored(name: str, kind: ColumnType, reason: str, pattern: str = "") -> Column:
    return Column(name=name, type=kind, role=Role.IGNORED, reason=reason, format=pattern)
