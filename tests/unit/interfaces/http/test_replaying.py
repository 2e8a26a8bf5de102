"""What all workers of a server remember together of idempotency keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from modelwright.interfaces.http.replaying import Remembered, Replays
from modelwright.interfaces.http.replies import Reply
from modelwright.serving.asking import Refused

PLACE = ("shop", "/v1/models/churn/predict", "k-1")


def _elsewhere(work: Callable[[], bool]) -> bool:
    """Whether the work was right in a fork of this process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _reply(text: bytes = b'{"a":1}') -> Reply:
    return Reply(200, text, headers=((b"x-modelwright-log", b"group"),), request_id="r-1", model="churn")


def _once(replays: Replays, place: tuple[str, str, str] = PLACE, body: bytes = b"body", text: bytes = b"new") -> Reply:
    return replays.once(*place, body, lambda: _reply(text))


def _kept(replays: Replays, *how: Any) -> Reply:
    """A reply whose record is safe."""
    reply = _once(replays, *how)
    assert reply.settle is not None
    reply.settle(True)
    return reply


def _code(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.code


def test_what_one_process_answered_another_one_replays() -> None:
    memory = Remembered()
    here = Replays(memory, 600.0, lambda: 5.0)
    assert _elsewhere(lambda: not _kept(Replays(memory, 600.0, lambda: 0.0), PLACE, b"body", b'{"a":1}').replayed)
    found = _once(here)
    assert found.settle is None
    assert (found.status, found.body, found.request_id, found.model, found.logged, found.replayed) == (
        200, b'{"a":1}', "r-1", "churn", True, True,
    )  # fmt: skip
    assert found.headers == ((b"x-modelwright-log", b"group"), (b"x-modelwright-replayed", b"true"))
    assert _code(lambda: _once(here, PLACE, b"another body")) == "idempotency.conflict"
    assert _once(here).body == b'{"a":1}', "a conflict leaves the key free"
    assert not _once(here, ("other", *PLACE[1:])).replayed
    # fields of other lengths that read alike in a row are other fields
    assert not _once(here, ("sho", "p" + PLACE[1], PLACE[2])).replayed


def test_a_reply_is_remembered_when_its_record_is_safe_and_its_key_is_busy_until_then() -> None:
    memory = Remembered()
    replays = Replays(memory, 600.0, lambda: 0.0)

    def busy() -> bool:
        return _code(lambda: _once(Replays(memory, 600.0, lambda: 0.0))) == "idempotency.busy"

    for _ in range(2):  # one that could not be written down leaves nothing behind
        first = _once(replays)
        assert first.settle is not None
        assert _elsewhere(busy)
        assert busy(), "its own process is kept out too"
        first.settle(False)
    assert not _kept(replays).replayed
    assert _once(replays).replayed
    assert _elsewhere(lambda: _once(Replays(memory, 600.0, lambda: 0.0)).replayed)


def test_a_key_is_free_again_when_its_answer_fails_or_its_worker_dies() -> None:
    memory = Remembered()
    replays = Replays(memory, 600.0, lambda: 0.0)

    def fails() -> Reply:
        raise Refused("No.", code="request.schema")

    def dies() -> Reply:
        os._exit(0)

    assert _code(lambda: replays.once(*PLACE, b"body", fails)) == "request.schema"
    assert _elsewhere(lambda: replays.once(*PLACE, b"body", dies).logged)
    assert not _kept(replays).replayed


def test_memory_and_time_are_bounded_and_the_oldest_goes() -> None:
    memory = Remembered(entries=64, size=8_192)
    now = [0.0]
    replays = Replays(memory, 10.0, lambda: now[0])

    def known(key: str) -> bytes | None:
        reply = _once(replays, ("c", "/p", key), b"b")
        if reply.settle is not None:
            reply.settle(False)
        return reply.body if reply.replayed else None

    for number in range(500):
        now[0] += 0.001
        _kept(replays, ("c", "/p", str(number)), b"b", b"%05d" % number * 20)
    found = [known(str(number)) for number in range(500)]
    there = [number for number, one in enumerate(found) if one is not None]
    assert all(one == b"%05d" % number * 20 for number, one in enumerate(found) if one is not None)
    assert there[-1] == 499
    assert 10 < len(there) <= 64
    assert there[0] > 300
    _kept(replays, ("c", "/p", "long"), b"b", b"x" * 4_096)
    assert known("long") is None
    now[0] += 11.0
    assert known("499") is None


def test_an_entry_that_was_torn_is_none() -> None:
    memory = Remembered()
    replays = Replays(memory, 600.0, lambda: 0.0)
    _kept(replays)
    memory._memory[memory._ring + 3] ^= 1
    assert not _once(replays).replayed
