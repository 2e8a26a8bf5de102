"""Databases by URL (sqlite, postgresql, mysql, mariadb); `data.table` names a table or holds one SELECT."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.adapters.sources import _shared
from modelwright.adapters.sources._shared import check_header, drawn, first_line, keep_columns, version_digest
from modelwright.core.errors import AdapterError, DataError, SpecError, did_you_mean
from modelwright.core.ports import ReadOptions, Source
from modelwright.core.tables import RawTable

if TYPE_CHECKING:
    import polars as pl

    from modelwright.adapters.sources._draw import Drawn

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
#: connection options that only say how to connect; none that can read local files or run statements
_OPTIONS: Mapping[str, frozenset[str]] = {
    "sqlite": frozenset(),
    "postgresql": frozenset(
        {"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name", "target_session_attrs"}
    ),
    "mysql": frozenset({"charset", "connect_timeout", "ssl_ca", "ssl_verify_cert", "ssl_verify_identity"}),
}
_TABLE = re.compile(r"^[\w$ -]+(\.[\w$ -]+)?$")


class _Sql:
    suffixes: tuple[str, ...] = ()
    schemes = tuple(_DRIVERS)

    def read(self, locations: Sequence[str], options: ReadOptions) -> RawTable:
        """Read-only, in one transaction. The digest names the rows, so equal rows are the same version."""
        url, shown = _url(locations[0])
        found, notes = _query(url, shown, options)
        contents, size = _content(found.frame)
        return RawTable(
            frame=found.frame,
            digest=version_digest([contents], options, found),
            source=shown,
            size_bytes=size,
            notes=(*notes, *found.notes),
            sample_rate=found.rate,
            counters=found.counters,
        )


def _url(text: str) -> tuple[Any, str]:
    """The checked URL with our driver, and what may be shown of it (no password, no options)."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    scheme = text.partition("://")[0].partition("+")[0].lower()
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SpecError(
            "The database URL cannot be read.",
            code="source.database_url",
            hint=f"write {scheme}://user:password@host:port/database",
            subject="data.source",
        ) from error
    driver = _DRIVERS[scheme]
    allowed = _OPTIONS[driver.partition("+")[0]]
    for option in url.query:
        if option not in allowed:
            raise SpecError(
                f"The connection option '{option}' is not allowed.",
                code="source.database_option",
                hint=did_you_mean(option, allowed) if allowed else f"{scheme} URLs take no options here",
                subject="data.source",
            )
    if scheme == "sqlite" and url.database not in (None, "", ":memory:") and not Path(str(url.database)).exists():
        raise DataError(
            f"There is no database file {Path(str(url.database)).name}.",
            code="data.not_found",
            hint="sqlite:///relative.db starts at the pipeline file, sqlite:////absolute.db at the root",
            subject="data.source",
        )
    shown = url.set(drivername=scheme, query={}).render_as_string(hide_password=True)
    return url.set(drivername=driver), shown.replace(":***@", "@")


