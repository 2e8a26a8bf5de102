"""Redis Streams: redis://host:6379/0/stream, read by a consumer group; what a dead consumer held is claimed."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from modelwright.adapters.brokers._held import Held
from modelwright.adapters.brokers._urls import Place, parse, trouble, wrong
from modelwright.core.plugins import require
from modelwright.records.ports import Broker, Inlet, Message, Outlet

_Result = TypeVar("_Result")
#: one step: a key that was seen within the window adds nothing
_ADD_ONCE = """
if ARGV[1] ~= '' and not redis.call('SET', KEYS[1] .. ':key:' .. ARGV[1], 1, 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'key', ARGV[1], 'body', ARGV[3], 'headers', ARGV[4])
return 1
"""
_WINDOW_S = 86_400
_SEQUENCES = 1 << 20  # ids of one millisecond; a position is one number


class _Redis:
    schemes = ("redis", "rediss")

    def inlet(self, url: str, group: str, start: Mapping[str, int]) -> Inlet:
        return _Inlet(_place(url), group)

    def outlet(self, url: str) -> Outlet:
        return _Outlet(_place(url))


def _place(url: str) -> Place:
    place = parse(url, port=6379, options=("claim_s",))
    if len(place.path) != 2 or not place.path[0].isdigit():
        raise wrong("A Redis address names a database and a stream.", "write redis://host:6379/0/stream", place.shown)
    place.seconds("claim_s", 60.0)  # a wrong one is said at once
    return place


class _Connection:
    def __init__(self, place: Place) -> None:
        redis = require("redis", "streams", "Redis")
        self.place = place
        self.stream = place.path[1]
        self.client: Any = redis.Redis(
            host=place.host,
            port=place.port,
            db=int(place.path[0]),
            username=place.user or None,
            password=place.password or None,
            ssl=place.scheme == "rediss",
            socket_timeout=30,
            socket_connect_timeout=5,
        )

    def run(self, doing: str, work: Callable[[], _Result]) -> _Result:
        from redis.exceptions import RedisError

        try:
            return work()
        except (RedisError, OSError) as error:
            raise trouble(self.place, doing, error) from error

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.client.close()


class _Inlet:
    def __init__(self, place: Place, group: str) -> None:
        self._connection = _Connection(place)
        self._group, self._consumer = group, f"{group}-{secrets.token_hex(4)}"
        self._claim_ms = int(1000 * place.seconds("claim_s", 60.0))
        self._held = Held()
        self._mine: set[bytes] = set()
        self._cursor, self._claimed_at = b"0-0", 0.0
        self._connection.run("opening", self._make_group)

    def _make_group(self) -> None:
        from redis.exceptions import ResponseError

        here = self._connection
        try:
            here.client.xgroup_create(here.stream, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def take(self, most: int, wait_s: float) -> Sequence[Message]:
        found = self._held.due(most)
        if not found:
            found = self._connection.run("claiming", lambda: self._claim(most))
        if not found:
            wait = max(1, int(1000 * self._held.wait_s(wait_s)))
            found = self._connection.run("reading", lambda: self._read(most, wait))
        return found

    def _claim(self, most: int) -> list[Message]:
        """What other consumers took long ago and never finished. Those of this one are not theirs."""
        if self._cursor == b"0-0" and time.monotonic() - self._claimed_at < self._claim_ms / 2000:
            return []
        here, self._claimed_at = self._connection, time.monotonic()
        answer = here.client.xautoclaim(
            here.stream, self._group, self._consumer, self._claim_ms, start_id=self._cursor, count=most
        )
        self._cursor = answer[0]
        fresh = [(number, fields) for number, fields in answer[1] if number not in self._mine and fields is not None]
        if not fresh:
            return []
        counts = here.client.xpending_range(
            here.stream, self._group, fresh[0][0], fresh[-1][0], len(fresh) + len(self._mine), self._consumer
        )
        times = {each["message_id"]: int(each["times_delivered"]) for each in counts}
        return [self._message(number, fields, times.get(number, 2)) for number, fields in fresh]

    def _read(self, most: int, wait_ms: int) -> list[Message]:
        here = self._connection
        answer = here.client.xreadgroup(self._group, self._consumer, {here.stream: ">"}, count=most, block=wait_ms)
        streams = answer.items() if isinstance(answer, dict) else answer or ()
        found = []
        for _, entries in streams:
            for number, fields in _flat(entries):
                found.append(self._message(number, fields, 1))
        return found

    def _message(self, number: bytes, fields: dict[bytes, bytes], attempts: int) -> Message:
        self._mine.add(number)
        moment, _, sequence = number.partition(b"-")
        body, key, headers = fields.get(b"body"), b"", dict[str, str]()
        if body is None:  # somebody else's layout: the fields are the row
            body = json.dumps(
                {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
            ).encode()
        else:
            key = fields.get(b"key", b"")
            with contextlib.suppress(ValueError):
                found = json.loads(fields.get(b"headers") or b"{}")
                headers = {str(n): str(v) for n, v in found.items()} if isinstance(found, dict) else {}
        return Message(
            key=key.decode(errors="replace"),
            body=body,
            partition=self._connection.stream,
            position=int(moment) * _SEQUENCES + int(sequence),
            headers=headers,
            attempts=attempts,
            handle=number,
        )

    def done(self, messages: Iterable[Message]) -> None:
        numbers = [message.handle for message in messages]
        here = self._connection
        if numbers:
            here.run("acknowledging", lambda: here.client.xack(here.stream, self._group, *numbers))
            self._mine.difference_update(numbers)

    def again(self, message: Message, delay_s: float) -> None:
        self._held.push(message, delay_s)

    def lag(self) -> int | None:
        here = self._connection
        groups = here.run("asking for the lag", lambda: here.client.xinfo_groups(here.stream))
        for group in groups:
            if group["name"] == self._group.encode():
                waiting = group.get("lag")
                return None if waiting is None else int(waiting) + int(group["pending"])
        return None

    def close(self) -> None:
        """What is not done is made claimable at once; an idle consumer leaves no trace."""
        here = self._connection
        with contextlib.suppress(Exception):
            if self._mine:
                numbers = list(self._mine)
                here.client.xclaim(here.stream, self._group, self._consumer, 0, numbers, idle=86_400_000, justid=True)
            else:
                here.client.xgroup_delconsumer(here.stream, self._group, self._consumer)
        here.close()


def _flat(entries: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of one stream; the newer protocol wraps them in one more list."""
    if entries and isinstance(entries[0], list):
        return [each for group in entries for each in group]
    return list(entries)


class _Outlet:
    """A key that was added within a day adds nothing again, in one step with the entry."""

    def __init__(self, place: Place) -> None:
        self._connection = _Connection(place)
        self._connection.run("connecting", self._connection.client.ping)

    def send(self, messages: Sequence[Message]) -> None:
        self._connection.run("adding", lambda: self._add(messages))

    def _add(self, messages: Sequence[Message]) -> None:
        here = self._connection
        digest = here.client.script_load(_ADD_ONCE)
        with here.client.pipeline(transaction=False) as pipe:
            for each in messages:
                pipe.evalsha(digest, 1, here.stream, each.key, _WINDOW_S, each.body, json.dumps(each.headers))
            pipe.execute()

    def close(self) -> None:
        self._connection.close()


PLUGIN: Broker = _Redis()
