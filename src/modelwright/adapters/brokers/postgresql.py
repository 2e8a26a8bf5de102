"""PostgreSQL as a sink: postgresql://host:5432/database#table takes answers and positions in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from modelwright.adapters.brokers._ledger import Dialect, SqlLedger, create, send
from modelwright.adapters.brokers._urls import Place, named, parse, trouble, wrong
from modelwright.records.ports import Broker, Inlet, Ledger, Message, Outlet


class _PostgreSql:
    schemes = ("postgresql", "postgres")

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        place = _place(url)
        raise wrong(
            "PostgreSQL is a sink, not a stream to read from.",
            "read events from nats://, amqp://, redis://, kafka://, sqlite:// or dir://",
            place.shown,
        )

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))

    def ledger(self, url: str, group: str, source: str, *, keeps: bool) -> Ledger:
        place = _place(url)
        return SqlLedger(place, _connect(place), _dialect(), named(place, "answers"), group, source, keeps=keeps)


def _place(url: str) -> Place:
    place = parse(url, port=5432, options=("sslmode",))
    if len(place.path) != 1:
        raise wrong(
            "A PostgreSQL address names a database.", "write postgresql://host:5432/database#table", place.shown
        )
    return place


def _connect(place: Place) -> Any:
    import psycopg

    try:
        return psycopg.connect(
            host=place.host,
            port=place.port,
            dbname=place.path[0],
            user=place.user or None,
            password=place.password or None,
            sslmode=place.options.get("sslmode"),
            connect_timeout=10,
            autocommit=True,
        )
    except psycopg.Error as error:
        raise trouble(place, "connecting", error) from error


def _dialect() -> Dialect:
    import psycopg

    return Dialect(
        mark="%s",
        number="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        blob="BYTEA",
        begin="BEGIN",
        failures=(psycopg.Error,),
    )


class _Outlet:
    def __init__(self, place: Place) -> None:
        self._place, self._table = place, named(place, "answers")
        self._connection = _connect(place)
        self._dialect = _dialect()
        try:
            for statement in create(self._dialect, self._table):
                self._connection.execute(statement)
        except self._dialect.failures as error:
            self.close()
            raise trouble(place, "creating tables", error) from error

    def send(self, messages: Sequence[Message]) -> None:
        send(self._place, self._connection, self._dialect, self._table, messages)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.close()


PLUGIN: Broker = _PostgreSql()