def _query(url: Any, shown: str, options: ReadOptions) -> tuple[Drawn, tuple[str, ...]]:
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    arguments = {} if "timeout" in str(url.query) or url.drivername == "sqlite" else {"connect_timeout": 15}
    if url.drivername == "sqlite":
        arguments = {"uri": True}
        if url.database not in (None, "", ":memory:"):
            url = url.set(
                database=f"file:{Path(url.database).resolve().as_posix()}", query={"mode": "ro", "uri": "true"}
            )
    engine = sqlalchemy.create_engine(url, connect_args=arguments, poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            _read_only(connection)
            statement, notes = _statement(connection, options.table, shown)
            streamed = connection.execution_options(stream_results=True, yield_per=_shared.BATCH_ROWS)
            query = sqlalchemy.text(statement)
            return drawn(lambda: _frames(streamed.execute(query), options, shown), options), notes
    except DBAPIError as error:
        raise _failed(shown, first_line(error.orig or error), url, connecting=error.statement is None) from None
    except SQLAlchemyError as error:
        raise _failed(shown, first_line(error), url, connecting=True) from None
    finally:
        engine.dispose()


def _read_only(connection: Any) -> None:
    import sqlalchemy

    kind = connection.dialect.name
    if kind == "sqlite":
        connection.execute(sqlalchemy.text("PRAGMA query_only = ON"))
    elif kind == "postgresql":
        connection.execute(sqlalchemy.text("SET TRANSACTION READ ONLY"))
    else:
        connection.rollback()
        connection.execute(sqlalchemy.text("SET SESSION TRANSACTION READ ONLY"))
        connection.commit()


def _statement(connection: Any, table: str | None, shown: str) -> tuple[str, tuple[str, ...]]:
    """One SELECT. A table is read in the order of its primary key, so that the same rows give the same version."""
    import sqlalchemy

    inspector = sqlalchemy.inspect(connection)
    if table is None:
        known = [*inspector.get_table_names(), *inspector.get_view_names()]
        if len(known) != 1:
            raise SpecError(
                f"{shown} holds {len(known)} tables; data.table does not say which to read.",
                code="source.table_needed",
                hint=f"set data.table to one of {', '.join(sorted(known)[:20])}"
                if known
                else "check the database name",
                subject="data.table",
            )
        table = str(known[0])
    text = table.strip().rstrip(";").strip()
    if re.match(r"(select|with)\b", text, re.I):
        if ";" in re.sub(r"'[^']*'|\"[^\"]*\"", "", text):
            raise _one_select()
        unordered = not re.search(r"\border\s+by\b", text, re.I)
        escaped = text.replace(":", "\\:")
        return escaped, ("the query has no ORDER BY: the order of rows is not promised",) if unordered else ()
    if not _TABLE.match(text):
        raise _one_select()
    schema, _, name = text.rpartition(".")
    if not inspector.has_table(name, schema=schema or None):
        known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        raise DataError(
            f"{shown} has no table '{text}'.",
            code="data.unknown_table",
            hint=did_you_mean(name, known),
            subject="data.table",
        )
    quote = connection.dialect.identifier_preparer.quote
    key = inspector.get_pk_constraint(name, schema=schema or None).get("constrained_columns") or []
    order = f" ORDER BY {', '.join(quote(each) for each in key)}" if key else ""
    place = ".".join(quote(part) for part in (schema, name) if part)
    notes = () if key else ("the table has no primary key: the order of rows is not promised",)
    return f"SELECT * FROM {place}{order}", notes  # noqa: S608 - both names exist and are quoted by the dialect


def _one_select() -> SpecError:
    return SpecError(
        "data.table is neither a table's name nor one SELECT.",
        code="source.not_select",
        hint="write a table name, schema.table, or a single SELECT without ';'",
        subject="data.table",
    )


def _frames(result: Any, options: ReadOptions, shown: str) -> Iterator[pl.DataFrame]:
    """The rows batch by batch, so that no more of them are held than are kept."""
    import polars as pl

    names = [str(name) for name in result.keys()]  # noqa: SIM118 - a result's keys, not a dict's
    check_header(names, shown)
    size, empty = 0, True
    for batch in result.partitions(_shared.BATCH_ROWS):
        empty = False
        columns = zip(*batch, strict=True)
        yield keep_columns(pl.DataFrame([_series(*each) for each in zip(names, columns, strict=True)]), options)
        size += sum(len(str(value)) for row in batch[:100] for value in row) * max(1, len(batch) // 100)
        if size > options.max_bytes and options.memory_bytes is None:
            raise DataError(
                f"The query returned more than {options.max_bytes:,} bytes.",
                code="data.too_large",
                hint="select fewer columns or rows in data.table",
                subject="data.table",
            )
    if empty:
        yield keep_columns(pl.DataFrame([_series(name, []) for name in names]), options)


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Decimals as numbers, other mixtures (SQLite allows them) as text."""
    import datetime
    import decimal
    import uuid

    import polars as pl

    kinds = {type(value) for value in values if value is not None}
    if decimal.Decimal in kinds and kinds <= {decimal.Decimal, int, float}:
        values = [None if value is None else float(value) for value in values]
        return pl.Series(name, values, dtype=pl.Float64)
    if kinds <= {int, float} and len(kinds) == 2:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    single = len(kinds) <= 1 and not kinds & {uuid.UUID, dict, list}
    if single or kinds <= {datetime.date, datetime.datetime}:
        try:
            return pl.Series(name, values, strict=True)
        except (pl.exceptions.PolarsError, OverflowError, TypeError):
            pass
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


def _content(frame: pl.DataFrame) -> tuple[str, int]:
    """Digest and size of the rows as an Arrow file."""
    import io

    from modelwright.core.digests import digest

    buffer = io.BytesIO()
    frame.rechunk().write_ipc(buffer, compression="uncompressed")
    return digest(buffer.getbuffer().tobytes()), buffer.tell()


def _failed(shown: str, why: str, url: Any, *, connecting: bool) -> AdapterError:
    password = str(url.password or "")
    if password:
        why = why.replace(password, "***")
    return AdapterError(
        f"{shown} {'cannot be reached' if connecting else 'refused the query'}: {why}.",
        code="source.database",
        hint="check host, port, database, user and password" if connecting else "check data.table",
        subject="data.source",
        retryable=connecting,
    )


PLUGIN: Source = _Sql()
